/**
 * What seeds have found, written down with fixed times: a seed stays the same history only until the next change of the simulator.
 */
import t from 'tap';
import { delivered } from '../../engine/dispatch/deliverer.js';
import { everyEvent } from '../../engine/event/event-filter.js';
import type { EventSpec } from '../../engine/event/spec.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { fairWeather, type Weather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import { Checkers } from './checkers.js';

const originConcurrency = 1;
const hour = 3_600_000;
const only = 0 as PartitionId;

/** `answerMs`: how long destinations take. */
async function setup({ answerMs = 2, ...weather }: Partial<Weather> & { readonly answerMs?: number } = {}) {
  const world = new SimulatedWorld({
    weather: { ...fairWeather(), ...weather },
    respond: () => ({ afterMs: answerMs, result: delivered }),
    partitions: 1,
    courier: { originConcurrency },
  });
  const checkers = new Checkers(world, { originConcurrency });
  world.start();
  await world.scheduler.advance(50);
  const advance = (ms: number) => world.scheduler.advance(ms);
  const inMs = (ms: number) => (Math.floor(world.scheduler.wall) + ms) as WallMs;
  const statusOf = async (event: string): Promise<string | undefined> => {
    const { reply, ...asked } = await ask(() => world.producer.about('get', event));
    return reply?.op === 'event' ? reply.view.status : `${asked.op} ${reply?.op}`;
  };
  const ask = async (question: () => ReturnType<typeof world.producer.about>) => {
    const asked = question();
    await advance(20);
    return asked;
  };
  return { world, checkers, producer: world.producer, advance, inMs, statusOf };
}

t.test(
  'a repeated request finds its event although that was cancelled, and its row used again, while the facts were fetched',
  async (t) => {
    const { producer, advance, checkers, inMs } = await setup();
    const content: Partial<EventSpec> = { idempotencyKey: 'key', scheduledAtMs: inMs(hour) };
    const first = producer.schedule(content);
    const again = producer.schedule(content);
    producer.about('cancel', first.event);
    producer.schedule({ scheduledAtMs: inMs(hour) });
    await advance(50);
    t.match(again.reply, { op: 'replayed', view: { status: 'CANCELLED' } });
    checkers.quiet();
  },
);

t.test('an event whose slot is granted after its expiry, before the turn that would have noticed, expires', async (t) => {
  const { producer, advance, checkers, inMs, statusOf } = await setup({ answerMs: 12, timerLateMs: () => 5 });
  producer.schedule({});
  const late = producer.schedule({ expiresAtMs: inMs(12) });
  await advance(100);
  t.equal(await statusOf(late.event), 'EXPIRED');
  checkers.end();
});

t.test('a failed commit is followed by a replay soon, also when the clock is set back meanwhile', async (t) => {
  let failures = 0;
  // The host looks at the clock a tenth of a second after the step, so before it would replay.
  const { world, producer, advance } = await setup({ commitFault: () => (failures++ === 0 ? 'io' : null), chance: () => 0.1 });
  const lost = producer.schedule({});
  await advance(20);
  t.match(lost.reply, { op: 'refused', code: 'outcome-unknown' });
  world.stepWall(-hour);
  await advance(1_500);
  const next = producer.schedule({});
  await advance(20);
  t.match(next.reply, { op: 'accepted' });
});

t.test('a replay whose last step uses up the turn goes on without a further message', async (t) => {
  const { world, producer, advance, inMs } = await setup({ lookMs: 0.7 });
  for (let n = 0; n < 5; n++) producer.schedule({ scheduledAtMs: inMs(hour) });
  await advance(50);
  world.crash('power-loss');
  world.start();
  await advance(50);
  t.ok(world.isQuiet);
});

t.test('a record that only the page cache has is synced before anybody hears of it', async (t) => {
  let commitMs = 1;
  const { world, producer, advance, inMs } = await setup({ commitMs: () => commitMs, survivors: (records) => records });
  commitMs = 1_000;
  producer.schedule({ externalJobId: 'job', scheduledAtMs: inMs(hour) });
  await advance(10);
  world.crash('kill');
  t.equal(world.disk.log(only).last, 1, 'written');
  t.equal(world.disk.log(only).synced, 0, 'and not synced');
  world.start();
  const again = producer.schedule({ externalJobId: 'job', scheduledAtMs: inMs(hour) });
  await advance(500);
  t.equal(again.reply, null, 'no answer while the disk is busy');
  await advance(5_000);
  t.equal(world.disk.log(only).synced, 1);
  t.not(again.reply, null);
});

