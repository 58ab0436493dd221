/**
 * Consecutive records of one partition as bytes: how they travel between the actor host and its disk threads.
 *
 * Cloning one object a record costs 2-4 us on each side; bytes are moved for nothing. The bytes of one record are exactly
 * what its checksum covers and what stands in a segment (`strip.ts`), so that the writer sums and stores slices of the batch as it came, and the
 * reader hands out what it has verified.
 *
 *     0  u32  number of records             each record:   0  u32  bytes of the body
 *     4  f64  sequence of the first                        4  u8   kind
 *    12  records, one after the other                      5  f64  sequence
 *                                                         13  f64  previous record of the event, 0 for none
 *                                                         21  f64  at
 *                                                         29  16   event id
 *                                                         45       body
 *
 * The layout of a record is part of the format of a segment; that of a batch is not (both ends are of one build). Little endian.
 */
import type { Sequence, WallMs } from '../kernel/brand.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { invariant } from '../kernel/errors.js';
import type { StoredRecord } from '../event/record.js';

/** Where the first record of a batch is. */
export const startOfRecords = 12;
const kindAt = 4;
const seqAt = 5;
const prevAt = 13;
const atAt = 21;
/** Where the event's id stands in a record, and behind it the body. */
export const eventAt = 29;
/** Bytes of a record beside its body. */
export const recordHeadBytes = eventAt + eventIdBytes;

/** A builder starts with this much; most live batches fit. */
const startBytes = 64 * 1024;
/** A batch larger than this is handed over with its buffer instead of as a copy, so that a grown buffer does not stay. */
const keepBytesMax = 256 * 1024;

/** What stands before the id of the event. */
export function layOutHead(
  view: DataView,
  start: number,
  { bodyLength, kind, seq, prev, at }: Pick<StoredRecord, 'kind' | 'seq' | 'prev' | 'at'> & { readonly bodyLength: number },
): void {
  view.setUint32(start, bodyLength, true);
  view.setUint8(start + kindAt, kind);
  view.setFloat64(start + seqAt, seq, true);
  view.setFloat64(start + prevAt, prev, true);
  view.setFloat64(start + atAt, at, true);
}

/** The sequence of the record that begins at `start`. */
export function seqIn(view: DataView, start: number): Sequence {
  return view.getFloat64(start + seqAt, true) as Sequence;
}

/** The record that lies in `bytes` from `from` to `to`; its `event` and `body` are views. */
export function recordIn(
  bytes: Uint8Array,
  view: DataView,
  { from, to }: { readonly from: number; readonly to: number },
): StoredRecord {
  return {
    seq: seqIn(view, from),
    kind: bytes[from + kindAt],
    event: bytes.subarray(from + eventAt, from + recordHeadBytes),
    prev: view.getFloat64(from + prevAt, true),
    at: view.getFloat64(from + atAt, true),
    body: bytes.subarray(from + recordHeadBytes, to),
  } as StoredRecord;
}

/** A batch that is to be written. */
export interface SummedBatch {
  readonly batch: Uint8Array;
  /** Of its records (`crcOf`), in their order, where somebody has summed these bytes already: a call for each of them costs as much as summing it. */
  readonly crcs?: readonly number[];
}

/** Records that lie behind each other in a batch. */
export interface RecordSpan {
  readonly from: number;
  readonly to: number;
  /** Sequence of the first. */
  readonly first: Sequence;
  readonly count: number;
}

/** Collects records until `take`. Owned by one thread; `append` allocates nothing but for growth (`log-append.bench.ts`). */
export class RecordBatchBuilder {
  readonly #startBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end = startOfRecords;
  #lastAt = startOfRecords;
  #count = 0;
  #next = 0;

