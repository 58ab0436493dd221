/**
 * What the wheel remembers of each entry: 18 bytes in four parallel columns, found by its handle.
 *
 * An object for each entry would cost about 80 bytes and make the garbage collector walk millions of them. One row of 16
 * bytes that holds all four was tried: fewer cache misses, but no faster (0.9-1.0 of this). Columns grow by whole chunks
 * that never move: doubling an array would copy tens of megabytes in the middle of somebody's tick.
 *
 * `next` and `previous` are *links*. A link says either an entry (handle + 1, positive) or the list whose end this is
 * (the negative list number), so an entry can leave its list without knowing which one it is in. That is what allows a
 * whole list to be joined to another in constant time.
 */
import { nowhere } from './geometry.js';

/** 1.2 MB at a time: about 20 us to get, rarely enough not to be seen. */
const chunkBits = 16;
export const chunkRows = 1 << chunkBits;
const rowMask = chunkRows - 1;
/** Of the first chunk, and by how much it grows until it is one like the others: most partitions never hold more, and the last of its copies is of 0.3 MB. */
const firstRows = 1_024;
const growth = 4;

class EntryChunk {
  readonly deadline: Float64Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** Where it was put last. Stale once its slot has become due as a whole; `nowhere` when it is not in the wheel. */
  readonly place: Uint16Array;

  constructor(rows: number) {
    this.deadline = new Float64Array(rows);
    this.next = new Int32Array(rows);
    this.previous = new Int32Array(rows);
    this.place = new Uint16Array(rows);
  }

  /** With the same entries, and room for more. */
  grown(): EntryChunk {
    const chunk = new EntryChunk(this.place.length * growth);
    chunk.deadline.set(this.deadline);
    chunk.next.set(this.next);
    chunk.previous.set(this.previous);
    chunk.place.set(this.place);
    return chunk;
  }
}

export class Entries {
  readonly #chunks: EntryChunk[] = [];
  #rows = 0;

  /** One past the greatest handle that has a row. */
  get rows(): number {
    return this.#rows;
  }

  has(handle: number): boolean {
    return handle < this.#rows && this.placeAt(handle) !== nowhere;
  }

  /** Make sure that `handle` has a row. */
  reserve(handle: number): void {
    while (handle >= this.#rows) this.#grow();
  }

  #grow(): void {
    const first = this.#chunks[0];
    if (first === undefined) this.#chunks.push(new EntryChunk(firstRows));
    else if (this.#rows < chunkRows) this.#chunks[0] = first.grown();
    else this.#chunks.push(new EntryChunk(chunkRows));
    this.#rows = this.#chunks.length > 1 ? this.#chunks.length * chunkRows : this.#chunks[0]!.place.length;
  }

  placeAt(handle: number): number {
    return this.#chunks[handle >>> chunkBits].place[handle & rowMask];
  }

  setPlace(handle: number, place: number): void {
    this.#chunks[handle >>> chunkBits].place[handle & rowMask] = place;
  }

  deadlineAt(handle: number): number {
    return this.#chunks[handle >>> chunkBits].deadline[handle & rowMask];
  }

  setDeadline(handle: number, tick: number): void {
    this.#chunks[handle >>> chunkBits].deadline[handle & rowMask] = tick;
  }

  nextAt(handle: number): number {
    return this.#chunks[handle >>> chunkBits].next[handle & rowMask];
  }

  setNext(handle: number, link: number): void {
    this.#chunks[handle >>> chunkBits].next[handle & rowMask] = link;
  }

  previousAt(handle: number): number {
    return this.#chunks[handle >>> chunkBits].previous[handle & rowMask];
  }

  setPrevious(handle: number, link: number): void {
    this.#chunks[handle >>> chunkBits].previous[handle & rowMask] = link;
  }

  /** Forget every entry and give the memory back. */
  clear(): void {
    this.#chunks.length = 0;
    this.#rows = 0;
  }
}

export function linkTo(handle: number): number {
  return handle + 1;
}

export function isEntry(link: number): boolean {
  return link > 0;
}

export function handleOf(link: number): number {
  return link - 1;
}
