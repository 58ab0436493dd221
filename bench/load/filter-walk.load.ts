/**
 * Do lists and bulk changes over very many pending events make others late?
 *
 * A million events are pending; every 2 ms another one is due (LOCAL, accepted a second ahead). Milliseconds from the time asked for to
 * the handler's call while nothing else happens, while four callers list one after the other with a filter that nothing matches
 * (so each walks over everything), while all of the million are cancelled by a filter on their source (each is verified against
 * its body), while all of them are put back, and while these leave at the pace of recovery. `perSecond`: lists, or events changed.
 * Good: p99 below 10 ms in each row; a million changed in less than 10 s.
 *
 *   npm run bench -- filter-walk
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Engine, everyEvent, type WallMs } from '../../engine/index.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { fillDataDir } from '../lib/filled-data-dir.js';
import { lagDuring } from '../lib/lag-during.js';
import { listToEnd } from '../lib/list-to-end.js';
import { withEngine } from '../lib/local-engine.js';
import { LocalSink } from '../lib/local-sink.js';
import { localSpec } from '../lib/sample-spec.js';
import { inTempDir } from '../lib/temp-dir.js';

const sizes = { small: 200, full: 1_000_000 } as const;
const partitions = 4;
const callers = 4;
const onTimePerSecond = 500;
const dayMs = 86_400_000;

/** Pending events. */
export const bench: Bench = {
  name: 'filter-walk',
  question: 'Do lists and bulk changes over very many pending events make others late?',
  sizes,
  measure: (pending) =>
    inTempDir(async (dataDir) => {
      const far = localSpec({ scheduledAtMs: (Date.now() + dayMs) as WallMs, source: 'many', destination: 'ignored' });
      await fillDataDir(dataDir, { partitions, pending, finished: 0, recordsBehind: 0, spec: far, externalIds: false });
      const sink = new LocalSink();
      const deliver = { sink: sink.handler, ignored: () => undefined };
      return withEngine({ dataDir, config: { partitions }, deliver }, async (engine) =>
        measured(await walk({ engine, sink, pending })),
      );
    }),
};

interface Walk {
  readonly engine: Engine;
  readonly sink: LocalSink;
  readonly pending: number;
}

async function walk({ engine, sink, pending }: Walk): Promise<Row[]> {
  const [aheadMs, quietMs, perSecond] = pending === sizes.small ? [100, 100, 100] : [1_000, 3_000, onTimePerSecond];
  const many = { ...everyEvent, source: ['many'] };
  const during = async (what: string, work: () => Promise<number>): Promise<Row> => {
    const { tookSeconds, ...figures } = await lagDuring({ engine, sink, perSecond, aheadMs }, work);
    return { during: what, pending, ...figures, perSecond: Math.round(figures.done / tookSeconds) };
  };
  return [
    await during('nothing', () => pause(quietMs).then(() => 0)),
    await during('lists', () => listFor(engine, quietMs)),
    await during('cancel all', async () => (await engine.cancelMatching({ filter: many, limit: pending })).changed),
    await during('retry all', async () => (await engine.retryMatching({ filter: many, limit: pending })).changed),
    await during('they leave', () => pause(quietMs).then(() => 0)),
  ];
}

/** How many lists were made to their end. */
async function listFor(engine: Engine, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let lists = 0;
  const call = async () => {
    for (; performance.now() < end; lists++) await listToEnd(engine, { ...everyEvent, destination: ['nowhere'] });
  };
  await Promise.all(Array.from({ length: callers }, call));
  return lists;
}
