/** The load benches that start a nats-server, or a cluster on one, small; but for `cluster-moves`, which has a file of its own. */
import t from 'tap';
import { findBenches } from '../../bench/lib/find.js';
import { needsNats } from '../support/nats-server.js';
import { runSmall } from './small-runs.js';

t.setTimeout(170_000);

for (const found of await findBenches(['nats-', 'cluster-schedule'])) {
  t.test(`${found.bench.name} runs at its smallest size`, { timeout: 120_000, ...needsNats }, (t) => runSmall(t, found));
}
