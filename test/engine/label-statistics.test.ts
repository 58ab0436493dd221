/** Statistics of a source and a type against counting all events, with finished ones in memory and in indexes. */
import { readdirSync } from 'node:fs';
import t, { type Test } from 'tap';
import { everyEvent, eventStatuses, type EventView } from '../../engine/index.js';
import { segmentLabelPairsMax } from '../../engine/kernel/limits.js';
import { pause } from '../support/deadline.js';
import { Random } from '../wheel/random.js';
import { forEach, inMs, TestEngine, until } from './engine-fixture.js';

const sources = ['a', 'b', 'c'];
const types = ['x', 'y', null];

async function compare(t: Test, test: TestEngine, ids: readonly string[]): Promise<void> {
  const all: EventView[] = await Promise.all(ids.map((id) => test.engine.get(id)));
  for (const source of [null, 'nobody', ...sources]) {
    for (const type of [null, 'x', 'y']) {
      if (source === null && type === null) continue;
      const meant = all.filter(({ spec }) => (source ?? spec.source) === spec.source && (type ?? spec.type) === spec.type);
      const { total, by_status: byStatus, by_delivery_type: byType } = await test.engine.statisticsOf({ source, type });
      const expected = Object.fromEntries(
        eventStatuses.map((status) => [status, meant.filter((view) => view.status === status).length]),
      );
      t.same({ total, byStatus }, { total: meant.length, byStatus: expected }, `${source} ${type}`);
      t.same(byType, { HTTP: 0, NATS: 0, LOCAL: meant.length });
    }
  }
}

t.test('counts are right in memory and in indexes, also of events that were put back, and after a restart', async (t) => {
  let test = await TestEngine.start(t, { log: { segmentBytesMax: 10_000 } });
  const random = new Random(4);
  const ids: string[] = [];
  const fill = async (count: number) => {
    await forEach(count, async () => {
      const isSoon = random.below(4) === 0;
      const isCancelled = !isSoon && random.below(2) === 0;
      const id = await test.schedule({
        source: random.pick(sources),
        type: random.pick(types),
        scheduledAtMs: isSoon ? inMs(0) : inMs(3_600_000),
      });
      ids.push(id);
      if (isCancelled) await test.engine.cancel(id);
    });
    await until(() => test.engine.statistics().by_status.DISPATCHED === 0, 'nothing runs');
  };
  const settled = () =>
    until(async () => {
      const views = await Promise.all(ids.map((id) => test.engine.get(id)));
      return views.every(
        ({ status, spec }) => status !== 'DISPATCHED' && (status !== 'SCHEDULED' || spec.scheduledAtMs > Date.now()),
      );
    }, 'what is due has ended');
  await fill(250);
  await settled();
  await compare(t, test, ids);
  // Some that are in indexes by now, some that are not.
  await test.engine.retryMatching({ filter: { ...everyEvent, source: ['a'] }, limit: 30 });
  await settled();
  await compare(t, test, ids);
  // A segment is sealed behind a commit that finds it full, and the more is committed at once, the fewer there are.
  const indexes = () => readdirSync(test.dataDir, { recursive: true }).filter((name) => String(name).endsWith('.index')).length;
  for (await fill(100); indexes() < 4; await pause(100)) await fill(20);
  await settled();
  await compare(t, test, ids);
  await test.stop();
  test = await TestEngine.start(t, { dataDir: test.dataDir, log: { segmentBytesMax: 10_000 } });
  await compare(t, test, ids);
});

t.test('rates and latencies are those of the label', async (t) => {
  const test = await TestEngine.start(t);
  for (let index = 0; index < 6; index++)
    await test.schedule({ source: index < 4 ? 'a' : 'b', type: 'x', scheduledAtMs: inMs(0) });
  await test.untilDelivered(6);
  await until(
    async () => (await test.engine.statisticsOf({ source: 'a', type: null })).by_status.DELIVERED === 4,
    'all have ended',
  );
  const a = await test.engine.statisticsOf({ source: 'a', type: null });
  const both = await test.engine.statisticsOf({ source: null, type: 'x' });
  t.same([a.fire_lag_ms.count, a.delivery_ms.count, both.fire_lag_ms.count], [4, 4, 6]);
  t.ok(a.rates.accepted['1m'] > 0 && both.rates.delivered['1m'] > a.rates.delivered['1m']);
  const none = await test.engine.statisticsOf({ source: 'nobody', type: null });
  t.same([none.total, none.rates.accepted['15m'], none.fire_lag_ms.p99], [0, 0, null]);

  t.test('with more labels than are summed, counts are as right', async (t) => {
    const { engine } = test;
    // Of two partitions: each has more than there is room for.
    const sources = Array.from({ length: 2 * segmentLabelPairsMax + 100 }, (_, place) => `source-${place}`);
    const ids = await Promise.all(sources.map((source) => test.schedule({ source, scheduledAtMs: inMs(3_600_000) })));
    const many = Array.from({ length: 60 }, (_, place) => ({ source: `s${place % 3}`, scheduledAtMs: inMs(3_600_000) }));
    const manyIds = await Promise.all(many.map((spec) => test.schedule(spec)));
    await Promise.all([...ids, ...manyIds.slice(0, 10)].map((id) => engine.cancel(id)));
    const few = await engine.statisticsOf({ source: 's1', type: null });
    t.match(few.by_status, { SCHEDULED: 17, CANCELLED: 3 });
    const one = await engine.statisticsOf({ source: 'source-500', type: null });
    t.match(one.by_status, { SCHEDULED: 0, CANCELLED: 1 });
  });
});
