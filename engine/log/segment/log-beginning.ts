/**
 * Where the log of a partition begins, since retention has removed what was before.
 *
 *     <data>/partitions/0003/beginning        "52077 9f3a12bc": first sequence, checksum of it
 *
 * Written before a file is removed, so that a crash between the two leaves files that nobody looks at, and never a log with
 * something missing that looks whole: a log whose first segment opens elsewhere than it says here has lost one. Without this
 * file a log begins with sequence 1. It appears whole or not at all; one that cannot be read is damage, and stops the partition.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Sequence } from '../../kernel/brand.js';
import { crcOf } from '../checksum.js';
import { DamageError } from '../damage.js';
import { syncDir } from './segment-files.js';

export function beginningPath(dir: string): string {
  return join(dir, 'beginning');
}

/** The first sequence that is kept. Throws DamageError. */
export function readBeginning(dir: string): Sequence {
  const path = beginningPath(dir);
  const text = readIfThere(path);
  if (text === null) return 1 as Sequence;
  const [, first, sum] = /^(\d{1,16}) ([0-9a-f]{8})\n$/.exec(text) ?? [];
  if (first === undefined || sumOf(first) !== sum) throw new DamageError('broken', `${path} is not what was written`);
  return Number(first) as Sequence;
}

/** Looks at the segment that begins with `first`, on whatever thread. That retention removes it meanwhile is no fault. */
export function unlessRemoved(dir: string, first: Sequence, look: () => void): void {
  try {
    look();
  } catch (error) {
    if (first >= readBeginning(dir)) throw error;
  }
}

/** Durable when it returns. */
export function writeBeginning(dir: string, first: Sequence): void {
  const path = beginningPath(dir);
  const fd = openSync(`${path}.new`, 'w');
  try {
    writeSync(fd, `${first} ${sumOf(String(first))}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDir(dir);
}

function sumOf(first: string): string {
  return crcOf(Buffer.from(first)).toString(16).padStart(8, '0');
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
