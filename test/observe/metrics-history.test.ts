import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { LatencyRecorder } from '../../engine/observe/latency.js';
import { MetricsHistory } from '../../engine/observe/metrics-history.js';

const began = 1_763_632_800_000;

function setup() {
  const history = new MetricsHistory();
  const lag = new LatencyRecorder();
  const totals = { accepted: 0, fired: 0, delivered: 0, failed: 0, pending: 0 };
  let seconds = 0;
  const second = (more: Partial<typeof totals> = {}, lags: readonly number[] = []) => {
    for (const ms of lags) lag.record(ms);
    totals.accepted += more.accepted ?? 0;
    totals.fired += more.fired ?? 0;
    totals.pending = more.pending ?? totals.pending;
    history.sample((began + seconds++ * 1_000) as WallMs, { ...totals, fireLag: lag.figures() });
  };
  const since = (secondsAgo: number | null) => {
    const now = began + seconds * 1_000;
    return history.since(secondsAgo === null ? null : ((now - secondsAgo * 1_000) as WallMs), now as WallMs);
  };
  return { second, since };
}

t.test('a sample is what has happened in its second', async (t) => {
  const { second, since } = setup();
  second({ accepted: 1_000 }, [50, 50]);
  t.same(since(null), { resolution_ms: 1_000, series: [] }, 'the first totals only begin a span');
  second({ accepted: 7, fired: 2, pending: 5 }, [1, 3]);
  second();
  const { series } = since(null);
  const p99 = series[0]!.fire_lag_p99_ms!;
  t.ok(Math.abs(p99 - 3) < 0.05, `those before it do not count: ${p99}`);
  t.same(series, [
    { at: began, accepted: 7, fired: 2, delivered: 0, failed: 0, pending: 5, fire_lag_p50_ms: 1, fire_lag_p99_ms: p99 },
    {
      at: began + 1_000,
      accepted: 0,
      fired: 0,
      delivered: 0,
      failed: 0,
      pending: 5,
      fire_lag_p50_ms: null,
      fire_lag_p99_ms: null,
    },
  ]);
  t.equal(since(1).series.length, 0, 'from_time counts where a span begins');
});

t.test('an hour by second and a day by minute are kept, whatever happens', async (t) => {
  const { second, since } = setup();
  for (let at = 0; at < 90_000; at++) second({ accepted: 2 });
  const hour = since(3_600);
  t.same([hour.resolution_ms, hour.series.length], [1_000, 3_599]);
  t.equal(hour.series.at(-1)!.at, began + 89_998_000);
  t.equal(since(null).series.length, 3_600);
  const day = since(86_400);
  t.equal(day.resolution_ms, 60_000);
  t.ok(day.series.length >= 1_438 && day.series.length <= 1_440, `${day.series.length} minutes`);
  t.ok(day.series.every(({ accepted }) => accepted === 120));
  t.ok(
    day.series.every(({ at }, place) => place === 0 || at - day.series[place - 1]!.at === 60_000),
    'without a hole',
  );
});
