/** Lists of a whole engine, pending events, finished ones and indexed ones, against an array that is filtered and sorted. */
import { readdirSync } from 'node:fs';
import t from 'tap';
import {
  type EventFilter,
  type EventView,
  everyEvent,
  formatEventId,
  type ListPlace,
  type ListRequest,
  listOrders,
  listSorts,
  matchesView,
} from '../../engine/index.js';
import type { WallMs } from '../../engine/index.js';
import { Random } from '../wheel/random.js';
import { forEach, inMs, TestEngine, until } from './engine-fixture.js';

const soon = 3_600_000;

async function walk(test: TestEngine, request: Omit<ListRequest, 'after' | 'skip'>): Promise<EventView[]> {
  const events: EventView[] = [];
  let after: ListPlace | null = null;
  for (let page = 0; page < 10_000; page++) {
    const { events: some, hasMore, next } = await test.engine.list({ ...request, after, skip: 0 });
    if (some.length > request.limit) throw new Error(`a page of ${some.length} events`);
    events.push(...some);
    if (!hasMore) return events;
    after = next;
  }
  throw new Error('a list without an end');
}

/** So many segments have their index. */
function untilIndexed(test: TestEngine, count: number): Promise<void> {
  const files = () => readdirSync(test.dataDir, { recursive: true }).filter((name) => String(name).endsWith('.index'));
  return until(() => files().length >= count, `${count} indexes`);
}

const idsOf = (events: readonly EventView[]) => events.map(({ id }) => formatEventId(id));

function expected(all: readonly EventView[], { filter, sort, order }: Omit<ListRequest, 'after' | 'skip'>): string[] {
  const keyOf = ({ spec }: EventView) => (sort === 'created_at' ? spec.createdAtMs : spec.scheduledAtMs);
  const sign = order === 'asc' ? 1 : -1;
  return idsOf(
    all
      .filter((view) => matchesView(filter, view))
      .sort((one, other) => sign * (keyOf(one) - keyOf(other) || Buffer.compare(one.id, other.id))),
  );
}

function randomFilter(random: Random, all: readonly EventView[]): EventFilter {
  const maybe = <Value>(value: () => Value): Value | null => (random.below(3) === 0 ? value() : null);
  const { spec } = random.pick(all);
  const span = (ms: number) => ({ fromMs: (ms - random.below(50)) as WallMs, toMs: (ms + random.below(5_000)) as WallMs });
  return {
    ...everyEvent,
    status: maybe(() => [random.pick(all).status, random.pick(all).status]),
    source: maybe(() => [spec.source, 'nobody']),
    type: maybe(() => [spec.type ?? 'x', 'y']),
    priority: maybe(() => [1, 2, 3, 4, spec.priority]),
    tags: maybe(() => spec.tags.map(([name, value]) => ({ name, values: [value, 'other'] }))) ?? [],
    scheduled: maybe(() => span(spec.scheduledAtMs)),
    created: maybe(() => span(spec.createdAtMs)),
  };
}

