/**
 * Events accepted, fired and finished at a fixed rate, `LOCAL` delivery in one process, while others are pending.
 *
 * Each is handed over one second ahead of its intended moment. Lag is from that moment to the call of the handler.
 * The first two seconds at the rate are not in the lag: a fresh process compiles what it runs for the first time, and has a backlog of some
 * hundred milliseconds from it. They are in everything else.
 */
import type { WallMs } from '../../engine/index.js';
import { until } from '../../test/support/deadline.js';
import { fillDataDir } from './filled-data-dir.js';
import type { Curve, LagFigures } from './lag-histogram.js';
import { scheduleAll, withEngine } from './local-engine.js';
import { LocalSink } from './local-sink.js';
import { openLoop } from './open-loop.js';
import { localSpecAt, sampleSpec } from './sample-spec.js';
import { inTempDir } from './temp-dir.js';

const partitions = 4;
const aheadMs = 1_000;
const warmUpSeconds = 2;
const drainMsMax = 60_000;
const monthMs = 30 * 86_400_000;

export interface FireLoad {
  readonly perSecond: number;
  readonly seconds: number;
  /** There all the while, due in a month. */
  readonly pending: number;
}

export interface FireFigures extends LagFigures {
  readonly perSecond: number;
  readonly pending: number;
  readonly events: number;
  readonly early: number;
  /** `DELIVERED` on disk, from the first moment to when the last one was. */
  readonly finishedPerSecond: number;
  /** By how much the producer ended late. */
  readonly behindSeconds: number;
}

export function fireAtRate(load: FireLoad, label: string): Promise<{ readonly figures: FireFigures; readonly curve: Curve }> {
  const { perSecond, pending } = load;
  const warmUp = load.seconds > 1 ? warmUpSeconds : 0;
  const events = perSecond * (load.seconds + warmUp);
  return inTempDir(async (dataDir) => {
    const far = sampleSpec({ scheduledAtMs: (Date.now() + monthMs) as WallMs });
    await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec: far, externalIds: false });
    const sink = new LocalSink();
    return withEngine({ dataDir, config: { partitions }, deliver: { sink: sink.handler } }, async (engine) => {
      const beganMs = Date.now() + aheadMs;
      sink.begin(beganMs + warmUp * 1_000);
      const { behindMs } = await openLoop({ perSecond, count: events, aheadMs }, ({ atMs }) =>
        scheduleAll(
          engine,
          atMs.map((at) => localSpecAt(at as WallMs)),
        ),
      );
      await sink.until(events, drainMsMax);
      await until('all have finished', () => engine.statistics().by_status.DELIVERED >= events, drainMsMax);
      const tookMs = Date.now() - beganMs;
      const figures = {
        perSecond,
        pending,
        events,
        early: sink.early,
        ...sink.lag.figures(),
        finishedPerSecond: Math.round((events / tookMs) * 1_000),
        behindSeconds: Math.round(behindMs / 10) / 100,
      };
      return { figures, curve: sink.lag.curve(label) };
    });
  });
}
