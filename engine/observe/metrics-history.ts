/**
 * What happened lately, second by second and minute by minute: the charts of a dashboard that has just been opened.
 *
 * Two rings of numbers, 3,600 seconds and 1,440 minutes, 0.4 MB whatever happens. A sample holds what has grown since the one
 * before it (so a chart needs no subtraction), the level of pending events, and quantiles of the fire lag of its own span, out
 * of the difference of two histograms. A minute is taken from totals as well, not summed up from its seconds: quantiles cannot be.
 *
 * A sample bears the time at which its span began. Timers come late on a busy machine, so spans are about as long as they say.
 *
 * Lives on the main thread; since the process started, nothing is stored.
 */
import type { WallMs } from '../kernel/brand.js';
import type { LatencyFigures } from './figures.js';
import { latencyBetween, mergeLatency } from './latency.js';

export const historyCounters = ['accepted', 'fired', 'delivered', 'failed'] as const;
type Counter = (typeof historyCounters)[number];

export interface HistoryTotals extends Readonly<Record<Counter, number>> {
  readonly pending: number;
  readonly fireLag: LatencyFigures;
}

/** As the contract names it; instants as numbers. */
export interface HistorySample extends Readonly<Record<Counter, number>> {
  readonly at: WallMs;
  readonly pending: number;
  /** Null when nothing has started. */
  readonly fire_lag_p50_ms: number | null;
  readonly fire_lag_p99_ms: number | null;
}

export interface MetricsHistorySlice {
  readonly resolution_ms: number;
  /** Oldest first. */
  readonly series: readonly HistorySample[];
}

const secondMs = 1_000;
const secondsKept = 3_600;
const minuteMs = 60_000;
const minutesKept = 1_440;

export class MetricsHistory {
  readonly #seconds = new SampleRing(secondsKept);
  readonly #minutes = new SampleRing(minutesKept);

  /** To be called once a second. */
  sample(at: WallMs, totals: HistoryTotals): void {
    this.#seconds.add(at, totals);
    if (this.#minutes.endsAt === null || at - this.#minutes.endsAt >= minuteMs) this.#minutes.add(at, totals);
  }

  /** By second if they reach back to `from`, or if it is null; else by minute. */
  since(from: WallMs | null, now: WallMs): MetricsHistorySlice {
    const isRecent = from === null || from >= now - secondsKept * secondMs;
    const ring = isRecent ? this.#seconds : this.#minutes;
    return { resolution_ms: isRecent ? secondMs : minuteMs, series: ring.since(from ?? 0) };
  }
}

const fields = [...historyCounters, 'pending', 'fire_lag_p50_ms', 'fire_lag_p99_ms'] as const;

/** Columns, since a ring of objects would be walked by every garbage collection. NaN stands for null. */
class SampleRing {
  readonly #places: number;
  readonly #at: Float64Array;
  readonly #columns: Readonly<Record<(typeof fields)[number], Float64Array>>;
  #samples = 0;
  #last: { readonly at: WallMs; readonly totals: HistoryTotals } | null = null;

  constructor(places: number) {
    this.#places = places;
    this.#at = new Float64Array(places);
    this.#columns = Object.fromEntries(fields.map((name) => [name, new Float64Array(places)])) as Record<
      (typeof fields)[number],
      Float64Array
    >;
  }

  /** Where the newest sample ends; null before the first totals. */
  get endsAt(): WallMs | null {
    return this.#last?.at ?? null;
  }

  /** The first totals only begin a span. */
  add(at: WallMs, totals: HistoryTotals): void {
    const before = this.#last;
    this.#last = { at, totals };
    if (before === null) return;
    const place = this.#samples++ % this.#places;
    this.#at[place] = before.at;
    const columns = this.#columns;
    for (const name of historyCounters) columns[name][place] = totals[name] - before.totals[name];
    columns.pending[place] = totals.pending;
    const { p50, p99 } = mergeLatency([latencyBetween(before.totals.fireLag, totals.fireLag)]);
    columns.fire_lag_p50_ms[place] = p50 ?? Number.NaN;
    columns.fire_lag_p99_ms[place] = p99 ?? Number.NaN;
  }

  /** Samples that begin at `from` or later, oldest first. */
  since(from: number): HistorySample[] {
    const samples: HistorySample[] = [];
    for (let sample = Math.max(0, this.#samples - this.#places); sample < this.#samples; sample++) {
      const place = sample % this.#places;
      if (this.#at[place]! >= from) samples.push(this.#sampleAt(place));
    }
    return samples;
  }

  #sampleAt(place: number): HistorySample {
    const { accepted, fired, delivered, failed, pending, fire_lag_p50_ms: p50, fire_lag_p99_ms: p99 } = this.#columns;
    return {
      at: this.#at[place]! as WallMs,
      accepted: accepted[place]!,
      fired: fired[place]!,
      delivered: delivered[place]!,
      failed: failed[place]!,
      pending: pending[place]!,
      fire_lag_p50_ms: Number.isNaN(p50[place]!) ? null : p50[place]!,
      fire_lag_p99_ms: Number.isNaN(p99[place]!) ? null : p99[place]!,
    };
  }
}
