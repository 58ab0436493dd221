/**
 * Who lists events and changes many at once: the main thread's parts (`router/event-lists.ts` and `router/bulk-changes.ts`, the real
 * ones) over simulated wires. What is asked of a partition whose host dies fails, as its link would do in production.
 */
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { EventFilter } from '../../engine/event/event-filter.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { BulkChanges } from '../../engine/router/bulk-changes.js';
import { EventLists, type ListRequest } from '../../engine/router/event-lists.js';
import type { Unnumbered } from '../../engine/router/host-link.js';
import type { BulkAction, Listing, Onlooker } from './simulated-happenings.js';
import { SimulatedLink } from './simulated-link.js';
import type { Scheduler } from './simulated-time.js';

export interface SimulatedEnquirerParts {
  readonly scheduler: Scheduler;
  readonly partitions: number;
  /** Over the wire to the host that owns the partition; false while it is down. */
  readonly send: (partition: PartitionId, request: HostRequest) => boolean;
  readonly onlooker: Onlooker;
}

/** Producers count from 1, operators and the audience from one and two thousand millions. */
const firstRequest = 3_000_000_000;

export class SimulatedEnquirer {
  readonly #parts: SimulatedEnquirerParts;
  readonly #lists: EventLists;
  readonly #bulk: BulkChanges;
  readonly #link: SimulatedLink;
  #unanswered = 0;

  constructor(parts: SimulatedEnquirerParts) {
    const { partitions, scheduler } = parts;
    this.#parts = parts;
    this.#link = new SimulatedLink(firstRequest, parts);
    const linkOf = (partition: PartitionId) => ({ ask: (request: Unnumbered) => this.#link.ask(partition, request) });
    const now = () => scheduler.now;
    this.#lists = new EventLists({ partitions, linkOf, now });
    this.#bulk = new BulkChanges({ partitions, linkOf, now, wallMs: () => scheduler.wall });
  }

  /** Walks and changes that have not come to their end. */
  get open(): number {
    return this.#unanswered;
  }

  /** Page by page, to the end of the list. */
  list(request: Omit<ListRequest, 'after' | 'skip'>): Listing {
    const listing: Listing = { request, shown: [], outcome: null };
    this.#do({ what: 'list', listing }, async () => {
      for (let after: ListRequest['after'] = null; ; ) {
        const page = await this.#lists.page({ ...request, after, skip: 0 });
        listing.shown.push(...page.events);
        if (!page.hasMore) return;
        after = page.next;
      }
    });
    return listing;
  }

  changeMany(op: BulkAction['op'], { filter, limit }: { readonly filter: EventFilter; readonly limit: number }): BulkAction {
    const action: BulkAction = { op, filter, limit, result: null, outcome: null };
    this.#do({ what: 'change-many', action }, async () => {
      action.result = await (op === 'cancel' ? this.#bulk.cancel({ filter, limit }) : this.#bulk.retry({ filter, limit }));
      const { matched, changed, hasMore } = action.result;
      this.#parts.scheduler.note(`bulk ${op}: ${changed} of ${matched} changed${hasMore ? ', there is more' : ''}`);
    });
    return action;
  }

  replied(reply: HostReply): void {
    this.#link.replied(reply);
  }

  /** Partitions whose host is gone. */
  lost(partitions: readonly PartitionId[]): void {
    this.#link.lost(partitions);
  }

  #do(
    happening:
      | { readonly what: 'list'; readonly listing: Listing }
      | { readonly what: 'change-many'; readonly action: BulkAction },
    work: () => Promise<void>,
  ): void {
    const { scheduler, onlooker } = this.#parts;
    const about = happening.what === 'list' ? happening.listing : happening.action;
    const ended = (outcome: 'done' | 'failed') => {
      this.#unanswered--;
      about.outcome = outcome;
      onlooker(happening);
    };
    this.#unanswered++;
    onlooker(happening);
    scheduler.touchesPromises();
    void work().then(
      () => ended('done'),
      (error: unknown) => {
        if (!(error instanceof EngineError)) scheduler.fail(error as Error);
        ended('failed');
      },
    );
  }
}
