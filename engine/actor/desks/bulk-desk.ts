/**
 * Changes of all events of a partition that match a filter: a million of them in seconds, between two ticks at a time.
 *
 *     walk (cancel-walk.ts, retry-walk.ts) --candidates--> reader: do their texts match? --> decide each --> reply
 *
 * Each event is changed by the same decision as if it had been asked for alone. Between the walk and the answer of the reader it
 * may have started, finished or been changed; the decision is made about what it is then.
 *
 * Works in the spare time of turns, and waits while the log writer is behind. The answer waits until all of it is durable.
 */
import type { MonoMs } from '../../kernel/brand.js';
import { bulkBatchesMax, bulkUnsyncedMax } from '../../kernel/limits.js';
import type { Answers } from './answers.js';
import type { BulkWalk, WalkParts } from './bulk-walk.js';
import { CancelWalk } from './cancel-walk.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger, Loss } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import { PutBack } from './put-back.js';
import type { RequestDesk } from './request-desk.js';
import type { Enquiry } from '../requests.js';
import { RetryWalk } from './retry-walk.js';
import type { Timekeeper } from '../firing/timekeeper.js';

export interface BulkDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly requests: RequestDesk;
  readonly timekeeper: Timekeeper;
}

interface Job {
  readonly request: number;
  readonly walk: BulkWalk;
  readonly limit: number;
  readonly endsAt: MonoMs;
  matched: number;
  changed: number;
  /** Seen, and no further to be looked for. */
  hasMore: boolean;
}

/** Events changed between two looks at the clock: about 100 us. */
const stepEvents = 16;

export class BulkDesk {
  readonly #parts: BulkDeskParts;
  readonly #putBack: PutBack;
  readonly #jobs: Job[] = [];

  constructor(parts: BulkDeskParts) {
    this.#parts = parts;
    this.#putBack = new PutBack(parts);
  }

  get isOpen(): boolean {
    return this.#jobs.length > 0 || this.#putBack.hasWork;
  }

  get hasWork(): boolean {
    return this.#putBack.hasWork || this.#jobs.some((job) => this.#canGoOn(job));
  }

  receive({ request, change, filter, limit, workMs }: Extract<Enquiry, { readonly op: 'change-many' }>): void {
    const parts: WalkParts = {
      ...this.#parts,
      putBack: this.#putBack,
      heard: () => this.#endIfDone(job),
      failed: (failure) => {
        if (!this.#jobs.includes(job)) return;
        this.#remove(job);
        this.#parts.answers.refuseRead(request, failure);
      },
    };
    const walk = change.op === 'cancel' ? new CancelWalk(filter, parts) : new RetryWalk({ filter, ...change }, parts);
    const endsAt = (this.#parts.shared.ports.clock.monoMs() + workMs) as MonoMs;
    const job: Job = { request, walk, limit, endsAt, matched: 0, changed: 0, hasMore: false };
    this.#jobs.push(job);
    // An empty partition has nothing to walk over.
    this.#endIfDone(job);
  }

  /** Goes on until `isOver`; at least one step. */
  step(isOver: () => boolean): void {
    while (this.#putBack.hasWork) {
      this.#putBack.step();
      if (isOver()) return;
    }
    for (const job of [...this.#jobs]) {
      while (this.#canGoOn(job)) {
        if (job.walk.ready === 0) this.#walkOn(job);
        else this.#changeSome(job);
        this.#endIfDone(job);
        if (isOver()) return;
      }
    }
  }

  discard({ code, detail }: Loss): void {
    for (const { request } of this.#jobs) this.#parts.answers.refuse(request, code, detail);
    this.#jobs.length = 0;
  }

  #canGoOn(job: Job): boolean {
    if (!this.#jobs.includes(job) || this.#parts.ledger.unsynced >= bulkUnsyncedMax) return false;
    const { walk, hasMore } = job;
    return !hasMore && (walk.ready > 0 || (walk.asked < bulkBatchesMax && walk.canWalkOn));
  }

  #walkOn(job: Job): void {
    if (this.#parts.shared.ports.clock.monoMs() < job.endsAt) job.walk.walkOn();
    else job.hasMore = true;
  }

  #changeSome(job: Job): void {
    const { changed, left, hasMore } = job.walk.settle({ count: stepEvents, mayChange: job.limit - job.changed });
    job.changed += changed;
    job.matched += changed + left;
    job.hasMore ||= hasMore;
  }

  #endIfDone(job: Job): void {
    const { walk } = job;
    if (!this.#jobs.includes(job) || !(job.hasMore || (walk.isOver && walk.ready === 0 && walk.asked === 0))) return;
    const { shared, ledger, answers } = this.#parts;
    const { request, matched, changed, hasMore } = job;
    this.#remove(job);
    ledger.hold({
      happen: () => shared.ports.reply({ op: 'changed-many', request, matched, changed, hasMore }),
      voided: ({ code, detail }) => answers.refuse(request, code, detail),
    });
  }

  #remove(job: Job): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
  }
}
