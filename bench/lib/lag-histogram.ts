/**
 * How late things were, in milliseconds: percentiles of an HDR histogram in steps of 10 us.
 *
 * Whoever records gives the time from the *intended* moment, not from the one at which a busy sender came to it: a second in which
 * nothing could be sent then counts for everything that should have been sent in it.
 */
import { build, type Histogram } from 'hdr-histogram-js';

const unitsPerMs = 100;
const msMax = 600_000;
/** Per power of ten, from the median of all to one in 100,000. */
const stepsPerNine = 10;
const ninesMax = 5;

/** `[nines, ms]`: 2 nines is the 99th percentile. As far as there were enough of them. */
export interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [nines: number, ms: number])[];
}

export interface LagFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class LagHistogram {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: msMax * unitsPerMs,
    numberOfSignificantValueDigits: 3,
  });

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Less than nothing counts as nothing: whoever may be early counts that apart. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(msMax * unitsPerMs, Math.max(0, Math.round(ms * unitsPerMs))));
  }

  reset(): void {
    this.#histogram.reset();
  }

  figures(): LagFigures {
    return { p50Ms: this.#at(50), p99Ms: this.#at(99), p999Ms: this.#at(99.9), maxMs: this.#at(100) };
  }

  curve(label: string): Curve {
    const points: (readonly [number, number])[] = [];
    for (let step = 0; step <= ninesMax * stepsPerNine; step++) {
      const nines = step / stepsPerNine;
      if (this.count * 10 ** -nines < 1) break;
      points.push([nines, this.#at(100 * (1 - 10 ** -nines))]);
    }
    return { label, points };
  }

  #at(percent: number): number {
    return this.#histogram.getValueAtPercentile(percent) / unitsPerMs;
  }
}
