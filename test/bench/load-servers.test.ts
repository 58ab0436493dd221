/** The load benches that start servers, small. */
import t from 'tap';
import { loadBenches, runSmall } from './small-runs.js';

t.setTimeout(170_000);

for (const found of await loadBenches(true)) {
  t.test(`${found.bench.name} runs at its smallest size`, { timeout: 120_000 }, (t) => runSmall(t, found));
}
