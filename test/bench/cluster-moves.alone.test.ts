/**
 * The bench of failover and hand-off, small: nothing that was acknowledged is missing, and a partition is without an owner no longer than is promised, by what the product
 * tells.
 */
import t from 'tap';
import { findBenches } from '../../bench/lib/find.js';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { needsNats } from '../support/nats-server.js';
import { runSmall } from './small-runs.js';

/** The contract of the project. A takeover, on top of the time to live: */
const takeoverMsMax = 3_000;
/** A partition that was released: */
const handOverMsMax = 1_000;

const timeout = 120_000;
t.setTimeout(timeout);

const [found] = await findBenches(['cluster-moves']);

t.test('a killed node’s partitions and a stopped one’s are served again in time', { timeout, ...needsNats }, async (t) => {
  const [failover, handOff] = await runSmall(t, found!);
  for (const [move, msMax] of [
    [failover!, sessionTtlMs + takeoverMsMax],
    [handOff!, handOverMsMax],
  ] as const) {
    t.ok(Number(move['partitions']) > 0, 'it owned partitions');
    t.ok(Number(move['longestMs']) <= msMax, `${move['move']}: at most ${move['longestMs']} ms`);
  }
});
