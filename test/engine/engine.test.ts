import { readdirSync } from 'node:fs';
import t from 'tap';
import {
  createEngine,
  createLogger,
  defaultConfig,
  EngineError,
  type LocalDelivery,
  type LocalHandler,
  payloadBytesMax,
  StartError,
  type StatusBatch,
} from '../../engine/index.js';
import { inMs, localSpec, TestEngine, tempDir, until } from './engine-fixture.js';

/** Of the tests that look only at their own events. `handlers`: what a test puts there is a destination of its engine. */
const handlers: Record<'batches' | 'picky' | 'hang', LocalHandler> = {
  batches: () => undefined,
  picky: () => undefined,
  hang: () => new Promise<void>(() => undefined),
};
let started: Promise<TestEngine> | null = null;
function sharedEngine(): Promise<TestEngine> {
  const deliver = Object.fromEntries(
    Object.keys(handlers).map((name) => [
      name,
      (batch: readonly LocalDelivery[]) => handlers[name as keyof typeof handlers](batch),
    ]),
  );
  started ??= TestEngine.start(t, { deliver });
  return started;
}

const anything = { status: null, source: null, type: null, eventId: null, externalJobId: null };

t.test('an event is delivered at its time, with its payload byte for byte', async (t) => {
  const test = await sharedEngine();
  const payload = Buffer.from('{ "amount": 12345678901234567890.10, "b":1, "a":[] }');
  const scheduledAtMs = inMs(300);
  const id = await test.schedule({
    scheduledAtMs,
    payload,
    externalJobId: 'job-1',
    source: 'tests',
    type: 'greeting',
    tags: [['k', 'v']],
  });
  const [delivery] = await test.deliveriesOf([id]);
  t.match(delivery, {
    id,
    externalJobId: 'job-1',
    source: 'tests',
    type: 'greeting',
    destination: 'sink',
    attempt: 1,
    tags: { k: 'v' },
  });
  t.equal(Buffer.from(delivery!.payload!).toString(), payload.toString());
  t.ok(delivery!.at >= scheduledAtMs, `early by ${scheduledAtMs - delivery!.at} ms`);
  t.ok(delivery!.at < scheduledAtMs + 2_000, `late by ${delivery!.at - scheduledAtMs} ms`);
  const view = await test.untilStatus(id, 'DELIVERED');
  t.match(view, { version: 3, attempts: 1, lastError: null, nextAttemptAtMs: null });
  t.ok(view.fireLagMs! >= 0);
  t.same(
    (await test.engine.history(id)).map(({ version, status, attempt }) => [version, status, attempt]),
    [
      [1, 'SCHEDULED', 0],
      [2, 'DISPATCHED', 1],
      [3, 'DELIVERED', 1],
    ],
  );
});

t.test('an event that was cancelled is not delivered, and its cancel can be repeated', async (t) => {
  const test = await sharedEngine();
  const scheduledAtMs = inMs(400);
  const id = await test.schedule({ scheduledAtMs });
  const witness = await test.schedule({ scheduledAtMs: inMs(500) });
  t.equal((await test.engine.cancel(id)).status, 'CANCELLED');
  t.equal((await test.engine.cancel(id)).status, 'CANCELLED');
  await test.untilStatus(witness, 'DELIVERED');
  t.notOk(test.deliveries.some((delivery) => delivery.id === id));
  await t.rejects(test.engine.cancel(witness), { code: 'already-finished' });
});

t.test('what is due together comes to the handler as a batch, higher priority first', async (t) => {
  const batches: string[][] = [];
  const test = await sharedEngine();
  handlers.batches = (batch) => void batches.push(batch.map(({ source }) => source));
  const scheduledAtMs = inMs(500);
  const events = Array.from({ length: 40 }, (_, index) => ({
    spec: localSpec({ destination: 'batches', scheduledAtMs, source: `p${index % 10}`, priority: index % 10 }),
    timeGiven: true,
  }));
  const results = await test.engine.scheduleBatch(events);
  t.ok(results.every((result) => !(result instanceof EngineError)));
  await until(() => batches.flat().length === 40, '40 deliveries');
  t.ok(batches.length < 40, `${batches.length} batches for 40 deliveries`);
  const order = batches.flat();
  t.same(order, order.toSorted().toReversed());
});

