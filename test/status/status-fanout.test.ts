import t from 'tap';
import { statusFanout } from '../../bench/micro/status-fanout.bench.js';

t.test('the fan-out bench runs, and each crowd hears what it should', async (t) => {
  const results = await statusFanout({ changes: 1_400 });
  const heard = Object.fromEntries(results.map((result) => [result.crowd, result.heard]));
  // A change in 100 is of a filter's source and one in 7 DEAD; the first 1,000 events have one watcher each.
  t.same(heard, { dashboards: 140_000, filters: 200, watchers: 1_000 });
});
