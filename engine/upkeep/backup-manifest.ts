/**
 * What is in a backup: `backup.json`, written last, so that a folder without one is a backup that was cut short.
 *
 *     <backup>/backup.json          this
 *     <backup>/webhook-secret       as in the data directory
 *     <backup>/partitions/...       as in the data directory
 *
 * There is no `format.json`: a backup is no data directory, and `serve` refuses to work in one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartitionId } from '../kernel/brand.js';
import { StartError } from '../kernel/errors.js';
import { crcOf } from '../log/checksum.js';
import { writeWhole } from '../log/data-dir.js';
import { storageFaultOf } from '../log/sqlite.js';

const formatVersion = 1;
const fileName = 'backup.json';

export interface BackedUpFile {
  /** From the folder of the backup, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly crc: number;
}

export interface BackupManifest {
  /** When it began: everything that was acknowledged before is in it. */
  readonly begunAt: string;
  readonly version: string;
  readonly partitions: number;
  /** Newest sequence of each partition that is in it. */
  readonly positions: readonly number[];
  /** Of a node of a cluster: of which, and what it held of it. Not there: of a node alone, with all partitions. */
  readonly copied?: { readonly cluster: string; readonly partitions: readonly PartitionId[] };
  readonly files: readonly BackedUpFile[];
}

export function writeManifest(dir: string, manifest: BackupManifest): void {
  const content = JSON.stringify({ format: formatVersion, ...manifest });
  writeWhole(join(dir, fileName), { text: `{"crc":${crcOf(Buffer.from(content))},"content":${content}}\n` });
}

/** Throws StartError when there is none, or it is not what was written. */
export function readManifest(dir: string): BackupManifest {
  const text = readText(join(dir, fileName), dir);
  const match = /^\{"crc":(\d+),"content":(.*)\}\n$/s.exec(text);
  if (match === null || Number(match[1]) !== crcOf(Buffer.from(match[2]!))) {
    throw new StartError(`the backup ${dir} is damaged: its ${fileName} is not what was written`);
  }
  const { format, ...manifest } = JSON.parse(match[2]!) as BackupManifest & { readonly format: unknown };
  if (format !== formatVersion) {
    throw new StartError(
      `the backup ${dir} has format ${String(format)}, this version reads ${formatVersion}: use the version that made it`,
    );
  }
  return manifest;
}

function readText(path: string, dir: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (storageFaultOf(error) === null) throw error;
    throw new StartError(`${dir} is no backup, or one that was cut short: it has no readable ${fileName}`);
  }
}
