/**
 * Bodies of events that leave soon, of all partitions of a host, in chunks of memory that are used again.
 *
 *     put(body) -> slot ... take(slot) -> its bytes, until the end of the turn
 *
 * An array of its own for each was 1.9 us of CPU, with 30,000 of them held for a second: memory outside of the heap to be asked for and given
 * back, and objects that the collector of garbage walks over time and again before they die. In chunks it is 0.7 us, and a tenth of the pauses.
 *
 * A body that waits for long would hold on to the whole chunk that it came in. So a chunk in which little is left is emptied into the newest one.
 */
import { InvariantError } from '../kernel/errors.js';
import { readAheadBodiesMax } from '../kernel/limits.js';

/** Some hundred bodies, which leave at about the same time. */
const chunkBytes = 64 * 1024;
/** A body that takes more than that of a chunk has one of its own. */
const sharedBytesMax = chunkBytes / 4;
/** A chunk in which less than this part is left is emptied. What leaves in the order in which it came leaves little to be copied. */
const sparseShare = 1 / 8;
/** There is room for so many bodies at first, and for four times as many whenever that is used up: all there may ever be take 2 MiB. */
const firstSlots = 512;
const growth = 4;
/** Chunks kept for what comes: 2 MiB. */
const spareChunksMax = 32;

class Chunk {
  readonly bytes: Uint8Array;
  /** Bytes from the front that were given out, and how many of them are still in use. */
  used = 0;
  held = 0;
  /** Put here, some of them gone or moved since. */
  readonly slots: number[] = [];

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
  }
}

export class BodyStore {
  readonly #bytesMax: number;
  #bytes = 0;
  #memoryBytes = 0;
  #bodies = 0;
  /** By number; a number whose chunk was given up is used again. */
  readonly #chunks: (Chunk | null)[] = [];
  readonly #freeNumbers: number[] = [];
  /** What the next body goes to. */
  #newest: { readonly number: number; readonly chunk: Chunk } | null = null;
  /** Emptied in this turn: what was taken from them may still be looked at. */
  #emptied: Chunk[] = [];
  readonly #spare: Chunk[] = [];
  /** Of each slot: the number of its chunk, where it lies there, and what whoever put it there wants to know of it. */
  #chunkOf = new Uint32Array(firstSlots);
  #startOf = new Uint32Array(firstSlots);
  #lengthOf = new Uint32Array(firstSlots);
  #markOf = new Uint32Array(firstSlots);
  readonly #freeSlots: number[] = [];
  #slots = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Of all bodies that are here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the chunks in which they lie. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Nothing more may be put here. */
  get isSpent(): boolean {
    return (
      this.#bytes >= this.#bytesMax || this.#memoryBytes >= 2 * this.#bytesMax + chunkBytes || this.#bodies >= readAheadBodiesMax
    );
  }

  /** A copy of it. Returns its slot; `mark`, 32 bits, is told of it again. */
  put(body: Uint8Array, mark: number): number {
    const slot = this.#freeSlots.pop() ?? this.#newSlot();
    this.#markOf[slot] = mark;
    this.#lengthOf[slot] = body.length;
    this.#place(slot, body);
    this.#bytes += body.length;
    this.#bodies++;
    return slot;
  }

  markOf(slot: number): number {
    return this.#markOf[slot]!;
  }

  /** Its bytes, good until the end of the turn (`endTurn`). It is here no longer. */
  take(slot: number): Uint8Array {
    const start = this.#startOf[slot]!;
    const body = this.#chunkAt(slot).bytes.subarray(start, start + this.#lengthOf[slot]!);
    this.drop(slot);
    return body;
  }

  /** It is here no longer. */
  drop(slot: number): void {
    const number = this.#chunkOf[slot]!;
    const chunk = this.#chunkAt(slot);
    const length = this.#lengthOf[slot]!;
    this.#bytes -= length;
    this.#bodies--;
    this.#freeSlots.push(slot);
    this.#chunkOf[slot] = noChunk;
    chunk.held -= length;
    if (number !== this.#newest?.number) this.#emptyIfSparse(number, chunk);
  }

  /** Whatever has been taken is not looked at any more. */
  endTurn(): void {
    for (const chunk of this.#emptied) {
      if (this.#spare.length === spareChunksMax) break;
      chunk.used = 0;
      chunk.held = 0;
      chunk.slots.length = 0;
      this.#spare.push(chunk);
    }
    this.#emptied = [];
  }

  #newSlot(): number {
    if (this.#slots === this.#chunkOf.length) {
      this.#chunkOf = grown(this.#chunkOf);
      this.#startOf = grown(this.#startOf);
      this.#lengthOf = grown(this.#lengthOf);
      this.#markOf = grown(this.#markOf);
    }
    return this.#slots++;
  }

  #place(slot: number, body: Uint8Array): void {
    const { number, chunk } = body.length > sharedBytesMax ? this.#add(new Chunk(body.length)) : this.#roomFor(body.length);
    chunk.bytes.set(body, chunk.used);
    this.#chunkOf[slot] = number;
    this.#startOf[slot] = chunk.used;
    chunk.used += body.length;
    chunk.held += body.length;
    chunk.slots.push(slot);
  }

  #roomFor(length: number): { readonly number: number; readonly chunk: Chunk } {
    const full = this.#newest;
    if (full !== null && full.chunk.used + length <= chunkBytes) return full;
    this.#newest = this.#add(this.#spare.pop() ?? new Chunk(chunkBytes));
    if (full !== null) this.#emptyIfSparse(full.number, full.chunk);
    return this.#roomFor(length);
  }

  #add(chunk: Chunk): { readonly number: number; readonly chunk: Chunk } {
    const number = this.#freeNumbers.pop() ?? this.#chunks.length;
    this.#chunks[number] = chunk;
    this.#memoryBytes += chunk.bytes.length;
    return { number, chunk };
  }

  #emptyIfSparse(number: number, chunk: Chunk): void {
    if (chunk.held >= chunk.bytes.length * sparseShare) return;
    for (const slot of chunk.slots) {
      if (this.#chunkOf[slot] !== number) continue;
      const start = this.#startOf[slot]!;
      this.#place(slot, chunk.bytes.subarray(start, start + this.#lengthOf[slot]!));
    }
    this.#chunks[number] = null;
    this.#freeNumbers.push(number);
    this.#memoryBytes -= chunk.bytes.length;
    if (chunk.bytes.length === chunkBytes) this.#emptied.push(chunk);
  }

  #chunkAt(slot: number): Chunk {
    const chunk = this.#chunks[this.#chunkOf[slot]!];
    if (chunk === null || chunk === undefined) throw new InvariantError(`there is no body in slot ${slot}`);
    return chunk;
  }
}

function grown(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(column.length * growth);
  wider.set(column);
  return wider;
}

/** Of a slot that is free. */
const noChunk = 0xff_ff_ff_ff;
