/**
 * Where log lines go: a file descriptor, mostly stdout.
 *
 * Who reads the log may stop reading, and the disk behind it may be full, most likely the very one that the engine has just filled. Neither may stop
 * the engine: a line that cannot be written is lost, and the next one that can be is preceded by one that tells how many were.
 *
 * Writes are synchronous, so a full pipe is waited for, but only once and only for a moment: until it takes a line again, each is tried without
 * waiting. A pipe that others write to as well may be one whose writes wait for ever, so it is opened once more, for this process alone. What stands
 * behind a socket cannot be opened again: there a write takes as long as it takes.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { nap } from '../kernel/nap.js';

/** A collector that is busy comes back within that; a call that waits for the main thread as long is late, not lost. */
const patienceMs = 50;
const napMs = 5;

const newline = 0x0a;

export interface LineOutputOptions {
  readonly fd: number;
  /** The line for that many that were lost, with its newline. */
  readonly lostLine: (lines: number) => string;
}

export class LineOutput {
  readonly #fd: number;
  readonly #lostLine: LineOutputOptions['lostLine'];
  #lost = 0;
  /** The last line that was begun was cut short. */
  #isCut = false;

  constructor({ fd, lostLine }: LineOutputOptions) {
    this.#fd = withoutWaiting(fd);
    this.#lostLine = lostLine;
  }

  /** A whole line. Never throws. */
  write(line: string): void {
    const told = this.#lost === 0 ? line : `${this.#lostLine(this.#lost)}${line}`;
    const bytes = Buffer.from(this.#isCut ? `\n${told}` : told);
    const written = this.#writeAll(bytes);
    if (written === bytes.length) {
      this.#lost = 0;
      this.#isCut = false;
      return;
    }
    this.#lost += 1;
    if (written > 0) this.#isCut = bytes[written - 1] !== newline;
  }

  /** How much of it was taken. */
  #writeAll(bytes: Uint8Array): number {
    let patience = this.#lost > 0 ? 0 : patienceMs;
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#fd, bytes, written);
      } catch (error) {
        const isFull = (error as NodeJS.ErrnoException).code === 'EAGAIN';
        // There is nowhere left to tell of any other error: closed by its reader, disk full, no descriptor.
        if (!isFull || patience <= 0) return written;
        nap(napMs);
        patience -= napMs;
      }
    }
    return written;
  }
}

/** The same pipe by a descriptor whose writes do not wait, where the system gives one. */
function withoutWaiting(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Without a descriptor each write fails and is lost; without `/proc`, or without the right, writes wait as they did.
    return fd;
  }
}
