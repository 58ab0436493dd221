/**
 * What is stored, and what of it is safe: the one thing that outlives a crash of the simulated machine.
 *
 *     sequence   1 2 3 4 5 6 | 7 8 | 9 10
 *                  synced    |  ^  |  ^
 *                            |  |  in a commit that is under way: nobody sees it yet
 *                            |  can be read, but only the page cache has it
 *
 * A commit that ends well makes everything synced. One that fails, or a crash, leaves behind whatever chance decides: a
 * prefix of what was not synced. Real transactions are all or nothing, so this store is nastier than the real one.
 *
 * Records are kept as bytes with their checksum, so that a flipped bit is noticed as it would be.
 */
import { recordsIn } from '../../engine/event/carried-codec.js';
import { carriedKind, type LogRecord, type StoredRecord } from '../../engine/event/record.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { crcOf } from '../../engine/log/checksum.js';
import type { SegmentOutline } from '../../engine/log/protocol.js';
import type { FilterWords } from '../../engine/log/index/segment-filter.js';
import { RecordBatchBuilder, RecordCursor, readBatch } from '../../engine/log/record-batch.js';

interface Stored {
  /** A batch of one. */
  readonly bytes: Uint8Array;
  readonly crc: number;
  /** What they hold, once they were read and their checksum fitted: they never change, what is damaged is put in their place. */
  whole: StoredRecord | null;
}

export interface SimulatedSegment {
  readonly first: Sequence;
  /** Of its index, once that is built and finished events are found through it. */
  filter: FilterWords | null;
  /** By the wall clock. */
  readonly beganMs: number;
}

/** A snapshot that is whole: the only thing that a damaged one does is to be no snapshot. */
export interface SimulatedSnapshot {
  readonly seq: Sequence;
  readonly finalsFrom: Sequence;
  readonly sections: readonly Uint8Array<ArrayBuffer>[];
}

/** How much of `records` unsynced records a crash or a failed commit leaves: from none to all. */
export type Survivors = (records: number) => number;

/** A checksum does not fit. */
export class DamagedRecord extends Error {}

/** Retention has removed it. */
export class GoneRecord extends Error {}

export class SimulatedLog {
  readonly partition: PartitionId;
  readonly #builder = new RecordBatchBuilder();
  readonly #records: Stored[] = [];
  #committing: Stored[] = [];
  #synced = 0;
  /** Sequence of a record with a flipped bit; 0 for none. */
  #damaged = 0;
  /** Grows when records are taken back: what somebody remembers of the log is no longer sure. */
  rewrites = 0;
  /** Oldest first; the last one is open. */
  segments: SimulatedSegment[] = [{ first: 1 as Sequence, filter: null, beganMs: 0 }];
  /** What is before was removed; checkers may look at it all the same. */
  beginning = 1 as Sequence;
  /** Newest first. */
  snapshots: SimulatedSnapshot[] = [];

  constructor(partition: PartitionId) {
    this.partition = partition;
  }

  /** The newest record that can be read. */
  get last(): Sequence {
    return this.#records.length as Sequence;
  }

  /** A stored record fails its checksum. One that is taken back again does no harm. */
  get isDamaged(): boolean {
    return this.#damaged > 0;
  }

  isDamagedBehind(seq: number): boolean {
    return this.#damaged > seq;
  }

  /** The newest record that no crash can take away. */
  get synced(): Sequence {
    return this.#synced as Sequence;
  }

  /** Finals before this are found through indexes. */
  get indexedBefore(): Sequence {
    const open = this.segments.find(({ filter }) => filter === null);
    return (open ?? this.segments[this.segments.length - 1]!).first;
  }

  get open(): SimulatedSegment {
    return this.segments[this.segments.length - 1]!;
  }

  /** A commit begins with these batches. */
  beginCommit(batches: readonly Uint8Array[]): void {
    for (const batch of batches) {
      for (const record of readBatch(batch)) this.#committing.push(this.#store(record));
    }
    const first = this.#committing[0];
    if (first === undefined) return;
    const { seq } = decode(first);
    if (seq !== this.last + 1) throw new Error(`partition ${this.partition}: ${seq} is appended behind ${this.last}`);
  }

  commit(): Sequence {
    this.#records.push(...this.#committing);
    this.#committing = [];
    this.#synced = this.#records.length;
    return this.last;
  }

  /** What a disk does that lies; for the tests of the checkers. */
  commitWithoutSync(): Sequence {
    this.#records.push(...this.#committing);
    this.#committing = [];
    return this.last;
  }

  /** A commit failed or its process was killed: part of it may be read afterwards. */
  tearCommit(survivors: Survivors): void {
    this.#records.push(...this.#committing.slice(0, survivors(this.#committing.length)));
    this.#committing = [];
  }

