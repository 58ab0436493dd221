/**
 * Lists over all partitions.
 *
 *     every partition: which places come next, how far have you looked? --> put together up to where all have looked
 *     --> the partitions of these events: how are they now? --> page
 *
 * Places are cheap and views are not, so only the views of one page are read, however many partitions there are. A view is
 * judged once more by the whole filter: places come from hashes, and an event may have changed since.
 *
 * A page is never wrong, but it may be short: what turned out not to match is missing in it, and when the time is over it
 * ends where everything is certain. Its `next` says where the following one begins.
 */
import { type EventFilter, matchesView } from '../event/event-filter.js';
import {
  comparePlaces,
  type ListCoverage,
  type ListOrder,
  type ListPlace,
  type ListQuery,
  type ListSort,
  nearest,
  placeOf,
  readEntries,
} from '../event/event-list.js';
import type { EventView } from '../event/view.js';
import type { PartitionId } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { eventIdBytes, formatEventId, partitionOf, slotOf } from '../kernel/event-id.js';
import { externalIdMatchesMax, listWorkMs, viewsPerMessageMax } from '../kernel/limits.js';
import type { PartitionLink } from './host-link.js';

export interface ListRequest {
  readonly filter: EventFilter;
  readonly sort: ListSort;
  readonly order: ListOrder;
  /** Null: from the beginning. */
  readonly after: ListPlace | null;
  /** Rows of the list to leave out, for access by number of page. */
  readonly skip: number;
  readonly limit: number;
}

export interface EventPage {
  readonly events: readonly EventView[];
  readonly hasMore: boolean;
  /** Where the next page begins; null: where this one began. Nothing without `hasMore`. */
  readonly next: ListPlace | null;
}

/** Partitions to ask: those of a key, or all of them. */
type Partitions = readonly PartitionId[];

export interface EventListsParts {
  readonly partitions: number;
  linkOf(partition: PartitionId): Pick<PartitionLink, 'ask'>;
  readonly now: () => number;
}

/** A page that is short is filled up as long as this much of the time is left. */
const refillMs = listWorkMs / 2;

export class EventLists {
  readonly #parts: EventListsParts;
  readonly #all: Partitions;

  constructor(parts: EventListsParts) {
    this.#parts = parts;
    this.#all = Array.from({ length: parts.partitions }, (_, partition) => partition as PartitionId);
  }

  async page({ skip, limit, ...request }: ListRequest): Promise<EventPage> {
    const startedAt = this.#parts.now();
    const events: EventView[] = [];
    let { after } = request;
    for (;;) {
      const query = { ...request, after, limit: skip + limit - events.length };
      const { places, next } = await this.#places(this.#all, query);
      events.push(...(await this.#matching(places.slice(skip), query)));
      if (next === 'end') return { events, hasMore: false, next: null };
      if (next !== 'nothing') after = next;
      // Behind what was skipped the next page begins, and not this one anew.
      const isOver = skip > 0 || next === 'nothing' || this.#parts.now() - startedAt > refillMs;
      if (events.length >= limit || isOver) return { events, hasMore: true, next: after };
    }
  }

  /** Newest first, at most `externalIdMatchesMax`. `partitions`: null for all. */
  async withExternalId(filter: EventFilter, partitions: Partitions | null): Promise<readonly EventView[]> {
    const events: EventView[] = [];
    for (let after: ListPlace | null = null; ; ) {
      const query: ListQuery = { filter, sort: 'created_at', order: 'desc', after, limit: externalIdMatchesMax };
      const { places, next } = await this.#places(partitions ?? this.#all, query);
      events.push(...(await this.#matching(places, query)));
      if (next === 'end' || events.length >= externalIdMatchesMax) return events.slice(0, externalIdMatchesMax);
      if (next !== 'nothing') after = next;
    }
  }

  /** The first `limit` places behind `after`, as far as is certain, and where to go on. */
  async #places(partitions: Partitions, query: ListQuery): Promise<{ places: readonly ListPlace[]; next: ListCoverage }> {
    const answers = await Promise.all(partitions.map((partition) => this.#ask(partition, query)));
    const coverage: ListCoverage = nearest(
      query,
      answers.map((answer) => answer.coverage),
    );
    if (coverage === 'nothing') return { places: [], next: coverage };
    const direction = query.order === 'asc' ? 1 : -1;
    const compare = (one: ListPlace, other: ListPlace) => direction * comparePlaces(one, other);
    const places = answers
      .flatMap(({ entries }) => readEntries(entries))
      .filter((place) => coverage === 'end' || compare(place, coverage) <= 0)
      .sort(compare)
      // An event that moved from one memory to another was met in both.
      .filter((place, at, sorted) => at === 0 || compare(place, sorted[at - 1]!) !== 0);
    if (places.length <= query.limit) return { places, next: coverage };
    const first = places.slice(0, query.limit);
    return { places: first, next: first.at(-1)! };
  }

  async #ask(partition: PartitionId, query: ListQuery): Promise<{ entries: Uint8Array; coverage: ListCoverage }> {
    const reply = await this.#parts.linkOf(partition).ask({ op: 'list', partition, query });
    if (reply.op !== 'listed') throw new InvariantError(`list was answered with ${reply.op}`);
    return reply;
  }

  /** The events at these places as they are now, in the same order; without those that do not match, or not there any more. */
  async #matching(places: readonly ListPlace[], { filter, sort }: Pick<ListQuery, 'filter' | 'sort'>): Promise<EventView[]> {
    const byPartition = new Map<PartitionId, ListPlace[]>();
    for (const place of places) {
      const partition = partitionOf(slotOf(place.id), this.#parts.partitions);
      const others = byPartition.get(partition);
      if (others === undefined) byPartition.set(partition, [place]);
      else others.push(place);
    }
    const views = new Map<string, EventView>();
    const asked: Promise<void>[] = [];
    for (const [partition, own] of byPartition) {
      for (let at = 0; at < own.length; at += viewsPerMessageMax) {
        asked.push(this.#tellViews(partition, own.slice(at, at + viewsPerMessageMax), views));
      }
    }
    await Promise.all(asked);
    return places.flatMap((place) => {
      const view = views.get(formatEventId(place.id));
      const isThere = view !== undefined && matchesView(filter, view) && placeOf(sort, view).ms === place.ms;
      return isThere ? [view] : [];
    });
  }

  async #tellViews(partition: PartitionId, places: readonly ListPlace[], into: Map<string, EventView>): Promise<void> {
    const events = new Uint8Array(places.length * eventIdBytes);
    for (const [place, { id }] of places.entries()) events.set(id, place * eventIdBytes);
    const reply = await this.#parts.linkOf(partition).ask({ op: 'views', partition, events });
    if (reply.op !== 'views') throw new InvariantError(`views was answered with ${reply.op}`);
    for (const view of reply.views) if (view !== null) into.set(formatEventId(view.id), view);
  }
}
