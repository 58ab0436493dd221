/** What is set for origins, and the two lanes: what a courier lets through, and when. */
import t, { type Test } from 'tap';
import { Courier, type CourierOptions } from '../../engine/dispatch/courier.js';
import { delivered } from '../../engine/dispatch/deliverer.js';
import type { Destination } from '../../engine/dispatch/destination.js';
import type { CourierReply, CourierRequest, Lane } from '../../engine/dispatch/protocol.js';
import { defaultSettings, type OriginSettings, placeOfOrigin, type SettingsRow } from '../../engine/event/origin-settings.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { attemptOf, HeldDeliverer, ManualTiming, nothingSet, unhealthy } from './fixtures.js';

const origin = 'http://receiver.test';

function setup(t: Test, options: Partial<CourierOptions> = {}) {
  const timing = new ManualTiming();
  const deliverer = new HeldDeliverer();
  /** Slots that the host has, by lane; it uses none by itself. */
  const granted: Record<Lane, number> = { regular: 0, overdue: 0 };
  let reason: string | null = null;
  const courier = new Courier({
    options: {
      originConcurrency: 1_000,
      attemptsInFlightMax: 10_000,
      breaker: true,
      originsMax: 100,
      partitions: 1,
      recoveryRate: 100,
      ...options,
    },
    deliverer,
    timing,
    send: (_host, replies: readonly CourierReply[]) => {
      for (const reply of replies) {
        if (reply.op === 'grant') granted[reply.lane] += reply.count;
        if (reply.op === 'waiting') ({ reason } = reply);
      }
    },
  });
  t.teardown(() => courier.close());
  const ask = async (...requests: CourierRequest[]) => {
    courier.receive(0, requests);
    await timing.turn();
    return { ...granted };
  };
  const set = (settings: Partial<OriginSettings>, version = 1) => courier.ask(patch(settings, version));
  const look = async (name = origin): Promise<Destination | undefined> =>
    (await courier.ask({ about: 'one', origin: name, row: null, closeBreaker: false }))?.[0];
  return { timing, deliverer, courier, granted, ask, set, look, reason: () => reason };
}

function rowOf(settings: Partial<OriginSettings>, version = 1): SettingsRow {
  return { origin, version: version as Sequence, settings: { ...defaultSettings, ...settings } };
}

function patch(settings: Partial<OriginSettings>, version = 1) {
  return { about: 'one', origin, row: rowOf(settings, version), closeBreaker: false } as const;
}

const want = (count: number, lane: Lane = 'regular'): CourierRequest => ({ op: 'want', origin, lane, count });
const told = (partition: number, rows: readonly SettingsRow[], position = 9): CourierRequest => ({
  op: 'settings',
  partition: partition as PartitionId,
  position: position as Sequence,
  rows,
});
const lost = (partition: number): CourierRequest => ({ op: 'settings-lost', partition: partition as PartitionId });

t.test('nothing is granted before it is known what is set', async (t) => {
  const { ask, look, reason, courier, timing } = setup(t);
  t.same(await ask(want(3)), { regular: 0, overdue: 0 });
  t.equal(reason(), 'recovery');
  const looked = look();
  const listed = courier.ask({ about: 'page', after: '', limit: 10 });
  await timing.advance(20);
  t.same(await ask(nothingSet), { regular: 3, overdue: 0 });
  await timing.advance(20);
  t.match(await looked, { waiting: 0 }, 'an answer waits a little');
  t.match(await listed, [{ origin }]);
  t.match(await look(), { paused: false, concurrency: 1_000 });
});

t.test('an origin that was paused before a restart lets nothing through, and resumes when it is told to', async (t) => {
  const { ask, set, timing, granted, reason } = setup(t);
  t.same(await ask(want(3), told(0, [rowOf({ paused: true })])), { regular: 0, overdue: 0 });
  t.equal(reason(), 'paused');
  await timing.advance(3_600_000);
  t.equal(granted.regular, 0);
  await set({ paused: false }, 10);
  await timing.turn();
  t.equal(granted.regular, 3);
});

t.test('with its home lost the copy counts, and while both are lost nothing is granted', async (t) => {
  const { home, second } = placeOfOrigin(origin, 4);
  const copies = setup(t, { partitions: 4 });
  await copies.ask(want(3), told(second!, [rowOf({ paused: true })]));
  t.equal(copies.reason(), 'recovery', 'its home may still speak');
  await copies.ask(lost(home));
  t.equal(copies.reason(), 'paused');
  const silent = setup(t, { partitions: 4 });
  await silent.ask(want(3), lost(home), lost(second!));
  t.equal(silent.granted.regular, 0);
  t.equal(silent.reason(), 'recovery');
  const unknown = silent.courier.ask({ about: 'one', origin, row: null, closeBreaker: false });
  for (let second = 0; second < 3; second++) await silent.timing.advance(1_000);
  t.equal(await unknown, null, 'and not for ever');
  await silent.ask(told(home, []));
  t.equal(silent.granted.regular, 3, 'repaired');
});

