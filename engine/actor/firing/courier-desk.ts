/**
 * A host's side of the slot protocol (`dispatch/protocol.ts`): gathers what its partitions ask of couriers during a turn
 * and sends it as one batch each. Also remembers why an origin lets nothing through, for `waiting_for`.
 */
import type { Attempt } from '../../event/attempt.js';
import type { WaitReason } from '../../event/status.js';
import type { PartitionId } from '../../kernel/brand.js';
import { type CourierRequest, type Lane, lanes } from '../../dispatch/protocol.js';

export interface CourierDeskPorts {
  readonly couriers: number;
  courierOf(origin: string): number;
  send(courier: number, requests: readonly CourierRequest[]): void;
}

export class CourierDesk {
  readonly #ports: CourierDeskPorts;
  readonly #outgoing: CourierRequest[][];
  /** Slots asked for since the last flush. */
  readonly #wants: Readonly<Record<Lane, Map<string, number>>> = { regular: new Map(), overdue: new Map() };
  /**
   * Slots no longer asked for, of those that were asked for before. Such a one may have been granted already; then taking it back does nothing,
   * so it must not be set off against what is asked for after it, or somebody would wait for a slot that nobody owes.
   */
  readonly #unwants: Readonly<Record<Lane, Map<string, number>>> = { regular: new Map(), overdue: new Map() };
  readonly #reasons = new Map<string, WaitReason>();
  /** As couriers know it, or are about to. */
  #term = 0;

  constructor(ports: CourierDeskPorts) {
    this.#ports = ports;
    this.#outgoing = Array.from({ length: ports.couriers }, () => []);
  }

  want(origin: string, lane: Lane, count = 1): void {
    this.#wants[lane].set(origin, (this.#wants[lane].get(origin) ?? 0) + count);
  }

  /** One of those that were asked for. Which one does not matter: what has not been sent yet costs no message. */
  unwant(origin: string, lane: Lane): void {
    const wanted = this.#wants[lane].get(origin) ?? 0;
    if (wanted > 0) this.#wants[lane].set(origin, wanted - 1);
    else this.#unwants[lane].set(origin, (this.#unwants[lane].get(origin) ?? 0) + 1);
  }

  release(origin: string, lane: Lane, count: number): void {
    this.#outgoing[this.#ports.courierOf(origin)]!.push({ op: 'release', origin, lane, count });
  }

  start(attempt: Attempt): void {
    this.#outgoing[this.#ports.courierOf(attempt.origin)]!.push({ op: 'start', attempt });
  }

  /** In a cluster: what is started from now on was decided in this term. */
  tellTerm(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    for (const requests of this.#outgoing) requests.push({ op: 'term', term });
  }

  /** Every courier answers with `running`. Returns how many were asked. */
  askRunning(partition: PartitionId): number {
    for (const requests of this.#outgoing) requests.push({ op: 'running?', partition });
    return this.#outgoing.length;
  }

  /** What is overdue and meets nothing else in its way waits for its turn in the recovery. */
  reasonFor(origin: string, lane: Lane): WaitReason {
    const reason = this.#reasons.get(origin) ?? 'concurrency';
    return lane === 'overdue' && reason === 'concurrency' ? 'recovery' : reason;
  }

  /** What a partition keeps of settings: to each courier what is its own. `courier`: to this one alone. */
  tellSettings(told: Extract<CourierRequest, { op: 'settings' }>, courier: number | null): void {
    for (const [number, requests] of this.#outgoing.entries()) {
      if (courier !== null && number !== courier) continue;
      requests.push({ ...told, rows: told.rows.filter(({ origin }) => this.#ports.courierOf(origin) === number) });
    }
  }

  /** A partition will not tell what it keeps. */
  settingsLost(partition: PartitionId, courier: number | null): void {
    for (const [number, requests] of this.#outgoing.entries()) {
      if (courier === null || number === courier) requests.push({ op: 'settings-lost', partition });
    }
  }

  /** A partition has stopped: what has not begun does not. */
  callOff(partition: PartitionId): void {
    for (const requests of this.#outgoing) requests.push({ op: 'call-off', partition });
  }

  setReason(origin: string, reason: WaitReason | null): void {
    if (reason === null) this.#reasons.delete(origin);
    else this.#reasons.set(origin, reason);
  }

  /** A courier is gone, and with it what was meant for it and what it had said. */
  forget(courier: number): void {
    // The one in its place knows of none.
    this.#outgoing[courier] = this.#term === 0 ? [] : [{ op: 'term', term: this.#term }];
    for (const origin of [...this.#reasons.keys()]) if (this.#ports.courierOf(origin) === courier) this.#reasons.delete(origin);
    for (const counts of [...Object.values(this.#wants), ...Object.values(this.#unwants)]) {
      for (const origin of [...counts.keys()]) if (this.#ports.courierOf(origin) === courier) counts.delete(origin);
    }
  }

  flush(): void {
    for (const lane of lanes) {
      this.#tellCounts('unwant', lane, this.#unwants[lane]);
      this.#tellCounts('want', lane, this.#wants[lane]);
    }
    for (let courier = 0; courier < this.#outgoing.length; courier++) {
      if (this.#outgoing[courier]!.length === 0) continue;
      this.#ports.send(courier, this.#outgoing[courier]!);
      this.#outgoing[courier] = [];
    }
  }

  #tellCounts(op: 'want' | 'unwant', lane: Lane, counts: Map<string, number>): void {
    for (const [origin, count] of counts) {
      if (count > 0) this.#outgoing[this.#ports.courierOf(origin)]!.push({ op, origin, lane, count });
    }
    counts.clear();
  }
}