t.test('each delivery of a batch has its own result, and what failed is tried again', async (t) => {
  const attempts: string[] = [];
  const test = await sharedEngine();
  handlers.picky = (batch) =>
    batch.map(({ source, attempt }) => {
      attempts.push(`${source} ${attempt}`);
      return source === 'good' || attempt === 3 ? { ok: true } : { ok: false, error: `not yet, ${source}` };
    });
  const retry = { strategy: 'fixed', initialMs: 20, maxMs: 20, multiplier: 1, jitter: 'none' } as const;
  const common = { destination: 'picky', scheduledAtMs: inMs(50), retry };
  const good = await test.schedule({ ...common, source: 'good' });
  const bad = await test.schedule({ ...common, source: 'bad' });
  const dead = await test.schedule({ ...common, source: 'dead', maxRetries: 1 });
  t.match(await test.untilStatus(good, 'DELIVERED'), { attempts: 1 });
  t.match(await test.untilStatus(bad, 'DELIVERED'), { attempts: 3, version: 7, lastError: null });
  t.match(await test.untilStatus(dead, 'DEAD'), { attempts: 2, lastError: 'not yet, dead' });
  t.same(
    attempts.filter((attempt) => attempt.startsWith('bad')),
    ['bad 1', 'bad 2', 'bad 3'],
  );
});

t.test('a payload of the largest size goes through, with none there is none', async (t) => {
  const test = await sharedEngine();
  const payload = Buffer.alloc(payloadBytesMax, '"é😀');
  const scheduledAtMs = inMs(50);
  const large = await test.schedule({ scheduledAtMs, payload });
  const none = await test.schedule({ scheduledAtMs, payload: null });
  // Far enough ahead to be read back from disk.
  const later = await test.schedule({ scheduledAtMs: inMs(2_500), payload });
  const byId = new Map((await test.deliveriesOf([large, none, later])).map((delivery) => [delivery.id, delivery]));
  t.ok(Buffer.from(byId.get(large)!.payload!).equals(payload));
  t.ok(Buffer.from(byId.get(later)!.payload!).equals(payload));
  t.equal(byId.get(none)!.payload, null);
});

t.test('pending events, dedupe and finished ones survive a restart', async (t) => {
  const dataDir = tempDir(t);
  const first = await TestEngine.start(t, { dataDir });
  const keyed = { externalJobId: 'order-1', source: 'orders', payload: Buffer.from('1') };
  const scheduledAtMs = inMs(3_600_000);
  const pending = await first.schedule({ ...keyed, scheduledAtMs });
  const idempotent = await first.schedule({ idempotencyKey: 'k', scheduledAtMs });
  const cancelled = await first.schedule();
  await first.engine.cancel(cancelled);
  const delivered = await first.schedule({ scheduledAtMs: inMs(0) });
  await first.untilStatus(delivered, 'DELIVERED');
  const overdue = await first.schedule({ scheduledAtMs: inMs(600) });
  await first.stop();

  await t.test('another number of partitions than the directory was made with is refused', async (t) => {
    const config = defaultConfig({ dataDir, partitions: 3, actorThreads: 1 });
    await t.rejects(createEngine({ config, logger: createLogger({ level: 'silent', format: 'json' }) }), StartError);
  });

  t.notOk(first.deliveries.some(({ id }) => id === overdue));

  const second = await TestEngine.start(t, { dataDir });
  t.match(await second.engine.get(pending), { status: 'SCHEDULED', version: 1, spec: { scheduledAtMs } });
  t.match(await second.engine.get(cancelled), { status: 'CANCELLED', version: 2 });
  t.match(await second.engine.get(delivered), { status: 'DELIVERED', version: 3 });
  t.equal((await second.engine.history(delivered)).length, 3);
  const repeated = (fields: object) => second.engine.schedule({ spec: localSpec({ scheduledAtMs, ...fields }), timeGiven: true });
  t.match(await repeated(keyed), { replayed: true, view: { status: 'SCHEDULED' } });
  t.match(await repeated({ idempotencyKey: 'k' }), { replayed: true });
  await t.rejects(repeated({ ...keyed, payload: Buffer.from('2') }), {
    code: 'external-job-id-conflict',
    members: { event_id: pending, event_status: 'SCHEDULED' },
  });
  await t.rejects(repeated({ idempotencyKey: 'k', priority: 1 }), {
    code: 'idempotency-key-reused',
    members: { event_id: idempotent },
  });
  await second.untilStatus(overdue, 'DELIVERED');
  t.equal(second.deliveries.filter(({ id }) => id === delivered).length, 0, 'what was delivered is not delivered again');
  t.equal((await second.engine.cancel(pending)).status, 'CANCELLED');
});

