/**
 * Changes of all events that match a filter, over all partitions.
 *
 * *Cancel*: each partition gets its share of the limit and cancels on its own; what some leave of theirs is shared out again
 * among those that have more. *Retry*: a list of finished events, and for each the command that retries one event: its spec has to be
 * read and written again, so this is the smaller part of the work.
 *
 * `matched` counts events in a state that the change is about, as far as they were looked at; `changed` those that it changed.
 * Bounded in time: whoever asked goes on while `hasMore` is true.
 */
import type { EventFilter } from '../event/event-filter.js';
import type { ListPlace } from '../event/event-list.js';
import type { EventStatus } from '../event/status.js';
import type { EventView } from '../event/view.js';
import type { PartitionId, WallMs } from '../kernel/brand.js';
import { EngineError, InvariantError } from '../kernel/errors.js';
import { formatEventId } from '../kernel/event-id.js';
import { bulkRetriesAtOnce, bulkWorkMs, listLimitMax } from '../kernel/limits.js';
import type { Change } from '../partition/command.js';
import type { EventLists } from './event-lists.js';
import type { HostLink } from './host-link.js';

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
  linkOf(partition: PartitionId): HostLink;
  readonly lists: EventLists;
  change(id: string, change: Change): Promise<EventView>;
  readonly now: () => number;
}

const retriable: readonly EventStatus[] = ['DEAD', 'CANCELLED', 'EXPIRED'];

export class BulkChanges {
  readonly #parts: BulkChangesParts;

  constructor(parts: BulkChangesParts) {
    this.#parts = parts;
  }

  async cancel({ filter, limit }: BulkRequest): Promise<BulkResult> {
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
        asked.map((partition, place) => this.#cancelIn(partition, { filter, limit: shares[place]!, workMs })),
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

  async retry({ filter, limit }: BulkRequest): Promise<BulkResult> {
    const status = filter.status?.filter((each) => retriable.includes(each)) ?? retriable;
    if (status.length === 0) return { matched: 0, changed: 0, hasMore: false };
    const list = { filter: { ...filter, status }, sort: 'created_at', order: 'asc', skip: 0 } as const;
    const endsAt = this.#parts.now() + bulkWorkMs;
    let [matched, changed] = [0, 0];
    let after: ListPlace | null = null;
    for (;;) {
      const page = await this.#parts.lists.page({ ...list, after, limit: Math.min(listLimitMax, limit - changed) });
      matched += page.events.length;
      changed += await this.#retryAll(page.events);
      if (!page.hasMore || changed >= limit || this.#parts.now() >= endsAt) return { matched, changed, hasMore: page.hasMore };
      after = page.next;
    }
  }

  /** How many were changed: somebody else may have been there first. */
  async #retryAll(events: readonly EventView[]): Promise<number> {
    let [next, changed] = [0, 0];
    const work = async () => {
      for (let event = events[next++]; event !== undefined; event = events[next++]) {
        const times = { scheduledAtMs: Math.floor(Date.now()) as WallMs, delayMs: null };
        try {
          await this.#parts.change(formatEventId(event.id), { op: 'retry', times });
          changed++;
        } catch (error) {
          const isBeaten = error instanceof EngineError && ['not-finished', 'already-finished', 'not-found'].includes(error.code);
          if (!isBeaten) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: bulkRetriesAtOnce }, work));
    return changed;
  }

  async #cancelIn(partition: PartitionId, asked: BulkRequest & { readonly workMs: number }): Promise<BulkResult> {
    const reply = await this.#parts.linkOf(partition).ask({ op: 'cancel-many', partition, ...asked });
    if (reply.op !== 'changed-many') throw new InvariantError(`cancel-many was answered with ${reply.op}`);
    return reply;
  }
}

/** Whole numbers that differ by at most one. */
function sharesOf(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, place) => Math.floor((total + count - 1 - place) / count));
}