t.test('a body is not read ahead for an event that has taken the row of a cancelled one in the same turn', async (t) => {
  const { producer, advance, checkers, inMs, statusOf } = await setup({ timerLateMs: () => 5 });
  const first = producer.schedule({ scheduledAtMs: inMs(3_000) });
  await advance(2_001);
  // The turn of these messages comes before the late timer, and finds that the body is to be read.
  producer.about('cancel', first.event);
  const next = producer.schedule({ scheduledAtMs: inMs(hour) });
  await advance(100);
  t.equal(await statusOf(next.event), 'SCHEDULED');
  checkers.quiet();
});

t.test('an attempt of before a crash waits without a slot when the clock was set back meanwhile (F10)', async (t) => {
  const { world, producer, advance, inMs } = await setup({ answerMs: 60_000 });
  producer.schedule({});
  await advance(20);
  world.crash('power-loss');
  world.scheduler.stepWall(-hour);
  world.start();
  await advance(20);
  const other = producer.schedule({ scheduledAtMs: inMs(0) });
  const starts: string[] = [];
  world.onlooker((happening) => {
    if (happening.what === 'started') starts.push(happening.attempt.event);
  });
  await advance(20);
  t.same(starts, [other.event]);
});

t.test('what a watcher is told to go on behind is durable', async (t) => {
  const { world, producer, advance } = await setup({ commitMs: () => 30 });
  const told: number[] = [];
  world.onlooker((happening) => {
    if (happening.what === 'watching') for (const [, seq] of happening.positions) told.push(seq - world.disk.log(only).synced);
  });
  producer.schedule({});
  await advance(5);
  world.watch(true);
  await advance(100);
  t.ok(told.length > 0);
  t.ok(
    told.every((ahead) => ahead <= 0),
    told.join(),
  );
});

/** Segments of a few records that go within a tenth of a second, on a slow disk. */
async function setupRetention() {
  const made = await setup({ segmentRecordsMax: 5, retentionMs: 60, readMs: () => 3, commitMs: () => 5 });
  /** Retention goes on in turns that there are for something else: questions about this event. */
  const goOn = async (forMs: number, event: string) => {
    for (let left = forMs; left > 0; left -= 10) {
      made.producer.about('get', event);
      await made.advance(Math.min(10, left));
    }
  };
  return { ...made, goOn };
}

t.test('an event that is put back while its segment is about to go is kept whole, and its key with it', async (t) => {
  let removed = 0;
  for (let ms = 140; ms < 240; ms += 6) {
    const { producer, advance, inMs, goOn } = await setupRetention();
    const content: Partial<EventSpec> = { externalJobId: 'job', scheduledAtMs: inMs(hour) };
    const first = producer.schedule(content);
    await advance(10);
    producer.about('cancel', first.event);
    const others = Array.from({ length: 5 }, () => producer.schedule({ scheduledAtMs: inMs(2 * hour) }));
    await goOn(ms, others[0]!.event);
    const again = producer.change({ op: 'retry', times: { scheduledAtMs: inMs(hour), delayMs: null } }, first.event);
    await goOn(300, others[0]!.event);
    if (again.reply?.op === 'refused') removed++;
    else {
      const history = producer.about('history', first.event);
      const repeated = producer.schedule(content);
      await advance(50);
      t.match(history.reply, { op: 'history' }, `put back after ${ms} ms`);
      t.match(repeated.reply, { op: 'replayed' });
    }
  }
  t.ok(removed > 0, 'some come too late');
});

t.test('a bulk cancel finds what is carried forward while it reads', async (t) => {
  for (let ms = 90; ms < 330; ms += 2) {
    const { world, producer, advance, inMs, goOn } = await setupRetention();
    const events = Array.from({ length: 5 }, () => producer.schedule({ type: 'far', scheduledAtMs: inMs(hour) }));
    const others = Array.from({ length: 5 }, () => producer.schedule({ scheduledAtMs: inMs(2 * hour) }));
    await goOn(ms, others[0]!.event);
    const sweep = world.enquirer.changeMany('cancel', { filter: { ...everyEvent, type: ['far'] }, limit: 100 });
    await goOn(300, others[0]!.event);
    const asked = events.map(({ event }) => producer.about('get', event));
    await advance(50);
    const left = asked.filter(({ reply }) => reply?.op === 'event' && reply.view.status !== 'CANCELLED');
    t.same([sweep.result?.hasMore, left.length], [false, 0], `after ${ms} ms`);
  }
});