  /** `usualBytes`: as much as is usually in it when it is taken. */
  constructor(usualBytes = startBytes) {
    this.#startBytes = usualBytes;
    this.#bytes = new Uint8Array(usualBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes that `take` would return. */
  get bytes(): number {
    return this.#end;
  }

  /** The bytes of the record appended last: what its checksum covers. A view, good until the next `append`. */
  get last(): Uint8Array {
    return this.#bytes.subarray(this.#lastAt, this.#end);
  }

  /** `record.seq` must follow the last one. */
  append(record: StoredRecord): void {
    const { seq, body, event } = record;
    if (this.#count === 0) this.#view.setFloat64(4, seq, true);
    else invariant(seq === this.#next, () => `records of a batch are consecutive: expected sequence ${this.#next}, found ${seq}`);
    const at = this.#end;
    const end = at + recordHeadBytes + body.length;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    layOutHead(this.#view, at, { bodyLength: body.length, kind: record.kind, seq, prev: record.prev, at: record.at });
    for (let place = 0; place < eventIdBytes; place++) bytes[at + eventAt + place] = event[place]!;
    if (body.length > 0) bytes.set(body, at + recordHeadBytes);
    this.#lastAt = at;
    this.#end = end;
    this.#count++;
    this.#next = seq + 1;
  }

  /** `count` records of another batch that lie in its bytes from `from` to `to`; their sequences follow the last one. */
  appendSpan(bytes: Uint8Array, { from, to, first, count }: RecordSpan): void {
    if (this.#count === 0) this.#view.setFloat64(4, first, true);
    else
      invariant(
        first === this.#next,
        () => `records of a batch are consecutive: expected sequence ${this.#next}, found ${first}`,
      );
    const end = this.#end + to - from;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes.subarray(from, to), this.#end);
    // Which of them is the last is not looked for: whoever sums records one by one appends them one by one.
    this.#lastAt = end;
    this.#end = end;
    this.#count += count;
    this.#next = first + count;
  }

  clear(): void {
    this.#end = startOfRecords;
    this.#count = 0;
  }

  /** The batch, owning its buffer so that it can be transferred; the builder is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#count, true);
    const end = this.#end;
    this.clear();
    if (end <= keepBytesMax) return this.#bytes.slice(0, end);
    const whole = this.#bytes.subarray(0, end);
    this.#bytes = new Uint8Array(this.#startBytes);
    this.#view = new DataView(this.#bytes.buffer);
    return whole;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/**
 * Walks a batch without an object per record: `while (cursor.next()) ...cursor.kind...`. The fields are those of the
 * record under the cursor; `event`, `body` and `record` are views into the batch, made when asked for.
 */
export class RecordCursor {
  readonly count: number;
  readonly first: Sequence;
  readonly bytes: Uint8Array;
  /** Of the same bytes, with the same offsets. */
  readonly view: DataView;
  #at = startOfRecords;
  #end = startOfRecords;

  constructor(batch: Uint8Array) {
    this.bytes = batch;
    this.view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    this.count = this.view.getUint32(0, true);
    this.first = this.view.getFloat64(4, true) as Sequence;
  }

  next(): boolean {
    if (this.#end >= this.bytes.length) return false;
    this.#at = this.#end;
    this.#end += recordHeadBytes + this.view.getUint32(this.#at, true);
    return true;
  }

  /** Where the record is in `bytes`, ... */
  get startAt(): number {
    return this.#at;
  }
  get endAt(): number {
    return this.#end;
  }
  /** ... the id of its event, ... */
  get eventAt(): number {
    return this.#at + eventAt;
  }
  /** ... and its body. */
  get bodyAt(): number {
    return this.#at + recordHeadBytes;
  }

  get seq(): Sequence {
    return seqIn(this.view, this.#at);
  }
  /** It has found its place in the log. */
  set seq(seq: Sequence) {
    this.view.setFloat64(this.#at + seqAt, seq, true);
  }
  get kind(): StoredRecord['kind'] {
    return this.bytes[this.#at + kindAt] as StoredRecord['kind'];
  }
  get prev(): Sequence {
    return this.view.getFloat64(this.#at + prevAt, true) as Sequence;
  }
  set prev(prev: Sequence) {
    this.view.setFloat64(this.#at + prevAt, prev, true);
  }
  get at(): WallMs {
    return this.view.getFloat64(this.#at + atAt, true) as WallMs;
  }
  set at(at: WallMs) {
    this.view.setFloat64(this.#at + atAt, at, true);
  }
  get event(): Uint8Array {
    return this.bytes.subarray(this.#at + eventAt, this.#at + recordHeadBytes);
  }
  get body(): Uint8Array {
    return this.bytes.subarray(this.#at + recordHeadBytes, this.#end);
  }
  /** All bytes of the record: what its checksum covers. */
  get record(): Uint8Array {
    return this.bytes.subarray(this.#at, this.#end);
  }

  /** As an object, whose `event` and `body` are views. */
  toRecord(): StoredRecord {
    return recordIn(this.bytes, this.view, { from: this.#at, to: this.#end });
  }
}

/** The records of a batch as objects, whose `event` and `body` are views into it. For hot loops there is the cursor. */
export function* readBatch(batch: Uint8Array): Generator<StoredRecord, void, undefined> {
  const cursor = new RecordCursor(batch);
  while (cursor.next()) yield cursor.toRecord();
}

/** Number of records and the sequence of the first, without a walk. */
export function batchSpan(batch: Uint8Array): { readonly count: number; readonly first: Sequence } {
  const { count, first } = new RecordCursor(batch);
  return { count, first };
}
