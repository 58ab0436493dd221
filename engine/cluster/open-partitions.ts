/**
 * For which partitions does this node take requests now?
 *
 *     closed --serves--> taking in what was kept for the next owner --all decided--> open
 *        ^------------------ ends: released, lost, failed, dropped, its host is gone ---+
 *
 * An owner decides about events that no owner has answered for before it takes any request, so that a repeat by their producer meets the first one. Other
 * nodes may keep more while it is too slow for them, so it looks again each second.
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

export class OpenPartitions {
  readonly #parts: OpenPartitionsParts;
  /** Served: those that are not open yet take in what was kept. */
  readonly #served = new Map<PartitionId, { isOpen: boolean }>();
  readonly #look: NodeJS.Timeout;

  constructor(parts: OpenPartitionsParts) {
    this.#parts = parts;
    this.#look = setInterval(() => void this.#takeInKept(), keptLookMs);
    this.#look.unref();
  }

  isOpen(partition: PartitionId): boolean {
    return this.#served.get(partition)?.isOpen === true && this.#parts.lease.isAhead;
  }

  serves(partition: PartitionId): void {
    const service = { isOpen: false };
    this.#served.set(partition, service);
    void this.#open(partition, service);
  }

  ends(partition: PartitionId): void {
    const service = this.#served.get(partition);
    this.#served.delete(partition);
    if (service?.isOpen === true) this.#parts.changed(partition);
  }

  close(): void {
    clearInterval(this.#look);
    for (const partition of [...this.#served.keys()]) this.ends(partition);
  }

  async #open(partition: PartitionId, service: { isOpen: boolean }): Promise<void> {
    const { kept, hostOf, changed } = this.#parts;
    while (this.#served.get(partition) === service) {
      if (await kept.takeIn(partition, hostOf(partition))) {
        if (this.#served.get(partition) !== service) return;
        service.isOpen = true;
        changed(partition);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, ownerAgainMs));
    }
  }

  async #takeInKept(): Promise<void> {
    for (const partition of await this.#parts.kept.look()) {
      if (this.#served.get(partition)?.isOpen === true) await this.#parts.kept.takeIn(partition, this.#parts.hostOf(partition));
    }
  }
}
