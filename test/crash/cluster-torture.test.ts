import t from 'tap';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { needsNats, startNats } from '../support/nats-server.js';
import type { Fault, Harm } from './cluster-faults.js';
import { tortureCluster } from './cluster-torture.js';
import { promiseOf } from './verdict.js';

const timeout = 170_000;

t.setTimeout(timeout);

const fault = (harm: Harm, target: string, forMs: number, fields: Partial<Fault> = {}): Fault => ({
  harm,
  target,
  afterMs: 0,
  forMs,
  emptied: false,
  leavesBy: 'stop',
  ...fields,
});

/** One of each kind, all at once; `npm run torture -- --cluster` chooses by itself, for as long as you like. */
const salvos: readonly (readonly Fault[])[] = [
  [
    // It is not back before others have taken over.
    fault('kill', 'b', sessionTtlMs + 3_000),
    fault('kill', 'nats-1', 500, { afterMs: 500 }),
    fault('freeze', 'a', 3_000, { afterMs: 3_000 }),
    fault('slow', 'c', 4_000, { afterMs: 4_000 }),
    fault('stop', 'c', 500, { afterMs: sessionTtlMs + 4_000, emptied: true }),
  ],
];

t.test(
  'when nodes and the nats-server of a cluster are killed, stopped, frozen and all but cut off under load, every promise holds (F1, F11, F13, F14)',
  { ...needsNats, timeout },
  async (t) => {
    const seed = Date.now() % 1_000_000;
    const { violations, figures } = await tortureCluster({
      nats: [await startNats(t)],
      seed,
      more: (salvo) => salvo < salvos.length,
      salvos,
      // Enough that every kind of request is under way at every fault.
      eventsPerSecond: 14,
      partitions: 6,
      // One of each kind.
      followers: 2,
      // Nothing is killed while all else is well; `bench/cluster-moves.alone.test.ts` does that, and measures.
      takeoverMsMax: 3 * sessionTtlMs,
      report: (line) => t.comment(line),
    });
    t.comment(JSON.stringify({ seed, ...figures }));
    t.same(violations.slice(0, 10), [], promiseOf(violations, seed));
    const { accepted, changed, fired, revived, swept, holds, takeovers, handOvers } = figures;
    t.ok(accepted > 100, `the load was real: ${accepted} events accepted`);
    t.ok(Math.min(changed, fired, revived, swept, holds) > 0, 'everything was asked for');
    t.ok(takeovers > 0 && handOvers > 0, `${takeovers} partitions were taken over, ${handOvers} handed over`);
  },
);
