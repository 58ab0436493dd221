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
import type { Handle, Sequence } from '../kernel/brand.js';
import type { RecordCursor } from '../log/record-batch.js';
import type { Consequence, Ledger } from './ledger.js';
import type { PartitionMemory } from './partition-memory.js';
import type { Timekeeper } from './timekeeper.js';

export interface PutBackParts {
  readonly memory: PartitionMemory;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
}

/** Records that follow each other in one sheaf and in the log. */
class Run implements Consequence {
  readonly bytes: Uint8Array;
  readonly from: number;
  to: number;
  readonly first: Sequence;
  readonly handles: Handle[] = [];
  readonly #durable: Run[];

  /** `cursor` stands on the first one. */
  constructor(cursor: RecordCursor, durable: Run[]) {
    this.bytes = cursor.bytes;
    this.from = cursor.startAt;
    this.to = cursor.startAt;
    this.first = cursor.seq;
    this.#durable = durable;
  }

  happen(): void {
    this.#durable.push(this);
  }

  voided(): void {
    // Whoever has asked hears of it.
  }
}

export class PutBack {
  readonly #parts: PutBackParts;
  #run: Run | null = null;
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
    if (this.#run !== null && (this.#run.bytes !== cursor.bytes || this.#run.to !== cursor.startAt)) this.endRun();
    this.#run ??= new Run(cursor, this.#durable);
    this.#run.handles.push(this.#parts.ledger.enterAgain(cursor));
    this.#run.to = cursor.endAt;
  }

  endRun(): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    const { bytes, from, to, first, handles } = run;
    this.#parts.ledger.append(bytes, { from, to, first, count: handles.length });
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