t.test('every filter, sort and order gives the events of an array, each once, in memory and in indexes', async (t) => {
  const test = await TestEngine.start(t, { log: { segmentBytesMax: 25_000 } });
  const random = new Random(5);
  const ids: string[] = [];
  await forEach(500, async (index) => {
    const isSoon = random.below(3) === 0;
    const isCancelled = !isSoon && random.below(2) === 0;
    const id = await test.schedule({
      source: random.pick(['a', 'b', 'c']),
      type: random.pick(['x', 'y', null]),
      priority: random.below(10),
      scheduledAtMs: isSoon ? inMs(random.below(20)) : inMs(soon + random.below(5_000)),
      tags: random.below(2) === 0 ? [] : [['color', random.pick(['red', 'green'])]],
      maxRetries: 0,
      externalJobId: random.below(4) === 0 ? `job-${index}` : null,
    });
    ids.push(id);
    if (isCancelled) await test.engine.cancel(id);
  });
  await until(async () => {
    const { by_status: counts } = test.engine.statistics();
    return counts.DISPATCHED === 0 && counts.DELIVERED > 100;
  }, 'what was due is delivered');
  // One of each partition: segments are sealed once a second, and all of this may have taken no longer.
  await untilIndexed(test, 2);
  let all: EventView[] = [];
  await until(async () => {
    all = await Promise.all(ids.map((id) => test.engine.get(id)));
    return all.every(
      ({ status, spec }) => status !== 'DISPATCHED' && (status !== 'SCHEDULED' || spec.scheduledAtMs > Date.now()),
    );
  }, 'what is due has ended');
  for (let ask = 0; ask < 60; ask++) {
    const request = {
      filter: ask < 4 ? everyEvent : randomFilter(random, all),
      sort: random.pick(listSorts),
      order: random.pick(listOrders),
      limit: 1 + random.below(ask % 2 === 0 ? 1_000 : 60),
    };
    const found = idsOf(await walk(test, request));
    const wanted = expected(all, request);
    if (JSON.stringify(found) !== JSON.stringify(wanted)) t.same(found, wanted, JSON.stringify(request));
  }
  t.test('pages by number are slices of the same list', async (t) => {
    const request = { filter: everyEvent, sort: 'scheduled_at', order: 'asc', limit: 70 } as const;
    const wanted = expected(all, request);
    for (let page = 0; page < 8; page++) {
      const { events, hasMore } = await test.engine.list({ ...request, after: null, skip: page * 70 });
      t.same(idsOf(events), wanted.slice(page * 70, page * 70 + 70));
      t.equal(hasMore, (page + 1) * 70 < wanted.length);
    }
  });

  t.test('a list shows neither headers nor payloads, and is what GET shows otherwise', async (t) => {
    const { events } = await test.engine.list({
      filter: everyEvent,
      sort: 'created_at',
      order: 'desc',
      after: null,
      skip: 0,
      limit: 9,
    });
    for (const view of events) {
      const whole = await test.engine.get(formatEventId(view.id));
      t.same({ ...view, spec: null }, { ...whole, spec: null });
      t.same([view.spec.payload, view.spec.headers], [null, []]);
    }
  });
});

t.test('events are found by external id over all sources and in one, pending and indexed', async (t) => {
  const test = await TestEngine.start(t, { log: { segmentBytesMax: 20_000 } });
  const began = inMs(-1_000);
  for (let round = 0; round < 3; round++) {
    for (const [place, source] of ['a', 'b', 'c'].entries()) {
      const createdAtMs = (began + place) as WallMs;
      const id = await test.schedule({ source, externalJobId: `job-${round}`, createdAtMs });
      if (round < 2) await test.engine.cancel(id);
    }
    await forEach(60, async () => test.engine.cancel(await test.schedule()));
  }
  await untilIndexed(test, 2);
  for (let round = 0; round < 3; round++) {
    const all = await test.engine.withExternalId({ externalJobId: `job-${round}`, source: null });
    t.same(
      all.map(({ spec }) => spec.source),
      ['c', 'b', 'a'],
      'newest first',
    );
    t.ok(
      all.every(
        ({ status, spec }) => spec.externalJobId === `job-${round}` && status === (round < 2 ? 'CANCELLED' : 'SCHEDULED'),
      ),
    );
    for (const source of ['a', 'b', 'c']) {
      const own = await test.engine.withExternalId({ externalJobId: `job-${round}`, source });
      t.same(
        own.map(({ spec }) => spec.source),
        [source],
      );
    }
  }
  t.same(await test.engine.withExternalId({ externalJobId: 'nobody', source: null }), []);
  t.same(await test.engine.withExternalId({ externalJobId: 'job-0', source: 'nobody' }), []);
});

t.test('a walk meets every event that is there the whole time once, while others come and go', async (t) => {
  const test = await TestEngine.start(t, { log: { segmentBytesMax: 20_000 } });
  const steady: string[] = [];
  const passing: string[] = [];
  const come = async () => passing.push(await test.schedule({ scheduledAtMs: inMs(soon) }));
  await forEach(150, async (index) => {
    const id = await test.schedule({ source: 'steady' });
    steady.push(id);
    if (index % 3 === 0) await test.engine.cancel(id);
    if (index % 2 === 0) await come();
  });
  for (const order of listOrders) {
    for (const sort of listSorts) {
      const met: string[] = [];
      let after: ListPlace | null = null;
      for (;;) {
        const { events, hasMore, next } = await test.engine.list({ filter: everyEvent, sort, order, after, skip: 0, limit: 20 });
        met.push(...idsOf(events));
        await come();
        const gone = passing.shift();
        if (gone !== undefined) await test.engine.cancel(gone);
        if (!hasMore) break;
        after = next;
      }
      t.equal(new Set(met).size, met.length, 'none twice');
      t.same(
        steady.filter((id) => !met.includes(id)),
        [],
        `${sort} ${order}`,
      );
    }
  }
});
