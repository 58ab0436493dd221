/**
 * The records of a partition, verified, from the beginning of its log or behind a snapshot: what its actor becomes what it was
 * from.
 *
 * Each record is checked against its own checksum and against the chain, each segment against the end of the one before,
 * and the whole against the mark. The first thing that does not fit ends the replay: nothing is skipped to go on. What a
 * snapshot stands for is not read again; that the log still holds the snapshot's position, with its chain value, was seen when
 * the snapshot was chosen (`snapshot-choice.ts`).
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { chainOf, crcOf } from '../checksum.js';
import { DamageError } from '../damage.js';
import { type LogPosition, logStart } from '../segment/mark.js';
import { otherThanMark, shorterThanMark } from '../segment/partition-log.js';
import type { PartitionSegments } from './partition-segments.js';
import { RecordBatchBuilder, RecordCursor } from '../record-batch.js';
import { batchBytesMax } from '../segment/segment-reader.js';

/** So many usually fit into what a builder has by itself. */
const shortReplayRecords = 128;

export class Replay {
  readonly #segments: PartitionSegments;
  readonly #mark: LogPosition;
  readonly #builder: RecordBatchBuilder;
  /** About where it will end, for the progress report. */
  readonly #goal: Sequence;
  /** The first record that it reads. */
  readonly first: Sequence;
  #position: LogPosition;
  #place: number;

  /** `mark`: as it stood before the first read. `from`: the position of a snapshot, or where the log begins. */
  constructor(segments: PartitionSegments, { mark, from }: { readonly mark: LogPosition; readonly from: LogPosition }) {
    this.#segments = segments;
    this.#mark = mark;
    this.#position = from;
    this.#place = Math.max(
      0,
      segments.names.findLastIndex(({ first }) => first <= from.seq + 1),
    );
    const open = segments.open;
    this.#goal = open === null ? logStart.seq : segments.readerOf(open).lastBefore(Number.MAX_SAFE_INTEGER).seq;
    this.first = (from.seq + 1) as Sequence;
    // A batch ends with the strip that takes it beyond its bounds, and most strips are small. Zeros for all of that take 0.2 ms, as long as the rest of a small log.
    const isShort = this.#goal - from.seq <= shortReplayRecords;
    this.#builder = isShort ? new RecordBatchBuilder() : new RecordBatchBuilder(batchBytesMax + 64 * 1024);
    this.#checkBeginning();
    this.#checkMark(from.seq <= mark.seq ? from : this.#storedAt(mark.seq));
  }

  /** The next batch, about a mebibyte; null at the end, when everything has been verified. Throws DamageError. */
  next(): Uint8Array<ArrayBuffer> | null {
    const { names } = this.#segments;
    for (; this.#place < names.length; this.#place++, this.#checkBeginning()) {
      const name = names[this.#place]!;
      const before = names[this.#place + 1]?.first ?? Number.MAX_SAFE_INTEGER;
      const reader = this.#segments.readerOf(name);
      const after = this.#position;
      this.#position = reader.readBatch({ after, before, into: this.#builder });
      if (this.#position.seq === after.seq) continue;
      const batch = this.#builder.take();
      this.#checkMarkWithin(batch, after);
      return batch;
    }
    const { partition } = this.#segments;
    if (this.#position.seq < this.#mark.seq) throw shorterThanMark({ partition, last: this.#position.seq, mark: this.#mark.seq });
    return null;
  }

  /** The last record taken. */
  get last(): Sequence {
    return this.#position.seq;
  }

  /** 0 to 1. */
  get done(): number {
    return this.#goal === 0 ? 1 : Math.min(1, this.#position.seq / this.#goal);
  }

  /** The segment at `#place` must begin where the one before it ended. */
  #checkBeginning(): void {
    const name = this.#segments.names[this.#place];
    if (name === undefined) return;
    const { seq, chain } = this.#position;
    const { partition, dir } = this.#segments;
    const { header } = this.#segments.readerOf(name);
    if (header.partition !== partition)
      throw new DamageError('broken', `${name.path} belongs to partition ${header.partition}, expected ${partition}`);
    // A snapshot ends in the middle of one.
    if (name.first <= seq) return;
    if (name.first !== seq + 1) throw gap({ partition, dir, expected: seq + 1, found: name.first });
    if (header.chainBefore !== chain) {
      throw new DamageError(
        'broken',
        `partition ${partition}: the chain breaks before sequence ${name.first}, where a segment opens`,
      );
    }
  }

  /** The chain value at the mark is known only while its record passes by. */
  #checkMarkWithin(batch: Uint8Array, after: LogPosition): void {
    if (this.#mark.seq <= after.seq || this.#mark.seq > this.#position.seq) return;
    const chain = chainUpTo(batch, { chain: after.chain, seq: this.#mark.seq });
    this.#checkMark({ seq: this.#mark.seq, chain });
  }

  /** A mark may lag behind what a snapshot stands for. */
  #storedAt(seq: Sequence): LogPosition {
    return { seq, chain: this.#segments.chainAt(seq) ?? this.#mark.chain };
  }

  #checkMark({ seq, chain }: LogPosition): void {
    if (seq === this.#mark.seq && chain !== this.#mark.chain)
      throw otherThanMark({ partition: this.#segments.partition, mark: seq });
  }
}

function chainUpTo(batch: Uint8Array, { chain, seq }: LogPosition): number {
  const cursor = new RecordCursor(batch);
  let value = chain;
  while (cursor.next() && cursor.seq <= seq) value = chainOf(value, crcOf(cursor.record));
  return value;
}

function gap({
  partition,
  dir,
  expected,
  found,
}: {
  partition: PartitionId;
  dir: string;
  expected: number;
  found: Sequence;
}): DamageError {
  return new DamageError(
    'broken',
    `partition ${partition}: expected sequence ${expected} next, but the next segment in ${dir} opens with ${found}`,
  );
}
