/**
 * Where the files of a partition are and what they are called.
 *
 *     <data>/partitions/0003/mark                                the high-water mark (mark.ts)
 *     <data>/partitions/0003/0000000000000001.log                a segment, named for its first sequence
 *     <data>/partitions/0003/0000000000000001-9f3a12bc.index     the index of a sealed one, named for its checksum too
 *     <data>/partitions/0003/0000000000048210.snapshot           memory at this sequence (snapshot-file.ts)
 *     <data>/partitions/0003/0000000000052077.log                the open segment: the last
 *     <data>/partitions/0003/0000000000052077-2.log              the same, opened again: the first one failed while empty
 *
 * A name is used once. SQLite removes a -wal file by its name, so a second segment under the name of a failed one could
 * lose its own to a connection that still has the old one open; hence the `-2`, which replaces the one without.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PartitionId, Sequence } from '../../kernel/brand.js';

export interface SegmentName {
  readonly first: Sequence;
  /** From 1: how often a segment was opened here. */
  readonly opening: number;
  readonly path: string;
}

/** 2^53 has 16 digits. */
const digits = 16;
const logName = /^(\d{16})(?:-(\d+))?\.log$/;
const indexName = /^(\d{16})-([0-9a-f]{8})\.index$/;
const snapshotName = /^(\d{16})\.snapshot$/;

export function partitionDir(dataDir: string, partition: PartitionId): string {
  return join(dataDir, 'partitions', String(partition).padStart(4, '0'));
}

export function segmentPath(dir: string, { first, opening }: { readonly first: Sequence; readonly opening: number }): string {
  return join(dir, `${pad(first)}${opening === 1 ? '' : `-${opening}`}.log`);
}

export function indexPath(dir: string, { first, crc }: { readonly first: Sequence; readonly crc: number }): string {
  return join(dir, `${pad(first)}-${crc.toString(16).padStart(8, '0')}.index`);
}

/** The segments that count, oldest first. Those that were replaced by a later opening are left out. */
export function listSegments(dir: string): SegmentName[] {
  const newest = new Map<number, SegmentName>();
  for (const name of entriesOf(dir)) {
    const match = logName.exec(name);
    if (match === null) continue;
    const first = Number(match[1]) as Sequence;
    const opening = match[2] === undefined ? 1 : Number(match[2]);
    const known = newest.get(first);
    if (known === undefined || known.opening < opening) newest.set(first, { first, opening, path: join(dir, name) });
  }
  return [...newest.values()].sort((one, other) => one.first - other.first);
}

export interface IndexName {
  readonly first: Sequence;
  readonly crc: number;
  readonly path: string;
}

export function listIndexes(dir: string): IndexName[] {
  return entriesOf(dir).flatMap((name) => {
    const match = indexName.exec(name);
    return match === null
      ? []
      : [{ first: Number(match[1]) as Sequence, crc: Number.parseInt(match[2]!, 16), path: join(dir, name) }];
  });
}

export interface SnapshotName {
  /** The newest record in it. */
  readonly seq: Sequence;
  readonly path: string;
}

export function snapshotPath(dir: string, seq: Sequence): string {
  return join(dir, `${pad(seq)}.snapshot`);
}

/** Newest first. */
export function listSnapshots(dir: string): SnapshotName[] {
  return entriesOf(dir)
    .flatMap((name) => {
      const match = snapshotName.exec(name);
      return match === null ? [] : [{ seq: Number(match[1]) as Sequence, path: join(dir, name) }];
    })
    .sort((one, other) => other.seq - one.seq);
}

/** A new name, or the end of an old one, is on disk only when its directory is. */
export function syncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Make `dir` and its parents, each durable in the one above. Node's own way of making parents never returns where a system says ENOENT below a
 * folder that is there, as below /proc.
 */
export function makeDir(dir: string): void {
  if (isDir(dir)) return;
  const above = dirname(dir);
  if (!existsSync(above)) makeDir(above);
  try {
    mkdirSync(dir);
  } catch (error) {
    // Another thread may make the same: a host makes the folder of its partitions, and so does the next host.
    if (isDir(dir)) return;
    throw error;
  }
  syncDir(above);
}

function isDir(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function pad(seq: Sequence): string {
  return String(seq).padStart(digits, '0');
}
