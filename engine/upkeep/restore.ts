/**
 * `escapement restore`: a data directory from a backup.
 *
 * Every file is checked before anything is touched, and the whole is looked through like `verify` does before it becomes a data
 * directory: `format.json` is written last, and what was cut short before that is refused by `serve` and by a second restore.
 *
 * The new directory is not the old one. It gets a name of its own (`node-id`), another mark for its cursors (`stream-id`), and `restored.json` says where it is from. What the
 * old one has done since the backup, this one does not know: it delivers those events again, under the same ids.
 *
 * A backup of a node of a cluster becomes a directory of that cluster again. No event goes back in time by it: what it holds are copies, and
 * the node that starts on it compares them with their journals and goes on from there.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SystemClock } from '../kernel/clock.js';
import { StartError } from '../kernel/errors.js';
import { type DirIdentity, restoreUnfinished, writeFormat, writeWhole } from '../log/data-dir.js';
import { sumOfFile } from '../log/file-sum.js';
import { makeDir, syncDir } from '../log/segment/segment-files.js';
import { storageFaultOf } from '../log/sqlite.js';
import { type BackedUpFile, type BackupManifest, readManifest } from './backup-manifest.js';
import { heldPartitions } from './held-partitions.js';
import { copyFile } from './partition-copy.js';
import { type PartitionSurvey, surveyPartition } from './partition-survey.js';
import { Progress, type Say } from './progress.js';

export interface RestoreRequest {
  readonly from: string;
  /** New, or empty. */
  readonly dataDir: string;
  /** Restore what can be read of it, for `repair` to mend. */
  readonly evenIfDamaged: boolean;
  readonly say: Say;
}

export interface RestoreResult {
  readonly manifest: BackupManifest;
  /** Files of the backup that are not what was written. If there are any and this was not asked for, nothing was restored. */
  readonly damagedFiles: readonly string[];
  /** Of the restored directory. */
  readonly damaged: readonly PartitionSurvey[];
  readonly isRestored: boolean;
}

/** A fresh mount of ext4 is empty all the same. */
const notCounted = ['lost+found'];

/** Throws StartError when it cannot begin. */
export function restoreBackup({ from, dataDir, evenIfDamaged, say }: RestoreRequest): RestoreResult {
  const manifest = readManifest(from);
  const present = existsSync(dataDir) ? readdirSync(dataDir).filter((name) => !notCounted.includes(name)) : [];
  if (present.length > 0) {
    throw new StartError(
      `${dataDir} is not empty (it holds ${present[0]!}): a backup is restored into a new data directory only`,
    );
  }
  const totalBytes = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const progressOf = (what: string): Progress => new Progress({ what, totalBytes, say, clock: new SystemClock() });

  const checking = progressOf('checked');
  const damagedFiles = manifest.files.filter((file) => !isAsWritten(from, file, checking)).map(({ path }) => path);
  if (damagedFiles.length > 0 && !evenIfDamaged) return { manifest, damagedFiles, damaged: [], isRestored: false };

  makeDir(dirname(dataDir));
  if (!existsSync(dataDir)) mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, restoreUnfinished), '');
  copyAll({ from, dataDir, manifest, progress: progressOf('copied') });
  const verifying = progressOf('verified');
  const identity: DirIdentity = { partitions: manifest.partitions, cluster: manifest.copied?.cluster ?? null };
  const damaged = heldPartitions(dataDir, identity)
    .map((partition) => surveyPartition({ dataDir, partition, segmentDone: (bytes) => verifying.add(bytes) }))
    .filter(({ faults }) => faults.length > 0);
  if (damaged.length > 0 && !evenIfDamaged) {
    for (const name of readdirSync(dataDir)) {
      if (!notCounted.includes(name)) rmSync(join(dataDir, name), { recursive: true });
    }
    return { manifest, damagedFiles, damaged, isRestored: false };
  }
  const { begunAt, positions } = manifest;
  const restored = { restored_at: new Date().toISOString(), backup_of: begunAt, positions, even_if_damaged: evenIfDamaged };
  writeWhole(join(dataDir, 'restored.json'), { text: `${JSON.stringify(restored)}\n` });
  writeFormat(dataDir, identity);
  rmSync(join(dataDir, restoreUnfinished));
  syncDir(dataDir);
  return { manifest, damagedFiles, damaged, isRestored: true };
}

function isAsWritten(from: string, { path, bytes, crc }: BackedUpFile, progress: Progress): boolean {
  try {
    const found = sumOfFile(join(from, path));
    progress.add(found.bytes);
    return found.bytes === bytes && found.crc === crc;
  } catch (error) {
    if (storageFaultOf(error) === null) throw error;
    return false;
  }
}

function copyAll({
  from,
  dataDir,
  manifest,
  progress,
}: {
  readonly from: string;
  readonly dataDir: string;
  readonly manifest: BackupManifest;
  readonly progress: Progress;
}): void {
  for (const { path, bytes } of manifest.files) {
    const source = join(from, path);
    // One that is missing is among the damaged ones.
    if (!existsSync(source)) continue;
    const target = join(dataDir, path);
    makeDir(dirname(target));
    copyFile(source, target);
    progress.add(bytes);
  }
  for (const dir of new Set(manifest.files.map(({ path }) => dirname(join(dataDir, path))))) if (existsSync(dir)) syncDir(dir);
}
