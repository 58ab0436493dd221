/**
 * A snapshot on disk: sections of bytes, each with its checksum, between a header and a trailer.
 *
 *     header    u32 "ESS1", u32 form, u32 partition, f64 sequence, u32 chain at it, f64 finals from, u32 crc of these 32 bytes
 *     section   u32 bytes (never 0), u32 crc, then the bytes                               ... as many as there are
 *     trailer   u32 0, u32 sections, u32 crc over the crcs of all sections, u32 "ESS1"      and nothing behind it
 *
 * Written under another name, synced, renamed, and the directory synced: a snapshot that can be seen is whole, unless the disk
 * has failed it since. Whoever opens one reads all of it once before he believes any of it.
 *
 * Only for speed: one that is damaged, missing, or of another version means that the replay begins at the one before it, or at
 * the beginning of the log.
 *
 * Knows nothing of what is in the sections (`partition/snapshot.ts`).
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { DamageError } from '../damage.js';
import type { LogPosition } from '../segment/mark.js';
import { listSnapshots, snapshotPath, syncDir } from '../segment/segment-files.js';

export interface SnapshotHeader {
  /** What the sections look like; another one than ours is not read. */
  readonly form: number;
  readonly partition: PartitionId;
  /** The newest record in it. */
  readonly position: LogPosition;
  /** Final records from here on are in it; earlier ones are found through segment indexes. */
  readonly finalsFrom: Sequence;
}

const magic = 0x31535345;
const headerBytes = 36;
const headBytes = 8;
const trailerBytes = 16;
/** The newest one, and the one before it in case the newest is damaged. */
const snapshotsKept = 2;

/** Durable when it returns. Older ones than the one before it are removed. */
export function writeSnapshot(
  dir: string,
  { header, sections }: { readonly header: SnapshotHeader; readonly sections: Iterable<Uint8Array> },
): void {
  const path = snapshotPath(dir, header.position.seq);
  const unnamed = `${path}.new`;
  const fd = openSync(unnamed, 'w');
  try {
    writeAll(fd, layOutHeader(header));
    let crcs = 0;
    let count = 0;
    const head = new Uint32Array(2);
    for (const section of sections) {
      head[0] = section.length;
      head[1] = crc32(section);
      writeAll(fd, new Uint8Array(head.buffer));
      writeAll(fd, section);
      crcs = crc32(new Uint8Array(head.buffer, 4, 4), crcs);
      count++;
    }
    writeAll(fd, new Uint8Array(new Uint32Array([0, count, crcs, magic]).buffer));
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(unnamed, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(unnamed, path);
  syncDir(dir);
  for (const { path: old } of listSnapshots(dir).slice(snapshotsKept)) rmSync(old, { force: true });
}

/** An open snapshot: whole when it was opened. */
export class SnapshotReader {
  readonly header: SnapshotHeader;
  readonly bytes: number;
  readonly #fd: number;
  readonly #path: string;
  #at = headerBytes;

  /** Reads all of it once. Throws DamageError ('damaged') when anything is not what was written. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'r');
    try {
      this.bytes = fstatSync(this.#fd).size;
      this.header = this.#readHeader();
      this.#verify();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** 0 to 1. */
  get done(): number {
    return this.#at / this.bytes;
  }

  /** The next section, null behind the last one. */
  next(): Uint8Array<ArrayBuffer> | null {
    const head = this.#read(this.#at, headBytes);
    const length = head.getUint32(0, true);
    if (length === 0) return null;
    if (this.#at + headBytes + length > this.bytes) throw this.#damage('a section reaches beyond its end');
    const { buffer } = this.#read(this.#at + headBytes, length);
    const section = new Uint8Array(buffer);
    if (crc32(section) !== head.getUint32(4, true)) throw this.#damage(`the section at byte ${this.#at} fails its checksum`);
    this.#at += headBytes + length;
    return section;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readHeader(): SnapshotHeader {
    const view = this.#read(0, headerBytes);
    const isOurs = view.getUint32(0, true) === magic;
    if (!isOurs || crc32(new Uint8Array(view.buffer, 0, headerBytes - 4)) !== view.getUint32(headerBytes - 4, true)) {
      throw this.#damage('its header fails its checksum');
    }
    return {
      form: view.getUint32(4, true),
      partition: view.getUint32(8, true) as PartitionId,
      position: { seq: view.getFloat64(12, true) as Sequence, chain: view.getUint32(20, true) },
      finalsFrom: view.getFloat64(24, true) as Sequence,
    };
  }

  #verify(): void {
    let crcs = 0;
    let count = 0;
    for (let from = this.#at; this.next() !== null; from = this.#at) {
      crcs = crc32(new Uint8Array(this.#read(from + 4, 4).buffer), crcs);
      count++;
    }
    const trailer = this.#read(this.#at, trailerBytes);
    const found = [4, 8, 12].map((at) => trailer.getUint32(at, true));
    if (found[0] !== count || found[1] !== crcs || found[2] !== magic || this.#at + trailerBytes !== this.bytes) {
      throw this.#damage('its end is not what was written');
    }
    this.#at = headerBytes;
  }

  /** Exactly so many bytes, in a buffer of their own. */
  #read(at: number, count: number): DataView<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    if (readSync(this.#fd, bytes, 0, count, at) !== count) throw this.#damage('it is too short');
    return new DataView(bytes.buffer);
  }

  #damage(detail: string): DamageError {
    return new DamageError('damaged', `snapshot ${this.#path}: ${detail}`);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function layOutHeader({ form, partition, position, finalsFrom }: SnapshotHeader): Uint8Array {
  const view = new DataView(new ArrayBuffer(headerBytes));
  view.setUint32(0, magic, true);
  view.setUint32(4, form, true);
  view.setUint32(8, partition, true);
  view.setFloat64(12, position.seq, true);
  view.setUint32(20, position.chain, true);
  view.setFloat64(24, finalsFrom, true);
  view.setUint32(32, crc32(new Uint8Array(view.buffer, 0, headerBytes - 4)), true);
  return new Uint8Array(view.buffer);
}
