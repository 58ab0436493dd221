/**
 * After a stop very many events are overdue: how soon is the engine ready, at what pace do they leave, and are others on time meanwhile?
 *
 * So many overdue LOCAL events lie in the data directory; `recoveryRate` of the configuration is the pace that was asked for. `drainedPerSecond`:
 * overdue events delivered, from the engine being ready to the last of them. Meanwhile 1,000/s are due on time; their lag is in milliseconds.
 * Good: the pace asked for, within a tenth, and a p99 below 20 ms.
 *
 *   npm run bench -- recovery
 */
import type { WallMs } from '../../engine/index.js';
import { until } from '../../test/support/deadline.js';
import { type Bench, measured } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { lagDuring } from '../lib/lag-during.js';
import { withEngine } from '../lib/local-engine.js';
import { LocalSink } from '../lib/local-sink.js';
import { localSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 500, full: 200_000 } as const;
const recoveryRate = 5_000;
const outageMs = 60_000;
const drainMsMax = 80_000;

/** Overdue events. */
export const bench: Bench = {
  name: 'recovery',
  question: 'After a stop very many events are overdue: at what pace do they leave, and are others on time meanwhile?',
  sizes,
  measure: (overdue) =>
    inTempDir(async (dataDir) => {
      const late = localSpec({ scheduledAtMs: (Date.now() - outageMs) as WallMs, source: 'overdue', destination: 'late' });
      await fillDataDir(dataDir, { partitions, pending: overdue, finished: 0, recordsBehind: 0, spec: late, externalIds: false });
      const sink = new LocalSink();
      let left = 0;
      const deliver = {
        sink: sink.handler,
        late: (batch: readonly unknown[]) => {
          left += batch.length;
        },
      };
      const began = performance.now();
      return withEngine({ dataDir, config: { partitions, recoveryRate }, deliver }, async (engine) => {
        const readyAt = performance.now();
        const [perSecond, aheadMs] = overdue === sizes.small ? [100, 100] : [1_000, 1_000];
        const { onTime, p50Ms, p99Ms, maxMs } = await lagDuring({ engine, sink, perSecond, aheadMs }, async () => {
          await until('all that was overdue has left', () => left >= overdue, drainMsMax);
          return left;
        });
        const drainedPerSecond = Math.round((left / (performance.now() - readyAt)) * 1_000);
        const readySeconds = Math.round((readyAt - began) / 10) / 100;
        return measured([{ overdue, recoveryRate, readySeconds, drainedPerSecond, onTime, p50Ms, p99Ms, maxMs }]);
      });
    }),
};
