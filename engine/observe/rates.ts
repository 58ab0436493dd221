/**
 * Rates per second over the last 1, 5 and 15 minutes, from totals that only grow.
 *
 * The totals are noted once a second in a ring of a little over 15 minutes; a rate is the difference of two of its places over the
 * time between them. Exact, unlike a decaying average, and reading it costs two look-ups however many events there were. Each
 * place carries its own time, because a timer that should come every second sometimes does not.
 *
 * Until a window is full it reaches back to the first sample, so that a young engine shows what it does and not a twentieth of it.
 */
import type { MonoMs } from '../kernel/brand.js';

/** Window by its name in the contract, in samples of a second. */
const windows = { '1m': 60, '5m': 300, '15m': 900 } as const;
const places = 901;

export type RateWindow = keyof typeof windows;
export type WindowRates = Readonly<Record<RateWindow, number>>;

export class Rates<Name extends string> {
  readonly #names: readonly Name[];
  /** One ring per name, and one of the times; all have the same cursor. */
  readonly #totals: readonly Float64Array[];
  readonly #times = new Float64Array(places);
  #samples = 0;

  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#totals = names.map(() => new Float64Array(places));
  }

  /** To be called about once a second. */
  sample(at: MonoMs, totals: Readonly<Record<Name, number>>): void {
    const place = this.#samples % places;
    this.#times[place] = at;
    this.#names.forEach((name, index) => {
      this.#totals[index]![place] = totals[name];
    });
    this.#samples += 1;
  }

  /** Per second, with three decimals; 0 before the second sample. */
  rates(): Record<Name, WindowRates> {
    const entries = this.#names.map((name, index) => {
      const ring = this.#totals[index]!;
      return [name, { '1m': this.#rate(ring, '1m'), '5m': this.#rate(ring, '5m'), '15m': this.#rate(ring, '15m') }];
    });
    return Object.fromEntries(entries) as Record<Name, WindowRates>;
  }

  #rate(ring: Float64Array, window: RateWindow): number {
    const back = Math.min(windows[window], this.#samples - 1);
    if (back <= 0) return 0;
    const newest = (this.#samples - 1) % places;
    const oldest = (this.#samples - 1 - back) % places;
    const elapsedMs = this.#times[newest]! - this.#times[oldest]!;
    if (elapsedMs <= 0) return 0;
    return Math.round(((ring[newest]! - ring[oldest]!) / elapsedMs) * 1_000_000) / 1_000;
  }
}
