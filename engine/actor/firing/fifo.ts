/**
 * First in, first out, of numbers, however many: in chunks, so that no entry is moved when the queue grows.
 *
 * A plain array that grows to a million entries copies itself on the way, and again when its taken front is cut off: some
 * milliseconds each time, on a thread that has a tick every one of them. Small queues stay small: a chunk is as large as
 * all before it together, up to `chunkEntriesMax`.
 */
const chunkEntriesMin = 16;
const chunkEntriesMax = 1_024;

interface Chunk {
  readonly entries: Float64Array;
  /** The first that has not been taken. */
  start: number;
  end: number;
}

export class Fifo {
  readonly #chunks: Chunk[] = [];
  /** Where `sweep` goes on. */
  #swept = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(entry: number): void {
    let last = this.#chunks.at(-1);
    if (last === undefined || last.end === last.entries.length) {
      const room = Math.min(Math.max(this.#size, chunkEntriesMin), chunkEntriesMax);
      last = { entries: new Float64Array(room), start: 0, end: 0 };
      this.#chunks.push(last);
    }
    last.entries[last.end++] = entry;
    this.#size++;
  }

  /** The first one; null when it is empty. */
  first(): number | null {
    const head = this.#chunks[0];
    return head === undefined ? null : head.entries[head.start]!;
  }

  /** The first ones, at most so many. Returns how many there were. */
  forEachFirst(count: number, visit: (entry: number) => void): number {
    let left = count;
    for (const { entries, start, end } of this.#chunks) {
      for (let at = start; at < end && left > 0; at++, left--) visit(entries[at]!);
      if (left === 0) break;
    }
    return count - left;
  }

  /** The first one goes. */
  shift(): void {
    const head = this.#chunks[0]!;
    head.start++;
    this.#size--;
    if (head.start === head.end) this.#drop(0);
  }

  /** Drops what does not stand any more from the next chunk; repeated calls go round. So each costs little, however long the queue is. */
  sweep(stands: (entry: number) => boolean): void {
    if (this.#swept >= this.#chunks.length) this.#swept = 0;
    const chunk = this.#chunks[this.#swept];
    if (chunk === undefined) return;
    let kept = chunk.start;
    for (let at = chunk.start; at < chunk.end; at++) {
      const entry = chunk.entries[at]!;
      if (stands(entry)) chunk.entries[kept++] = entry;
    }
    this.#size -= chunk.end - kept;
    chunk.end = kept;
    if (chunk.start === chunk.end) this.#drop(this.#swept);
    else this.#swept++;
  }

  #drop(at: number): void {
    this.#chunks.splice(at, 1);
    if (this.#swept > at) this.#swept--;
  }
}
