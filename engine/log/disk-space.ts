/**
 * Is there room? Three levels, and a ballast file between the first two.
 *
 *     ok       free space above the watermark, the ballast in place
 *     refuse   below the watermark, or a commit met a full disk: the ballast is removed, so that outcomes and cancels of
 *              what was accepted still fit; new work is refused
 *     stop     the ballast is gone as well and the disk is full again, or free space is below half of the watermark:
 *              nothing may start, because its outcome might not fit
 *
 * Accepting goes on by itself: when the free space covers the watermark and a new ballast, the ballast is made again, a
 * few mebibytes at each look so that no commit waits for it, and the level is `ok` when it is whole. The ballast is
 * written, not merely sized: a sparse file holds no space.
 *
 * Behind a commit that met a full disk what the file system says is free is doubted: it may be somebody else's (a quota),
 * or no more than the ballast that was just given back. A ballast made of that would take the room that outcomes and
 * cancels need, and the level would go to and fro. So room is proved: when there is more by a ballast than there was, and
 * every `proofEveryLooks` otherwise, the ballast is written twice as large and cut to its size; if that finds no room, it
 * is given back. Until then `stop` does not end either.
 *
 * One instance per log writer, called about once a second and after a failed commit.
 */
import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, statSync, truncateSync, writeSync } from 'node:fs';
import type { SpaceLevel } from './protocol.js';
import { storageFaultOf } from './sqlite.js';

/** Written at each look: some 2-5 ms of a commit's time. */
const sliceBytes = 4 * 1024 * 1024;
/** What a slice is written from: each page of it is fetched once, which for the whole of a slice took half of the time. */
const zeros = new Uint8Array(256 * 1024);
/** A disk that fills up is told about a few hundred times on the way, an idle one never. */
const movedPart = 64;
/** Where the file system says that there was room all the time. As long as those who were refused are told to wait. */
const proofEveryLooks = 30;

export interface DiskSpaceOptions {
  readonly dir: string;
  readonly ballastPath: string;
  readonly ballastBytes: number;
  readonly freeBytesMin: number;
  /** Free bytes of the file system that holds `dir`; tests say what they like. */
  readonly freeBytesOf?: (dir: string) => number;
}

export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  readonly #freeBytesOf: (dir: string) => number;
  #ballastBytes: number;
  #level: SpaceLevel = 'ok';
  #freeBytes = 0;
  /** A commit met a full disk when so much was said to be free; null: what is said is believed. */
  #doubt: { readonly freeBytes: number; looks: number } | null = null;
  /** As it was last told. */
  #toldBytes = Number.POSITIVE_INFINITY;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
    this.#freeBytesOf = options.freeBytesOf ?? freeBytes;
    this.#ballastBytes = statSync(options.ballastPath, { throwIfNoEntry: false })?.size ?? 0;
    // Of another configuration, or of a proof that a crash cut off.
    if (this.#ballastBytes > options.ballastBytes) this.#cutBallast();
  }

  get level(): SpaceLevel {
    return this.#level;
  }

  /** What is free is another figure than the one that was told last, by more than is lost in a diagram. */
  get hasMoved(): boolean {
    return Math.abs(this.#freeBytes - this.#toldBytes) > this.#freeBytes / movedPart;
  }

  /** For telling it: free bytes at the last look. */
  tellFreeBytes(): number {
    this.#toldBytes = this.#freeBytes;
    return this.#freeBytes;
  }

  /** Look again. Returns whether the level is another one now. */
  look(): boolean {
    const free = this.#freeBytesOf(this.#options.dir);
    this.#freeBytes = free;
    const { freeBytesMin, ballastBytes } = this.#options;
    const doubt = this.#doubt;
    const isRoomier = doubt === null || free + this.#ballastBytes >= doubt.freeBytes + ballastBytes;
    const meanwhile = this.#level === 'stop' && !isRoomier ? 'stop' : 'refuse';
    if (free < freeBytesMin / 2 && this.#ballastBytes === 0) return this.#enter('stop');
    if (free < freeBytesMin) {
      this.#removeBallast();
      return this.#enter(meanwhile);
    }
    const wanted = doubt === null ? ballastBytes : 2 * ballastBytes;
    const missing = wanted - this.#ballastBytes;
    const mayGrow = isRoomier || ++doubt!.looks > proofEveryLooks;
    if (mayGrow && missing > 0 && free >= freeBytesMin + missing) this.#growBallast(wanted);
    if (this.#ballastBytes >= wanted) {
      if (doubt !== null) this.#cutBallast();
      return this.#enter('ok');
    }
    // At the start the ballast still grows and the level stays `ok`; once freed, it must be whole again.
    return this.#enter(this.#level === 'ok' ? 'ok' : meanwhile);
  }

  /** A commit met a full disk, whatever the file system says is free. Returns whether the level is another one now. */
  full(): boolean {
    const hadBallast = this.#ballastBytes > 0;
    this.#removeBallast();
    this.#doubt = { freeBytes: this.#freeBytesOf(this.#options.dir), looks: 0 };
    return this.#enter(hadBallast ? 'refuse' : 'stop');
  }

  #enter(level: SpaceLevel): boolean {
    const changed = level !== this.#level;
    this.#level = level;
    return changed;
  }

  #removeBallast(): void {
    if (this.#ballastBytes === 0) return;
    rmSync(this.#options.ballastPath, { force: true });
    this.#ballastBytes = 0;
  }

  /** Where it is larger there was room for all of it. */
  #cutBallast(): void {
    truncateSync(this.#options.ballastPath, this.#options.ballastBytes);
    this.#ballastBytes = this.#options.ballastBytes;
    this.#doubt = null;
  }

  #growBallast(wanted: number): void {
    const whole = Math.min(wanted, this.#ballastBytes + Math.min(sliceBytes, this.#options.ballastBytes));
    const fd = openSync(this.#options.ballastPath, 'a');
    try {
      while (this.#ballastBytes < whole)
        this.#ballastBytes += writeSync(fd, zeros, 0, Math.min(zeros.length, whole - this.#ballastBytes));
    } catch (error) {
      if (storageFaultOf(error) !== 'disk-full') throw error;
      // A disk that fills up at this moment costs nothing but the ballast; the next look decides anew.
      if (this.#doubt === null) ftruncateSync(fd, this.#ballastBytes);
      else {
        this.#removeBallast();
        this.#doubt.looks = 0;
      }
    } finally {
      closeSync(fd);
    }
  }
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
