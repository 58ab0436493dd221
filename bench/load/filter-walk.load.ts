/**
 * Do lists and bulk changes over very many pending events make others late?
 *
 * A million events are pending; every 2 ms another one is due (LOCAL, accepted a second ahead). Milliseconds from the time asked for to
 * the handler's call while nothing else happens, while four callers list one after the other with a filter that nothing matches
 * (so each walks over everything), while all of the million are cancelled by a filter on their source (each is verified against
 * its body), and while 1,000 at a time are put back. `perSecond`: lists, or events changed. Good: p99 below 10 ms in each row; a
 * million cancelled in less than 10 s.
 *
 *   npm run bench -- filter-walk
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'hdr-histogram-js';
import {
  createEngine,
  createLogger,
  defaultConfig,
  defaultRetry,
  type Engine,
  type EventSpec,
  everyEvent,
  type WallMs,
} from '../../engine/index.js';
import { type Bench, type Row, rowsOf } from '../lib/bench.js';

const sizes = { small: 20_000, full: 1_000_000 } as const;
const callers = 4;
const everyMs = 2;
const aheadMs = 1_000;
const unitsPerMs = 100;
const batchEvents = 1_000;
const quietMs = 3_000;

/** Pending events. */
export const bench: Bench = {
  name: 'filter-walk',
  question: 'Do lists and bulk changes over very many pending events make others late?',
  sizes,
  measure: async (pending) => rowsOf(await measure(pending)),
};

async function measure(pending: number): Promise<Row[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'escapement-bench-'));
  const punctual = new Punctual();
  const engine = await createEngine({
    config: defaultConfig({ dataDir }),
    logger: createLogger({ level: 'error', format: 'json' }),
    deliver: {
      sink: (batch) => {
        for (const { scheduledAt } of batch) punctual.arrived(scheduledAt.getTime());
      },
      ignored: () => undefined,
    },
  });
  try {
    while (engine.health().status !== 'ready') await pause(10);
    for (let done = 0; done < pending; done += batchEvents) {
      const specs = Array.from({ length: Math.min(batchEvents, pending - done) }, () => eventAt(Date.now() + 86_400_000, 'many'));
      await engine.scheduleBatch(specs.map((spec) => ({ spec, timeGiven: true })));
    }
    const many = { ...everyEvent, source: ['many'] };
    const during = async (what: string, work: () => Promise<number>): Promise<Row> => {
      const stop = punctual.begin(engine);
      await pause(aheadMs);
      punctual.reset();
      const began = performance.now();
      const done = await work();
      const seconds = (performance.now() - began) / 1_000;
      const figures = punctual.figures();
      await stop();
      return { during: what, pending, ...figures, done, perSecond: Math.round(done / seconds) };
    };
    return [
      await during('nothing', () => pause(quietMs).then(() => 0)),
      await during('lists', () => listFor(engine, quietMs)),
      await during('cancel all', async () => (await engine.cancelMatching({ filter: many, limit: pending })).changed),
      await during('retry 10,000', async () => (await engine.retryMatching({ filter: many, limit: 10_000 })).changed),
    ];
  } finally {
    await engine.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** How many lists were made to their end. */
async function listFor(engine: Engine, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let lists = 0;
  const filter = { ...everyEvent, destination: ['nowhere'] };
  const call = async () => {
    while (performance.now() < end) {
      let after = null;
      for (let hasMore = true; hasMore; ) {
        const page = await engine.list({ filter, sort: 'scheduled_at', order: 'asc', after, skip: 0, limit: 100 });
        after = page.next;
        hasMore = page.hasMore;
      }
      lists++;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return lists;
}

/** Events on time, one every few milliseconds, and how late they are. */
class Punctual {
  readonly #lag = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000 * unitsPerMs,
    numberOfSignificantValueDigits: 3,
  });
  #from = Number.POSITIVE_INFINITY;

  begin(engine: Engine): () => Promise<void> {
    let isOn = true;
    const run = async () => {
      for (let next = Date.now() + aheadMs; isOn; await pause(10)) {
        const specs: EventSpec[] = [];
        for (; next < Date.now() + aheadMs; next += everyMs) specs.push(eventAt(next, 'punctual'));
        if (specs.length > 0) await engine.scheduleBatch(specs.map((spec) => ({ spec, timeGiven: true })));
      }
    };
    const running = run();
    return async () => {
      isOn = false;
      await running;
    };
  }

  /** Those that were due before do not count. */
  reset(): void {
    this.#lag.reset();
    this.#from = Date.now();
  }

  arrived(dueAtMs: number): void {
    const lagMs = performance.timeOrigin + performance.now() - dueAtMs;
    if (dueAtMs >= this.#from && dueAtMs < Date.now() + aheadMs)
      this.#lag.recordValue(Math.max(0, Math.round(lagMs * unitsPerMs)));
  }

  figures(): { readonly onTime: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number } {
    const at = (percent: number): number => this.#lag.getValueAtPercentile(percent) / unitsPerMs;
    return { onTime: this.#lag.totalCount, p50Ms: at(50), p99Ms: at(99), maxMs: at(100) };
  }
}

const payload = Buffer.from('{"n":1}');

function eventAt(ms: number, source: string): EventSpec {
  return {
    externalJobId: null,
    source,
    type: null,
    description: null,
    scheduledAtMs: Math.floor(ms) as WallMs,
    delayMs: null,
    deliveryType: 'LOCAL',
    destination: source === 'punctual' ? 'sink' : 'ignored',
    method: null,
    headers: [],
    payload,
    priority: 5,
    maxRetries: 3,
    retry: defaultRetry,
    timeoutMs: 30_000,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs: Date.now() as WallMs,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