t.test('what is known stays known when a partition fails later, and a change overtakes an older word', async (t) => {
  const { ask, set, look } = setup(t);
  await ask(nothingSet);
  await set({ paused: true }, 12);
  await ask(lost(0));
  t.match(await look(), { paused: true });
  await ask(told(0, [rowOf({ concurrency: 5 }, 7)], 9));
  t.match(await look(), { paused: true }, 'decided behind what the partition tells of');
  await ask(told(0, [rowOf({ concurrency: 5 }, 13)], 13));
  t.match(await look(), { paused: false, concurrency: 5 });
  await ask(told(0, [], 14));
  t.match(await look(), { concurrency: 1_000 }, 'set back');
});

t.test('a pause is answered when no slot is held any more that was granted before it', async (t) => {
  const { ask, set, timing, deliverer } = setup(t);
  await ask(nothingSet, want(2));
  let isAnswered = false;
  const paused = set({ paused: true }).then(() => {
    isAnswered = true;
  });
  await timing.advance(2);
  t.notOk(isAnswered);
  await ask({ op: 'start', attempt: attemptOf() }, { op: 'release', origin, lane: 'regular', count: 1 }, want(5));
  await timing.advance(2);
  await paused;
  t.equal(deliverer.held.length, 1);
  t.same(await ask(), { regular: 2, overdue: 0 }, 'the five wait');
});

t.test('a concurrency that is lowered holds from the next grant on', async (t) => {
  const { ask, set, look, deliverer, timing, granted } = setup(t);
  await ask(nothingSet, want(4));
  await ask(...Array.from({ length: 4 }, (): CourierRequest => ({ op: 'start', attempt: attemptOf() })), want(4));
  granted.regular = 0;
  await set({ concurrency: 1 });
  await timing.turn();
  t.match(await look(), { concurrency: 1, inFlight: 8 - 4 });
  for (let ended = 0; ended < 4; ended++) deliverer.end(delivered);
  await timing.turn();
  t.equal(granted.regular, 0, 'four more were granted before');
});

t.test('a rate per second is kept to the token, whatever waits, and other origins do not notice', async (t) => {
  const { ask, set, timing, granted } = setup(t);
  await ask(nothingSet);
  await set({ ratePerSecond: 10 });
  await ask(want(100));
  const counts: number[] = [];
  for (let tenth = 0; tenth < 30; tenth++) {
    counts.push(granted.regular);
    await timing.advance(100);
  }
  t.same(
    counts,
    Array.from({ length: 30 }, (_, at) => at + 1),
  );
  const before = granted.regular;
  await ask({ op: 'want', origin: 'http://quiet.test', lane: 'regular', count: 500 });
  t.equal(granted.regular, before + 500);
  await ask({ op: 'release', origin, lane: 'regular', count: 1 });
  t.equal(granted.regular, before + 501, 'a token that was not used goes to the next');
});

t.test('what is overdue leaves at the pace of recovery, behind what is due now', async (t) => {
  const { ask, timing, granted } = setup(t);
  await ask(nothingSet, want(1_000, 'overdue'));
  t.equal(granted.overdue, 5, 'what the bucket holds');
  for (let second = 1; second <= 5; second++) {
    for (let step = 0; step < 100; step++) await timing.advance(10);
    t.ok(granted.overdue <= second * 100 + 5 && granted.overdue >= second * 100 - 2, `${granted.overdue} after ${second} s`);
  }
  const before = granted.overdue;
  t.equal((await ask(want(300))).regular, 300, 'at once');
  t.equal(granted.overdue, before);
});

t.test('a backlog leaves a quarter of the slots to what is due now', async (t) => {
  const { ask, granted } = setup(t, { originConcurrency: 8, recoveryRate: 1_000_000 });
  await ask(nothingSet, want(100, 'overdue'));
  t.equal(granted.overdue, 6);
  await ask(want(100));
  t.equal(granted.regular, 2);
});

t.test('a breaker that is reset is closed at once, and its attempts from before do not open it again', async (t) => {
  const { ask, look, courier, deliverer, timing, granted } = setup(t, { originConcurrency: 30 });
  await ask(nothingSet, want(30));
  await ask(...Array.from({ length: 30 }, (): CourierRequest => ({ op: 'start', attempt: attemptOf() })), want(10));
  for (let failed = 0; failed < 20; failed++) deliverer.end(unhealthy);
  await timing.turn();
  t.match(await look(), { breaker: 'open', opensUntilMs: timing.wallMs() + 5_000, waiting: 10, failure1m: 20, success1m: 0 });
  t.match(courier.figures, { breakersOpen: 1, breakersHalfOpen: 0, breakerOpenings: 1 });
  granted.regular = 0;
  await courier.ask({ about: 'one', origin, row: null, closeBreaker: true });
  await timing.turn();
  t.equal(granted.regular, 10);
  for (let failed = 0; failed < 10; failed++) deliverer.end(unhealthy);
  await timing.turn();
  t.match(await look(), { breaker: 'closed', opensUntilMs: null });
  t.match(courier.figures, { breakersOpen: 0, breakersHalfOpen: 0 });
  t.equal(timing.timers, 0, 'the old one has left no timer');
});

