/** A checker that cannot complain is worth nothing: each is shown the defect that it is there for. */
import t, { type Test } from 'tap';
import { delivered } from '../../engine/dispatch/deliverer.js';
import { everyEvent } from '../../engine/event/event-filter.js';
import { type Handle, noSequence, type PartitionId, type Sequence, type WallMs } from '../../engine/kernel/brand.js';
import { encodeCursor } from '../../engine/status/cursor.js';
import { everything, type SimulatedClient } from '../support/simulated-audience.js';
import type { BulkAction, Listing, StartedAttempt } from '../support/simulated-happenings.js';
import type { Sabotage } from '../support/simulated-sabotage.js';
import { fairWeather } from '../support/simulated-weather.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import type { HostReply } from '../../engine/actor/replies.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { BulkTrue } from './bulk-true.js';
import { ChangeHonoured } from './change-honoured.js';
import { BrokenPromise, StoredEvents } from './checker.js';
import { Checkers } from './checkers.js';
import { KeptWhole } from './kept-whole.js';
import { ListsComplete } from './lists-complete.js';
import { SlotsKept } from './slots-kept.js';

const originConcurrency = 1;

function setup(sabotage: Partial<Sabotage> = {}) {
  const world = new SimulatedWorld({
    weather: { ...fairWeather(), survivors: () => 0, segmentRecordsMax: 3 },
    respond: () => ({ afterMs: 2, result: delivered }),
    partitions: 1,
    courier: { originConcurrency },
    sabotage,
  });
  const checkers = new Checkers(world, { originConcurrency });
  world.start();
  const inMs = (ms: number) => (Math.floor(world.scheduler.wall) + ms) as WallMs;
  return { world, checkers, producer: world.producer, advance: (ms: number) => world.scheduler.advance(ms), inMs };
}

async function complains(t: Test, checker: string, run: () => unknown): Promise<void> {
  const error = await Promise.resolve()
    .then(run)
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  t.ok(error instanceof BrokenPromise, String(error));
  t.equal((error as BrokenPromise).checker, checker, (error as BrokenPromise).message);
}

t.test('a sound engine is not complained about', async () => {
  const { producer, advance, checkers, inMs, world } = setup();
  world.watch(true);
  producer.schedule({ scheduledAtMs: inMs(20) });
  const cancelled = producer.schedule({ scheduledAtMs: inMs(50) });
  await advance(10);
  producer.about('cancel', cancelled.event);
  await advance(100);
  checkers.quiet();
  checkers.end();
});

t.test('acknowledged-is-durable notices a log writer that says "durable" too early', async (t) => {
  const { producer, advance } = setup({ durableTooEarly: true });
  await complains(t, 'acknowledged-is-durable', async () => {
    producer.schedule({});
    await advance(10);
  });
});

t.test('acknowledged-is-durable notices a host that only says that it cancelled', async (t) => {
  const { producer, advance, inMs } = setup({ cancelsIgnored: true });
  const { event } = producer.schedule({ scheduledAtMs: inMs(50) });
  await advance(10);
  await complains(t, 'acknowledged-is-durable', async () => {
    producer.about('cancel', event);
    await advance(10);
  });
});

t.test('aliases-kept notices an id that was told for a repeat and leads nowhere', async (t) => {
  const { producer, advance, checkers, inMs, world } = setup();
  const fields = { externalJobId: 'job', scheduledAtMs: inMs(60_000) };
  producer.schedule(fields);
  await advance(10);
  const kept = producer.scheduleKept(fields);
  await advance(10);
  t.equal(kept.reply?.op, 'replayed');
  checkers.quiet();
  world.hosts[0]!.host.actors[0]!.state.aliases.removeBefore(Number.POSITIVE_INFINITY as Sequence);
  await complains(t, 'aliases-kept', () => checkers.quiet());
});

t.test('dedupe notices an index that has lost its keys', async (t) => {
  const { producer, advance, checkers } = setup({ keysForgotten: true });
  producer.schedule({ externalJobId: 'job' });
  await advance(50);
  await complains(t, 'dedupe', async () => {
    producer.schedule({ externalJobId: 'job' });
    await advance(50);
    checkers.quiet();
  });
});

