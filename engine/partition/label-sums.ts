/**
 * How many events there are of each source and type, by state and delivery type: so that the statistics of one of them are sums that
 * are there already. Counted row by row, a million events took a quarter of a second of turns, and others were late for it.
 *
 * Kept as records are applied: by the state for what is pending, by each page of `finished.ts` for what has finished in its segment, also when
 * only an index knows the events.
 *
 * Producers choose these names, so there may be any number of them. Beyond `pairsMax` of them events are left out, and while any is, no further
 * pair begins: so a pair has all of its events in its sums or none, and once those that were left out are gone everything is summed again.
 * Until then (`isWhole`) whoever asks has to count.
 */
import { addTally, type LabelHashes, type Tally } from '../event/label-filter.js';
import { deliveryTypes } from '../event/spec.js';
import { eventStatuses } from '../event/status.js';

/** Of an event, as rows know them. */
export interface LabelPair {
  readonly source: number;
  readonly type: number;
}

class PairSums {
  readonly source: number;
  readonly type: number;
  /** By place in a tally (`label-filter.ts`). */
  readonly counts = new Int32Array(eventStatuses.length * deliveryTypes.length);
  total = 0;

  constructor({ source, type }: LabelPair) {
    this.source = source;
    this.type = type;
  }
}

/** As a snapshot keeps them: source, type and counts of each pair, in the order of their numbers; null: some were left out. */
export type LabelOutline = readonly (readonly [source: number, type: number, counts: readonly number[]])[] | null;

export class LabelSums {
  readonly #pairsMax: number;
  readonly #bySource = new Map<number, Map<number, PairSums>>();
  #pairs = 0;
  #leftOut = 0;
  /** The one asked for last: producers send many events of one kind. */
  #last: PairSums | null = null;

  constructor(pairsMax: number) {
    this.#pairsMax = pairsMax;
  }

  /** Every event is in the sums. */
  get isWhole(): boolean {
    return this.#leftOut === 0;
  }

  add(pair: LabelPair, place: number): void {
    const sums = this.#sumsOf(pair) ?? this.#begin(pair);
    if (sums === null) {
      this.#leftOut++;
      return;
    }
    sums.counts[place]!++;
    sums.total++;
  }

  /** `add` of rows that follow each other, without an object for each. */
  addEvent(source: number, type: number, place: number): void {
    const last = this.#last;
    if (last === null || last.source !== source || last.type !== type) {
      this.add({ source, type }, place);
      return;
    }
    last.counts[place]!++;
    last.total++;
  }

  remove(pair: LabelPair, place: number): void {
    const sums = this.#sumsOf(pair);
    if (sums === null) {
      this.#leftOut--;
      return;
    }
    sums.counts[place]!--;
    if (--sums.total === 0) this.#end(sums);
  }

  /** It is in another state, and of the same labels. */
  move(pair: LabelPair, { from, to }: { readonly from: number; readonly to: number }): void {
    const sums = this.#sumsOf(pair);
    if (sums === null) return;
    sums.counts[from]!--;
    sums.counts[to]!++;
  }

  /** Those of these labels. */
  addTo(tally: Tally, { source, type }: LabelHashes): void {
    const ofSource = source === null ? [...this.#bySource.values()] : [this.#bySource.get(source)];
    for (const types of ofSource) {
      if (types === undefined) continue;
      if (type === null) for (const { counts } of types.values()) addTally(tally, counts);
      else if (types.has(type)) addTally(tally, types.get(type)!.counts);
    }
  }

  get outline(): LabelOutline {
    if (!this.isWhole) return null;
    const all = [...this.#bySource.values()].flatMap((types) => [...types.values()]);
    all.sort((one, other) => one.source - other.source || one.type - other.type);
    return all.map(({ source, type, counts }) => [source, type, [...counts]]);
  }

  restore(outline: LabelOutline): void {
    // How many is not known, so it never comes down to none.
    if (outline === null) this.#leftOut = Number.POSITIVE_INFINITY;
    for (const [source, type, counts] of outline ?? []) {
      const sums = this.#begin({ source, type })!;
      sums.counts.set(counts);
      sums.total = counts.reduce((sum, count) => sum + count, 0);
    }
  }

  #sumsOf({ source, type }: LabelPair): PairSums | null {
    const last = this.#last;
    if (last !== null && last.source === source && last.type === type) return last;
    const known = this.#bySource.get(source)?.get(type) ?? null;
    if (known !== null) this.#last = known;
    return known;
  }

  /** Null: there is no room. */
  #begin(pair: LabelPair): PairSums | null {
    if (this.#pairs === this.#pairsMax || !this.isWhole) return null;
    const sums = new PairSums(pair);
    this.#pairs++;
    const types = this.#bySource.get(pair.source);
    if (types === undefined) this.#bySource.set(pair.source, new Map([[pair.type, sums]]));
    else types.set(pair.type, sums);
    return sums;
  }

  #end({ source, type }: PairSums): void {
    this.#last = null;
    this.#pairs--;
    const types = this.#bySource.get(source)!;
    types.delete(type);
    if (types.size === 0) this.#bySource.delete(source);
  }
}
