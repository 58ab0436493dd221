/**
 * Which lists hold entries: for each place the set of its ranks, for each block a bitmap of its places, and above it one
 * word that says which words of the bitmap are not zero.
 *
 * It is how an idle wheel sleeps: the next slot with entries is found in three words, not by a walk over 512 slots of 10
 * lists each. It is also what says that a list is empty: the ends of an empty list are never read, so the arrays behind it
 * need no filling when a wheel is made.
 *
 * Invariants: a rank is in its place's set exactly when that list holds an entry; a bit is set exactly when the set, or
 * the word, below it is not empty.
 */
import { blockOfPlace, blocks, placeOfList, places, rankOfList, ringSlots } from './geometry.js';

const wordsPerBlock = ringSlots / 32;

export class Occupancy {
  /** Bit r is set when rank r of that place holds an entry. */
  readonly #rankSets = new Uint16Array(places);
  readonly #words = new Int32Array(blocks * wordsPerBlock);
  /** By block: bit w is set when its word w is not zero. */
  readonly #summaries = new Int32Array(blocks);

  ranksAt(place: number): number {
    return this.#rankSets[place];
  }

  has(list: number): boolean {
    return ((this.#rankSets[placeOfList(list)] >>> rankOfList(list)) & 1) === 1;
  }

  add(list: number): void {
    const place = placeOfList(list);
    const word = place >>> 5;
    this.#rankSets[place] |= 1 << rankOfList(list);
    this.#words[word] |= 1 << (place & 31);
    this.#summaries[blockOfPlace(place)] |= 1 << (word & (wordsPerBlock - 1));
  }

  delete(list: number): void {
    const place = placeOfList(list);
    const word = place >>> 5;
    this.#rankSets[place] &= ~(1 << rankOfList(list));
    if (this.#rankSets[place] !== 0) return;
    this.#words[word] &= ~(1 << (place & 31));
    if (this.#words[word] !== 0) return;
    this.#summaries[blockOfPlace(place)] &= ~(1 << (word & (wordsPerBlock - 1)));
  }

  /** Steps along the ring from `slot` to the first slot that holds entries: 0-511, or -1 when the whole ring is empty. */
  stepsToNext(block: number, slot: number): number {
    const summary = this.#summaries[block];
    if (summary === 0) return -1;
    const base = block * wordsPerBlock;
    const start = slot >>> 5;
    const here = this.#words[base + start] & (-1 << (slot & 31));
    if (here !== 0) return 32 * start + lowestBit(here) - slot;
    const after = summary & (-2 << start);
    if (after !== 0) {
      const word = lowestBit(after);
      return 32 * word + lowestBit(this.#words[base + word]) - slot;
    }
    // Round the ring. Should this be the word of `slot` again, then only places before it are left in it.
    const word = lowestBit(summary);
    return ringSlots + 32 * word + lowestBit(this.#words[base + word]) - slot;
  }

  clear(): void {
    this.#rankSets.fill(0);
    this.#words.fill(0);
    this.#summaries.fill(0);
  }
}

/** Number of the lowest bit that is set, without a loop over the bits. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
