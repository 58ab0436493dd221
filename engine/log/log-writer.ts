/**
 * Log writer: appends the records of a host's partitions and says when they are durable.
 *
 * Group commit. A disk takes a few thousand fsyncs a second, whatever is in them; so everything of a partition that has
 * arrived while the last fsync was under way goes into its next transaction. The batch grows with load, and a lone event
 * waits for one fsync only. Partitions take turns in the order in which they began to wait.
 *
 * A partition is open or failed. When a commit fails, `failed` says what was durable; its waiting requests and all that
 * follow are dropped until `reopen`, because each of them was decided on top of what has just been lost. What `reopen`
 * does about the files is told in `partition-log.ts`.
 *
 * Checkpoints. Frames stay in the -wal file until somebody moves them. The reader does, when it is told (`checkpoint`), so
 * that no commit waits for it. But a -wal file begins anew only when a checkpoint has caught up with its end, and under
 * constant load the reader never quite does; so once in a while the writer moves the short rest itself, between two
 * commits. At `walBytesMax` it even waits for readers, once. One that does not let go after that is a stranger's, or hangs: the
 * -wal file then grows until the segment is sealed, and the operator is told (`held`).
 *
 * *A copy* of logs that others write (`isCopy`) is opened and closed one by one, its segments begin where it is told, and it is synced rarely.
 *
 * No port, thread or timer in here; `writer-thread.ts` has those.
 */
import { join } from 'node:path';
import type { PartitionId, Sequence, WallMs } from '../kernel/brand.js';
import type { Clock } from '../kernel/clock.js';
import { InvariantError, invariant } from '../kernel/errors.js';
import { isDamaged } from './damage.js';
import { DiskSpace } from './disk-space.js';
import { PartitionLog, type SegmentStorage, segmentStorage } from './segment/partition-log.js';
import type { LogOptions, LogReply, LogRequest, SegmentNotice } from './protocol.js';
import type { SummedBatch } from './record-batch.js';
import { storageFaultOf } from './sqlite.js';

const MiB = 1024 * 1024;
/** A transaction ends with the batch that takes it beyond this: a commit of 16 MiB is about 100 ms. */
const commitBytesMax = 16 * MiB;
/** Appended since the last time: ask the reader for a checkpoint. */
const checkpointBytes = 4 * MiB;
/** Appended since the -wal file last began anew: the writer moves the rest itself. */
const catchUpBytes = 32 * MiB;
/**
 * A copy is made to survive a power cut every so many ticks: its journal has what is lost of it, and comparing chain values shows where it ends. For 16
 * partitions it was a sixth of what their thread did, once a tick.
 */
const copySyncTicks = 10;
/** Nothing appended for this many ticks: a good moment for a checkpoint. */
const idleTicks = 3;

export interface LogWriterParts {
  readonly options: LogOptions;
  readonly clock: Clock;
  readonly reply: (reply: LogReply) => void;
  readonly notice: (notice: SegmentNotice) => void;
  /** Nothing is open until `open`, and nothing is sealed but by `seal`. */
  readonly isCopy?: boolean;
  /** For tests: files that fail, a disk that is full. */
  readonly storage?: SegmentStorage;
  readonly freeBytesOf?: (dir: string) => number;
}

/** One partition: its log, what waits, and what the checkpoints need to know. */
class Lane {
  log: PartitionLog | null = null;
  failed = false;
  readonly waiting: SummedBatch[] = [];
  /** Bytes since the reader was asked for a checkpoint, and since the -wal file began anew. */
  unaskedBytes = 0;
  walBytes = 0;
  catchUpAtBytes: number;
  /** Somebody reads what is older and does not stop. */
  isHeld = false;
  ticksIdle = 0;

  constructor(catchUpAtBytes: number) {
    this.catchUpAtBytes = catchUpAtBytes;
  }
}

export class LogWriter {
  readonly #parts: LogWriterParts;
  readonly #space: DiskSpace;
  readonly #lanes = new Map<PartitionId, Lane>();
  /** Partitions with something waiting, in the order in which they began to wait. */
  readonly #turns = new Set<PartitionId>();
  #ticks = 0;

  /** Opens, or begins, the log of every partition, unless it is a copy; one that cannot be opened is `failed` at once. */
  constructor(parts: LogWriterParts) {
    this.#parts = parts;
    const { dataDir, partitions, ballastBytes, freeBytesMin } = parts.options;
    const ballastPath = join(dataDir, `ballast-${Math.min(...partitions)}`);
    const { freeBytesOf } = parts;
    this.#space = new DiskSpace({ dir: dataDir, ballastPath, ballastBytes, freeBytesMin, ...(freeBytesOf && { freeBytesOf }) });
    for (const partition of partitions) {
      const lane = new Lane(this.#catchUpBytes());
      this.#lanes.set(partition, lane);
      if (parts.isCopy) continue;
      this.#guard(partition, () => {
        lane.log = this.#open(partition);
      });
    }
    if (this.#space.look()) this.#replySpace();
  }

