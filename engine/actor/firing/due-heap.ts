/**
 * Entries by their due time, the earliest first, however many: a binary heap in small chunks, so that no entry is copied when it
 * grows and a queue of a few costs a kilobyte.
 */
const chunkShift = 6;
const chunkEntries = 2 ** chunkShift;
const chunkMask = chunkEntries - 1;

interface Chunk {
  readonly entries: Float64Array;
  readonly dueAtMs: Float64Array;
}

export class DueHeap {
  readonly #chunks: Chunk[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Null when it is empty. */
  first(): number | null {
    return this.#size === 0 ? null : this.#chunks[0]!.entries[0]!;
  }

  push(entry: number, dueAtMs: number): void {
    if (this.#size === this.#chunks.length * chunkEntries) {
      this.#chunks.push({ entries: new Float64Array(chunkEntries), dueAtMs: new Float64Array(chunkEntries) });
    }
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(dueAtMs, entry, this.#dueAt(parent), this.#entryAt(parent))) break;
      this.#put(at, this.#entryAt(parent), this.#dueAt(parent));
      at = parent;
    }
    this.#put(at, entry, dueAtMs);
  }

  /** The first one goes; only when there is one. */
  shift(): void {
    const last = --this.#size;
    const entry = this.#entryAt(last);
    const dueAtMs = this.#dueAt(last);
    if (last % chunkEntries === 0) this.#chunks.pop();
    if (last === 0) return;
    let at = 0;
    for (let child = 1; child < last; child = 2 * at + 1) {
      if (
        child + 1 < last &&
        isBefore(this.#dueAt(child + 1), this.#entryAt(child + 1), this.#dueAt(child), this.#entryAt(child))
      )
        child++;
      if (!isBefore(this.#dueAt(child), this.#entryAt(child), dueAtMs, entry)) break;
      this.#put(at, this.#entryAt(child), this.#dueAt(child));
      at = child;
    }
    this.#put(at, entry, dueAtMs);
  }

  #entryAt(at: number): number {
    return this.#chunks[at >>> chunkShift]!.entries[at & chunkMask]!;
  }

  #dueAt(at: number): number {
    return this.#chunks[at >>> chunkShift]!.dueAtMs[at & chunkMask]!;
  }

  #put(at: number, entry: number, dueAtMs: number): void {
    const chunk = this.#chunks[at >>> chunkShift]!;
    chunk.entries[at & chunkMask] = entry;
    chunk.dueAtMs[at & chunkMask] = dueAtMs;
  }
}

/** Equal times in the order of their entries, so that a heap says the same twice. */
function isBefore(dueAtMs: number, entry: number, otherDueAtMs: number, other: number): boolean {
  return dueAtMs < otherDueAtMs || (dueAtMs === otherDueAtMs && entry < other);
}
