/**
 * Does a list or a call for statistics make events late?
 *
 * A million events are pending and 10,000/s leave on time (LOCAL). Ten times a second somebody asks: for the newest page, for everything
 * that matches a filter which nothing matches (so all of it is walked over), for the figures of a source. Milliseconds from the time asked
 * for to the handler's call; `addsP99Ms` is what that adds to the 99th percentile of the quiet times just before and just behind it, on average:
 * segments of the log fill up and are indexed meanwhile, which is not what is asked about. Good: less than 5.
 *
 *   npm run bench -- list-while-firing
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Engine, everyEvent, type WallMs } from '../../engine/index.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { lagDuring, type Meanwhile } from '../lib/lag-during.js';
import { listToEnd } from '../lib/list-to-end.js';
import { withEngine } from '../lib/local-engine.js';
import { LocalSink } from '../lib/local-sink.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 1_000, full: 1_000_000 } as const;
const dayMs = 86_400_000;
const askEveryMs = 100;

/** Pending events. */
export const bench: Bench = {
  name: 'list-while-firing',
  question: 'Does a list or a call for statistics make events late?',
  sizes,
  measure: (pending) =>
    inTempDir(async (dataDir) => {
      const far = sampleSpec({ scheduledAtMs: (Date.now() + dayMs) as WallMs });
      await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec: far, externalIds: false });
      const sink = new LocalSink();
      const [perSecond, aheadMs, forMs] = pending === sizes.small ? [100, 100, 100] : [10_000, 1_000, 5_000];
      return withEngine({ dataDir, config: { partitions }, deliver: { sink: sink.handler } }, async (engine) => {
        const onTime = { engine, sink, perSecond, aheadMs };
        // A fresh process compiles what it runs for the first time.
        await lagDuring(onTime, () => askFor(forMs / 2, () => Promise.resolve()));
        const during = async (ask: Question): Promise<Figures> => {
          const { done: calls, tookSeconds: _, ...figures } = await lagDuring(onTime, () => askFor(forMs, () => ask(engine)));
          return { calls, ...figures };
        };
        let before = await during(nothing);
        const rows: Row[] = [{ during: 'nothing', pending, perSecond, ...before, addsP99Ms: 0 }];
        for (const [what, ask] of Object.entries(questions)) {
          const figures = await during(ask);
          const behind = await during(nothing);
          const addsP99Ms = Math.round((figures.p99Ms - (before.p99Ms + behind.p99Ms) / 2) * 100) / 100;
          rows.push({ during: what, pending, perSecond, ...figures, addsP99Ms });
          rows.push({ during: 'nothing', pending, perSecond, ...behind, addsP99Ms: 0 });
          before = behind;
        }
        return measured(rows);
      });
    }),
};

type Question = (engine: Engine) => Promise<unknown>;
type Figures = Omit<Meanwhile, 'done' | 'tookSeconds'> & { readonly calls: number };

const nothing: Question = () => Promise.resolve();
const newest = { filter: everyEvent, sort: 'created_at', order: 'desc', after: null, skip: 0, limit: 50 } as const;
const questions: Readonly<Record<string, Question>> = {
  'the newest page': (engine) => engine.list(newest),
  'a filter that nothing matches': (engine) => listToEnd(engine, { ...everyEvent, destination: ['nowhere'] }),
  'statistics of a source': (engine) => engine.statisticsOf({ source: 'order-service', type: null }),
};

/** How often it was answered: one question after the other, at most ten a second. */
async function askFor(ms: number, ask: () => Promise<unknown>): Promise<number> {
  const end = performance.now() + ms;
  let answers = 0;
  for (; performance.now() < end; answers++) await Promise.all([ask(), pause(askEveryMs)]);
  return answers;
}
