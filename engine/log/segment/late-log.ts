/**
 * A log that begins later than with sequence 1: a copy of one whose beginning retention has removed before the copy was made.
 *
 * The mark comes first, as for any log: a process that is killed in between leaves a log that does not reach its mark, which nobody takes for whole.
 */
import type { PartitionId, Sequence, WallMs } from '../../kernel/brand.js';
import { writeBeginning } from './log-beginning.js';
import { createMark, type LogPosition } from './mark.js';
import { Segment, type SegmentOptions } from './segment.js';
import { makeDir, segmentPath } from './segment-files.js';

export interface LateLog {
  readonly partition: PartitionId;
  /** What is before its first record. */
  readonly position: LogPosition;
  /** Of its first segment. */
  readonly createdAt: WallMs;
  readonly options: SegmentOptions;
}

/** `dir` has no log. Durable when it returns. */
export function beginLate(dir: string, { partition, position, createdAt, options }: LateLog): void {
  const first = (position.seq + 1) as Sequence;
  makeDir(dir);
  createMark(dir, partition, position);
  writeBeginning(dir, first);
  const name = { first, opening: 1, path: segmentPath(dir, { first, opening: 1 }) };
  const header = { partition, first, chainBefore: position.chain, createdAt };
  Segment.create(name, { header, carried: [], options }).close();
}
