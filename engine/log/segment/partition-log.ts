/**
 * The log of one partition as its writer sees it: a row of segments of which the last takes the appends, and the mark.
 *
 * *After a full disk* the transaction is rolled back whole and the same segment goes on.
 *
 * *After any other error* nobody knows what the failed commit left behind. Its frames may be in the -wal file, whole or
 * torn, and in the page cache without being on disk; an fsync that is tried again may even report success. So the handle
 * is never used again. The host replays the partition from what can be read: perhaps only what was answered, perhaps also
 * records of the failed commit; what replay saw, exists. `reopenAfter(last replayed)` makes that true on disk:
 *
 *     answered    ...98 99 100 |
 *     replayed    ...98 99 100 | 101 102          101, 102: from the failed commit, maybe only in the page cache
 *     new segment              | 101 102          opens with 101; both are written again, synced, before it gets its name
 *
 * A segment ends where the next one begins. Whatever the failed file shows behind 100 when it is next opened, less or
 * more, is void, so a tail that nobody answered for cannot come back.
 *
 * Owned by the log writer's thread.
 */
import type { LogRecord } from '../../event/record.js';
import { noSequence, type PartitionId, type Sequence, type WallMs } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { chainStart } from '../checksum.js';
import type { SummedBatch } from '../record-batch.js';
import { DamageError } from '../damage.js';
import { createMark, hasMark, type LogPosition, Mark } from './mark.js';
import { Segment, type SegmentOptions } from './segment.js';
import { listSegments, makeDir, partitionDir, type SegmentName, segmentPath } from './segment-files.js';
import { SegmentReader } from './segment-reader.js';
import { storageFaultOf } from '../sqlite.js';

/** How segments come to be. Tests put one here whose files fail. */
export interface SegmentStorage {
  create(name: SegmentName, content: Parameters<typeof Segment.create>[1]): Segment;
  open(name: SegmentName, options: SegmentOptions): Segment;
}

export const segmentStorage: SegmentStorage = {
  create: (name, content) => Segment.create(name, content),
  open: (name, options) => new Segment(name, options),
};

export interface PartitionLogParts {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly options: SegmentOptions;
  readonly clock: Clock;
  readonly storage: SegmentStorage;
}

export class PartitionLog {
  readonly partition: PartitionId;
  readonly #dir: string;
  readonly #options: SegmentOptions;
  readonly #clock: Clock;
  readonly #storage: SegmentStorage;
  readonly #mark: Mark;
  #segment: Segment;
  /** After an error that was not a full disk: only `reopenAfter` leads out. */
  #unusable = false;

