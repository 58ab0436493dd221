/**
 * Room for the -wal file of an open segment, made ahead of what SQLite writes there.
 *
 * A sync of a file that has grown writes its inode and the map of its blocks as well, which is a second trip to the disk: a commit of 16 records
 * took 283 us and 166 us of CPU where the file grew, 158 us and 95 us where the same bytes went over older ones (a lone record 227 and 114 us). SQLite
 * grows the file by each frame. So once it has outgrown the room, zeros are written behind its end, which the next commit's sync puts on disk with
 * everything else; the commits that follow find their place there. SQLite knows the end of the log by the salt and the checksum of its frames, never by the
 * size of the file: zeros are no frame of any log, as little as the frames of an older round that lie there when the file has begun anew.
 *
 * A small file is left as it is. Room costs nothing for long: a -wal file is used again and again, and is gone when the segment is sealed.
 *
 * Owned by the log writer's thread.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { storageFaultOf } from '../sqlite.js';

const KiB = 1024;
/** A log that takes few events has no room made for it. */
const smallestBytes = 128 * KiB;
/** At a time. All of it is written by one commit, half a millisecond. */
const stepBytes = 512 * KiB;
const zeros = Buffer.alloc(stepBytes);

export class WalRoom {
  readonly #path: string;
  /** As large as the file was left. */
  #bytes = 0;

  constructor(segmentPath: string) {
    this.#path = `${segmentPath}-wal`;
  }

  /** Behind a commit. Throws what a write to the disk throws, but for one that is full: then there is no room, and the next commit says so. */
  makeBehind(): void {
    const bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > this.#bytes && bytes >= smallestBytes) this.#bytes = bytes + this.#extend(bytes);
    // It has been cut back.
    else if (bytes < this.#bytes) this.#bytes = bytes;
  }

  #extend(end: number): number {
    const file = openSync(this.#path, 'r+');
    try {
      return writeSync(file, zeros, 0, Math.min(stepBytes, end), end);
    } catch (error) {
      if (storageFaultOf(error) === 'disk-full') return 0;
      throw error;
    } finally {
      closeSync(file);
    }
  }
}
