/**
 * The copy of a partition's log on this node's disk, as its replica uses it: a `LogWriter` that follows.
 *
 * The journal has what is in it, so nothing is lost when it cannot be written; but then this node can neither own nor follow the partition
 * until it can. Every way in which a disk fails comes out of here as a `CopyFault`.
 *
 * Owned by the replica thread.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PartitionId, Sequence, WallMs } from '../../kernel/brand.js';
import { copiesSetAsideMax } from '../../kernel/limits.js';
import { isDamaged, readFailureOf } from '../../log/damage.js';
import { HandleCache } from '../../log/reading/handle-cache.js';
import { beginLate } from '../../log/segment/late-log.js';
import type { LogWriter } from '../../log/log-writer.js';
import { type LogPosition, logStart } from '../../log/segment/mark.js';
import type { PartitionLog } from '../../log/segment/partition-log.js';
import { PartitionSegments } from '../../log/reading/partition-segments.js';
import { batchSpan, RecordBatchBuilder } from '../../log/record-batch.js';
import { Replay } from '../../log/reading/replay.js';
import { partitionDir, syncDir } from '../../log/segment/segment-files.js';
import type { SegmentIndex } from '../../log/index/segment-index.js';
import type { SegmentReader } from '../../log/segment/segment-reader.js';

/** This node's disk does not take or give what it should. */
export class CopyFault extends Error {
  override readonly name = 'CopyFault';
  /** What is there is not what was written. */
  readonly isDamage: boolean;

  constructor(detail: string, { isDamage }: { readonly isDamage: boolean }) {
    super(detail);
    this.isDamage = isDamage;
  }
}

export interface LocalCopyParts {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly writer: LogWriter;
  /** Other threads forget what they know of its files. */
  replaced(): void;
}

export interface StoredBatch {
  readonly batch: Uint8Array<ArrayBuffer>;
  /** When the segment that begins with it was begun; null: it is in the middle of one. */
  readonly segment: WallMs | null;
}

/** Some of the records of one sealed segment, and what is around them. */
export interface SealedRun {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly before: LogPosition;
  readonly last: LogPosition;
  /** When their segment was begun; null: they are in the middle of it. */
  readonly segment: WallMs | null;
}

/** Segments open at once while it is read. */
const readersMax = 4;
/** A run ends with the record that takes it beyond its bounds, and most are small. */
const runSlackBytes = 64 * 1024;

export class LocalCopy {
  readonly #parts: LocalCopyParts;
  #log: PartitionLog | null = null;
  /** What the log writer said about this partition last. */
  #fault: { readonly detail: string; readonly isDamage: boolean } | null = null;
  /** Where it will end when what waits is written; null: nothing waits. */
  #end: LogPosition | null = null;
  #waitingBytes = 0;

  constructor(parts: LocalCopyParts) {
    this.#parts = parts;
  }

  /** The log writer has said `failed`. */
  failed(fault: { readonly detail: string; readonly isDamage: boolean }): void {
    this.#fault = fault;
  }

  get isOpen(): boolean {
    return this.#log !== null;
  }

  /** Throws CopyFault. */
  open(): void {
    if (this.#fault === null) this.write();
    this.#fault = null;
    this.#waitingBytes = 0;
    this.#end = null;
    this.#log = this.#parts.writer.open(this.#parts.partition);
    this.#checkFault();
  }

  /** After a replay up to `after`: says `reopened`. Throws CopyFault. */
  reopen(after: Sequence): void {
    const { writer, partition } = this.#parts;
    this.#careful(() => writer.submit({ op: 'reopen', partition, after }));
  }

  close(): void {
    if (this.#log === null) return;
    this.#log = null;
    this.#waitingBytes = 0;
    this.#end = null;
    this.#parts.writer.shut(this.#parts.partition);
  }

  /** Where it ends, with what waits. */
  get last(): LogPosition {
    return this.#end ?? this.#open.last;
  }

  /** Of the batches that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Records, which follow `last`; `crcs` as in `SummedBatch`. Throws CopyFault. */
  append(batch: Uint8Array<ArrayBuffer>, crcs: readonly number[] = []): void {
    const { writer, partition } = this.#parts;
    this.#careful(() => {
      writer.submit({ op: 'append', partition, batch, crcs });
      writer.commitAll(partition);
    });
    this.#waitingBytes = 0;
    this.#end = null;
  }

  /** The same up to `seq`: they wait, and are written with those that follow them when somebody looks, or by `write`. Throws CopyFault. */
  appendLater(batch: Uint8Array<ArrayBuffer>, { seq, chain, crcs }: LogPosition & { readonly crcs: readonly number[] }): void {
    const { writer, partition } = this.#parts;
    this.#careful(() => writer.submit({ op: 'append', partition, batch, crcs }));
    this.#waitingBytes += batch.length;
    this.#end = { seq, chain };
  }

