/**
 * Batches of records that wait for the journal, made into the bodies of entries.
 *
 * One entry of a partition is under way at a time; what comes meanwhile makes the next one, so that the batch grows with the load as it does
 * with a disk. One that would be too large for a message is cut between two records. Chain values are computed here, since an entry tells
 * its own. What waits is bounded by what the actor host lets be unsynced.
 */
import type { Sequence } from '../../kernel/brand.js';
import { invariant } from '../../kernel/errors.js';
import { letGo } from '../../kernel/let-go.js';
import { journalEntryBytesMax } from '../../kernel/limits.js';
import { chainOf, crcOf } from '../../log/checksum.js';
import type { LogPosition } from '../../log/segment/mark.js';
import { RecordBatchBuilder, RecordCursor, startOfRecords } from '../../log/record-batch.js';

export interface Bunch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly first: Sequence;
  readonly last: Sequence;
  /** Chain value at `last`. */
  readonly chain: number;
  /** Of its records, in their order. */
  readonly crcs: readonly number[];
}

export class EntryQueue {
  readonly #bytesMax: number;
  readonly #builder = new RecordBatchBuilder();
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  /** Of the first one that waits. */
  #cursor: RecordCursor | null = null;
  /** The cursor is at a record that did not fit the last bunch. */
  #isAtRecord = false;

  constructor(bytesMax = journalEntryBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Of the batches that wait, wholly or in part. */
  get bytes(): number {
    return this.#bytes;
  }

  /** It is the queue's from now on, with the memory that it lies in. */
  push(batch: Uint8Array<ArrayBuffer>): void {
    this.#bytes += batch.length;
    this.#waiting.push(batch);
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#cursor = null;
    this.#isAtRecord = false;
  }

  /** As many records as go into one entry, at least one; null: none waits. `after`: where the log ends before them. */
  next(after: LogPosition): Bunch | null {
    let { seq, chain } = after;
    const builder = this.#builder;
    builder.clear();
    const crcs: number[] = [];
    let isFull = false;
    while (!isFull && this.#waiting.length > 0) {
      this.#cursor ??= new RecordCursor(this.#waiting[0]!);
      const cursor = this.#cursor;
      let from = 0;
      let to = 0;
      let count = 0;
      while (this.#isAtRecord || cursor.next()) {
        this.#isAtRecord = builder.bytes + (to - from) + (cursor.endAt - cursor.startAt) > this.#bytesMax;
        isFull = this.#isAtRecord && builder.count + count > 0;
        if (isFull) break;
        this.#isAtRecord = false;
        invariant(cursor.seq === seq + 1, () => `expected sequence ${seq + 1} to publish, found ${cursor.seq}`);
        if (count === 0) from = cursor.startAt;
        to = cursor.endAt;
        count++;
        seq = cursor.seq;
        const crc = crcOf(cursor.record);
        crcs.push(crc);
        chain = chainOf(chain, crc);
      }
      if (count > 0) builder.appendSpan(cursor.bytes, { from, to, first: (seq - count + 1) as Sequence, count });
      if (isFull) break;
      const done = this.#waiting.shift()!;
      this.#bytes -= done.length;
      letGo(done);
      this.#cursor = null;
    }
    if (builder.count === 0) return null;
    return { body: builder.take(), first: (after.seq + 1) as Sequence, last: seq, chain, crcs };
  }
}

/** Chain value behind all records of `batch` that follow `after`, and the sums of all that are in it. */
export function chainThrough(batch: Uint8Array, after: LogPosition): LogPosition & { readonly crcs: readonly number[] } {
  let { seq, chain } = after;
  const crcs: number[] = [];
  if (batch.length <= startOfRecords) return { seq, chain, crcs };
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const crc = crcOf(cursor.record);
    crcs.push(crc);
    if (cursor.seq <= after.seq) continue;
    invariant(cursor.seq === seq + 1, () => `expected sequence ${seq + 1} in a batch, found ${cursor.seq}`);
    seq = cursor.seq;
    chain = chainOf(chain, crc);
  }
  return { seq, chain, crcs };
}

/** The same batch without what is up to `seq`, which is in it. */
export function withoutUpTo(batch: Uint8Array, seq: Sequence): Uint8Array<ArrayBuffer> {
  const builder = new RecordBatchBuilder();
  const cursor = new RecordCursor(batch);
  while (cursor.next()) if (cursor.seq > seq) builder.append(cursor.toRecord());
  return builder.take();
}
