/**
 * How long does it take to find an event that finished long ago, when there are very many segments?
 *
 * All events have finished and none is in memory: each is found by the indexes of the segments, of which there are far more than files are
 * kept open. One caller, one question after the other, each about another event, with the API's own calls; milliseconds from the call to
 * its answer. `external id alone` is asked of all partitions, and of one index in 40 that does not have it. Good: a median below 1 ms, twice that
 * for that one.
 *
 *   npm run bench -- find-finished
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, type EventView, everyEvent, formatEventId, type WallMs } from '../../engine/index.js';
import type { Slot } from '../../engine/kernel/brand.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { LagHistogram } from '../lib/lag-histogram.js';
import { withEngine } from '../lib/local-engine.js';
import { sampleSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const sizes = { small: 500, full: 400_000 } as const;
const segmentsEach = { small: 2, full: 80 } as const;
const bytesPerEvent = 720;
const questionsMax = { small: 50, full: 500 } as const;

/** Finished events. */
export const bench: Bench = {
  name: 'find-finished',
  question: 'How long does it take to find an event that finished long ago, when there are very many segments?',
  sizes,
  measure: (finished) =>
    inTempDir(async (dataDir) => {
      const size = finished === sizes.small ? 'small' : 'full';
      const each = segmentsEach[size];
      const segmentBytes = Math.ceil((finished * bytesPerEvent) / partitions / each);
      const spec = sampleSpec({ scheduledAtMs: Date.now() as WallMs });
      await fillDataDir(dataDir, { partitions, pending: 0, finished, recordsBehind: 0, spec, externalIds: true, segmentBytes });
      const indexes = countOfIndexes(dataDir);
      return withEngine({ dataDir, config: { partitions } }, async (engine) => {
        const events = await someOf(engine, questionsMax[size]);
        const rows: Row[] = [];
        for (const [what, ask] of Object.entries(questions))
          rows.push({ what, finished, indexes, ...(await timed(engine, events, ask)) });
        return measured(rows);
      });
    }),
};

type Ask = (engine: Engine, event: EventView) => Promise<unknown>;

const questions: Readonly<Record<string, Ask>> = {
  id: (engine, { id }) => engine.get(formatEventId(id)),
  'id that nobody has': (engine) => engine.get(formatEventId(mintEventId(7 as Slot, Date.now() as WallMs))).catch(() => null),
  'external id and source': (engine, { spec }) =>
    engine.withExternalId({ externalJobId: spec.externalJobId!, source: spec.source }),
  'external id alone': (engine, { spec }) => engine.withExternalId({ externalJobId: spec.externalJobId!, source: null }),
};

async function timed(engine: Engine, events: readonly EventView[], ask: Ask): Promise<Row> {
  const took = new LagHistogram();
  for (const event of events) {
    const began = performance.now();
    await ask(engine, event);
    took.record(performance.now() - began);
  }
  const { p50Ms, p99Ms, maxMs } = took.figures();
  return { asked: events.length, p50Ms, p99Ms, maxMs };
}

/** From all over the log, as ids that were minted in one millisecond are in no order. */
async function someOf(engine: Engine, limit: number): Promise<readonly EventView[]> {
  const { events } = await engine.list({
    filter: everyEvent,
    sort: 'created_at',
    order: 'desc',
    after: null,
    skip: 0,
    limit,
  });
  return events;
}

function countOfIndexes(dataDir: string): number {
  return readdirSync(join(dataDir, 'partitions'), { recursive: true }).filter((name) => String(name).endsWith('.index')).length;
}
