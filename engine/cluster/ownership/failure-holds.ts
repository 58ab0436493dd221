/**
 * Partitions that have failed here lately, and until when they are left alone: twice as long each time, so that one that fails everywhere does not
 * go round and round.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { failedHoldMs, failedHoldMsMax } from '../../kernel/limits.js';

export class FailureHolds {
  readonly #holds = new Map<PartitionId, { readonly until: number; readonly ms: number }>();

  /** Returns for how long. */
  hold(partition: PartitionId, now: number): number {
    const ms = Math.min(failedHoldMsMax, 2 * (this.#holds.get(partition)?.ms ?? failedHoldMs / 2));
    this.#holds.set(partition, { until: now + ms, ms });
    return ms;
  }

  isHeld(partition: PartitionId, now: number): boolean {
    const hold = this.#holds.get(partition);
    return hold !== undefined && now < hold.until;
  }

  /** It works again. */
  clear(partition: PartitionId): void {
    this.#holds.delete(partition);
  }
}
