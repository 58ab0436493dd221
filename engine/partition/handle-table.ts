/**
 * Hash table from a 32-bit hash to the handles that have it. The keys themselves stay in the columns: an entry is 8 bytes, its hash and its handle.
 *
 * A `Map` keyed by strings would cost about 120 bytes an entry and stop the thread for 100 ms when it grows at a million.
 * Here 256 shards grow one by one, each by a copy of at most a few ten thousand entries (about 100 us).
 *
 * Linear probing, at most 3/4 full; removal shifts the followers back, so that there are no tombstones. As an entry has its hash, those that are only passed
 * by cost no look at a column far away, nor does a shard that grows: with five bits of the hash beside the handle, in half of the memory, such looks
 * were half of what an entry cost. Two entries may have the same hash: `find` hands each to the caller's `matches`.
 *
 * What is added waits until somebody looks for anything, or until so many wait. Where an entry belongs is a place that no cache holds: one entry
 * after the other, each stood for its own place to come, a quarter of what a new event of a batch cost; together they stand for most of them
 * at once. And where nobody looks at all, as while a snapshot is taken, nothing is ever placed.
 */
import type { Handle } from '../kernel/brand.js';

/** More of them are objects that no cache holds either, with four partitions on a thread. */
const shardBits = 8;
const firstCapacity = 8;
/** Up to here a shard grows by four, then by two. */
const smallCapacity = 512;
const fullest = 3 / 4;
/** Of every shard that is empty: a thousand arrays for each table cost more than most tables ever hold. */
const noEntries = new Int32Array(0);
/** Of every table in which nothing has a place yet, as most pages of finished events stay: 3 KB for each, and nobody writes to these. */
const noShards: Int32Array[] = new Array<Int32Array>(1 << shardBits).fill(noEntries);
const noCounts = new Int32Array(1 << shardBits);
/** Spreads a poor hash (Knuth's multiplicative method), as a signed number: the top bits choose the shard, the low bits the place. */
const spread = (hash: number) => Math.imul(hash, 0x9e3779b1);
const shardOf = (mixed: number) => mixed >>> (32 - shardBits);

/** So many wait as a rule: a thread has no more loads under way than some ten, and these are the newest 2 KB of what it has worked with. */
const usualWaiting = 256;
const firstWaiting = 8;

export class HandleTable {
  #shards = noShards;
  #counts = noCounts;
  readonly #waitingMax: number;
  /** Hash and handle of each. */
  #waiting = new Int32Array(2 * firstWaiting);
  #waits = 0;
  #size = 0;
  /** Of a shard that grows for the first time. */
  #firstCapacity = firstCapacity;

  /** `isAsked` false: perhaps nothing will ever be looked for, so all may wait. */
  constructor({ isAsked = true }: { readonly isAsked?: boolean } = {}) {
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
    const shard = this.#shards[shardOf(mixed)]!;
    if (shard.length === 0) return null;
    const mask = maskOf(shard);
    for (let at = homeOf(mixed, mask); shard[at + 1] !== 0; at = (at + 2) & mask) {
      if (shard[at] !== mixed) continue;
      const handle = (shard[at + 1]! - 1) as Handle;
      if (matches(handle)) return handle;
    }
    return null;
  }

  /** Removes one handle; false when it is not there. */
  remove(hash: number, handle: Handle): boolean {
    if (this.#waits > 0) this.#settle();
    const mixed = spread(hash);
    const index = shardOf(mixed);
    const shard = this.#shards[index]!;
    if (shard.length === 0) return false;
    const mask = maskOf(shard);
    let at = homeOf(mixed, mask);
    while (shard[at + 1] !== handle + 1) {
      if (shard[at + 1] === 0) return false;
      at = (at + 2) & mask;
    }
    closeGap(shard, at);
    this.#counts[index]!--;
    this.#size--;
    return true;
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
      const index = shardOf(mixed);
      place(this.#roomIn(index), mixed, waiting[at + 1]! + 1);
      this.#counts[index]!++;
    }
  }

  #roomIn(index: number): Int32Array {
    const shard = this.#shards[index]!;
    const entries = shard.length / 2;
    if (this.#counts[index]! < entries * fullest) return shard;
    const times = entries < smallCapacity ? 4 : 2;
    const larger = new Int32Array(2 * Math.max(this.#firstCapacity, entries * times));
    for (let at = 0; at < shard.length; at += 2) if (shard[at + 1] !== 0) place(larger, shard[at]!, shard[at + 1]!);
    this.#shards[index] = larger;
    return larger;
  }
}

/** An entry is two numbers, its hash and its handle + 1; 0 in the place of the second is an empty one. Of the first of them, within a shard: */
const maskOf = (shard: Int32Array) => shard.length - 2;
const homeOf = (mixed: number, mask: number) => (mixed << 1) & mask;

function place(shard: Int32Array, mixed: number, named: number): void {
  const mask = maskOf(shard);
  let at = homeOf(mixed, mask);
  while (shard[at + 1] !== 0) at = (at + 2) & mask;
  shard[at] = mixed;
  shard[at + 1] = named;
}

/** Every follower that would no longer be found moves into the gap, which moves on to where it was. */
function closeGap(shard: Int32Array, start: number): void {
  const mask = maskOf(shard);
  let gap = start;
  for (let at = (gap + 2) & mask; shard[at + 1] !== 0; at = (at + 2) & mask) {
    const home = homeOf(shard[at]!, mask);
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    shard[gap] = shard[at]!;
    shard[gap + 1] = shard[at + 1]!;
    gap = at;
  }
  shard[gap + 1] = 0;
}
