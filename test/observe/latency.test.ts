import t from 'tap';
import { latencyBucketsMs } from '../../engine/observe/figures.js';
import { LatencyRecorder, mergeLatency, noLatency, sumLatency } from '../../engine/observe/latency.js';

function recorderOf(values: readonly number[]): LatencyRecorder {
  const recorder = new LatencyRecorder();
  for (const value of values) recorder.record(value);
  return recorder;
}

/** From 10 us to minutes, every decade alike. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 0.01 * 10 ** ((index / count) * 7));
}

t.test('quantiles are right within one percent, over all decades', async (t) => {
  const values = spread(10_000);
  const quantiles = mergeLatency([recorderOf(values).figures()]);
  const exact = (quantile: number) => values[Math.ceil(quantile * values.length) - 1]!;
  for (const [name, quantile] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p95', 0.95],
    ['p99', 0.99],
    ['p99_9', 0.999],
  ] as const) {
    const found = quantiles[name]!;
    t.ok(Math.abs(found / exact(quantile) - 1) < 0.01, `${name}: ${found} for ${exact(quantile)}`);
  }
  t.equal(quantiles.count, 10_000);
  t.ok(Math.abs(quantiles.max! - values.at(-1)!) < 0.01);
});

t.test('without a value there is no quantile', async (t) => {
  const none = { p50: null, p90: null, p95: null, p99: null, p99_9: null, max: null, count: 0 };
  t.same(mergeLatency([]), none);
  t.same(mergeLatency([noLatency, new LatencyRecorder().figures()]), none);
});

t.test('no quantile is larger than the largest value', async (t) => {
  const quantiles = mergeLatency([recorderOf([1_000.5, 1_001]).figures()]);
  t.equal(quantiles.max, 1_001);
  t.ok(quantiles.p50! >= 1_000 && quantiles.p99! <= 1_001, JSON.stringify(quantiles));
});

t.test('a value on a bound counts below it, as Prometheus has it', async (t) => {
  for (const [index, bound] of latencyBucketsMs.entries()) {
    t.equal(recorderOf([bound]).figures().buckets[index], 1, `${bound}`);
    t.equal(recorderOf([bound + 0.001]).figures().buckets[index + 1], 1, `above ${bound}`);
  }
});

t.test('count, sum and maximum are exact', async (t) => {
  const figures = recorderOf([0.5, 2, 700_000]).figures();
  t.equal(figures.count, 3);
  t.equal(figures.sumMs, 700_002.5);
  t.equal(figures.maxMs, 700_000);
  t.equal(figures.buckets.length, latencyBucketsMs.length + 1);
  t.equal(figures.buckets.at(-1), 1);
});

t.test('what is less than nothing or no number counts as 0', async (t) => {
  const figures = recorderOf([-5, Number.NaN, 0]).figures();
  t.equal(figures.count, 3);
  t.equal(figures.sumMs, 0);
  t.equal(figures.buckets[0], 3);
  t.equal(mergeLatency([figures]).p99, 0);
});

t.test('figures of several threads add up to those of one that saw it all', async (t) => {
  const values = spread(3_000);
  const parts = [0, 1, 2].map((part) => recorderOf(values.filter((_, index) => index % 3 === part)).figures());
  const whole = recorderOf(values).figures();
  const sum = sumLatency(parts);
  t.same({ ...sum, sumMs: 0 }, { ...whole, sumMs: 0 });
  t.ok(Math.abs(sum.sumMs - whole.sumMs) < 1e-3);
  t.same(mergeLatency(parts), mergeLatency([whole]));
  t.same(sumLatency([sum, noLatency]), sum);
  t.same(sumLatency([noLatency, new LatencyRecorder().figures()]), noLatency);
  t.same(sumLatency([]), noLatency);
});

t.test('every slot of the histogram survives the way to another thread', async (t) => {
  const recorder = new LatencyRecorder();
  for (let units = 0; units < 60_000_000; units = Math.max(units + 1, Math.floor(units * 1.004))) recorder.record(units / 100);
  const figures = recorder.figures();
  t.same(sumLatency([structuredClone(figures)]).points, figures.points);
  t.ok(figures.points.length / 2 > 2_000);
});

t.test('figures are a copy', async (t) => {
  const recorder = recorderOf([1]);
  const before = recorder.figures();
  recorder.record(2);
  t.equal(before.count, 1);
  t.equal(before.points.length, 2);
});
