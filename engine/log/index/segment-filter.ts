/**
 * Did this id, or this key, finish in that segment? A Bloom filter for each, so that a new event never waits for the disk to
 * say no.
 *
 * Built with the index of a sealed segment and stored in it, since both change no more; the actor holds the filters of all
 * indexed segments. A look-up asks each of them, so each must be wrong rarely: 16 bits and 8 probes an entry are wrong once
 * in 1,700 times, 4 bytes a retained event with a key. (10 bits are wrong once in 120 times: with the hundred segments
 * of a busy week nearly every new event would wait for the reader.) Most answers are "no" after one or two probes.
 */
import type { EventId } from '../../kernel/event-id.js';

const bitsPerEntry = 16;
const probes = 8;
const textProbes = probes / 2;

export class BloomFilter {
  readonly words: Uint32Array;

  /** `words` as an earlier filter had them. */
  constructor(words: Uint32Array) {
    this.words = words;
  }

  static for(entries: number): BloomFilter {
    return new BloomFilter(new Uint32Array(Math.max(2, Math.ceil((entries * bitsPerEntry) / 32))));
  }

  /** Two independent 32-bit hashes of the thing. With fewer probes it takes less of the room, and is taken for known more often. */
  add(one: number, two: number, times = probes): void {
    const bits = this.words.length * 32;
    for (let probe = 0; probe < times; probe++) {
      const bit = bitOf(one, two, probe) % bits;
      this.words[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  /** With as many probes as it was added with. */
  mayContain(one: number, two: number, times = probes): boolean {
    const bits = this.words.length * 32;
    for (let probe = 0; probe < times; probe++) {
      const bit = bitOf(one, two, probe) % bits;
      if ((this.words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** Double hashing (Kirsch and Mitzenmacher, 2006): two hashes make as many as are needed. */
function bitOf(one: number, two: number, probe: number): number {
  return (one + Math.imul(probe, two | 1)) >>> 0;
}

/** As it crosses threads: written once, and of an index in memory that its reader and its host share. */
export interface FilterWords {
  readonly ids: Uint32Array;
  readonly keys: Uint32Array;
}

export class SegmentFilter {
  readonly #ids: BloomFilter;
  readonly #keys: BloomFilter;

  constructor({ ids, keys }: FilterWords) {
    this.#ids = new BloomFilter(ids);
    this.#keys = new BloomFilter(keys);
  }

  static for({ ids, keys }: { readonly ids: number; readonly keys: number }): SegmentFilter {
    return new SegmentFilter({ ids: BloomFilter.for(ids).words, keys: BloomFilter.for(keys).words });
  }

  get words(): FilterWords {
    return { ids: this.#ids.words, keys: this.#keys.words };
  }

  get bytes(): number {
    return this.#ids.words.byteLength + this.#keys.words.byteLength;
  }

  addId(id: EventId): void {
    this.#ids.add(wordAt(id, 8), wordAt(id, 12));
  }

  addKey({ tagHigh, tagLow }: { readonly tagHigh: number; readonly tagLow: number }): void {
    this.#keys.add(scattered(tagLow), tagLow, textProbes);
    this.#keys.add(tagHigh, tagLow, probes - textProbes);
  }

  /** False: certainly not. */
  mayHaveId(id: EventId): boolean {
    return this.#ids.mayContain(wordAt(id, 8), wordAt(id, 12));
  }

  mayHaveKey({ tagHigh, tagLow }: { readonly tagHigh: number; readonly tagLow: number }): boolean {
    return this.mayHaveText(tagLow) && this.#keys.mayContain(tagHigh, tagLow, probes - textProbes);
  }

  /** Of a key with this text, whatever its source: the lower half of its tag. */
  mayHaveText(tagLow: number): boolean {
    return this.#keys.mayContain(scattered(tagLow), tagLow, textProbes);
  }
}

/** Another hash out of one (the last steps of MurmurHash3). */
function scattered(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}

/** The last 8 bytes of an id are random. */
function wordAt(id: EventId, at: number): number {
  return ((id[at]! << 24) | (id[at + 1]! << 16) | (id[at + 2]! << 8) | id[at + 3]!) >>> 0;
}
