/**
 * The newest changes, as they were shown: where whoever catches up meets those who hear everything at once.
 *
 * Reading the log never quite arrives, because the stream goes on while a slice is on its way. So the hub keeps what it has just
 * shown; a subscriber whose place lies within that hears the rest from here, in one go and without waiting, and is where the others
 * are. One who was away for a moment does not need the log at all.
 *
 *     chunks   | before 10,20  changes  after 15,22 | before 15,22  changes  after 19,30 | = where the stream stands
 *                                 ^ a place of 12,21 lies in this one
 *
 * Each chunk begins where the one before it ended; what breaks that (an announcement that differs) empties all of it.
 */
import type { StatusChange } from '../event/status-change.js';
import { recentChangesMax, recentChunksMax } from '../kernel/limits.js';
import type { CursorPositions } from './cursor.js';

export interface RecentChunk {
  readonly before: CursorPositions;
  readonly after: CursorPositions;
  readonly changes: readonly StatusChange[];
}

export class RecentChanges {
  readonly #chunks: RecentChunk[] = [];
  #changes = 0;

  add(chunk: RecentChunk): void {
    this.#chunks.push(chunk);
    this.#changes += chunk.changes.length;
    while (this.#changes > recentChangesMax || this.#chunks.length > recentChunksMax) {
      this.#changes -= this.#chunks.shift()!.changes.length;
    }
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#changes = 0;
  }

  /**
   * Where to go on from `place`, which is behind the stream: the newest chunk that begins at or before it, so that everything
   * before that chunk has been shown. Null: the place lies further back. Partitions in `except` do not count.
   */
  chunkAt(place: CursorPositions, except: ReadonlySet<number>): RecentChunk | null {
    for (let at = this.#chunks.length - 1; at >= 0; at--) {
      if (isAtOrBefore(this.#chunks[at]!.before, { place, except })) return this.#chunks[at]!;
    }
    return null;
  }
}

/** What is unknown before a chunk does not move in it. */
function isAtOrBefore(
  before: CursorPositions,
  { place, except }: { readonly place: CursorPositions; readonly except: ReadonlySet<number> },
): boolean {
  for (let partition = 0; partition < before.length; partition++) {
    const position = before[partition];
    if (position === null || except.has(partition)) continue;
    const own = place[partition];
    if (own === null || own! < position!) return false;
  }
  return true;
}
