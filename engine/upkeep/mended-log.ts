/**
 * The log of a partition written again without what is lost and what is set aside.
 *
 * Every sequence stays what it was: in the place of a record that goes stands one about nothing. The chain is continued over
 * what is there now, so everything behind the first change is written again; segments before it are linked.
 *
 *     before    1 2 3 | 4 X 6 | 7 8        X: lost
 *     after     1 2 3 | 4 0 6 | 7 8        the first segment is the same file, the others are new ones
 */
import { linkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { noEvent, type StoredRecord, voidKind } from '../event/record.js';
import { noSequence, type PartitionId, type Sequence, type WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { DamageError } from '../log/damage.js';
import { becomeOneFile } from '../log/index-task.js';
import { readBeginning, writeBeginning } from '../log/segment/log-beginning.js';
import { createMark, type LogPosition, logStart, Mark } from '../log/segment/mark.js';
import { RecordBatchBuilder } from '../log/record-batch.js';
import { Segment } from '../log/segment/segment.js';
import {
  listIndexes,
  listSegments,
  listSnapshots,
  makeDir,
  type SegmentName,
  segmentPath,
  syncDir,
  syncFile,
} from '../log/segment/segment-files.js';
import { SegmentReader } from '../log/segment/segment-reader.js';
import { surveySegment } from '../log/segment/segment-survey.js';
import { storageFaultOf } from '../log/sqlite.js';
import { isOneFile } from './partition-copy.js';

export interface MendedLogParts {
  readonly partition: PartitionId;
  /** The partition's folder, and the one to write. */
  readonly from: string;
  readonly to: string;
  /** Places that become empty. */
  readonly voids: ReadonlySet<number>;
  /** The first record or header that changes; the segments before its own stay. */
  readonly firstChanged: number;
  /** Damaged indexes and snapshots: they are made again. */
  readonly without: ReadonlySet<string>;
  /** Where the log must reach. */
  readonly last: Sequence;
  readonly now: WallMs;
}

/** Durable when it returns. */
export function writeMendedLog(parts: MendedLogParts): void {
  const { partition, from, to, firstChanged } = parts;
  const beginning = beginningOf(from);
  const names = listSegments(from).filter(({ first }) => first >= beginning);
  makeDir(to);
  let end: LogPosition = startOf(names[0]!);
  for (const [place, name] of names.entries()) {
    const next = names[place + 1]?.first ?? null;
    const stays = next !== null && next <= firstChanged && isOneFile(name.path);
    if (stays) linkSync(name.path, segmentPath(to, name));
    end = stays
      ? endOf(name, next)
      : rewrite(name, { parts, chainBefore: end.chain, last: next === null ? parts.last : next - 1 });
  }
  // An index says where an event finished, and a place that became empty may be among them.
  for (const index of listIndexes(from)) {
    const next = names.find(({ first }) => first > index.first)?.first ?? Number.MAX_SAFE_INTEGER;
    const hasVoid = [...parts.voids].some((seq) => seq >= index.first && seq < next);
    if (!hasVoid && !parts.without.has(index.path)) linkSync(index.path, join(to, basename(index.path)));
  }
  for (const snapshot of listSnapshots(from)) {
    if (snapshot.seq < firstChanged && !parts.without.has(snapshot.path))
      linkSync(snapshot.path, join(to, basename(snapshot.path)));
  }
  if (names[0]!.first > 1) writeBeginning(to, names[0]!.first);
  createMark(to, partition);
  const mark = new Mark(to, partition);
  mark.advance(end);
  mark.sync();
  mark.close();
  syncDir(to);
}

function rewrite(
  name: SegmentName,
  { parts, chainBefore, last }: { readonly parts: MendedLogParts; readonly chainBefore: number; readonly last: number },
): LogPosition {
  const { partition, voids, now } = parts;
  const path = segmentPath(parts.to, name);
  const reader = openIfReadable(name, partition);
  try {
    const header = { partition, first: name.first, chainBefore, createdAt: reader?.header.createdAt ?? now };
    const segment = Segment.create({ ...name, path }, { header, carried: [], options: { durability: 'os', pagesMax: null } });
    try {
      const writer = new RowWriter(segment, voids);
      if (reader !== null) {
        const after = { seq: (name.first - 1) as Sequence, chain: reader.header.chainBefore };
        const before = (last + 1) as Sequence;
        surveySegment({
          reader,
          after,
          before,
          chainBehind: null,
          record: (record) => writer.put(record),
          fault: () => undefined,
        });
      }
      writer.fillUpTo(last);
      writer.flush();
    } finally {
      segment.close();
    }
    becomeOneFile({ path });
    syncFile(path);
    return segment.last;
  } finally {
    reader?.close();
  }
}

const batchBytes = 1024 * 1024;
const emptyBody = new Uint8Array(0);

/** Rows in order, with a record about nothing wherever none is put. */
class RowWriter {
  readonly #segment: Segment;
  readonly #voids: ReadonlySet<number>;
  readonly #builder = new RecordBatchBuilder();
  #next: number;

  constructor(segment: Segment, voids: ReadonlySet<number>) {
    this.#segment = segment;
    this.#voids = voids;
    this.#next = segment.header.first;
  }

  put(record: StoredRecord): void {
    this.fillUpTo(record.seq - 1);
    if (!this.#voids.has(record.seq)) this.#add(record);
  }

  fillUpTo(last: number): void {
    while (this.#next <= last) {
      const seq = this.#next as Sequence;
      const { partition } = this.#segment.header;
      invariant(this.#voids.has(seq), () => `partition ${partition}: sequence ${seq} is neither there nor known to be lost`);
      this.#add({ seq, kind: voidKind, event: noEvent, prev: noSequence, at: 0 as WallMs, body: emptyBody });
    }
  }

  flush(): void {
    if (this.#builder.count > 0) this.#segment.append([{ batch: this.#builder.take() }]);
  }

  #add(record: StoredRecord): void {
    this.#builder.append(record);
    this.#next = record.seq + 1;
    if (this.#builder.bytes >= batchBytes) this.flush();
  }
}

/** Null: nothing in it can be read, and all of its records are lost. */
function openIfReadable(name: SegmentName, partition: PartitionId): SegmentReader | null {
  try {
    const reader = new SegmentReader(name);
    if (reader.header.partition === partition) return reader;
    reader.close();
    return null;
  } catch (error) {
    if (!(error instanceof DamageError) && storageFaultOf(error) !== 'damaged') throw error;
    return null;
  }
}

/** Where retention has left it; every segment counts when nobody can say, which has been given up then. */
function beginningOf(dir: string): number {
  try {
    return readBeginning(dir);
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    return 1;
  }
}

/** What stood before the oldest segment; retention may have removed it. */
function startOf(name: SegmentName): LogPosition {
  if (name.first === logStart.seq + 1) return logStart;
  const reader = new SegmentReader(name);
  try {
    return { seq: (name.first - 1) as Sequence, chain: reader.header.chainBefore };
  } finally {
    reader.close();
  }
}

function endOf(name: SegmentName, next: Sequence): LogPosition {
  const reader = new SegmentReader(name);
  try {
    return reader.lastBefore(next);
  } finally {
    reader.close();
  }
}