t.test('finished events stay readable after their segments were sealed and indexed, also after a restart', async (t) => {
  const dataDir = tempDir(t);
  const log = { segmentBytesMax: 64 * 1024 };
  const parts = { dataDir, log, config: { partitions: 1, durability: 'os' as const } };
  const first = await TestEngine.start(t, parts);
  const payload = Buffer.alloc(2_000, 'x');
  const scheduledAtMs = inMs(3_600_000);
  const batch = (round: number) =>
    Array.from({ length: 100 }, (_, index) => ({
      spec: localSpec({ payload, scheduledAtMs, externalJobId: `job-${round}-${index}` }),
      timeGiven: true,
    }));
  const ids: string[] = [];
  const indexes = () => readdirSync(dataDir, { recursive: true }).filter((file) => String(file).endsWith('.index')).length;
  for (let round = 0; round < 2; round++) {
    for (const result of await first.engine.scheduleBatch(batch(round))) {
      if (result instanceof EngineError || result.replayed) throw new Error('expected a new event');
      ids.push(result.id);
    }
    await Promise.all(ids.slice(-100).map((id) => first.engine.cancel(id)));
    await until(() => indexes() > round, `segment ${round + 1} is sealed and indexed`);
  }
  const check = async ({ engine }: TestEngine) => {
    for (const id of [ids[0]!, ids[99]!, ids[150]!, ids.at(-1)!]) {
      t.match(await engine.get(id), { status: 'CANCELLED', version: 2 });
      t.equal((await engine.history(id)).length, 2);
      t.equal((await engine.cancel(id)).status, 'CANCELLED');
    }
    t.match(await engine.schedule(batch(0)[5]!), { replayed: true, view: { status: 'CANCELLED' } });
    const other = { spec: { ...batch(0)[6]!.spec, priority: 1 }, timeGiven: true };
    await t.rejects(engine.schedule(other), { code: 'external-job-id-conflict', members: { event_id: ids[6]! } });
  };
  await check(first);
  await first.stop();
  await check(await TestEngine.start(t, parts));
});

t.test('what cannot be found is not found, whatever is asked', async (t) => {
  const { engine } = await sharedEngine();
  for (const id of ['nonsense', '01988f6e-1a2b-7f03-9c1d-0123456789ab']) {
    await t.rejects(engine.get(id), { code: 'not-found' });
    await t.rejects(engine.history(id), { code: 'not-found' });
    await t.rejects(engine.cancel(id), { code: 'not-found' });
  }
});

t.test('destinations are checked before anything is stored', async (t) => {
  const { engine } = await sharedEngine();
  t.equal(engine.checkDestination('LOCAL', 'sink'), null);
  t.match(engine.checkDestination('LOCAL', 'toString'), /no handler/);
  t.match(engine.checkDestination('NATS', 'orders'), /not configured/);
  t.equal(engine.checkDestination('HTTP', 'https://example.org/'), null);
  t.not(engine.checkDestination('HTTP', 'http://169.254.169.254/latest'), null);
});

t.test('two engines cannot share a directory, and the second leaves the first alone', async (t) => {
  const test = await sharedEngine();
  const options = {
    config: defaultConfig({ dataDir: test.dataDir, partitions: 2, actorThreads: 1 }),
    logger: createLogger({ level: 'silent', format: 'json' }),
  };
  await t.rejects(createEngine(options), StartError);
  const id = await test.schedule({ scheduledAtMs: inMs(10) });
  await test.untilStatus(id, 'DELIVERED');
});