  /** Open the log, or begin it. Throws DamageError when it does not reach its mark; then nothing was changed. */
  constructor({ dataDir, partition, options, clock, storage }: PartitionLogParts) {
    this.partition = partition;
    this.#dir = partitionDir(dataDir, partition);
    this.#options = options;
    this.#clock = clock;
    this.#storage = storage;
    makeDir(this.#dir);
    const open = listSegments(this.#dir).at(-1);
    // The mark is there before the first segment, so a partition with a segment and without a mark has lost it.
    if (open === undefined && !hasMark(this.#dir)) createMark(this.#dir, partition);
    this.#mark = new Mark(this.#dir, partition);
    try {
      if (open === undefined) {
        const { seq } = this.#mark.position;
        if (seq > 0) throw shorterThanMark({ partition, last: noSequence, mark: seq });
        this.#segment = this.#create({ first: 1 as Sequence, chainBefore: chainStart, carried: [] });
      } else {
        compareWithMark(open, { partition, mark: this.#mark.position });
        this.#segment = storage.open(open, options);
      }
    } catch (error) {
      this.#mark.close();
      throw error;
    }
  }

  /** The newest record that was committed. */
  get last(): LogPosition {
    return this.#segment.last;
  }

  get segment(): Segment {
    return this.#segment;
  }

  /** Commit `batches` in one transaction. After it threw anything but a full disk, only `reopenAfter` and `close` may follow. */
  append(batches: readonly SummedBatch[]): void {
    try {
      this.#segment.append(batches);
      if (this.#options.durability === 'fsync') this.#mark.advance(this.#segment.last);
    } catch (error) {
      if (storageFaultOf(error) !== 'disk-full') this.#abandon();
      throw error;
    }
  }

  /** For the commits that follow; an error means the same as one of `append`. */
  makeRoom(): void {
    if (this.#options.durability !== 'fsync') return;
    try {
      this.#segment.makeRoom();
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  /** About once a second: make the mark survive a power cut. With durability `os` also what it stands for. */
  sync(): void {
    if (this.#unusable) return;
    if (this.#options.durability === 'os' && this.#mark.position.seq < this.#segment.last.seq) {
      this.#segment.syncWal();
      this.#mark.advance(this.#segment.last);
    }
    this.#mark.sync();
  }

  /**
   * Close the open segment for good and begin the next; returns the sequences where they open. When the disk is too full
   * for that, the open one goes on; after any other error only `reopenAfter` and `close` may follow. `createdAt`: of the next.
   */
  seal(createdAt = this.#clock.wallMs()): { readonly first: Sequence; readonly next: Sequence } {
    const sealed = this.#segment;
    const { seq, chain } = sealed.last;
    const next = (seq + 1) as Sequence;
    try {
      // A reader in the middle of a read keeps the -wal file in use; what then stays in it is read from there.
      sealed.checkpoint('truncate');
      if (this.#options.durability === 'os') sealed.syncWal();
      this.#segment = this.#create({ first: next, chainBefore: chain, carried: [], createdAt });
    } catch (error) {
      if (storageFaultOf(error) !== 'disk-full') this.#abandon();
      throw error;
    }
    closeForGood(sealed);
    return { first: sealed.header.first, next };
  }

  /** As `Segment.checkpoint`; an error means the same as one of `append`. */
  checkpoint(mode: 'passive' | 'restart'): boolean {
    try {
      return this.#segment.checkpoint(mode);
    } catch (error) {
      if (storageFaultOf(error) !== 'disk-full') this.#abandon();
      throw error;
    }
  }

  /** Go on behind `after`, the last record that a replay has seen. Throws DamageError when that is less than was committed. */
  reopenAfter(after: Sequence): void {
    const { seq, chain } = this.#segment.last;
    if (after < seq) {
      throw new DamageError('broken', `partition ${this.partition}: replay ends at sequence ${after}, but ${seq} was durable`);
    }
    if (!this.#unusable && after === seq) {
      // What was found at the start may have been left in the page cache by a process that was killed before its fsync.
      if (this.#options.durability === 'fsync') this.#segment.syncWal();
      return;
    }
    const carried = this.#readAgain(this.#segment.name, { after: seq, upTo: after });
    if (!this.#unusable) this.#abandon();
    this.#segment = this.#create({ first: (seq + 1) as Sequence, chainBefore: chain, carried });
    this.#unusable = false;
    this.#mark.advance(this.#segment.last);
  }

  close(): void {
    if (!this.#unusable) {
      this.#segment.checkpoint('truncate');
      this.sync();
      this.#segment.close();
    }
    this.#mark.close();
  }

  #abandon(): void {
    this.#unusable = true;
    closeForGood(this.#segment);
  }

  #create({
    first,
    chainBefore,
    carried,
    createdAt = this.#clock.wallMs(),
  }: {
    readonly first: Sequence;
    readonly chainBefore: number;
    readonly carried: readonly LogRecord[];
    readonly createdAt?: WallMs;
  }): Segment {
    const replaced = listSegments(this.#dir).find((name) => name.first === first);
    const opening = (replaced?.opening ?? 0) + 1;
    const name = { first, opening, path: segmentPath(this.#dir, { first, opening }) };
    const header = { partition: this.partition, first, chainBefore, createdAt };
    return this.#storage.create(name, { header, carried, options: this.#options });
  }

  #readAgain(name: SegmentName, { after, upTo }: { readonly after: Sequence; readonly upTo: Sequence }): LogRecord[] {
    if (after === upTo) return [];
    const reader = new SegmentReader(name);
    try {
      const records: LogRecord[] = [];
      for (let seq = after + 1; seq <= upTo; seq++) {
        const record = reader.record(seq as Sequence);
        if (record === null)
          throw new DamageError('broken', `partition ${this.partition}: sequence ${seq} was replayed and is gone`);
        records.push(record);
      }
      return records;
    } finally {
      reader.close();
    }
  }
}

function closeForGood(segment: Segment): void {
  try {
    segment.close();
  } catch (error) {
    // Nothing depends on how a file that takes no more appends closes; a bug must still be heard of.
    if (storageFaultOf(error) === null) throw error;
  }
}

/**
 * Read-only, and before the file is opened for writing: closing a writable connection folds the -wal file into the main
 * one and removes it, and with it what a repair could still find.
 */
function compareWithMark(
  name: SegmentName,
  { partition, mark }: { readonly partition: PartitionId; readonly mark: LogPosition },
): void {
  const reader = new SegmentReader(name);
  try {
    const last = reader.lastBefore(Number.MAX_SAFE_INTEGER);
    if (last.seq < mark.seq) throw shorterThanMark({ partition, last: last.seq, mark: mark.seq });
    const { first, chainBefore } = reader.header;
    // A mark that lies further back is compared by the replay, which goes through all segments.
    const chain = mark.seq >= first ? reader.chainAt(mark.seq) : mark.seq === first - 1 ? chainBefore : mark.chain;
    if (chain !== mark.chain) throw otherThanMark({ partition, mark: mark.seq });
  } finally {
    reader.close();
  }
}

export function shorterThanMark({
  partition,
  last,
  mark,
}: {
  partition: PartitionId;
  last: Sequence;
  mark: Sequence;
}): DamageError {
  return new DamageError(
    'broken',
    `partition ${partition}: its log is shorter than its mark: it ends at sequence ${last}, ${mark} was durable`,
  );
}

export function otherThanMark({ partition, mark }: { partition: PartitionId; mark: Sequence }): DamageError {
  return new DamageError(
    'broken',
    `partition ${partition}: the chain at sequence ${mark} is not the one in its mark: records before it were changed or exchanged`,
  );
}
