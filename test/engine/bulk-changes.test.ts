/** Bulk changes of a whole engine against an array of all events. */
import t from 'tap';
import { type EventFilter, type EventView, everyEvent, matchesView } from '../../engine/index.js';
import { Random } from '../wheel/random.js';
import { forEach, inMs, TestEngine, until } from './engine-fixture.js';

const filterOf = (fields: Partial<EventFilter>): EventFilter => ({ ...everyEvent, ...fields });

async function setup(count: number, t: Parameters<typeof TestEngine.start>[0]) {
  const test = await TestEngine.start(t, { log: { segmentBytesMax: 30_000 } });
  const random = new Random(9);
  const ids: string[] = [];
  await forEach(count, async () => {
    ids.push(
      await test.schedule({
        source: random.pick(['a', 'b']),
        priority: random.below(10),
        tags: random.below(2) === 0 ? [] : [['color', random.pick(['red', 'green'])]],
        scheduledAtMs: inMs(3_600_000 + random.below(1_000)),
      }),
    );
  });
  const views = (): Promise<EventView[]> => Promise.all(ids.map((id) => test.engine.get(id)));
  return { test, random, ids, views };
}

t.test('exactly what matches is cancelled, as far as the limit goes, and is put back again', async (t) => {
  const { test, random, views } = await setup(300, t);
  // What was put back is due at once, so it comes last.
  const cancels = 5;
  for (let round = 0; round <= cancels; round++) {
    const isCancel = round < cancels;
    const states = isCancel ? ['SCHEDULED', 'RETRYING'] : ['CANCELLED', 'DEAD', 'EXPIRED'];
    const filter = filterOf({
      source: random.below(2) === 0 ? null : [random.pick(['a', 'b', 'c'])],
      priority: random.below(2) === 0 ? null : [random.below(10), random.below(10), random.below(10)],
      tags: random.below(2) === 0 ? [] : [{ name: 'color', values: [random.pick(['red', 'green'])] }],
    });
    const limit = random.below(3) === 0 ? 1 + random.below(40) : 1_000;
    const before = await views();
    const meant = before.filter((view) => states.includes(view.status) && matchesView(filter, view));
    const result = await (isCancel
      ? test.engine.cancelMatching({ filter, limit })
      : test.engine.retryMatching({ filter, limit }));
    const changed = Math.min(limit, meant.length);
    t.same([result.changed, result.matched], [changed, changed], `round ${round}`);
    if (isCancel) t.equal(result.hasMore, meant.length > limit, `round ${round}, more`);
    const after = await views();
    const moved = after.filter((view, place) => view.version !== before[place]!.version);
    t.equal(moved.length, changed);
    t.ok(moved.every((view) => matchesView(filter, view) && view.status !== before[after.indexOf(view)]!.status));
    if (!isCancel) await until(() => test.deliveries.length > 0 || changed === 0, 'it starts');
  }
});

t.test('a cancel that was answered is never followed by a delivery, also of events that come due meanwhile', async (t) => {
  const { test } = await setup(0, t);
  for (let index = 0; index < 400; index++) await test.schedule({ source: 'soon', scheduledAtMs: inMs(200 + index) });
  let changed = 0;
  for (let calls = 0; calls < 20; calls++)
    changed += (await test.engine.cancelMatching({ filter: filterOf({ source: ['soon'] }), limit: 20 })).changed;
  const last = await test.engine.cancelMatching({ filter: filterOf({ source: ['soon'] }), limit: 1_000 });
  changed += last.changed;
  t.equal(last.hasMore, false);
  await until(() => {
    const { by_status: counts } = test.engine.statistics();
    return counts.DELIVERED + counts.CANCELLED === 400;
  }, 'all have ended one way or the other');
  t.equal(test.deliveries.length + changed, 400);
  t.same(await test.engine.cancelMatching({ filter: filterOf({ source: ['soon'] }), limit: 5 }), {
    matched: 0,
    changed: 0,
    hasMore: false,
  });
});

t.test('dead events are retried by filter, delivered ones are not', async (t) => {
  const seen = new Set<string>();
  /** Fails once. */
  const answerTo = (id: string) => {
    const isAgain = seen.has(id);
    seen.add(id);
    return isAgain ? { ok: true as const } : { ok: false as const, error: 'no' };
  };
  const test = await TestEngine.start(t, {
    deliver: {
      dies: (batch) => batch.map(({ id }) => answerTo(id)),
    },
  });
  const ids: string[] = [];
  for (let index = 0; index < 20; index++) {
    ids.push(
      await test.schedule({ destination: index % 2 === 0 ? 'dies' : 'sink', source: 'x', maxRetries: 0, scheduledAtMs: inMs(0) }),
    );
  }
  const dead = ids.filter((_, index) => index % 2 === 0);
  for (const id of dead) await test.untilStatus(id, 'DEAD');
  t.same(await test.engine.retryMatching({ filter: filterOf({ source: ['x'] }), limit: 100 }), {
    matched: 10,
    changed: 10,
    hasMore: false,
  });
  for (const id of dead) t.equal((await test.untilStatus(id, 'DELIVERED')).attempts, 2);
  t.same(await test.engine.retryMatching({ filter: filterOf({ source: ['x'] }), limit: 100 }), {
    matched: 0,
    changed: 0,
    hasMore: false,
  });
});
