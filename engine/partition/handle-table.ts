/**
 * Hash table from a 32-bit hash to the handles that have it. The keys themselves stay in the columns: an entry is 4 bytes.
 *
 * A `Map` keyed by strings would cost about 120 bytes an entry and stop the thread for 100 ms when it grows at a million.
 * Here 1,024 shards grow one by one, each by a copy of at most a few thousand entries (about 50 us).
 *
 * Linear probing, at most 3/4 full; removal shifts the followers back, so that there are no tombstones. Beside its handle an
 * entry has five bits of its hash, so that most entries that are only passed by cost no look at a column far away. Two
 * entries may have the same hash: `find` hands each to the caller's `matches`.
 *
 * What is added waits until somebody looks for anything, or until so many wait. Where an entry belongs is a place that no cache holds: one entry
 * after the other, each stood for its own place to come, a quarter of what a new event of a batch cost; together they stand for most of them
 * at once. And where nobody looks at all, as while a snapshot is taken, nothing is ever placed.
 */
import type { Handle } from '../kernel/brand.js';

const shardBits = 10;
const firstCapacity = 8;
/** Up to here a shard grows by four, then by two: moving an entry takes a look at its column, and most of that was in the first steps. */
const smallCapacity = 512;
const fullest = 3 / 4;
/** Of every shard that is empty: a thousand arrays for each table cost more than most tables ever hold. */
const noEntries = new Int32Array(0);
/** Of every table in which nothing has a place yet, as most pages of finished events stay: 12 KB for each, and nobody writes to these. */
const noShards: Int32Array[] = new Array<Int32Array>(1 << shardBits).fill(noEntries);
const noCounts = new Int32Array(1 << shardBits);
/** Spreads a poor hash (Knuth's multiplicative method): the top bits choose the shard, the low bits the place. */
const spread = (hash: number) => Math.imul(hash, 0x9e3779b1) >>> 0;
/** A handle + 1 has 27 bits (`pendingPerPartitionMax`); 0 is an empty place. */
const handleBits = 27;
const handleMask = (1 << handleBits) - 1;
/** Of bits that choose neither the shard nor, up to 100 million entries, the place. */
const markShift = 17;
const markOf = (mixed: number) => (mixed >>> markShift) & 31;
const entryOf = (mixed: number, handle: number) => (markOf(mixed) << handleBits) | (handle + 1);
const handleOf = (entry: number) => ((entry & handleMask) - 1) as Handle;

/** So many wait as a rule: a thread has no more loads under way than some ten, and these are the newest 2 KB of what it has worked with. */
const usualWaiting = 256;
const firstWaiting = 8;

export class HandleTable {
  #shards = noShards;
  #counts = noCounts;
  readonly #hashOf: (handle: Handle) => number;
  readonly #waitingMax: number;
  /** Hash and handle of each. */
  #waiting = new Int32Array(2 * firstWaiting);
  #waits = 0;
  #size = 0;
  /** Of a shard that grows for the first time. */
  #firstCapacity = firstCapacity;

  /**
   * `hashOf` must give for a stored handle the hash it was added under, as long as it is stored. `isAsked` false: perhaps nothing will ever be looked
   * for, so all may wait.
   */
  constructor(hashOf: (handle: Handle) => number, { isAsked = true }: { readonly isAsked?: boolean } = {}) {
    this.#hashOf = hashOf;
    this.#waitingMax = isAsked ? usualWaiting : Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#size;
  }

  /** So many will come: their shards get the room for them at once, instead of growing step by step. */
  expect(size: number): void {
    const entries = (this.#size + size) / this.#shards.length;
    // Shards differ in size by chance.
    while (this.#firstCapacity * fullest < entries + 2 * Math.sqrt(entries)) this.#firstCapacity *= 2;
  }

  add(hash: number, handle: Handle): void {
    if (2 * this.#waits === this.#waiting.length) this.#makeWaitingRoom();
    const at = 2 * this.#waits++;
    this.#waiting[at] = hash;
    this.#waiting[at + 1] = handle;
    this.#size++;
  }

  /** The first handle under `hash` for which `matches` holds. */
  find(hash: number, matches: (handle: Handle) => boolean): Handle | null {
    if (this.#waits > 0) this.#settle();
    const mixed = spread(hash);
    const shard = this.#shards[mixed >>> (32 - shardBits)]!;
    if (shard.length === 0) return null;
    const mask = shard.length - 1;
    const mark = markOf(mixed);
    for (let at = mixed & mask, entry = shard[at]!; entry !== 0; entry = shard[at]!) {
      if (entry >>> handleBits === mark && matches(handleOf(entry))) return handleOf(entry);
      at = (at + 1) & mask;
    }
    return null;
  }

  /** Removes one handle; false when it is not there. */
  remove(hash: number, handle: Handle): boolean {
    if (this.#waits > 0) this.#settle();
    const mixed = spread(hash);
    const index = mixed >>> (32 - shardBits);
    const shard = this.#shards[index]!;
    if (shard.length === 0) return false;
    const mask = shard.length - 1;
    const entry = entryOf(mixed, handle);
    let at = mixed & mask;
    while (shard[at] !== entry) {
      if (shard[at] === 0) return false;
      at = (at + 1) & mask;
    }
    this.#closeGap(shard, at);
    this.#counts[index]!--;
    this.#size--;
    return true;
  }

  /** Every follower that would no longer be found moves into the gap, which moves on to where it was. */
  #closeGap(shard: Int32Array, start: number): void {
    const mask = shard.length - 1;
    let gap = start;
    for (let at = (gap + 1) & mask; shard[at] !== 0; at = (at + 1) & mask) {
      const home = spread(this.#hashOf(handleOf(shard[at]!))) & mask;
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        shard[gap] = shard[at]!;
        gap = at;
      }
    }
    shard[gap] = 0;
  }

  #makeWaitingRoom(): void {
    if (this.#waits >= this.#waitingMax) {
      this.#settle();
      return;
    }
    const larger = new Int32Array(2 * this.#waiting.length);
    larger.set(this.#waiting);
    this.#waiting = larger;
  }

  /** All that wait get their places. */
  #settle(): void {
    const waiting = this.#waiting;
    const end = 2 * this.#waits;
    this.#waits = 0;
    if (this.#shards === noShards) {
      this.#shards = [...noShards];
      this.#counts = new Int32Array(noCounts.length);
    }
    if (end > 2 * usualWaiting) {
      this.#waiting = new Int32Array(2 * firstWaiting);
      this.expect(0);
    }
    for (let at = 0; at < end; at += 2) {
      const mixed = spread(waiting[at]!);
      const index = mixed >>> (32 - shardBits);
      place(this.#roomIn(index), mixed, entryOf(mixed, waiting[at + 1]!));
      this.#counts[index]!++;
    }
  }

  #roomIn(index: number): Int32Array {
    const shard = this.#shards[index]!;
    if (this.#counts[index]! < shard.length * fullest) return shard;
    const times = shard.length < smallCapacity ? 4 : 2;
    const larger = new Int32Array(Math.max(this.#firstCapacity, shard.length * times));
    for (let at = 0; at < shard.length; at++) {
      const entry = shard[at]!;
      if (entry !== 0) place(larger, spread(this.#hashOf(handleOf(entry))), entry);
    }
    this.#shards[index] = larger;
    return larger;
  }
}

function place(shard: Int32Array, mixed: number, entry: number): void {
  const mask = shard.length - 1;
  let at = mixed & mask;
  while (shard[at] !== 0) at = (at + 1) & mask;
  shard[at] = entry;
}
