/**
 * `escapement verify`: is everything in a data directory what was written? A start checks what it reads; this reads all of it.
 *
 * Changes nothing, and goes on behind damage, so that one look tells all.
 */
import { existsSync } from 'node:fs';
import type { PartitionId } from '../kernel/brand.js';
import { SystemClock } from '../kernel/clock.js';
import { openStoppedDir } from '../log/data-dir.js';
import { DamageError } from '../log/damage.js';
import { hasMark, readMark } from '../log/segment/mark.js';
import { listSegments, partitionDir } from '../log/segment/segment-files.js';
import { heldPartitions, whatItHolds } from './held-partitions.js';
import { type LostRecord, lostRecordsOf } from './lost-events.js';
import { type Fault, type PartitionSurvey, segmentBytesOf, surveyPartition } from './partition-survey.js';
import { Progress, type Say } from './progress.js';

export interface PartitionVerdict extends PartitionSurvey {
  /** One by one. Null: too many to be told one by one. */
  readonly lost: readonly LostRecord[] | null;
}

export interface VerifyRequest {
  readonly dataDir: string;
  readonly say: Say;
  /** Told of each partition when it is done. */
  readonly verdict: (verdict: PartitionVerdict) => void;
}

/** Throws StartError when the directory cannot be looked at. Returns whether everything is whole. */
export function verifyDataDir({ dataDir, say, verdict }: VerifyRequest): boolean {
  const dir = openStoppedDir(dataDir);
  try {
    const partitions = heldPartitions(dataDir, dir);
    const explanation = whatItHolds(dir, partitions);
    if (explanation !== null) say(explanation);
    const totalBytes = partitions.reduce((sum, partition) => sum + segmentBytesOf(dataDir, partition), 0);
    const progress = new Progress({ what: 'verified', totalBytes, say, clock: new SystemClock() });
    let isWhole = true;
    for (const partition of partitions) {
      const survey = surveyAmong({ dataDir, partition, partitions, progress });
      const judged = { ...survey, lost: lostRecordsOf({ dataDir, survey }) };
      if (judged.faults.length > 0) isWhole = false;
      verdict(judged);
    }
    return isWhole;
  } finally {
    dir.close();
  }
}

/** One partition, and whether it is missing where others are there. */
export function surveyAmong({
  dataDir,
  partition,
  partitions,
  progress,
}: {
  readonly dataDir: string;
  readonly partition: PartitionId;
  readonly partitions: readonly PartitionId[];
  readonly progress: Progress;
}): PartitionSurvey {
  const survey = surveyPartition({ dataDir, partition, segmentDone: (bytes) => progress.add(bytes) });
  if (!isGone(dataDir, partition, partitions)) return survey;
  const file = partitionDir(dataDir, partition);
  const gone: Fault = { partition, file, sequences: null, event: null, kind: 'mark', detail: 'its directory is missing' };
  return { ...survey, faults: [gone] };
}

/** A partition's directory is made at the first start. Where others have records, one that is not there was removed. */
function isGone(dataDir: string, partition: PartitionId, others: readonly PartitionId[]): boolean {
  return !existsSync(partitionDir(dataDir, partition)) && others.some((other) => hasRecords(dataDir, other));
}

function hasRecords(dataDir: string, partition: PartitionId): boolean {
  const dir = partitionDir(dataDir, partition);
  return hasMark(dir) && listSegments(dir).length > 0 && readMarkIfSound(dir, partition) !== 0;
}

/** One that cannot be read does not say 0. */
function readMarkIfSound(dir: string, partition: PartitionId): number | null {
  try {
    return readMark(dir, partition).seq;
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    return null;
  }
}
