/**
 * How long things take: recorded on one thread, shown on another.
 *
 * Two forms side by side, because two readers want different things. Prometheus wants counts in the same fixed buckets on every
 * thread and in every process, so that it can add them up; people want "p99 = 1.4 ms", for which 18 buckets are too coarse. So a
 * recorder keeps the fixed buckets of `latencyBucketsMs` and an HDR histogram of 2,560 slots (10 us to 10 minutes, two significant
 * digits: a quantile is off by less than 1 %).
 *
 * What crosses threads is the slots of the histogram that are not empty, as plain numbers: 0.02 ms to collect (1,500 slots
 * in use), where hdr-histogram's own compressed form costs 0.09 ms, and slots of several threads can simply be added up.
 *
 * Recording costs about 0.1 us and allocates nothing. The only door to hdr-histogram-js: to the one class and what it stands on, since the
 * package as a whole brings WebAssembly and compression, 40 ms of the start of each thread that records. One instance per thread and quantity.
 */
import { require } from '../kernel/commonjs.js';
import { type LatencyFigures, latencyBucketsMs } from './figures.js';

const float64 =
  require('hdr-histogram-js/dist/Float64Histogram.js') as typeof import('hdr-histogram-js/dist/Float64Histogram.js');

type Float64Histogram = InstanceType<typeof float64.default>;

/** The histogram counts whole hundredths of a millisecond. */
const unitsPerMs = 100;
/** Ten minutes; what takes longer is counted as ten minutes there, while `maxMs` and `sumMs` stay exact. */
const unitsMax = 600_000 * unitsPerMs;
const significantDigits = 2;
/** Of a point the first number is less. */
export const latencySlots = newHistogram().countsArrayLength;

export class LatencyRecorder {
  readonly #buckets = new Float64Array(latencyBucketsMs.length + 1);
  readonly #histogram = newHistogram();
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** Less than nothing (a clock that stepped back) and NaN count as 0. */
  record(ms: number): void {
    const value = ms > 0 ? ms : 0;
    this.#buckets[bucketOf(value)]! += 1;
    this.#histogram.recordValue(unitsOf(value));
    this.#count += 1;
    this.#sumMs += value;
    if (value > this.#maxMs) this.#maxMs = value;
  }

  /** Everything since the recorder was made. */
  figures(): LatencyFigures {
    return {
      buckets: Array.from(this.#buckets),
      count: this.#count,
      sumMs: this.#sumMs,
      maxMs: this.#maxMs,
      points: this.#count === 0 ? [] : pointsOf(this.#histogram),
    };
  }
}

export const noLatency: LatencyFigures = {
  buckets: new Array<number>(latencyBucketsMs.length + 1).fill(0),
  count: 0,
  sumMs: 0,
  maxMs: 0,
  points: [],
};

/** As if one recorder had seen it all. Most have seen nothing for a while, and a histogram to add up nothing in costs a cold process 0.3 ms. */
export function sumLatency(all: readonly LatencyFigures[]): LatencyFigures {
  const list = all.filter(({ count }) => count > 0);
  if (list.length <= 1) return list[0] ?? noLatency;
  const buckets = new Array<number>(latencyBucketsMs.length + 1).fill(0);
  let [count, sumMs, maxMs] = [0, 0, 0];
  for (const figures of list) {
    for (let bucket = 0; bucket < buckets.length; bucket++) buckets[bucket]! += figures.buckets[bucket]!;
    count += figures.count;
    sumMs += figures.sumMs;
    maxMs = Math.max(maxMs, figures.maxMs);
  }
  return { buckets, count, sumMs, maxMs, points: pointsOf(histogramOf(list)) };
}

/** What was recorded between two figures of the same recorders. Its largest value is not known; it stands for the later one's. */
export function latencyBetween(earlier: LatencyFigures, later: LatencyFigures): LatencyFigures {
  const counts = new Map<number, number>();
  for (let at = 0; at < later.points.length; at += 2) counts.set(later.points[at]!, later.points[at + 1]!);
  for (let at = 0; at < earlier.points.length; at += 2) {
    const slot = earlier.points[at]!;
    counts.set(slot, (counts.get(slot) ?? 0) - earlier.points[at + 1]!);
  }
  const points = [...counts].filter(([, count]) => count > 0).flat();
  const buckets = later.buckets.map((count, bucket) => count - earlier.buckets[bucket]!);
  return { buckets, count: later.count - earlier.count, sumMs: later.sumMs - earlier.sumMs, maxMs: later.maxMs, points };
}

/** Milliseconds with two decimals; null when nothing was seen. The names are the contract's. */
export interface LatencyQuantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p99_9: number | null;
  readonly max: number | null;
  readonly count: number;
}

/** Quantiles over all that several threads have seen. */
export function mergeLatency(list: readonly LatencyFigures[]): LatencyQuantiles {
  const histogram = histogramOf(list);
  const count = histogram.totalCount;
  if (count === 0) return { p50: null, p90: null, p95: null, p99: null, p99_9: null, max: null, count: 0 };
  const maxMs = Math.max(...list.map((figures) => figures.maxMs));
  // The histogram answers with the upper end of a slot, which may lie beyond the largest value seen.
  const quantile = (percent: number): number => rounded(Math.min(histogram.getValueAtPercentile(percent) / unitsPerMs, maxMs));
  return {
    p50: quantile(50),
    p90: quantile(90),
    p95: quantile(95),
    p99: quantile(99),
    p99_9: quantile(99.9),
    max: rounded(maxMs),
    count,
  };
}

function newHistogram(): Float64Histogram {
  return new float64.default(1, unitsMax, significantDigits);
}

/** Most values lie in the first few buckets, so a search from below is the shortest. */
function bucketOf(ms: number): number {
  let bucket = 0;
  while (bucket < latencyBucketsMs.length && ms > latencyBucketsMs[bucket]!) bucket++;
  return bucket;
}

function unitsOf(ms: number): number {
  return Math.min(Math.round(ms * unitsPerMs), unitsMax);
}

function pointsOf(histogram: Float64Histogram): number[] {
  const points: number[] = [];
  for (let slot = 0; slot < histogram.countsArrayLength; slot++) {
    const count = histogram.getCountAtIndex(slot);
    if (count !== 0) points.push(slot, count);
  }
  return points;
}

/** Slots are added up as they are: finding a slot by its value again would cost thirty times as much. */
function histogramOf(list: readonly LatencyFigures[]): Float64Histogram {
  const histogram = newHistogram();
  for (const { points, count } of list) {
    for (let at = 0; at < points.length; at += 2) histogram.addToCountAtIndex(points[at]!, points[at + 1]!);
    histogram.addToTotalCount(count);
  }
  return histogram;
}

function rounded(ms: number): number {
  return Math.round(ms * unitsPerMs) / unitsPerMs;
}
