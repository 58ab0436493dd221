/**
 * The copy of one partition's log while it may go on growing. `backup.ts` says why that is a whole log.
 *
 * A segment whose successor is there is sealed. When retention removes one before its turn has come, the copy begins anew
 * with the oldest that is left.
 */
import { closeSync, constants, copyFileSync, existsSync, linkSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { DamageError } from '../log/damage.js';
import { becomeOneFile } from '../log/index-task.js';
import { readBeginning, writeBeginning } from '../log/segment/log-beginning.js';
import { createMark, hasMark, type LogPosition, logStart, Mark } from '../log/segment/mark.js';
import { RecordBatchBuilder } from '../log/record-batch.js';
import { Segment } from '../log/segment/segment.js';
import {
  listIndexes,
  listSegments,
  listSnapshots,
  makeDir,
  partitionDir,
  type SegmentName,
  segmentPath,
  syncDir,
  syncFile,
} from '../log/segment/segment-files.js';
import { SegmentReader } from '../log/segment/segment-reader.js';
import type { Progress } from './progress.js';

export interface PartitionCopyParts {
  readonly dataDir: string;
  readonly to: string;
  readonly partition: PartitionId;
  readonly link: boolean;
  readonly progress: Progress;
}

/** The copy's own -wal file is folded in each time so much has been written. */
const checkpointBytes = 32 * 1024 * 1024;

export class PartitionCopy {
  readonly #parts: PartitionCopyParts;
  readonly #from: string;
  readonly #to: string;
  #copied: SegmentName[] = [];

  constructor(parts: PartitionCopyParts) {
    this.#parts = parts;
    this.#from = partitionDir(parts.dataDir, parts.partition);
    this.#to = partitionDir(parts.to, parts.partition);
  }

  /** Returns the newest sequence in the copy. */
  run(): Sequence {
    if (!hasMark(this.#from)) return logStart.seq;
    makeDir(this.#to);
    const end = this.#segments();
    this.#indexes();
    this.#snapshot(end.seq);
    const first = this.#copied[0]?.first ?? 1;
    if (first > 1) writeBeginning(this.#to, first as Sequence);
    createMark(this.#to, this.#parts.partition);
    const mark = new Mark(this.#to, this.#parts.partition);
    mark.advance(end);
    mark.sync();
    mark.close();
    syncDir(this.#to);
    return end.seq;
  }

  #segments(): LogPosition {
    for (;;) {
      const beginning = readBeginning(this.#from);
      const names = listSegments(this.#from).filter(({ first }) => first >= beginning);
      if (names.length === 0) return logStart;
      const { name, next } = this.#nextOf(names);
      try {
        const end = next === null ? this.#copyRecords(name, null) : this.#copySealed(name, next);
        this.#copied.push(name);
        this.#parts.progress.add(statSync(this.#pathOf(name)).size);
        if (next === null) return end;
      } catch (error) {
        // Retention has removed it: its turn was now, so the list is not what it was.
        if (existsSync(name.path)) throw error;
      }
    }
  }

  /** Behind what is copied; from the beginning when there is a hole by now. */
  #nextOf(names: readonly SegmentName[]): { readonly name: SegmentName; readonly next: Sequence | null } {
    const isThere = (copied: SegmentName): boolean => names.some(({ path }) => path === copied.path);
    if (!this.#copied.every(isThere)) this.#beginAnew();
    const place = this.#copied.length;
    return { name: names[place]!, next: names[place + 1]?.first ?? null };
  }

  #beginAnew(): void {
    for (const name of this.#copied) rmSync(this.#pathOf(name));
    this.#copied = [];
  }

  #copySealed(name: SegmentName, next: Sequence): LogPosition {
    if (!isOneFile(name.path)) return this.#copyRecords(name, next);
    const path = this.#pathOf(name);
    if (!this.#parts.link || !linked(name.path, path)) copyFile(name.path, path);
    // Whether it is whole is seen when the copy is looked through.
    return { seq: (next - 1) as Sequence, chain: 0 };
  }

  /** Each verified; throws DamageError at the first that is not what was written. */
  #copyRecords(name: SegmentName, next: Sequence | null): LogPosition {
    const reader = new SegmentReader(name);
    try {
      const { header } = reader;
      const last = next === null ? reader.lastBefore(Number.MAX_SAFE_INTEGER).seq : next - 1;
      const path = this.#pathOf(name);
      const options = { durability: 'os', pagesMax: null } as const;
      const segment = Segment.create({ ...name, path }, { header, carried: [], options });
      try {
        appendAll({ reader, segment, last });
      } finally {
        segment.close();
      }
      becomeOneFile({ path });
      syncFile(path);
      return segment.last;
    } finally {
      reader.close();
    }
  }

  /** For speed only: one that is missing is built again. */
  #indexes(): void {
    for (const index of listIndexes(this.#from)) {
      if (!this.#copied.some(({ first }) => first === index.first)) continue;
      try {
        copyFile(index.path, join(this.#to, basename(index.path)));
      } catch (error) {
        if (existsSync(index.path)) throw error;
      }
    }
  }

  /** For speed only, too: the newest that is of what was copied. */
  #snapshot(last: Sequence): void {
    const newest = listSnapshots(this.#from).find(({ seq }) => seq <= last);
    if (newest === undefined) return;
    try {
      copyFile(newest.path, join(this.#to, basename(newest.path)));
    } catch (error) {
      if (existsSync(newest.path)) throw error;
    }
  }

  /** The copy of an opening after a failure is the only one there is, but keeps its name. */
  #pathOf(name: SegmentName): string {
    return segmentPath(this.#to, name);
  }
}

function appendAll({ reader, segment, last }: { reader: SegmentReader; segment: Segment; last: number }): void {
  const builder = new RecordBatchBuilder();
  let unfoldedBytes = 0;
  while (segment.last.seq < last) {
    const { seq } = reader.readBatch({ after: segment.last, before: last + 1, into: builder });
    if (seq === segment.last.seq) {
      throw new DamageError('broken', `${reader.name.path} ends at sequence ${seq}, expected ${last}`);
    }
    const batch = builder.take();
    segment.append([{ batch }]);
    unfoldedBytes += batch.length;
    if (unfoldedBytes < checkpointBytes) continue;
    segment.checkpoint('restart');
    unfoldedBytes = 0;
  }
}

/** A database whose journal is not a -wal file: byte 18 and 19 of its header say so. Only for files that nobody writes. */
export function isOneFile(path: string): boolean {
  const versions = new Uint8Array(2);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, versions, 0, versions.length, 18);
  } finally {
    closeSync(fd);
  }
  return versions[0] === 1 && versions[1] === 1 && !existsSync(`${path}-wal`);
}

/** As a reference to the same blocks where the file system can do that. */
export function copyFile(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  syncFile(to);
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    // Another file system, or one without links.
    if (!(error instanceof Error && 'code' in error) || !['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(String(error.code)))
      throw error;
    return false;
  }
}
