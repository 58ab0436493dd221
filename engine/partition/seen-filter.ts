/**
 * May this id or key be in an indexed segment? A Bloom filter, so that a new event never waits for the disk to say no.
 *
 * 10 bits and 7 probes an entry: about 1 in 120 look-ups of something new goes to the reader for nothing. Filters cannot
 * grow, so a full one is followed by another; a look-up asks all of them.
 */

const entriesPerFilter = 1_000_000;
const bitsPerFilter = 2 ** 23 + 2 ** 21;
const probes = 7;

export class SeenFilter {
  readonly #filters: Uint32Array[] = [];
  #entriesInLast = entriesPerFilter;

  /** Two independent 32-bit hashes of the thing. */
  add(one: number, two: number): void {
    if (this.#entriesInLast === entriesPerFilter) {
      this.#filters.push(new Uint32Array(bitsPerFilter / 32));
      this.#entriesInLast = 0;
    }
    this.#entriesInLast++;
    const filter = this.#filters[this.#filters.length - 1]!;
    for (let probe = 0; probe < probes; probe++) {
      const bit = bitOf(one, two, probe);
      filter[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  mayContain(one: number, two: number): boolean {
    for (let at = this.#filters.length - 1; at >= 0; at--) {
      if (allSet(this.#filters[at]!, one, two)) return true;
    }
    return false;
  }
}

function allSet(filter: Uint32Array, one: number, two: number): boolean {
  for (let probe = 0; probe < probes; probe++) {
    const bit = bitOf(one, two, probe);
    if ((filter[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** Double hashing (Kirsch and Mitzenmacher, 2006): two hashes make as many as are needed. */
function bitOf(one: number, two: number, probe: number): number {
  return ((one + Math.imul(probe, two | 1)) >>> 0) % bitsPerFilter;
}
