/**
 * Very many finished events that are pending again: written in runs, and queued when they are durable.
 *
 *     write, write, ... endRun --durable--> step, step, ...: into the backlog of their origins (timekeeper.ts)
 *
 * As with new events (`new-stretch.ts`) a closure, an entry of the outbox and a copy for each cost more than the decision. What has become
 * durable with one commit is thousands of them, so they are queued a few at a time, in the spare time of turns like the rest of a
 * bulk change. Until then nothing is being done about them, and they can be changed like any other event.
 *
 * They leave at the pace of recovery (`docs/decisions/a-bulk-retry-leaves-at-the-pace-of-recovery.md`), so no payload is kept for them.
 */
import type { Handle, Sequence } from '../../kernel/brand.js';
import type { RecordCursor } from '../../log/record-batch.js';
import type { Consequence, Ledger } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Timekeeper } from '../firing/timekeeper.js';

export interface PutBackParts {
  readonly memory: PartitionMemory;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
}

/**
 * Events whose records follow each other in one sheaf and in the log. Holds nothing of the sheaf: what a thousand of them hold while the disk
 * is busy is what the collector of garbage is started for.
 */
class Run implements Consequence {
  readonly first: Sequence;
  readonly handles: Handle[] = [];
  readonly #durable: Run[];

  constructor(first: Sequence, durable: Run[]) {
    this.first = first;
    this.#durable = durable;
  }

  happen(): void {
    this.#durable.push(this);
  }

  voided(): void {
    // Whoever has asked hears of it.
  }
}

/** One that is being written, and where its records lie. */
interface OpenRun {
  readonly run: Run;
  readonly bytes: Uint8Array;
  readonly from: number;
  to: number;
}

export class PutBack {
  readonly #parts: PutBackParts;
  #open: OpenRun | null = null;
  /** To be queued, the first of them from `#next` on. */
  readonly #durable: Run[] = [];
  #next = 0;

  constructor(parts: PutBackParts) {
    this.#parts = parts;
  }

  /** Some are durable and have not been queued. */
  get hasWork(): boolean {
    return this.#durable.length > 0;
  }

  /** The retry under the cursor has been decided. Nothing else of the partition is written before `endRun`. */
  write(cursor: RecordCursor): void {
    const { bytes, startAt: from, seq } = cursor;
    if (this.#open !== null && (this.#open.bytes !== bytes || this.#open.to !== from)) this.endRun();
    this.#open ??= { run: new Run(seq, this.#durable), bytes, from, to: from };
    this.#open.run.handles.push(this.#parts.ledger.enterAgain(cursor));
    this.#open.to = cursor.endAt;
  }

  endRun(): void {
    if (this.#open === null) return;
    const { run, bytes, from, to } = this.#open;
    this.#open = null;
    this.#parts.ledger.append(bytes, { from, to, first: run.first, count: run.handles.length });
    this.#parts.ledger.holdOfMany(run);
  }

  /** Queues those of a run. Meanwhile one may have been changed: whoever did that sees to its time. */
  step(): void {
    const run = this.#durable[this.#next++];
    if (run === undefined) return;
    const { memory, timekeeper } = this.#parts;
    const { columns } = memory.state;
    for (const [place, handle] of run.handles.entries()) {
      if (columns.newestSeq(handle) === run.first + place) timekeeper.armPaced(handle);
    }
    if (this.#next < this.#durable.length) return;
    this.#durable.length = 0;
    this.#next = 0;
  }
}
