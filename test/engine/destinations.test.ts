/** Destinations of a whole engine: what is set holds for every thread, and after a restart. */
import { readdirSync } from 'node:fs';
import t from 'tap';
import { inMs, TestEngine, tempDir, until } from './engine-fixture.js';

const sink = 'local:sink';

t.test('a paused origin lets nothing through, also after a restart, and resumes', { timeout: 60_000 }, async (t) => {
  const dataDir = tempDir(t);
  const first = await TestEngine.start(t, { dataDir });
  t.match(await first.engine.configureDestination(sink, { paused: true }), { origin: sink, paused: true });
  const id = await first.schedule({ scheduledAtMs: inMs(0) });
  await until(async () => (await first.engine.get(id)).waitingFor === 'paused', 'it waits');
  t.match(await first.engine.destination(sink), { waiting: 1, inFlight: 0, paused: true });
  await first.stop();
  const second = await TestEngine.start(t, { dataDir });
  await until(async () => (await second.engine.get(id)).waitingFor === 'paused', 'it waits again');
  t.match(await second.engine.get(id), { status: 'SCHEDULED', attempts: 0 });
  t.match(await second.engine.destinations({ after: '', limit: 10 }), { data: [{ origin: sink, paused: true }], hasMore: false });
  t.equal(second.deliveries.length, 0);
  await second.engine.configureDestination(sink, { paused: false });
  await second.untilStatus(id, 'DELIVERED');

  t.test('a secret that is none is refused, and nothing of the request is kept', async (t) => {
    await t.rejects(second.engine.configureDestination(sink, { paused: true, secret: 'whsec_short' }), {
      code: 'invalid',
      errors: [{ pointer: '/secret' }],
    });
    t.match(await second.engine.destination(sink), { paused: false });
  });
});

t.test(
  'after a restart what is overdue leaves by priority and deadline, and health tells of it',
  { timeout: 60_000 },
  async (t) => {
    const dataDir = tempDir(t);
    const first = await TestEngine.start(t, { dataDir });
    await first.engine.configureDestination(sink, { paused: true });
    const at = inMs(50);
    const priorities = [1, 9, 5, 9, 5];
    const ids: string[] = [];
    for (const [index, priority] of priorities.entries())
      ids.push(await first.schedule({ priority, scheduledAtMs: (at + index) as typeof at }));
    await first.stop();
    await until(() => Date.now() > at + 10, 'they are due');
    // So slow that each has its payload before the next one gets its slot, also on a busy machine.
    const second = await TestEngine.start(t, { dataDir, config: { recoveryRate: 4 } });
    await until(() => second.engine.health().recovery.overdue === 5, 'they are overdue');
    t.match((await second.engine.get(ids[0]!)).waitingFor, 'paused');
    t.match(second.engine.health().recovery.done_at, /Z$/);
    await second.engine.configureDestination(sink, { paused: false });
    await second.untilDelivered(5);
    t.same(
      second.deliveries.map(({ id }) => ids.indexOf(id)),
      [1, 3, 2, 4, 0],
    );
    await until(() => second.engine.health().recovery.overdue === 0, 'nothing is overdue any more');
    t.equal(second.engine.health().recovery.done_at, null);
  },
);

t.test('settings lie among the records of sealed segments and harm no index', { timeout: 60_000 }, async (t) => {
  const dataDir = tempDir(t);
  const log = { segmentBytesMax: 16 * 1024 };
  const first = await TestEngine.start(t, { dataDir, log });
  const ids: string[] = [];
  for (let round = 0; round < 8; round++) {
    await first.engine.configureDestination(`https://customer-${round}.test`, { paused: true, concurrency: round + 1 });
    for (let n = 0; n < 40; n++) ids.push(await first.schedule({ scheduledAtMs: inMs(0), externalJobId: `${round}-${n}` }));
    await first.untilDelivered(ids.length);
  }
  const hasIndex = () => readdirSync(dataDir, { recursive: true }).some((name) => String(name).endsWith('.index'));
  await until(hasIndex, 'a segment is sealed and indexed');
  await first.stop();
  const second = await TestEngine.start(t, { dataDir, log });
  const { data } = await second.engine.destinations({ after: 'https:', limit: 100 });
  t.same(
    data.map(({ origin, paused, concurrency }) => [origin, paused, concurrency]),
    Array.from({ length: 8 }, (_, round) => [`https://customer-${round}.test`, true, round + 1]),
  );
  for (const id of [ids[0]!, ids[150]!, ids.at(-1)!]) t.match(await second.engine.get(id), { status: 'DELIVERED' });
});
