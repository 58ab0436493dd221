/**
 * High-water mark: how far a partition's log is known to reach, kept outside of the log.
 *
 * SQLite cannot say that something is missing. A flipped bit in the middle of its WAL makes it drop that commit and every
 * later one, silently: the log is then a shorter log, in perfect order. So the sequence and chain value of the newest
 * durable record stand in a file of their own, and a log that does not reach them stops its partition.
 *
 * The mark never runs ahead of the log: it is written after the fsync of the commit. It may stay behind (it is synced
 * about once a second only), which merely guards a little less after a power cut; a kill loses nothing that was written.
 *
 * Two slots, 4 KiB apart so that no sector holds both, written in turn: a write that is torn leaves the other.
 *
 *     0  u32  format, "ESM1"      4  u32  partition      8  f64  sequence      16  u32  chain      20  u32  crc of 0-19
 *
 * Owned by the log writer; the reader reads it when it replays.
 */
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { invariant } from '../../kernel/errors.js';
import { chainStart, crcOf } from '../checksum.js';
import { DamageError, LogFormatError } from '../damage.js';
import { syncDir } from './segment-files.js';

export interface LogPosition {
  readonly seq: Sequence;
  /** Chain value of the record at `seq`. */
  readonly chain: number;
}

/** Where a log without a record ends. */
export const logStart: LogPosition = { seq: 0 as Sequence, chain: chainStart };

const format = 0x314d5345;
const slotBytes = 24;
const slotDistance = 4096;

export function markPath(dir: string): string {
  return join(dir, 'mark');
}

export class Mark {
  readonly #partition: PartitionId;
  readonly #fd: number;
  readonly #slot = new Uint8Array(slotBytes);
  readonly #view = new DataView(this.#slot.buffer);
  #nextSlot: 0 | 1 = 0;
  #position: LogPosition;
  #synced = true;

  /** Open the mark. Throws DamageError when neither slot is readable, or one was written by a later version. */
  constructor(dir: string, partition: PartitionId) {
    this.#partition = partition;
    this.#fd = openMark(dir, { partition, flags: 'r+' });
    try {
      const slots = readSlots(this.#fd, partition);
      const newest = newestOf(slots);
      if (newest === null) throw unreadable(dir, partition);
      this.#position = newest;
      this.#nextSlot = slots[0] === newest ? 1 : 0;
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  get position(): LogPosition {
    return this.#position;
  }

  /** Call only when everything up to `position` is on disk. */
  advance(position: LogPosition): void {
    invariant(position.seq >= this.#position.seq, () => {
      return `the mark of partition ${this.#partition} never goes back: expected at least ${this.#position.seq}, found ${position.seq}`;
    });
    this.#put(position);
    this.#position = position;
    this.#synced = false;
  }

  /** Make the newest mark survive a power cut, too. */
  sync(): void {
    if (this.#synced) return;
    fdatasyncSync(this.#fd);
    this.#synced = true;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #put(position: LogPosition): void {
    layOut(this.#view, { partition: this.#partition, position });
    writeSync(this.#fd, this.#slot, 0, slotBytes, this.#nextSlot * slotDistance);
    this.#nextSlot = this.#nextSlot === 0 ? 1 : 0;
  }
}

/** Begin the mark of a new partition. It appears whole or not at all, so that one which cannot be read is always damage. */
export function createMark(dir: string, partition: PartitionId, position = logStart): void {
  const path = markPath(dir);
  const slot = new Uint8Array(slotBytes);
  layOut(new DataView(slot.buffer), { partition, position });
  const fd = openSync(`${path}.new`, 'w');
  try {
    writeSync(fd, slot, 0, slotBytes, 0);
    writeSync(fd, slot, 0, slotBytes, slotDistance);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDir(dir);
}

export function hasMark(dir: string): boolean {
  return existsSync(markPath(dir));
}

/** The mark as it stands. Throws DamageError as the constructor does: without it a shortened log looks whole. */
export function readMark(dir: string, partition: PartitionId): LogPosition {
  const fd = openMark(dir, { partition, flags: 'r' });
  try {
    const newest = newestOf(readSlots(fd, partition));
    if (newest === null) throw unreadable(dir, partition);
    return newest;
  } finally {
    closeSync(fd);
  }
}

function layOut(view: DataView<ArrayBuffer>, { partition, position }: { partition: PartitionId; position: LogPosition }): void {
  view.setUint32(0, format, true);
  view.setUint32(4, partition, true);
  view.setFloat64(8, position.seq, true);
  view.setUint32(16, position.chain, true);
  view.setUint32(20, crcOf(new Uint8Array(view.buffer, 0, 20)), true);
}

function openMark(dir: string, { partition, flags }: { partition: PartitionId; flags: 'r' | 'r+' }): number {
  try {
    return openSync(markPath(dir), flags);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw unreadable(dir, partition);
    throw error;
  }
}

function readSlots(fd: number, partition: PartitionId): [LogPosition | null, LogPosition | null] {
  return [readSlot(fd, { partition, slot: 0 }), readSlot(fd, { partition, slot: 1 })];
}

function readSlot(fd: number, { partition, slot }: { partition: PartitionId; slot: number }): LogPosition | null {
  const bytes = new Uint8Array(slotBytes);
  if (readSync(fd, bytes, 0, slotBytes, slot * slotDistance) !== slotBytes) return null;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(20, true) !== crcOf(bytes.subarray(0, 20))) return null;
  const found = view.getUint32(0, true);
  // Whole, so it was meant: the other slot may be ours and older.
  if (found !== format)
    throw new LogFormatError(`partition ${partition}: expected a mark of format ${nameOf(format)}, found ${nameOf(found)}`);
  if (view.getUint32(4, true) !== partition) return null;
  return { seq: view.getFloat64(8, true) as Sequence, chain: view.getUint32(16, true) };
}

function nameOf(mark: number): string {
  return Buffer.from(new Uint32Array([mark]).buffer).toString('latin1');
}

function newestOf([one, other]: readonly [LogPosition | null, LogPosition | null]): LogPosition | null {
  if (one === null || other === null) return one ?? other;
  return other.seq > one.seq ? other : one;
}

function unreadable(dir: string, partition: PartitionId): DamageError {
  return new DamageError(
    'broken',
    `partition ${partition}: its mark (${markPath(dir)}) is missing or unreadable, so its log cannot be shown to be whole`,
  );
}
