/**
 * How long does it take to put back everything that died, when nearly all of it is known to the indexes of old segments only?
 *
 * As after an outage of days: a million events are `DEAD` in sealed segments and not in memory. All of them are put back by one filter on
 * their source, while every 2 ms another event is due (LOCAL, accepted a second ahead): milliseconds from the time asked for to the
 * handler's call. `calls`: one works ten seconds at most. Good: a million in less than 10 s, p99 below 10 ms. With what died just now it is
 * `filter-walk`.
 *
 *   npm run bench -- retry-from-disk
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Engine, everyEvent, type WallMs } from '../../engine/index.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { lagDuring } from '../lib/lag-during.js';
import { withEngine } from '../lib/local-engine.js';
import { LocalSink } from '../lib/local-sink.js';
import { localSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const sizes = { small: 500, full: 1_000_000 } as const;
const partitions = 4;
const segmentBytes = { small: 32 * 1024, full: 32 * 1024 * 1024 } as const;
const onTimePerSecond = 500;

/** Dead events. */
export const bench: Bench = {
  name: 'retry-from-disk',
  question: 'How long does it take to put back everything that died, when nearly all of it is in old segments?',
  sizes,
  measure: (dead) =>
    inTempDir(async (dataDir) => {
      const spec = localSpec({ scheduledAtMs: Date.now() as WallMs, source: 'many', destination: 'ignored' });
      const isSmall = dead === sizes.small;
      await fillDataDir(dataDir, {
        partitions,
        pending: 0,
        finished: dead,
        recordsBehind: 0,
        spec,
        externalIds: false,
        ending: 'dead',
        segmentBytes: isSmall ? segmentBytes.small : segmentBytes.full,
      });
      const sink = new LocalSink();
      const deliver = { sink: sink.handler, ignored: () => undefined };
      return withEngine({ dataDir, config: { partitions }, deliver }, async (engine) => {
        const [aheadMs, quietMs, perSecond] = isSmall ? [100, 100, 100] : [1_000, 3_000, onTimePerSecond];
        const during = async (what: string, work: () => Promise<Retried>): Promise<Row> => {
          let calls = 0;
          const { tookSeconds, ...figures } = await lagDuring({ engine, sink, perSecond, aheadMs }, async () => {
            const retried = await work();
            calls = retried.calls;
            return retried.changed;
          });
          return { during: what, dead, calls, ...figures, perSecond: Math.round(figures.done / tookSeconds) };
        };
        return measured([
          await during('nothing', () => pause(quietMs).then(() => ({ calls: 0, changed: 0 }))),
          await during('retry all', () => retryAll(engine, dead)),
        ]);
      });
    }),
};

interface Retried {
  readonly calls: number;
  readonly changed: number;
}

async function retryAll(engine: Engine, limit: number): Promise<Retried> {
  let [calls, changed] = [0, 0];
  for (let hasMore = true; hasMore; calls++) {
    const result = await engine.retryMatching({ filter: { ...everyEvent, source: ['many'] }, limit });
    changed += result.changed;
    hasMore = result.hasMore;
  }
  return { calls, changed };
}
