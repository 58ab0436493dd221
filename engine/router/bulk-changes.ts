/**
 * Changes of all events that match a filter, over all partitions.
 *
 * Each partition gets its share of the limit and works on its own (`actor/desks/bulk-desk.ts`); what some leave of theirs is shared out
 * again among those that have more.
 *
 * `matched` counts events in a state that the change is about, as far as they were looked at; `changed` those that it changed.
 * Bounded in time: whoever asked goes on while `hasMore` is true.
 */
import type { BulkChange } from '../actor/requests.js';
import type { EventFilter } from '../event/event-filter.js';
import type { PartitionId, WallMs } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { bulkWorkMs } from '../kernel/limits.js';
import type { PartitionLink } from './host-link.js';

export interface BulkRequest {
  readonly filter: EventFilter;
  /** Events changed at most. */
  readonly limit: number;
}

export interface BulkResult {
  readonly matched: number;
  readonly changed: number;
  /** There may be more that match and could be changed. */
  readonly hasMore: boolean;
}

export interface BulkChangesParts {
  readonly partitions: number;
  linkOf(partition: PartitionId): Pick<PartitionLink, 'ask'>;
  readonly now: () => number;
  readonly wallMs: () => number;
}

export class BulkChanges {
  readonly #parts: BulkChangesParts;

  constructor(parts: BulkChangesParts) {
    this.#parts = parts;
  }

  cancel(asked: BulkRequest): Promise<BulkResult> {
    return this.#change({ op: 'cancel' }, asked);
  }

  /** Due at once; they leave at the pace of recovery. */
  retry(asked: BulkRequest): Promise<BulkResult> {
    return this.#change({ op: 'retry', scheduledAtMs: Math.floor(this.#parts.wallMs()) as WallMs }, asked);
  }

  async #change(change: BulkChange, { filter, limit }: BulkRequest): Promise<BulkResult> {
    const endsAt = this.#parts.now() + bulkWorkMs;
    let [matched, changed] = [0, 0];
    let partitions = Array.from({ length: this.#parts.partitions }, (_, partition) => partition as PartitionId);
    // The first time all are asked, also those that get no share: whether they have more.
    for (let isFirst = true; partitions.length > 0; isFirst = false) {
      const left = limit - changed;
      const workMs = endsAt - this.#parts.now();
      if (!isFirst && (left === 0 || workMs <= 0)) break;
      const shares = sharesOf(left, partitions.length);
      const asked = isFirst ? partitions : partitions.filter((_, place) => shares[place]! > 0);
      const answers = await Promise.all(
        asked.map((partition, place) => this.#changeIn(partition, { change, filter, limit: shares[place]!, workMs })),
      );
      for (const answer of answers) {
        matched += answer.matched;
        changed += answer.changed;
      }
      const isDone = (partition: PartitionId) => answers[asked.indexOf(partition)]?.hasMore === false;
      partitions = partitions.filter((partition) => !isDone(partition));
    }
    return { matched, changed, hasMore: partitions.length > 0 };
  }

  async #changeIn(
    partition: PartitionId,
    asked: BulkRequest & { readonly change: BulkChange; readonly workMs: number },
  ): Promise<BulkResult> {
    const reply = await this.#parts.linkOf(partition).ask({ op: 'change-many', partition, ...asked });
    if (reply.op !== 'changed-many') throw new InvariantError(`change-many was answered with ${reply.op}`);
    return reply;
  }
}

/** Whole numbers that differ by at most one. */
function sharesOf(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, place) => Math.floor((total + count - 1 - place) / count));
}