  /** What waits. Throws CopyFault. */
  write(): void {
    if (this.#end === null) return;
    const { writer, partition } = this.#parts;
    this.#waitingBytes = 0;
    this.#end = null;
    this.#careful(() => writer.commitAll(partition));
  }

  /** The next record begins a segment. Throws CopyFault. */
  seal(createdAt: WallMs): void {
    this.write();
    this.#careful(() => this.#parts.writer.seal(this.#parts.partition, createdAt));
  }

  /** First sequence of its open segment, as this thread knows it: no file is looked at. Throws CopyFault. */
  get openSegment(): Sequence {
    return this.#open.segment.name.first;
  }

  get wantsSeal(): boolean {
    return this.#parts.writer.wantsSeal(this.#parts.partition);
  }

  /** Null: there is no such record, or none any more. Throws CopyFault. */
  chainAt(seq: Sequence): number | null {
    return this.#reading((segments) => segments.chainAt(seq));
  }

  /** Before its first record. Throws CopyFault. */
  get beginning(): LogPosition {
    return this.#reading((segments) => segments.beginning);
  }

  /** What is in it behind `from`, verified; nothing may be appended meanwhile. Throws CopyFault. */
  *batchesAfter(from: LogPosition): Generator<StoredBatch, void, undefined> {
    const { segments, close } = this.#openSegments();
    try {
      const replay = new Replay(segments, { mark: logStart, from });
      for (let batch = replay.next(); batch !== null; batch = replay.next()) {
        const { first } = batchSpan(batch);
        const begun = segments.names.find((name) => name.first === first);
        yield { batch, segment: begun === undefined ? null : segments.readerOf(begun).header.createdAt };
      }
    } catch (error) {
      throw faultOf(error);
    } finally {
      close();
    }
  }

  /** First sequences of its segments, oldest first; the last one is open. Throws CopyFault. */
  get segments(): readonly Sequence[] {
    return this.#reading((segments) => segments.names.map(({ first }) => first));
  }

  /** Verified records behind `after`, `bytesMax` or a little more of them, all of one sealed segment. Null: the open one begins there. Throws CopyFault. */
  sealedRun(after: LogPosition, bytesMax: number): SealedRun | null {
    return this.#reading((segments) => {
      const sealed = segments.sealed().find(({ next }) => next > after.seq + 1);
      if (sealed === undefined) return null;
      const reader = segments.readerOf(sealed.name);
      const into = new RecordBatchBuilder(bytesMax + runSlackBytes);
      const last = reader.readBatch({ after, before: sealed.next, into, bytesMax });
      if (last.seq === after.seq) return null;
      const segment = sealed.name.first === after.seq + 1 ? reader.header.createdAt : null;
      return { body: into.take(), before: after, last, segment };
    });
  }

  /** Its files go where nobody looks for them, and are removed by nobody. Returns where. Throws CopyFault. */
  setAside(now: WallMs): string {
    const { dataDir, partition } = this.#parts;
    this.close();
    const dir = partitionDir(dataDir, partition);
    const prefix = `${String(partition).padStart(4, '0')}-`;
    const asideDir = join(dataDir, 'set-aside');
    this.#touching(() => {
      mkdirSync(asideDir, { recursive: true });
      const there = readdirSync(asideDir).filter((name) => name.startsWith(prefix)).length;
      if (there >= copiesSetAsideMax) {
        const detail = `the copy of partition ${partition} is of no use, and ${there} of it are in ${asideDir} already: look at the disk, then remove them`;
        throw new CopyFault(detail, { isDamage: false });
      }
    });
    const aside = this.#touching(() => {
      const path = freePath(join(asideDir, `${prefix}${Math.floor(now)}`));
      renameSync(dir, path);
      syncDir(asideDir);
      syncDir(dirname(dir));
      return path;
    });
    this.#parts.replaced();
    return aside;
  }

  /** Made anew, to begin behind `position`. Returns where the records that it had are now; null: it had none. Throws CopyFault. */
  beginAt(position: LogPosition, { createdAt, now }: { readonly createdAt: WallMs; readonly now: WallMs }): string | null {
    const { dataDir, partition } = this.#parts;
    const dir = partitionDir(dataDir, partition);
    const aside = this.last.seq > 0 ? this.setAside(now) : null;
    if (aside === null) {
      this.close();
      this.#touching(() => rmSync(dir, { recursive: true, force: true }));
      this.#parts.replaced();
    }
    this.#touching(() => beginLate(dir, { partition, position, createdAt, options: { durability: 'os', pagesMax: null } }));
    this.open();
    return aside;
  }

  get #open(): PartitionLog {
    if (this.#log === null) throw new CopyFault(`the log of partition ${this.#parts.partition} is not open`, { isDamage: false });
    return this.#log;
  }

  #careful(work: () => void): void {
    this.#checkFault();
    work();
    this.#checkFault();
  }

  /** It stays until the log is opened anew, since the log writer drops what comes until then. */
  #checkFault(): void {
    if (this.#fault !== null) throw new CopyFault(this.#fault.detail, this.#fault);
  }

  #touching<Answer>(work: () => Answer): Answer {
    try {
      return work();
    } catch (error) {
      throw error instanceof CopyFault ? error : faultOf(error);
    }
  }

  #reading<Answer>(read: (segments: PartitionSegments) => Answer): Answer {
    const { segments, close } = this.#openSegments();
    try {
      return read(segments);
    } catch (error) {
      throw faultOf(error);
    } finally {
      close();
    }
  }

  #openSegments(): { readonly segments: PartitionSegments; close(): void } {
    this.write();
    const { dataDir, partition } = this.#parts;
    const readers = new HandleCache<SegmentReader>(readersMax);
    const indexes = new HandleCache<SegmentIndex>(1);
    const close = () => {
      readers.close();
      indexes.close();
    };
    try {
      return { segments: new PartitionSegments({ dataDir, partition, readers, indexes }), close };
    } catch (error) {
      throw faultOf(error);
    }
  }
}

/** Two within a millisecond. */
function freePath(path: string): string {
  let free = path;
  for (let count = 2; existsSync(free); count++) free = `${path}-${count}`;
  return free;
}

/** Rethrows what is no fault of a disk. */
function faultOf(error: unknown): CopyFault {
  return new CopyFault(readFailureOf(error, 'broken').detail, { isDamage: isDamaged(error) });
}
