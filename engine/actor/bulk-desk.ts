/**
 * Cancels all pending events of a partition that match a filter: a million of them in seconds, between two ticks at a time.
 *
 *     walk over the columns --rows that match by their numbers--> reader: do their texts match? --> decide each --> reply
 *
 * Each event is cancelled by the same decision as if it had been asked for alone; what is running is counted as matched and
 * left as it is. A filter that asks for no text needs no reader. Between the walk and the answer of the reader an event may
 * have started, finished or been changed: it is told by the position of its body, which no other event ever has.
 *
 * Works in the spare time of turns, and waits while the log writer is behind. The answer waits until all of it is durable.
 */
import { type EventFilter, isExactInRows } from '../event/event-filter.js';
import { isFinished } from '../event/status.js';
import type { Handle, MonoMs, Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { bulkBatchesMax, bulkBatchEvents, bulkUnsyncedMax } from '../kernel/limits.js';
import { decide } from '../partition/decide.js';
import { RowFilter } from '../partition/row-filter.js';
import type { Answers } from './answers.js';
import type { HostShared } from './host-shared.js';
import type { Ledger, Loss } from './ledger.js';
import type { PartitionMemory } from './partition-memory.js';
import type { Enquiry } from './requests.js';
import type { Timekeeper } from './timekeeper.js';

export interface BulkDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
}

/** A row as it was when it was met. */
interface Candidate {
  readonly handle: Handle;
  readonly bodySeq: Sequence;
}

interface Job {
  readonly request: number;
  readonly filter: EventFilter;
  readonly rows: RowFilter;
  readonly isExact: boolean;
  readonly limit: number;
  readonly endsAt: MonoMs;
  /** The next row of the walk. */
  row: number;
  /** What has come since is another call's. */
  readonly rowsEnd: number;
  /** Certain to match, to be cancelled. */
  readonly certain: Candidate[];
  /** Batches that the reader has. */
  asked: number;
  matched: number;
  changed: number;
  hasMore: boolean;
}

/** Rows walked over between two looks at the clock: about 20 us. */
const stepRows = 2_048;
/** Events cancelled between two looks at the clock: about 150 us. */
const stepEvents = 32;

export class BulkDesk {
  readonly #parts: BulkDeskParts;
  readonly #jobs: Job[] = [];

  constructor(parts: BulkDeskParts) {
    this.#parts = parts;
  }

  get hasWork(): boolean {
    return this.#jobs.some((job) => this.#canGoOn(job));
  }

  receive({ request, filter, limit, workMs }: Extract<Enquiry, { readonly op: 'cancel-many' }>): void {
    const { memory, shared } = this.#parts;
    const status = filter.status?.filter((each) => !isFinished(each)) ?? null;
    const job: Job = {
      request,
      filter,
      rows: new RowFilter({ ...filter, status }),
      isExact: isExactInRows(filter),
      limit,
      endsAt: (shared.ports.clock.monoMs() + workMs) as MonoMs,
      row: 0,
      rowsEnd: memory.state.columns.rows,
      certain: [],
      asked: 0,
      matched: 0,
      changed: 0,
      hasMore: false,
    };
    this.#jobs.push(job);
    // An empty partition has nothing to walk over.
    this.#endIfDone(job);
  }

  /** Goes on until `isOver`; at least one step. */
  step(isOver: () => boolean): void {
    for (const job of [...this.#jobs]) {
      while (this.#canGoOn(job)) {
        if (job.certain.length > 0) this.#cancelSome(job);
        else this.#walkOn(job);
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
    return job.certain.length > 0 || (job.asked < bulkBatchesMax && !this.#isWalked(job));
  }

  #isWalked(job: Job): boolean {
    return job.hasMore || job.row >= job.rowsEnd;
  }

  #walkOn(job: Job): void {
    const { memory, shared } = this.#parts;
    const { columns } = memory.state;
    if (shared.ports.clock.monoMs() >= job.endsAt) {
      job.hasMore = true;
      return;
    }
    const found: Candidate[] = [];
    for (let left = stepRows; left > 0 && found.length < bulkBatchEvents && job.row < job.rowsEnd; ) {
      const { rows, at, end } = columns.span(job.row)!;
      const last = Math.min(end, at + left, at + job.rowsEnd - job.row);
      for (let place = at; place < last && found.length < bulkBatchEvents; place++, left--) {
        const handle = job.row++ as Handle;
        if (job.rows.matches(rows, place)) found.push({ handle, bodySeq: columns.bodySeq(handle) });
      }
    }
    if (found.length === 0) return;
    if (job.isExact) job.certain.push(...found);
    else this.#ask(job, found);
  }

  /** The reader sees what is durable. */
  #ask(job: Job, found: readonly Candidate[]): void {
    const { memory, shared, ledger, answers } = this.#parts;
    const { partition } = memory.state;
    job.asked++;
    ledger.hold({
      happen: () =>
        shared.reads.ask({ op: 'match', partition, seqs: found.map(({ bodySeq }) => bodySeq), filter: job.filter }, (reply) => {
          if (memory.isDiscarded || !this.#jobs.includes(job)) return;
          if (reply.op === 'failed') {
            this.#remove(job);
            answers.refuseRead(job.request, reply);
            return;
          }
          if (reply.op !== 'matches') throw new InvariantError(`expected matches, found ${reply.op}`);
          job.asked--;
          for (const [place, candidate] of found.entries()) if (reply.matches[place] === 1) job.certain.push(candidate);
          this.#endIfDone(job);
        }),
      // The job is discarded with the memory that it walks over.
      voided: () => undefined,
    });
  }

  #cancelSome(job: Job): void {
    const { memory, shared, ledger, timekeeper } = this.#parts;
    const { state } = memory;
    const now = shared.ports.clock.wallMs();
    for (const { handle, bodySeq } of job.certain.splice(0, stepEvents)) {
      const { columns } = state;
      if (!columns.isLive(handle) || columns.bodySeq(handle) !== bodySeq) continue;
      const { records } = decide(state, { op: 'cancel', event: columns.id(handle) }, { now, facts: null });
      if (job.changed < job.limit) job.matched++;
      if (records.length === 0) continue;
      if (job.changed >= job.limit) {
        job.hasMore = true;
        job.certain.length = 0;
        return;
      }
      timekeeper.withdraw(handle);
      for (const record of records) ledger.write(record);
      job.changed++;
    }
  }

  #endIfDone(job: Job): void {
    if (job.certain.length > 0 || job.asked > 0 || !this.#isWalked(job)) return;
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