t.test('successes and failures of the last minute are shown, and forgotten', async (t) => {
  const { ask, look, deliverer, timing } = setup(t);
  await ask(nothingSet, want(3));
  await ask(...Array.from({ length: 3 }, (): CourierRequest => ({ op: 'start', attempt: attemptOf() })));
  deliverer.end(delivered);
  deliverer.end(delivered);
  deliverer.end(unhealthy);
  await timing.turn();
  t.match(await look(), { success1m: 2, failure1m: 1 });
  await timing.advance(61_000);
  t.match(await look(), { success1m: 0, failure1m: 0 });
});

t.test('a page has the first origins behind a name, in order, however many there are, and those that are only set', async (t) => {
  const { ask, courier, timing } = setup(t, { originsMax: 100_000 });
  const names = Array.from({ length: 6_000 }, (_, n) => `http://${String((n * 7_919) % 6_000).padStart(5, '0')}.test`);
  await ask(told(0, [{ ...rowOf({ paused: true }), origin: 'http://00010.test.never-used' }]));
  await ask(...names.map((name): CourierRequest => ({ op: 'want', origin: name, lane: 'regular', count: 1 })));
  const page = async (after: string, limit: number): Promise<string[]> => {
    const found = courier.ask({ about: 'page', after, limit });
    for (let turn = 0; turn < 10; turn++) await timing.turn();
    return (await found)!.map((each) => each.origin);
  };
  t.same(await page('http://00009.test', 4), [
    'http://00010.test',
    'http://00010.test.never-used',
    'http://00011.test',
    'http://00012.test',
  ]);
  const all: string[] = [];
  for (let next = await page('', 700); next.length > 0; next = await page(all.at(-1)!, 700)) all.push(...next);
  t.same(all, [...names, 'http://00010.test.never-used'].sort());
});

t.test('where several nodes make attempts, each lets its share of concurrency, rate and recovery through', async (t) => {
  const { ask, look, courier, timing, granted } = setup(t, { originConcurrency: 10, recoveryRate: 1_000_000 });
  courier.shareAmong(3);
  courier.settingsTold({ partition: 0 as PartitionId, position: 9 as Sequence, rows: [] });
  t.same(await ask(want(20)), { regular: 4, overdue: 0 }, 'rounded up, so that none is left with nothing');
  t.match(await look(), { concurrency: 10 }, 'what is set is shown whole');
  courier.shareAmong(1);
  await timing.turn();
  t.equal(granted.regular, 10, 'the others are gone');

  const paced = setup(t);
  paced.courier.shareAmong(2);
  await paced.ask(told(0, [rowOf({ ratePerSecond: 10 })]), want(100));
  const before = paced.granted.regular;
  for (let step = 0; step < 200; step++) await paced.timing.advance(10);
  t.equal(paced.granted.regular - before, 10, 'two seconds at half the rate');
});

t.test('of two words of a partition the older one does not count, though it may come later', async (t) => {
  const { ask, courier, look } = setup(t);
  await ask(told(0, [], 20));
  courier.settingsTold({ partition: 0 as PartitionId, position: 9 as Sequence, rows: [rowOf({ paused: true }, 7)] });
  t.match(await look(), { paused: false }, 'set back since');
});

t.test('with its home lost, what that has decided since counts, if it is newer than the copy', async (t) => {
  const { home, second } = placeOfOrigin(origin, 4);
  const { ask, courier, look } = setup(t, { partitions: 4 });
  courier.settingsLost(home);
  await ask(told(second!, [rowOf({ concurrency: 5 }, 7)]));
  t.match(await look(), { concurrency: 5, paused: false });
  await courier.ask(patch({ paused: true }, 9));
  t.match(await look(), { paused: true });
  await ask(told(second!, [rowOf({ concurrency: 6 }, 11)], 30));
  t.match(await look(), { concurrency: 6, paused: false }, 'copied from what the home has decided after that');
});

t.test('what is forgotten has to be told anew before anything starts, also of what was granted', async (t) => {
  const { ask, courier, deliverer, timing, granted, look } = setup(t);
  t.same(await ask(nothingSet, want(2)), { regular: 2, overdue: 0 });
  courier.forgetSettings();
  await ask({ op: 'start', attempt: { ...attemptOf(), origin } }, want(1));
  t.equal(deliverer.held.length, 0, 'it was not started');
  t.equal(granted.regular, 2, 'nor is anything granted');
  const looked = look();
  await timing.advance(3_000);
  t.equal(await looked, undefined, 'nobody knows what is set');
  t.same(await ask(told(0, [rowOf({ paused: true })], 3)), { regular: 2, overdue: 0 });
  t.match(await look(), { paused: true }, 'also by a word that is older than the one before');
});