t.test('legal-transitions notices a change that is shown twice, and one that is left out', async (t) => {
  const { world, producer, advance } = setup({ changesRepeated: true });
  world.watch(true);
  await advance(10);
  await complains(t, 'legal-transitions', async () => {
    producer.schedule({});
    await advance(10);
  });
});

t.test('stream-exact notices a change that somebody who came back was not told', async (t) => {
  for (const sabotage of [{}, { pastForgotten: true }]) {
    const { world, producer, advance, checkers } = setup(sabotage);
    const client = world.audience.join(everything);
    await advance(10);
    world.audience.leave(client);
    producer.schedule({});
    await advance(10);
    world.crash('kill');
    world.start();
    world.audience.comeBack(client);
    await advance(50);
    const isForgetful = 'pastForgotten' in sabotage;
    if (isForgetful) await complains(t, 'stream-exact', () => checkers.quiet());
    else checkers.quiet();
    t.equal(client.batches.flatMap(({ items }) => items).length, isForgetful ? 2 : 3);
  }
});

t.test('stream-exact notices what is told twice, a gap without a reason, and who is left behind', async (t) => {
  const defects: readonly ((client: SimulatedClient) => void)[] = [
    ({ batches }) => batches.push(batches.at(-1)!),
    ({ batches }) =>
      batches.splice(0, batches.length, { cursor: batches.at(-1)!.cursor, items: [], gapFrom: encodeCursor([noSequence]) }),
    (client) => {
      client.batches.length = 0;
      client.subscription = { ...client.subscription!, place: () => client.first! };
    },
  ];
  for (const defect of defects) {
    const { world, producer, advance, checkers } = setup();
    const client = world.audience.join(everything);
    await advance(10);
    producer.schedule({});
    await advance(50);
    checkers.end();
    defect(client);
    await complains(t, 'stream-exact', () => checkers.end());
  }
});

t.test('lists-complete notices an event that a list has skipped', async (t) => {
  for (const sabotage of [{}, { placesSkipped: true }]) {
    const { world, producer, advance, inMs } = setup(sabotage);
    for (const ms of [3_600_000, 7_200_000]) producer.schedule({ scheduledAtMs: inMs(ms) });
    await advance(10);
    const listing = world.enquirer.list({ filter: everyEvent, sort: 'scheduled_at', order: 'asc', limit: 1 });
    if ('placesSkipped' in sabotage) await complains(t, 'lists-complete', () => advance(100));
    else await advance(100);
    t.equal(listing.outcome, 'done');
    t.equal(listing.shown.length, 'placesSkipped' in sabotage ? 1 : 2);
  }
});

t.test('lists-complete notices an event that is shown twice, and one that was not asked for', async (t) => {
  const defects: readonly ((listing: Listing) => Listing)[] = [
    (listing) => ({ ...listing, shown: [...listing.shown, ...listing.shown] }),
    (listing) => ({ ...listing, request: { ...listing.request, filter: { ...everyEvent, status: ['DEAD'] } } }),
  ];
  for (const defect of defects) {
    const { world, producer, advance, inMs } = setup();
    producer.schedule({ scheduledAtMs: inMs(3_600_000) });
    await advance(10);
    const listing = world.enquirer.list({ filter: everyEvent, sort: 'created_at', order: 'desc', limit: 10 });
    await advance(100);
    const checker = new ListsComplete({ world, stored: new StoredEvents(world.disk) });
    const defective = defect(listing);
    defective.outcome = null;
    checker.happened({ what: 'list', listing: defective });
    defective.outcome = 'done';
    await complains(t, 'lists-complete', () => checker.happened({ what: 'list', listing: defective }));
  }
});

