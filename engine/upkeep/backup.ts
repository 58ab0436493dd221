/**
 * `escapement backup`: a copy of a data directory, also of one that is in use, in which everything is that was acknowledged before
 * it began.
 *
 * It reads the files and asks nobody (docs/decisions/a-backup-reads-the-files-of-a-running-engine.md). That works because a log
 * is only ever appended to:
 *
 * - a sealed segment never changes, so its file is copied or linked, or, while its -wal file is not folded in yet, read like
 *   the open one;
 * - of the open one the records up to the newest that can be read are copied, a mebibyte at a time and each verified, so that
 *   no read transaction holds up a checkpoint; an answer leaves after the commit, so what was acknowledged can be read;
 * - the mark is written for what was copied.
 *
 * Segments go oldest first and the open one last: what retention removes meanwhile it has carried forward into a newer one.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { SystemClock } from '../kernel/clock.js';
import { StartError } from '../kernel/errors.js';
import { version } from '../kernel/version.js';
import { readFormat } from '../log/data-dir.js';
import { sumOfFile } from '../log/file-sum.js';
import { makeDir, syncDir } from '../log/segment/segment-files.js';
import { type BackedUpFile, writeManifest } from './backup-manifest.js';
import { heldPartitions, whatItHolds } from './held-partitions.js';
import { copyFile, PartitionCopy } from './partition-copy.js';
import { type PartitionSurvey, segmentBytesOf, surveyPartition } from './partition-survey.js';
import { Progress, type Say } from './progress.js';

export interface BackupRequest {
  readonly dataDir: string;
  /** New, or empty. */
  readonly to: string;
  /** Sealed segments become second names of the same files, where that is possible. */
  readonly link: boolean;
  readonly say: Say;
}

export interface BackupResult {
  readonly bytes: number;
  readonly positions: readonly number[];
  /** Of the copy, looked through afterwards. */
  readonly damaged: readonly PartitionSurvey[];
}

/** Throws StartError when it cannot begin, DamageError when what it copies is not what was written. */
export function backupDataDir({ dataDir, to, link, say }: BackupRequest): BackupResult {
  const begunAt = new Date().toISOString();
  const identity = readFormat(dataDir);
  makeEmptyDir(to, dataDir);
  const { partitions, cluster } = identity;
  const held = heldPartitions(dataDir, identity);
  const explanation = whatItHolds(identity, held);
  if (explanation !== null) say(explanation);
  const clock = new SystemClock();
  const progressOf = (what: string, from: string): Progress =>
    new Progress({ what, totalBytes: held.reduce((sum, partition) => sum + segmentBytesOf(from, partition), 0), say, clock });

  const copying = progressOf('copied', dataDir);
  const positions = held.map((partition) => new PartitionCopy({ dataDir, to, partition, link, progress: copying }).run());
  if (existsSync(`${dataDir}/webhook-secret`)) copyFile(`${dataDir}/webhook-secret`, `${to}/webhook-secret`);

  const verifying = progressOf('verified', to);
  const surveys = held.map((partition) =>
    surveyPartition({ dataDir: to, partition, segmentDone: (bytes) => verifying.add(bytes) }),
  );
  const files = filesOf(to);
  const copied = cluster === null ? {} : { copied: { cluster, partitions: held } };
  writeManifest(to, { begunAt, version, partitions, positions, ...copied, files });
  syncDir(to);
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    positions,
    damaged: surveys.filter(({ faults }) => faults.length > 0),
  };
}

/** For the owner alone: a backup is as confidential as what it is of. */
function makeEmptyDir(to: string, dataDir: string): void {
  if ((resolve(to) + sep).startsWith(resolve(dataDir) + sep)) {
    throw new StartError(`${to} lies in the data directory itself: choose another folder`);
  }
  if (existsSync(to)) {
    if (!statSync(to).isDirectory() || readdirSync(to).length > 0)
      throw new StartError(`${to} is not empty: choose a new folder`);
    return;
  }
  makeDir(resolve(to, '..'));
  mkdirSync(to, { mode: 0o700 });
}

function filesOf(dir: string): BackedUpFile[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => resolve(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(dir, path).split(sep).join('/'), ...sumOfFile(path) }));
}
