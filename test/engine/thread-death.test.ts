/** Fault F18: whichever thread dies, its partitions are replayed on a fresh one and nothing is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import t from 'tap';
import { formatEventId, type StatusBatch } from '../../engine/index.js';
import { forEach, inMs, localSpec, TestEngine, until, watchWorkers } from './engine-fixture.js';

const hostDied = 'an actor host died; its partitions are replayed on fresh threads';
const courierDied = 'a courier died; what it ran is started again';

/**
 * Ends the worker thread that has run longest, in the middle of whatever it does, and waits until the engine has noticed and
 * works again. The oldest, because a fresh one may not have begun its task; so all kinds of threads have their turn.
 */
async function killOne(test: TestEngine, workers: ReadonlySet<Worker>): Promise<void> {
  const deaths = () => test.lines.filter(({ msg }) => msg === hostDied || msg === courierDied).length;
  const before = deaths();
  const [oldest] = workers;
  await oldest!.terminate();
  await until(() => deaths() > before, 'the death is noticed');
  await until(() => test.engine.health().status === 'ready', 'everything is replayed');
}

const hasLostHost = (test: TestEngine) => test.lines.some(({ msg }) => msg === hostDied);
const hasLostCourier = (test: TestEngine) => test.lines.some(({ msg }) => msg === courierDied);

t.test('whichever thread dies, what was accepted is there, its keys are remembered, and events are delivered', async (t) => {
  const workers = watchWorkers(t);
  const test = await TestEngine.start(t);
  const scheduledAtMs = inMs(3_600_000);
  const spec = (index: number) => localSpec({ scheduledAtMs, externalJobId: `job-${index}` });
  const ids: string[] = [];
  await forEach(50, async (index) => (ids[index] = await test.schedule(spec(index))));
  for (let round = 0; round < 6; round++) {
    await killOne(test, workers);
    t.match(await test.engine.get(ids[round]!), { status: 'SCHEDULED' });
    t.match(await test.engine.schedule({ spec: spec(round), timeGiven: true }), { replayed: true });
    const due = await test.schedule({ scheduledAtMs: inMs(0) });
    await test.untilStatus(due, 'DELIVERED');
    t.equal(test.deliveries.filter(({ id }) => id === due).length, 1);
  }
  t.ok(hasLostHost(test) && hasLostCourier(test), 'both kinds were among them');
  for (const id of ids) t.match(await test.engine.get(id), { status: 'SCHEDULED', version: 1 });
});

t.test('what is asked while a thread dies is answered, one way or the other', async (t) => {
  const workers = watchWorkers(t);
  const test = await TestEngine.start(t);
  const id = await test.schedule();
  const outcomes: Record<string, number> = {};
  const note = (promise: Promise<unknown>) =>
    promise.then(
      () => 'answered',
      (error: { code?: string }) => error.code ?? String(error),
    );
  let isOver = false;
  const accepted: string[] = [];
  const asking = Array.from({ length: 8 }, async (_, lane) => {
    while (!isOver) {
      const outcome =
        lane % 2 === 0 ? await note(test.schedule().then((event) => accepted.push(event))) : await note(test.engine.get(id));
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      // The machine is not to be full of them.
      await pause(2);
    }
  });
  for (let round = 0; round < 4; round++) {
    await killOne(test, workers);
  }
  isOver = true;
  await Promise.all(asking);
  t.ok(outcomes['answered']! > 0);
  const known = ['answered', 'outcome-unknown', 'partition-unavailable'];
  t.same(
    Object.keys(outcomes).filter((outcome) => !known.includes(outcome)),
    [],
  );
  for (const event of accepted.slice(-200)) t.match(await test.engine.get(event), { status: 'SCHEDULED' });
});

t.test('an attempt that runs while its host dies is not made a second time', async (t) => {
  const workers = watchWorkers(t);
  let calls = 0;
  let finish: () => void = () => undefined;
  const test = await TestEngine.start(t, {
    deliver: {
      slow: () => {
        calls++;
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    },
  });
  const id = await test.schedule({ destination: 'slow', scheduledAtMs: inMs(0) });
  await until(() => calls === 1, 'the attempt is running');
  while (!hasLostHost(test)) await killOne(test, workers);
  finish();
  t.match(await test.untilStatus(id, 'DELIVERED'), { attempts: 1 });
  t.equal(calls, 1);
});

t.test('a stop while a host is down comes to an end', async (t) => {
  const workers = watchWorkers(t);
  const test = await TestEngine.start(t);
  await test.schedule();
  const started = [...workers];
  const startedAt = performance.now();
  // All of them: whichever they are, a host and its disk threads are among them.
  await Promise.all(started.map((worker) => worker.terminate()));
  await test.stop();
  t.ok(performance.now() - startedAt < 12_000);
});

t.test('a stream tells every change once, whichever thread dies, and of no gap', async (t) => {
  const workers = watchWorkers(t);
  const test = await TestEngine.start(t);
  const anything = { status: null, source: null, type: null, eventId: null, externalJobId: null };
  const heard: string[] = [];
  let gaps = 0;
  const hear = ({ items, gapFrom }: StatusBatch): boolean => {
    for (const { event, version, status } of items) heard.push(`${formatEventId(event)} ${version} ${status}`);
    if (gapFrom !== null) gaps++;
    return true;
  };
  await test.engine.subscribe(anything, hear, null);
  let isOver = false;
  const ids: string[] = [];
  const asking = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      // Lost answers are lost: what was accepted all the same is told, and found in the log.
      await test.schedule({ scheduledAtMs: inMs(20) }).then(
        (id) => ids.push(id),
        () => undefined,
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
  while (!hasLostHost(test) || !hasLostCourier(test)) await killOne(test, workers);
  isOver = true;
  await Promise.all(asking);
  for (const id of ids) await test.untilStatus(id, 'DELIVERED');
  const told = () => new Set(heard);
  await until(() => ids.every((id) => told().has(`${id} 3 DELIVERED`)), 'all of it is told');
  t.equal(told().size, heard.length, 'each once');
  t.equal(gaps, 0);
  for (const id of ids) {
    const own = heard.filter((line) => line.startsWith(id));
    t.same(own, [`${id} 1 SCHEDULED`, `${id} 2 DISPATCHED`, `${id} 3 DELIVERED`]);
  }
});
