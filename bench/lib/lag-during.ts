/** How late are others while something else goes on? Events on time at a fixed rate beside some work, and the lag of those due meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, WallMs } from '../../engine/index.js';
import { scheduleAll } from './local-engine.js';
import type { LocalSink } from './local-sink.js';
import { openLoop } from './open-loop.js';
import { localSpecAt } from './sample-spec.js';

export interface OnTime {
  readonly engine: Engine;
  /** Its handler is the engine's `sink`. */
  readonly sink: LocalSink;
  readonly perSecond: number;
  /** Between handing them over and their moments. */
  readonly aheadMs: number;
}

export interface Meanwhile {
  readonly onTime: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** What `work` says it has done. */
  readonly done: number;
  readonly tookSeconds: number;
}

/** `work` begins when the first of them is due. */
export async function lagDuring({ engine, sink, perSecond, aheadMs }: OnTime, work: () => Promise<number>): Promise<Meanwhile> {
  const end = new AbortController();
  const hand = (atMs: readonly number[]) =>
    scheduleAll(
      engine,
      atMs.map((at) => localSpecAt(at as WallMs)),
    );
  const before = sink.arrived;
  const handing = openLoop({ perSecond, count: Number.POSITIVE_INFINITY, aheadMs, end: end.signal }, ({ atMs }) => hand(atMs));
  await pause(aheadMs);
  sink.begin();
  const began = performance.now();
  const done = await work();
  const tookSeconds = (performance.now() - began) / 1_000;
  const { p50Ms, p99Ms, maxMs } = sink.lag.figures();
  const onTime = sink.lag.count;
  end.abort();
  const { count } = await handing;
  await sink.until(before + count, 60_000);
  return { onTime, p50Ms, p99Ms, maxMs, done, tookSeconds };
}