t.test('a stop lets running attempts end, starts no other, and refuses what comes', async (t) => {
  let finish: () => void = () => undefined;
  let started = 0;
  const dataDir = tempDir(t);
  const deliver = {
    slow: () => {
      started++;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    },
  };
  const test = await TestEngine.start(t, { dataDir, deliver });
  const running = await test.schedule({ destination: 'slow', scheduledAtMs: inMs(0) });
  await until(() => started === 1, 'the attempt is running');
  const nextAtMs = inMs(150);
  const next = await test.schedule({ scheduledAtMs: nextAtMs });
  const stopped = test.stop();
  await t.rejects(test.schedule(), { code: 'stopping' });
  // Its time passes while the other one is still running.
  await until(() => Date.now() > nextAtMs + 100, 'the time of the next event has passed');
  finish();
  await stopped;
  t.same(test.deliveries, []);

  const again = await TestEngine.start(t, { dataDir, deliver });
  t.match(await again.engine.get(running), { status: 'DELIVERED', attempts: 1 });
  await again.untilStatus(next, 'DELIVERED');
  t.equal(started, 1, 'what ended during the stop is not done again');
});

t.test('an attempt whose handler never answers ends when its time is up', async (t) => {
  const test = await sharedEngine();
  const id = await test.schedule({ destination: 'hang', scheduledAtMs: inMs(0), timeoutMs: 100, maxRetries: 0 });
  t.match(await test.untilStatus(id, 'DEAD'), { attempts: 1, lastError: /timed out after 100 ms/ });
});

t.test('a listener hears every change after its beginning, in order', async (t) => {
  const test = await sharedEngine();
  await test.schedule();
  const batches: StatusBatch[] = [];
  const subscription = await test.engine.subscribe(
    { ...anything, source: ['watched'] },
    (batch) => batches.push(batch) > 0,
    null,
  );
  const id = await test.schedule({ source: 'watched', scheduledAtMs: inMs(30) });
  await test.schedule({ source: 'other' });
  const statuses = () => batches.flatMap(({ items }) => items.map(({ status }) => status));
  await until(() => statuses().includes('DELIVERED'), 'the event is delivered');
  t.same(statuses(), ['SCHEDULED', 'DISPATCHED', 'DELIVERED']);
  t.ok(id);
  subscription.close();
});

t.test('statistics and metrics tell what has happened', async (t) => {
  const test = await TestEngine.start(t);
  const id = await test.schedule({ scheduledAtMs: inMs(20) });
  await test.schedule();
  await test.untilStatus(id, 'DELIVERED');
  await until(() => test.engine.statistics().by_status.DELIVERED === 1, 'the figures have come');
  t.match(test.engine.statistics(), { total: 2, by_status: { SCHEDULED: 1, DELIVERED: 1 }, by_delivery_type: { LOCAL: 2 } });
  const text = await test.engine.metrics();
  t.match(text, /^escapement_events_accepted_total(\{.*\})? 2$/m);
  t.match(text, /^escapement_events_delivered_total(\{.*\})? 1$/m);
  t.match(test.engine.health(), { status: 'ready' });
});

t.test('whoever hears that a start is over is shown everything that there is', async (t) => {
  const config = { partitions: 16, actorThreads: 2 };
  const before = await TestEngine.start(t, { config });
  await Promise.all(Array.from({ length: 200 }, () => before.schedule()));
  await before.stop();
  const test = await TestEngine.start(t, { config, dataDir: before.dataDir });
  t.equal(test.engine.statistics().total, 200);
});

t.test('a nearly full disk refuses new events by name and says so in its health', async (t) => {
  const test = await TestEngine.start(t, { log: { freeBytesMin: Number.MAX_SAFE_INTEGER / 2 } });
  await until(() => test.engine.health().status === 'degraded', 'the disk is found to be full');
  await t.rejects(test.schedule(), { code: 'disk-full' });
  t.match(
    test.engine.health().components.find(({ name }) => name === 'disk'),
    { status: 'degraded' },
  );
});