  /** The machine goes down: what was not synced is there or not. */
  losePower(survivors: Survivors): void {
    this.tearCommit(survivors);
    this.rewrites++;
    this.#records.length = this.#synced + survivors(this.#records.length - this.#synced);
    this.#synced = this.#records.length;
    if (this.#damaged > this.#synced) this.#damaged = 0;
    this.segments = this.segments.filter(({ first }) => first <= this.#records.length + 1);
    this.#forgetSnapshots();
  }

  /** Go on behind `after`, which is on the platter then; what was behind it is void. */
  reopenAfter(after: Sequence, { inNewSegment, nowMs }: { inNewSegment: boolean; nowMs: number }): void {
    if (after < this.#synced || after > this.#records.length) {
      throw new Error(`partition ${this.partition}: reopened after ${after}, ${this.#synced} are synced, ${this.last} readable`);
    }
    const first = (this.#synced + 1) as Sequence;
    this.rewrites++;
    this.#records.length = after;
    this.#synced = after;
    if (this.#damaged > after) this.#damaged = 0;
    this.#forgetSnapshots();
    if (inNewSegment && this.open.first !== first) this.segments.push({ first, filter: null, beganMs: nowMs });
  }

  /** The open segment is complete. Returns where it began and where the next one begins. */
  seal(nowMs: number): { readonly first: Sequence; readonly next: Sequence } {
    const { first } = this.open;
    const next = (this.last + 1) as Sequence;
    this.segments.push({ first: next, filter: null, beganMs: nowMs });
    return { first, next };
  }

  /** Where the segment that begins with `first` ends. */
  nextOf(first: Sequence): Sequence {
    const at = this.segments.findIndex((segment) => segment.first === first);
    return this.segments[at + 1]?.first ?? ((this.last + 1) as Sequence);
  }

  /** Throws DamagedRecord. */
  record(seq: Sequence): StoredRecord {
    const stored = this.#records[seq - 1];
    if (stored === undefined)
      throw new Error(`partition ${this.partition}: sequence ${seq} is read, the log ends at ${this.last}`);
    if (stored.whole === null) {
      if (crcOf(stored.bytes) !== stored.crc)
        throw new DamagedRecord(`sequence ${seq} of partition ${this.partition} fails its checksum`);
      stored.whole = decode(stored);
    }
    return stored.whole;
  }

  /** Records from `from` on, at most `count`. */
  *records(from = 1, count = Number.POSITIVE_INFINITY): Generator<StoredRecord, void, undefined> {
    const end = Math.min(this.#records.length, from - 1 + count);
    for (let seq = from; seq <= end; seq++) yield this.record(seq as Sequence);
  }

  /** As an engine reads: what was removed is gone. Throws GoneRecord, DamagedRecord. */
  read(seq: Sequence): StoredRecord {
    if (seq < this.beginning) throw new GoneRecord(`sequence ${seq} of partition ${this.partition} was removed`);
    return this.record(seq);
  }

  /** All records of one event, oldest first, by the walk along `prev`. */
  history(newest: Sequence): LogRecord[] {
    const records: LogRecord[] = [];
    for (let seq = newest; seq !== 0; seq = records[0]!.prev) {
      const record = this.read(seq);
      if (record.kind === carriedKind) return [...recordsIn(record), ...records];
      records.unshift(record as LogRecord);
    }
    return records;
  }

  /** Flip one bit of a stored record. */
  damage(seq: Sequence): void {
    // A second flip could mend the first.
    if (this.isDamaged) return;
    this.#damaged = seq;
    const { bytes, crc } = this.#records[seq - 1]!;
    const damaged = bytes.slice();
    damaged[damaged.length - 1]! ^= 0x10;
    this.#records[seq - 1] = { bytes: damaged, crc, whole: null };
  }

  /** Take a synced record back as no disk may; for the tests of the checkers. */
  forgetLast(): void {
    this.rewrites++;
    this.#records.pop();
    this.#synced = Math.min(this.#synced, this.#records.length);
  }

  /** Retention: nothing reads what is before `first` any more. */
  removeBefore(first: Sequence): void {
    this.beginning = first;
    this.segments = this.segments.filter((segment) => segment.first >= first);
    this.snapshots = this.snapshots.filter(({ seq }) => seq >= first - 1);
  }

  /** Where the segment begins that holds `seq`. */
  firstOf(seq: Sequence): Sequence {
    return this.segments.findLast(({ first }) => first <= seq)!.first;
  }

  /** As the reader tells it when a replay begins. */
  get outline(): SegmentOutline[] {
    return this.segments.map(({ first, filter }, place) => {
      const copy = filter === null ? null : { ids: filter.ids.slice(), keys: filter.keys.slice() };
      return { first, next: this.segments[place + 1]?.first ?? null, filter: copy };
    });
  }

  /** Their position is not in this log any more: the real ones are found out by the chain value. */
  #forgetSnapshots(): void {
    this.snapshots = this.snapshots.filter(({ seq }) => seq <= this.#synced);
  }

  #store({ event, body, ...record }: StoredRecord): Stored {
    this.#builder.append({ ...record, event: event.slice(), body: body.slice() } as StoredRecord);
    const bytes = this.#builder.take();
    return { bytes, crc: crcOf(bytes), whole: null };
  }
}

function decode({ bytes }: Stored): StoredRecord {
  const cursor = new RecordCursor(bytes);
  cursor.next();
  const { seq, kind, event, prev, at, body } = cursor;
  return { seq, kind, event, prev, at, body } as StoredRecord;
}

export class SimulatedDisk {
  readonly logs: ReadonlyMap<PartitionId, SimulatedLog>;
  /** Commits fail while it is. */
  isFull = false;

  constructor(partitions: readonly PartitionId[]) {
    this.logs = new Map(partitions.map((partition) => [partition, new SimulatedLog(partition)]));
  }

  log(partition: PartitionId): SimulatedLog {
    return this.logs.get(partition)!;
  }
}
