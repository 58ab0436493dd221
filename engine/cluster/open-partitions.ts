/**
 * For which partitions does this node take requests now?
 *
 *     closed --serves--> taking in what was kept --all decided, the lease is ahead--> open
 *        ^                        ^------------ the lease was withheld for a while ----+
 *        +------------------ ends: released, lost, failed, dropped, its host is gone --+
 *
 * An owner decides about events that no owner has answered for before it takes any request, so that a repeat by their producer meets the first one, and who
 * asks for one finds it. That holds also for an owner that was cut off for a moment. Other nodes may keep more while it is too slow for them, or out of
 * their reach, so it looks again twice a second.
 *
 * Invariant: none is open while the lease is over, whoever was told or not. Main thread.
 */
import type { PartitionId } from '../kernel/brand.js';
import type { LeaseBoard } from '../kernel/lease-board.js';
import { keptLookMs, ownerAgainMs } from '../kernel/limits.js';
import type { KeptEvents } from './kept-events.js';
import type { OwnerHost } from './sheaf-errand.js';

export interface OpenPartitionsParts {
  readonly kept: Pick<KeptEvents, 'takeIn' | 'look'>;
  readonly lease: Pick<LeaseBoard, 'isAhead'>;
  /** Of this node. */
  hostOf(partition: PartitionId): OwnerHost;
  /** It opens or closes. */
  changed(partition: PartitionId): void;
}

interface Service {
  /** All that was kept when it was looked for has been decided. */
  isOpen: boolean;
  /** Others know of it. */
  isTold: boolean;
}

export class OpenPartitions {
  readonly #parts: OpenPartitionsParts;
  /** Served: those that are not open yet take in what was kept. */
  readonly #served = new Map<PartitionId, Service>();
  /** A host that is slow is not asked about the same events again and again. */
  readonly #takingIn = new Set<PartitionId>();
  readonly #look: NodeJS.Timeout;
  #isLooking = false;

  constructor(parts: OpenPartitionsParts) {
    this.#parts = parts;
    this.#look = setInterval(() => {
      for (const partition of this.#served.keys()) this.isOpen(partition);
      void this.#takeInKept();
    }, keptLookMs);
    this.#look.unref();
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
    const service: Service = { isOpen: false, isTold: false };
    this.#served.set(partition, service);
    void this.#open(partition, service);
  }

  ends(partition: PartitionId): void {
    const service = this.#served.get(partition);
    this.#served.delete(partition);
    if (service?.isTold === true) this.#parts.changed(partition);
  }

  close(): void {
    clearInterval(this.#look);
    for (const partition of [...this.#served.keys()]) this.ends(partition);
  }

  async #open(partition: PartitionId, service: Service): Promise<void> {
    const { kept, hostOf, lease, changed } = this.#parts;
    while (this.#served.get(partition) === service) {
      const taken = lease.isAhead ? await kept.takeIn(partition, hostOf(partition)) : 'not now';
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

  async #takeInKept(): Promise<void> {
    if (this.#isLooking || this.#served.size === 0) return;
    this.#isLooking = true;
    const found = await this.#parts.kept.look();
    this.#isLooking = false;
    for (const partition of found) void this.#takeInLater(partition);
  }

  async #takeInLater(partition: PartitionId): Promise<void> {
    if (!this.isOpen(partition) || this.#takingIn.has(partition)) return;
    this.#takingIn.add(partition);
    await this.#parts.kept.takeIn(partition, this.#parts.hostOf(partition));
    this.#takingIn.delete(partition);
  }
}