t.test('bulk-true notices a bulk cancel that counts one too many, and an event that it has left out', async (t) => {
  for (const sabotage of [{}, { changesOvercounted: true }]) {
    const { world, producer, advance, inMs } = setup(sabotage);
    producer.schedule({ scheduledAtMs: inMs(3_600_000) });
    await advance(10);
    const action = world.enquirer.changeMany('cancel', { filter: everyEvent, limit: 10 });
    if ('changesOvercounted' in sabotage) await complains(t, 'bulk-true', () => advance(100));
    else await advance(100);
    t.same(action.result, { matched: action.result!.changed, changed: 'changesOvercounted' in sabotage ? 2 : 1, hasMore: false });
  }
  const { world, producer, advance, inMs } = setup();
  producer.schedule({ scheduledAtMs: inMs(3_600_000) });
  await advance(10);
  const checker = new BulkTrue({ world, stored: new StoredEvents(world.disk) });
  const action: BulkAction = { op: 'cancel', filter: everyEvent, limit: 10, result: null, outcome: null };
  checker.happened({ what: 'change-many', action });
  action.result = { matched: 0, changed: 0, hasMore: false };
  action.outcome = 'done';
  await complains(t, 'bulk-true', () => checker.happened({ what: 'change-many', action }));
});

t.test('no-loss notices an acknowledged event that a disk has forgotten', async (t) => {
  const { world, producer, advance, checkers, inMs } = setup();
  producer.schedule({ scheduledAtMs: inMs(3_600_000) });
  await advance(10);
  world.crash('power-loss');
  world.disk.log(0 as PartitionId).forgetLast();
  world.start();
  await advance(10);
  await complains(t, 'no-loss', () => checkers.end());
});

t.test('no-loss notices an event whose time has come and gone', async (t) => {
  const { world, producer, advance, checkers, inMs } = setup();
  producer.schedule({ scheduledAtMs: inMs(50) });
  await advance(10);
  world.crash('power-loss');
  await advance(1_000);
  await complains(t, 'no-loss', () => checkers.end());
});

t.test('replay-equals-live notices a memory that has changed by itself', async (t) => {
  const { world, producer, advance, checkers, inMs } = setup();
  producer.schedule({ scheduledAtMs: inMs(3_600_000) });
  await advance(10);
  checkers.quiet();
  world.hosts[0]!.host.actors[0]!.state.columns.setDueAtMs(0 as Handle, 1 as WallMs);
  await complains(t, 'replay-equals-live', () => checkers.quiet());
});

t.test('kept-whole notices an event that reaches back into what was removed', async (t) => {
  const { world, producer, advance, inMs } = setup();
  producer.schedule({ scheduledAtMs: inMs(20) });
  await advance(10);
  producer.schedule({ scheduledAtMs: inMs(3_600_000) });
  await advance(100);
  const checker = new KeptWhole({ world, stored: new StoredEvents(world.disk) });
  checker.quiet();
  const log = world.disk.log(0 as PartitionId);
  // The event that was delivered has its last record there.
  log.removeBefore(log.last);
  await complains(t, 'kept-whole', () => checker.quiet());
});

t.test('halt-over-guess notices a partition that stops for no reason', async (t) => {
  const { world } = setup();
  await complains(t, 'halt-over-guess', async () => {
    world.happened({ what: 'phase', partition: 0 as PartitionId, phase: 'failed', detail: 'a whim' });
    await world.scheduler.step();
  });
});

/** One event that is delivered, and a way to pretend that another attempt starts. */
async function afterDelivery() {
  const { world, producer, advance, inMs } = setup();
  const starts: StartedAttempt[] = [];
  world.onlooker((happening) => {
    if (happening.what === 'started') starts.push(happening.attempt);
  });
  const later = producer.schedule({ scheduledAtMs: inMs(3_600_000) });
  producer.schedule({});
  await advance(20);
  const pretend = async (attempt: Partial<StartedAttempt>) => {
    const wallMs = world.scheduler.wall;
    world.happened({ what: 'started', attempt: { ...starts[0]!, wallMs, nowMs: world.scheduler.now, ended: null, ...attempt } });
    await world.scheduler.step();
  };
  return { pretend, later };
}

t.test('not-early notices an attempt before its time', async (t) => {
  const { pretend, later } = await afterDelivery();
  await complains(t, 'not-early', () => pretend({ event: later.event }));
});