  /** Takes a request in; `commitNext` carries appends out. */
  submit(request: Exclude<LogRequest, { readonly op: 'close' }>): void {
    const lane = this.#laneOf(request.partition);
    if (request.op === 'reopen') this.#reopen(request.partition, request.after);
    else if (!lane.failed) {
      lane.waiting.push(request);
      this.#turns.add(request.partition);
    }
  }

  /** Commit what waits of the partition whose turn it is. False when nothing waits. */
  commitNext(): boolean {
    for (const partition of this.#turns) {
      this.#turns.delete(partition);
      this.#commit(partition);
      return true;
    }
    return false;
  }

  /** Commit all that waits of one partition; others wait on. */
  commitAll(partition: PartitionId): void {
    const { waiting } = this.#laneOf(partition);
    while (waiting.length > 0) {
      this.#turns.delete(partition);
      this.#commit(partition);
    }
  }

  /** About once a second: marks, segments that are full or old, free space, idle checkpoints. */
  tick(): void {
    this.#ticks++;
    if (this.#space.look() || this.#space.hasMoved) this.#replySpace();
    for (const [partition, lane] of this.#lanes) {
      this.#guard(partition, () => {
        if (this.#isDueForSync(partition)) this.#unlessFull(() => lane.log?.sync());
        if (!this.#parts.isCopy && this.#isDueForSealing(lane)) this.#unlessFull(() => this.#seal(partition));
      });
      lane.ticksIdle++;
      if (lane.ticksIdle === idleTicks && lane.unaskedBytes > 0) this.#askForCheckpoint(partition);
    }
  }

  /** Of a copy: the log as it is, also behind a failure. Null: `failed` has been replied. */
  open(partition: PartitionId): PartitionLog | null {
    const lane = this.#laneOf(partition);
    lane.waiting.length = 0;
    lane.failed = false;
    this.#guard(partition, () => {
      lane.log ??= this.#open(partition);
      lane.log.reopenAfter(lane.log.last.seq);
    });
    return lane.failed ? null : lane.log;
  }

  /** Of a copy: commit what waits, close the files. */
  shut(partition: PartitionId): void {
    const lane = this.#laneOf(partition);
    if (lane.waiting.length > 0) this.#commit(partition);
    this.#turns.delete(partition);
    const { log } = lane;
    lane.log = null;
    if (log !== null) this.#guard(partition, () => log.close());
  }

  /** Of a copy: its open segment is as full or as old as a segment gets. */
  wantsSeal(partition: PartitionId): boolean {
    return this.#isDueForSealing(this.#laneOf(partition));
  }

  /** Of a copy: the next record begins a segment, unless it does anyway. */
  seal(partition: PartitionId, createdAt: WallMs): void {
    const { log } = this.#laneOf(partition);
    if (log?.segment.isEmpty === false) this.#guard(partition, () => this.#seal(partition, createdAt));
  }

  /** Commit all that waits and close the files. */
  close(): void {
    while (this.commitNext());
    for (const [partition, { log }] of this.#lanes) {
      if (log !== null) this.#guard(partition, () => log.close());
    }
    this.#lanes.clear();
  }

  /** Pages of the open segments at most from now on; for tests of a full disk that empties again. */
  setPagesMax(pagesMax: number): void {
    for (const { log } of this.#lanes.values()) log?.segment.setPagesMax(pagesMax);
  }

  #commit(partition: PartitionId): void {
    const lane = this.#laneOf(partition);
    const log = lane.log;
    invariant(log !== null, () => `partition ${partition}: records wait for a log that is not open`);
    const { batches, bytes } = takeUpTo(lane.waiting, commitBytesMax);
    if (lane.waiting.length > 0) this.#turns.add(partition);
    const startedAt = this.#parts.clock.monoMs();
    this.#guard(partition, () => {
      log.append(batches);
      const commitMs = this.#parts.clock.monoMs() - startedAt;
      this.#parts.reply({ op: 'durable', partition, seq: log.last.seq, commitMs });
      lane.ticksIdle = 0;
      lane.unaskedBytes += bytes;
      lane.walBytes += bytes;
      log.makeRoom();
      if (lane.unaskedBytes >= checkpointBytes) this.#askForCheckpoint(partition);
      if (lane.walBytes >= lane.catchUpAtBytes) this.#unlessFull(() => this.#catchUp(lane, log));
    });
  }

  #catchUp(lane: Lane, log: PartitionLog): void {
    const isTooLong = lane.walBytes >= this.#parts.options.walBytesMax;
    // Waiting costs every commit behind it a second, so it is done once.
    if (log.checkpoint(isTooLong && !lane.isHeld ? 'restart' : 'passive')) {
      lane.walBytes = 0;
      lane.catchUpAtBytes = this.#catchUpBytes();
      this.#hold(lane, log.partition, false);
    } else {
      // Readers are in the way: not again at the next commit, but a little later.
      lane.catchUpAtBytes = lane.walBytes + Math.min(checkpointBytes, this.#parts.options.walBytesMax);
      if (isTooLong) this.#hold(lane, log.partition, true);
    }
  }

  #catchUpBytes(): number {
    return Math.min(catchUpBytes, this.#parts.options.walBytesMax);
  }

  #hold(lane: Lane, partition: PartitionId, isHeld: boolean): void {
    if (lane.isHeld === isHeld) return;
    lane.isHeld = isHeld;
    this.#parts.reply({ op: 'held', partition, isHeld, walBytes: lane.walBytes });
  }

  #askForCheckpoint(partition: PartitionId): void {
    this.#laneOf(partition).unaskedBytes = 0;
    this.#parts.notice({ op: 'checkpoint', partition });
  }

  /** Copies one after the other, not all in one tick. */
  #isDueForSync(partition: PartitionId): boolean {
    return !this.#parts.isCopy || (this.#ticks + partition) % copySyncTicks === 0;
  }

  #isDueForSealing({ log, failed }: Lane): boolean {
    if (log === null || failed || log.segment.isEmpty || this.#space.level !== 'ok') return false;
    const { segmentBytesMax, segmentAgeMsMax } = this.#parts.options;
    return log.segment.bytes >= segmentBytesMax || this.#parts.clock.wallMs() - log.segment.header.createdAt >= segmentAgeMsMax;
  }

  #seal(partition: PartitionId, createdAt?: WallMs): void {
    const lane = this.#laneOf(partition);
    invariant(lane.log !== null, () => `partition ${partition}: a log that is not open cannot be sealed`);
    const { first, next } = lane.log.seal(createdAt);
    this.#beginSegment(partition, next);
    this.#parts.reply({ op: 'sealed', partition, first, next });
  }

  #reopen(partition: PartitionId, after: Sequence): void {
    const lane = this.#laneOf(partition);
    lane.waiting.length = 0;
    lane.failed = false;
    this.#guard(partition, () => {
      lane.log ??= this.#open(partition);
      const before = lane.log.segment;
      lane.log.reopenAfter(after);
      if (lane.log.segment !== before) this.#beginSegment(partition, lane.log.segment.header.first);
      this.#parts.reply({ op: 'reopened', partition });
    });
  }

  #beginSegment(partition: PartitionId, first: Sequence): void {
    const lane = this.#laneOf(partition);
    lane.unaskedBytes = 0;
    lane.walBytes = 0;
    lane.catchUpAtBytes = this.#catchUpBytes();
    this.#hold(lane, partition, false);
    this.#parts.notice({ op: 'opened', partition, first });
  }

  #open(partition: PartitionId): PartitionLog {
    const { options, clock, storage } = this.#parts;
    const { dataDir, durability, pagesMax } = options;
    return new PartitionLog({ dataDir, partition, options: { durability, pagesMax }, clock, storage: storage ?? segmentStorage });
  }

  /** Whatever goes wrong in `work` fails this partition and no other. */
  #guard(partition: PartitionId, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(partition, error);
    }
  }

  /** For work that can as well be done when the disk has room again: what is durable stays so without it. */
  #unlessFull(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (storageFaultOf(error) !== 'disk-full') throw error;
      if (this.#space.full()) this.#replySpace();
    }
  }

  #fail(partition: PartitionId, error: unknown): void {
    const fault = storageFaultOf(error);
    // A broken invariant of ours or of the disk stops the partition; anything else is unknown and ends the thread.
    if (!(error instanceof Error) || (fault === null && !(error instanceof InvariantError))) throw error;
    const lane = this.#laneOf(partition);
    lane.failed = true;
    lane.waiting.length = 0;
    this.#turns.delete(partition);
    const failure = fault === 'disk-full' ? 'disk-full' : 'io';
    const durable = lane.log?.last.seq ?? (0 as Sequence);
    const isDamage = isDamaged(error);
    this.#parts.reply({ op: 'failed', partition, durable, failure, isDamage, detail: error.message });
    if (failure === 'disk-full' && this.#space.full()) this.#replySpace();
  }

  #replySpace(): void {
    this.#parts.reply({ op: 'space', level: this.#space.level, freeBytes: this.#space.tellFreeBytes() });
  }

  #laneOf(partition: PartitionId): Lane {
    const lane = this.#lanes.get(partition);
    invariant(lane !== undefined, () => `partition ${partition} is not one of this log writer`);
    return lane;
  }
}

/** From the front of `waiting`, at least one; shortens it. */
function takeUpTo(waiting: SummedBatch[], bytesMax: number): { readonly batches: SummedBatch[]; readonly bytes: number } {
  let bytes = 0;
  let count = 0;
  while (count < waiting.length && bytes < bytesMax) bytes += waiting[count++]!.batch.length;
  return { batches: waiting.splice(0, count), bytes };
}
