/**
 * How late does each system hand an event to a handler, at one rate?
 *
 * Producer and handler are one Node process, whatever the system needs is on the same machine. Events are handed over in bulk, a second
 * ahead of their intended moments, which a producer that falls behind does not move. A system that cannot keep up is late by as
 * much as it lags behind at the end: it is given up after three seconds more, and what has not come by then counts as late by that.
 * `allTaken`: whether it had at least taken all of them.
 */
import { type Bench, measured, type Row } from '../lib/bench.js';
import { type Curve, LagHistogram } from '../lib/lag-histogram.js';
import { openLoop } from '../lib/open-loop.js';
import { setTimeout as pause } from 'node:timers/promises';
import { consumers } from './contestants.js';
import type { Contestant } from './peer.js';

const aheadMs = 1_000;
const patienceMs = 3_000;
const sizes = { small: 0.5, full: 3 } as const;

/** The bench of one rate; its size is seconds. */
export function peersFireAt(name: string, perSecond: number): Bench {
  const rate = `${perSecond.toLocaleString('en-US')}/s`;
  return {
    name,
    question: `How late does each system hand events to a handler at ${rate}?`,
    sizes,
    plots: [{ kind: 'percentiles', title: `Fire lag at ${rate}, beside others in the same run` }],
    measure: async (seconds) => {
      const rows: Row[] = [];
      const curves: Curve[] = [];
      // Small is for whether it works, at any rate.
      const load = { perSecond: seconds === sizes.small ? 200 : perSecond, seconds };
      for (const contestant of consumers()) {
        const { row, curve } = await fire(contestant, load);
        rows.push(row);
        curves.push(curve);
      }
      return measured(rows, curves);
    },
  };
}

interface FireLoad {
  readonly perSecond: number;
  readonly seconds: number;
}

async function fire({ name, durable, start }: Contestant, { perSecond, seconds }: FireLoad): Promise<{ row: Row; curve: Curve }> {
  const peer = await start();
  const lag = new LagHistogram();
  const events = perSecond * seconds;
  // Several may be for the same millisecond.
  const open = new Map<number, number>();
  let arrived = 0;
  let early = 0;
  try {
    await peer.consume((atMs) => {
      const now = performance.timeOrigin + performance.now();
      if (Math.floor(now) < atMs) early++;
      lag.record(now - atMs);
      open.set(atMs, open.get(atMs)! - 1);
      arrived++;
    });
    const deadline = performance.now() + aheadMs + seconds * 1_000 + patienceMs;
    let isHanded = false;
    let failure: unknown = null;
    const handing = openLoop({ perSecond, count: events, aheadMs }, ({ atMs }) => {
      for (const at of atMs) open.set(at, (open.get(at) ?? 0) + 1);
      return peer.insertMany(atMs);
    }).then(() => {
      isHanded = true;
    });
    // Behind the deadline a call that is still under way fails with its server, which is nobody's any more.
    handing.catch((error: unknown) => {
      failure = error;
    });
    while (arrived < events && performance.now() < deadline && failure === null) await pause(5);
    if (failure !== null) throw failure;
    const now = Date.now();
    for (const [at, left] of open) for (let each = 0; each < left; each++) lag.record(now - at);
    const row = {
      system: name,
      durable,
      ...lag.figures(),
      early,
      missing: events - arrived,
      allTaken: isHanded ? 'yes' : 'no',
    };
    return { row, curve: lag.curve(name) };
  } finally {
    await peer.stop();
  }
}