t.test('not-expired notices an attempt that begins too late', async (t) => {
  const { world, producer, advance, inMs } = setup();
  const { event, partition } = producer.schedule({ scheduledAtMs: inMs(3_600_000), expiresAtMs: inMs(3_700_000) });
  await advance(10);
  await complains(t, 'not-expired', async () => {
    world.happened({ what: 'handed-over', event, partition, attempt: 1, wallMs: inMs(3_700_100) });
    await world.scheduler.step();
  });
});

t.test('duplicates-explained notices an attempt that is made again after its outcome', async (t) => {
  const { pretend } = await afterDelivery();
  await complains(t, 'duplicates-explained', () => pretend({}));
});

t.test('cancel-honoured notices an attempt of an event whose cancel was answered', async (t) => {
  const { world, producer, advance, inMs } = setup();
  const { event, partition } = producer.schedule({ scheduledAtMs: inMs(50) });
  await advance(10);
  producer.about('cancel', event);
  await advance(100);
  await complains(t, 'cancel-honoured', async () => {
    const { wall: wallMs, now: nowMs } = world.scheduler;
    const attempt = {
      event,
      partition,
      attempt: 1,
      origin: 'http://one.test',
      wallMs,
      nowMs,
      handedOverMs: nowMs,
      spec: new Uint8Array(0),
      courier: 'none',
      ended: null,
    };
    world.happened({ what: 'started', attempt });
    await world.scheduler.step();
  });
});

t.test('change-honoured notices an attempt with the spec from before an answered change, and one behind the last', async (t) => {
  const { world, producer, advance, inMs } = setup();
  const { event, partition, spec } = producer.schedule({ scheduledAtMs: inMs(5_000) });
  await advance(10);
  const patched = producer.change({ op: 'patch', patch: { payload: Buffer.from('"new"') } }, event);
  await advance(50);
  const checker = new ChangeHonoured({ world, stored: new StoredEvents(world.disk) });
  const started = (attempt: number, body: Uint8Array): void => {
    const times = { wallMs: world.scheduler.wall, nowMs: world.scheduler.now, handedOverMs: world.scheduler.now };
    const origin = 'http://one.test';
    checker.happened({
      what: 'started',
      attempt: { event, partition, attempt, origin, ...times, spec: body, courier: 'none', ended: null },
    });
  };
  const reply = patched.reply as Extract<HostReply, { op: 'event' }>;
  checker.happened({ what: 'answered', asked: patched, reply });
  const inForce = encodeSpec(reply.view.spec, null).slice();
  started(1, inForce);
  await complains(t, 'change-honoured', () => started(1, encodeSpec(spec!, null)));
  const stopped = { ...patched, change: { op: 'cancel', stopRetries: true } as const, op: 'cancel' as const };
  checker.happened({
    what: 'answered',
    asked: stopped,
    reply: { ...reply, view: { ...reply.view, status: 'DISPATCHED', attempts: 1 } },
  });
  started(1, inForce);
  await complains(t, 'change-honoured', () => started(2, inForce));
});

t.test('pause-honoured notices a courier that has not been told of a pause', async (t) => {
  const { world, producer, advance } = setup({ pausesIgnored: true });
  const setting = world.operator.configure('http://receiver.test', { paused: true });
  await advance(50);
  t.equal(setting.outcome, 'set');
  await complains(t, 'pause-honoured', async () => {
    producer.schedule({});
    await advance(50);
  });
});

t.test('slots-kept notices one attempt too many', async (t) => {
  const kept = new SlotsKept(1);
  const attempt = {
    event: 'one',
    partition: 0 as PartitionId,
    attempt: 1,
    origin: 'http://one.test',
    wallMs: 0,
    nowMs: 0,
    handedOverMs: 0,
    spec: new Uint8Array(0),
    courier: '1',
    ended: null,
  };
  kept.happened({ what: 'started', attempt });
  kept.happened({ what: 'ended', attempt });
  kept.happened({ what: 'started', attempt });
  await complains(t, 'slots-kept', () => kept.happened({ what: 'started', attempt: { ...attempt, event: 'two' } }));
});
