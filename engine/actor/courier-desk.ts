/**
 * A host's side of the slot protocol (`dispatch/protocol.ts`): gathers what its partitions ask of couriers during a turn
 * and sends it as one batch each. Also remembers why an origin lets nothing through, for `waiting_for`.
 */
import type { Attempt } from '../event/attempt.js';
import type { WaitReason } from '../event/status.js';
import type { PartitionId } from '../kernel/brand.js';
import type { CourierRequest } from '../dispatch/protocol.js';

export interface CourierDeskPorts {
  readonly couriers: number;
  courierOf(origin: string): number;
  send(courier: number, requests: readonly CourierRequest[]): void;
}

export class CourierDesk {
  readonly #ports: CourierDeskPorts;
  readonly #outgoing: CourierRequest[][];
  /** Slots asked for (positive) or no longer asked for (negative) since the last flush. */
  readonly #wants = new Map<string, number>();
  readonly #reasons = new Map<string, WaitReason>();

  constructor(ports: CourierDeskPorts) {
    this.#ports = ports;
    this.#outgoing = Array.from({ length: ports.couriers }, () => []);
  }

  want(origin: string): void {
    this.#wants.set(origin, (this.#wants.get(origin) ?? 0) + 1);
  }

  unwant(origin: string): void {
    this.#wants.set(origin, (this.#wants.get(origin) ?? 0) - 1);
  }

  release(origin: string, count: number): void {
    this.#outgoing[this.#ports.courierOf(origin)]!.push({ op: 'release', origin, count });
  }

  start(attempt: Attempt): void {
    this.#outgoing[this.#ports.courierOf(attempt.origin)]!.push({ op: 'start', attempt });
  }

  /** Every courier answers with `running`. Returns how many were asked. */
  askRunning(partition: PartitionId): number {
    for (const requests of this.#outgoing) requests.push({ op: 'running?', partition });
    return this.#outgoing.length;
  }

  reasonFor(origin: string): WaitReason {
    return this.#reasons.get(origin) ?? 'concurrency';
  }

  setReason(origin: string, reason: WaitReason | null): void {
    if (reason === null) this.#reasons.delete(origin);
    else this.#reasons.set(origin, reason);
  }

  /** A courier is gone, and with it what was meant for it and what it had said. */
  forget(courier: number): void {
    this.#outgoing[courier] = [];
    for (const origin of [...this.#reasons.keys()]) if (this.#ports.courierOf(origin) === courier) this.#reasons.delete(origin);
    for (const origin of [...this.#wants.keys()]) if (this.#ports.courierOf(origin) === courier) this.#wants.delete(origin);
  }

  flush(): void {
    for (const [origin, count] of this.#wants) {
      const requests = this.#outgoing[this.#ports.courierOf(origin)]!;
      if (count > 0) requests.push({ op: 'want', origin, count });
      else if (count < 0) requests.push({ op: 'unwant', origin, count: -count });
    }
    this.#wants.clear();
    for (let courier = 0; courier < this.#outgoing.length; courier++) {
      if (this.#outgoing[courier]!.length === 0) continue;
      this.#ports.send(courier, this.#outgoing[courier]!);
      this.#outgoing[courier] = [];
    }
  }
}
