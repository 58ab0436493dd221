/**
 * For which partitions does this node take requests now?
 *
 *     closed --serves--> taking in what was kept --all decided, the lease is ahead--> open
 *        ^                        ^------------ the lease was withheld for a while ----+
 *        +------------------ ends: released, lost, failed, dropped, its host is gone --+
 *
 * An owner decides about events that no owner has answered for before it takes any request, so that a repeat by their producer meets the first one, and who
 * asks for one finds it. That holds also for an owner that was cut off for a moment. Other nodes may keep more while it is too slow for them, or out of
 * their reach. Whoever does says so, but its word may be lost; so an owner looks again and again: twice a second while it is asked for new events or finds
 * some that were kept, and every two seconds at rest. It says how old what it knows is: `sure-owner.ts` does not answer on the ground of an older look.
 *
 * Invariant: none is open while the lease is over, whoever was told or not. Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { inStep } from '../../kernel/in-step.js';
import type { LeaseBoard } from '../../kernel/lease-board.js';
import { keptLookMs, keptRestLookMs, onItsWayMsMax, ownerAgainMs } from '../../kernel/limits.js';
import type { KeptEvents, TakenIn } from './kept-events.js';
import type { OwnerHost } from './sheaf-errand.js';

const never = Number.NEGATIVE_INFINITY;

export interface OpenPartitionsParts {
  readonly kept: Pick<KeptEvents, 'takeIn' | 'look'>;
  readonly lease: Pick<LeaseBoard, 'isAhead'>;
  /** Of this node. */
  hostOf(partition: PartitionId): OwnerHost;
  /** It opens or closes. */
  changed(partition: PartitionId): void;
  readonly monoMs: () => number;
}

interface Service {
  /** All that was kept when it was looked for has been decided. */
  isOpen: boolean;
  /** Others know of it. */
  isTold: boolean;
  /** Monotonic: whatever was kept by then has been decided. */
  knownAt: number;
  /** Monotonic: when something that was kept was decided last. */
  tookInAt: number;
  /** Is being taken in. A host that is slow is not asked about the same events again and again. */
  taking: Promise<TakenIn> | null;
  /** Begins behind that. */
  next: Promise<TakenIn> | null;
}

export class OpenPartitions {
  readonly #parts: OpenPartitionsParts;
  /** Served: those that are not open yet take in what was kept. */
  readonly #served = new Map<PartitionId, Service>();
  readonly #endLook: () => void;
  #isLooking = false;
  /** Monotonic. */
  #lookedAt = never;
  /** Monotonic: when somebody wanted to know how old a look is, or something was found. */
  #neededAt = never;

  constructor(parts: OpenPartitionsParts) {
    this.#parts = parts;
    this.#endLook = inStep(keptLookMs, () => {
      for (const partition of this.#served.keys()) this.isOpen(partition);
      if (this.#isLookDue) void this.#lookForKept();
    });
  }

  isOpen(partition: PartitionId): boolean {
    const service = this.#served.get(partition);
    if (service?.isOpen !== true) return false;
    if (this.#parts.lease.isAhead) return true;
    // Others may keep something now, and whoever hears of it may ask for it as soon as the lease is back.
    service.isOpen = false;
    void this.#open(partition, service);
    return false;
  }

  serves(partition: PartitionId): void {
    const service: Service = { isOpen: false, isTold: false, knownAt: never, tookInAt: never, taking: null, next: null };
    this.#served.set(partition, service);
    void this.#open(partition, service);
  }

  ends(partition: PartitionId): void {
    const service = this.#served.get(partition);
    this.#served.delete(partition);
    if (service?.isTold === true) this.#parts.changed(partition);
  }

  close(): void {
    this.#endLook();
    for (const partition of [...this.#served.keys()]) this.ends(partition);
  }

  /** For how long it has not been known whether something was kept: 0 or more, monotonic. */
  unawareMs(partition: PartitionId): number {
    const now = this.#parts.monoMs();
    this.#neededAt = now;
    return now - (this.#served.get(partition)?.knownAt ?? never);
  }

  /** A sheaf that is on its way here may have come by the other one, through what was kept. */
  hasTakenInLately(partition: PartitionId): boolean {
    return this.#parts.monoMs() - (this.#served.get(partition)?.tookInAt ?? never) < onItsWayMsMax;
  }

  /** Something was kept for it, says somebody. */
  keptFor(partition: PartitionId): void {
    const service = this.#served.get(partition);
    if (service !== undefined && this.isOpen(partition)) void this.#takeIn(partition, service);
  }

  /** Has what was kept before this call decided. `not now`: also when the partition is not open any more. */
  async becomeAware(partition: PartitionId): Promise<TakenIn> {
    const service = this.#served.get(partition);
    if (service === undefined) return 'not now';
    const taken = await this.#takeIn(partition, service);
    return this.#served.get(partition) === service && this.isOpen(partition) ? taken : 'not now';
  }

  async #open(partition: PartitionId, service: Service): Promise<void> {
    const { lease, changed } = this.#parts;
    while (this.#served.get(partition) === service) {
      const taken = lease.isAhead ? await this.#takeIn(partition, service) : 'not now';
      // Where there is no room for new events a repeat is refused as well, and whatever else is asked need not wait.
      if (taken !== 'not now' && lease.isAhead) {
        if (this.#served.get(partition) !== service) return;
        service.isOpen = true;
        service.isTold = true;
        changed(partition);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, ownerAgainMs));
    }
  }

  /** Everything that was kept before this call, also when something is being taken in already. */
  #takeIn(partition: PartitionId, service: Service): Promise<TakenIn> {
    const { taking } = service;
    if (taking === null) return this.#takeInNow(partition, service);
    service.next ??= taking.then(() => {
      service.next = null;
      return this.#takeInNow(partition, service);
    });
    return service.next;
  }

  #takeInNow(partition: PartitionId, service: Service): Promise<TakenIn> {
    const { kept, hostOf, monoMs } = this.#parts;
    const beganAt = monoMs();
    service.taking = kept.takeIn(partition, hostOf(partition)).then((taken) => {
      service.taking = null;
      if (taken !== 'nothing') service.tookInAt = monoMs();
      if (taken !== 'not now') service.knownAt = Math.max(service.knownAt, beganAt);
      return taken;
    });
    return service.taking;
  }

  get #isLookDue(): boolean {
    const now = this.#parts.monoMs();
    return now - this.#neededAt < keptRestLookMs || now - this.#lookedAt > keptRestLookMs - keptLookMs / 2;
  }

  async #lookForKept(): Promise<void> {
    if (this.#isLooking || this.#served.size === 0) return;
    this.#isLooking = true;
    const beganAt = this.#parts.monoMs();
    this.#lookedAt = beganAt;
    const served = [...this.#served];
    const found = await this.#parts.kept.look(this.#served.keys());
    this.#isLooking = false;
    if (found === null) return;
    if (found.length > 0) this.#neededAt = beganAt;
    for (const [partition, service] of served) {
      if (!found.includes(partition)) service.knownAt = Math.max(service.knownAt, beganAt);
      else if (this.isOpen(partition)) void this.#takeIn(partition, service);
    }
  }
}
