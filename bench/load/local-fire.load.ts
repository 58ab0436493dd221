/**
 * How late do events leave at a fixed rate, when they are accepted, fired and finished all the while?
 *
 * Milliseconds from the time asked for to the handler's call, `LOCAL` delivery in one process: each event is scheduled one second
 * ahead of its time, the intended one: a producer that falls behind does not move it, so what it holds up is in the figures
 * (`behind`: seconds by which the producer ended late). Percentiles of an HDR histogram. Good at 20,000/s: p50 1 ms, p99 5 ms,
 * p99.9 20 ms, never early.
 *
 *   npm run bench -- local-fire
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'hdr-histogram-js';
import {
  createEngine,
  createLogger,
  defaultConfig,
  type EventSpec,
  type LocalDelivery,
  type WallMs,
} from '../../engine/index.js';
import { type Bench, type Row, rowsOf } from '../lib/bench.js';

const ratesPerSecond = [1_000, 5_000, 20_000] as const;
const aheadMs = 1_000;
/** How often the producer hands over what it owes. */
const everyMs = 10;
const unitsPerMs = 100;
const drainMsMax = 60_000;

const sizes = { small: 1, full: 20 } as const;

/** Seconds at each rate. */
export const bench: Bench = {
  name: 'local-fire',
  question: 'How late do events leave at a fixed rate, accepted, fired and finished all the while?',
  sizes,
  measure: async (seconds) => {
    const rows: Row[] = [];
    for (const rate of seconds === sizes.small ? ratesPerSecond.slice(0, 2) : ratesPerSecond)
      rows.push(await fire({ rate, seconds }));
    return rowsOf(rows);
  },
};

async function fire({ rate, seconds }: { readonly rate: number; readonly seconds: number }): Promise<Row> {
  const dataDir = mkdtempSync(join(tmpdir(), 'escapement-bench-'));
  const lag = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000 * unitsPerMs, numberOfSignificantValueDigits: 3 });
  const events = rate * seconds;
  let early = 0;
  let arrived = 0;
  const engine = await createEngine({
    config: defaultConfig({ dataDir }),
    logger: createLogger({ level: 'error', format: 'json' }),
    deliver: {
      sink: (batch: readonly LocalDelivery[]) => {
        const now = performance.timeOrigin + performance.now();
        for (const { scheduledAt } of batch) {
          const lagMs = now - scheduledAt.getTime();
          // A delivery may be a fraction of a millisecond before `Date.now()` shows its time, never before the time itself.
          if (Math.floor(now) < scheduledAt.getTime()) early++;
          lag.recordValue(Math.max(0, Math.round(lagMs * unitsPerMs)));
          arrived++;
        }
      },
    },
  });
  try {
    while (engine.health().status !== 'ready') await pause(10);
    const behindMs = await produce({ rate, events }, async (atMs) => {
      const results = await engine.scheduleBatch(
        atMs.map((scheduledAtMs) => ({ spec: localEvent(scheduledAtMs), timeGiven: true })),
      );
      for (const result of results) if (result instanceof Error) throw result;
    });
    for (let waitedMs = 0; arrived < events && waitedMs < drainMsMax; waitedMs += 10) await pause(10);
    if (arrived < events) throw new Error(`${arrived} of ${events} arrived`);
    const at = (percent: number): number => lag.getValueAtPercentile(percent) / unitsPerMs;
    const percentiles = { p50Ms: at(50), p99Ms: at(99), p999Ms: at(99.9), maxMs: at(100) };
    return { perSecond: rate, events, early, ...percentiles, behindSeconds: Math.round(behindMs / 10) / 100 };
  } finally {
    await engine.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Hands over, every few milliseconds, the events that are a second ahead by then. Returns how late the last were handed over. */
async function produce(
  { rate, events }: { readonly rate: number; readonly events: number },
  schedule: (atMs: number[]) => Promise<void>,
): Promise<number> {
  const startMs = Date.now() + aheadMs;
  const intendedMs = (event: number): number => startMs + Math.floor((event * 1_000) / rate);
  const open: Promise<void>[] = [];
  for (let next = 0; next < events; ) {
    const untilMs = Date.now() + aheadMs;
    const atMs: number[] = [];
    for (; next < events && intendedMs(next) <= untilMs; next++) atMs.push(intendedMs(next));
    if (atMs.length > 0) open.push(schedule(atMs));
    await pause(everyMs);
  }
  await Promise.all(open);
  return Math.max(0, Date.now() + aheadMs - intendedMs(events - 1));
}

function localEvent(scheduledAtMs: number): EventSpec {
  return {
    externalJobId: null,
    source: 'bench',
    type: null,
    description: null,
    scheduledAtMs: scheduledAtMs as WallMs,
    delayMs: null,
    deliveryType: 'LOCAL',
    destination: 'sink',
    method: null,
    headers: [],
    payload: payload,
    priority: 5,
    maxRetries: 3,
    retry: { strategy: 'exponential', initialMs: 1_000, maxMs: 3_600_000, multiplier: 2, jitter: 'full' },
    timeoutMs: 30_000,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs: Date.now() as WallMs,
  };
}
const payload = new TextEncoder().encode(
  JSON.stringify({ order_id: 'order-1234567', amount_cents: 12_345, note: 'x'.repeat(60) }),
);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
