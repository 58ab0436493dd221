import t from 'tap';
import type { NumberedSheaf } from '../../engine/actor/requests.js';
import { tagOfKey } from '../../engine/event/content.js';
import { type RecordKind, recordKinds } from '../../engine/event/record.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { SpecPatch } from '../../engine/event/spec-patch.js';
import type { PartitionId, Sequence, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId } from '../../engine/kernel/event-id.js';
import { dueMax, turnBudgetMs, unsyncedRecordsMax } from '../../engine/kernel/limits.js';
import { type FilterWords, SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { noLatency } from '../../engine/observe/latency.js';
import { failedOutcome, outcomeOf } from '../event/outcomes.js';
import { acceptedRecords, batchesOf, bodyOf, newId, start, TestHost } from './host-fixture.js';
import { noSequence } from '../../engine/kernel/brand.js';
import { eventsIn, type NewEventBytes, sheafOf } from './sheaves.js';

const soon = { scheduledAtMs: (start + 100) as WallMs };
const later = { scheduledAtMs: (start + 3_600_000) as WallMs };
const origin = 'https://example.org';

// ---- answers and durability ----

t.test('an event is answered as accepted only when its record is durable', async (t) => {
  const test = TestHost.ready();
  const { request } = test.schedule(later);
  test.turn();
  t.equal(test.appended, 1);
  t.equal(test.replyTo(request), undefined);
  test.commit();
  t.same(test.replyTo(request), { op: 'accepted', request, count: 1 });
});

t.test('a look at an event waits for what was decided before it, though it writes nothing', async (t) => {
  const test = TestHost.ready();
  const { event } = test.schedule(later);
  const get = test.about('get', event);
  test.turn();
  test.read();
  t.equal(test.replyTo(get), undefined);
  test.commit();
  test.read();
  t.match(test.replyTo(get), { op: 'event', view: { status: 'SCHEDULED', version: 1 } });
});

t.test('a refusal waits as well: what it tells of might be lost with the commit', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  const cancel = test.about('cancel', event);
  test.turn();
  t.equal(test.replyTo(cancel), undefined);
  test.commit();
  t.match(test.replyTo(cancel), { op: 'refused', code: 'in-flight', status: 'DISPATCHED' });
});

t.test('answers leave in the order in which they were decided', async (t) => {
  const test = TestHost.ready();
  const requests = Array.from({ length: 50 }, () => test.schedule(later).request);
  test.turn();
  test.commit();
  t.same(
    test.replies.map(({ request }) => request),
    requests,
  );
});

t.test('an event that is not durable is not armed, however late it is', async (t) => {
  const test = TestHost.ready();
  test.schedule({ scheduledAtMs: start });
  test.turn();
  test.clock.now += 5_000;
  test.turn();
  t.equal(test.count('want'), 0);
  test.commit();
  test.turn();
  t.equal(test.count('want'), 1);
});

t.test('an attempt starts without waiting for its own record', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  t.same(
    test.starts().map((attempt) => formatEventId(attempt.event)),
    [formatEventId(event)],
  );
  t.equal(test.appended, 0, 'dispatched, and not even on its way to the disk');
});

t.test('that an attempt began and how it ended go to the disk together, two milliseconds after the first', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  t.equal(test.turn(), 2, 'the host wakes up by itself');
  test.clock.now += 1;
  test.end(event);
  t.equal(test.turn(), 2, 'what a timer can wait for');
  t.equal(test.appended, 0);
  test.clock.now += 1;
  test.turn();
  t.equal(test.appended, 2);
  t.equal(test.writerRequests.filter(({ op }) => op === 'append').length, 2, 'with one message; the first was its acceptance');
});

t.test('what somebody waits for takes along what was gathered before it', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  const get = test.about('get', event);
  test.turn();
  t.equal(test.appended, 1, 'it was begun');
  t.equal(test.replyTo(get), undefined);
  test.settle();
  t.match(test.replyTo(get), { op: 'event', view: { status: 'DISPATCHED' } });
});

t.test('an event that is cancelled before it was durable never starts', async (t) => {
  const test = TestHost.ready();
  const { event } = test.schedule({ scheduledAtMs: start });
  const cancel = test.about('cancel', event);
  test.advance(5_000);
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED', version: 2, attempts: 0 } });
  t.equal(test.count('want'), 0);
  t.same(test.starts(), []);
});

t.test('a row that was used again between decision and disk is not armed for the event before', async (t) => {
  const test = TestHost.ready();
  const first = test.schedule({ scheduledAtMs: start });
  test.about('cancel', first.event);
  const second = test.schedule(later);
  test.advance(2_000);
  t.equal(test.count('want'), 0);
  t.match(test.replyTo(second.request), { op: 'accepted' });
});

// ---- time ----

t.test('nothing leaves before its time, and everything at it', async (t) => {
  const test = TestHost.ready();
  test.accepted(soon);
  test.advance(99.9);
  t.equal(test.count('want'), 0);
  test.advance(0.1);
  t.equal(test.count('want'), 1);
});

t.test('an idle host asks for no further turn; one with an event sleeps until a second before it', async (t) => {
  const test = TestHost.ready();
  t.equal(test.turn(), null);
  test.accepted(later);
  const waitMs = test.turn()!;
  t.ok(waitMs > 0 && waitMs <= 3_599_000, `${waitMs}`);
});

t.test('a payload is read a second ahead, so that a granted slot waits for no disk', async (t) => {
  const test = TestHost.ready();
  test.accepted({ scheduledAtMs: (start + 10_000) as WallMs, payload: Buffer.from('7') });
  test.advance(9_500);
  t.ok(test.host.figures(noLatency).readAheadBytes > 0);
  test.advance(500);
  test.grantAll();
  t.equal(test.questions.length, 0);
  test.turn();
  t.equal(test.starts().length, 1);
  t.equal(test.host.figures(noLatency).readAheadBytes, 0);
});

t.test('without room to read ahead the payload is read when the slot is there', async (t) => {
  const test = TestHost.ready({ readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  t.same(test.starts(), []);
  test.read();
  test.turn();
  t.equal(test.starts().length, 1);
});

t.test('a hundred thousand events due in one millisecond leave in bounded slices, and none is forgotten', async (t) => {
  const count = 100_000;
  const byPriority = Array.from({ length: 10 }, (_, priority) => ({ ...later, priority }));
  const logs = new Map([[0, acceptedRecords(count, (index) => byPriority[index % 10]!)]]);
  const test = TestHost.ready({ partitions: [0, 1], logs });
  test.accepted({ scheduledAtMs: (start + 3_600_001) as WallMs, destination: 'https://other.test/' }, 1);
  test.advance(3_600_000 - 1);
  t.equal(test.count('want'), 0);
  test.clock.now = start + 3_600_000;
  let turns = 0;
  let most = 0;
  let otherAt = -1;
  for (; test.count('want') < count + 1 && turns < 200; turns++) {
    const before = test.count('want');
    test.turn();
    most = Math.max(most, test.count('want') - before);
    // The thread sleeps a moment behind each turn of a flood, so that a courier that was woken on the same core need not wait.
    t.equal(test.host.isFlooded, test.count('want') < count + 1, 'it says that more is due as long as there is');
    if (otherAt === -1 && test.wanted().has('https://other.test')) otherAt = turns;
    test.clock.now += 1;
    test.sent.splice(0, test.sent.length, { op: 'want', origin, lane: 'regular', count: test.count('want') });
  }
  t.ok(most <= dueMax, `${most} in one turn`);
  t.ok(turns <= Math.ceil(count / dueMax) + 2, `${turns} turns`);
  t.ok(otherAt >= 0 && otherAt <= 2, `another partition's event waited ${otherAt} turns`);
});

t.test('what couriers say is heard in pieces, and what is due does not wait for the end of it', async (t) => {
  const test = TestHost.ready();
  const crowd = Array.from({ length: 500 }, () => test.accepted({ scheduledAtMs: start }));
  test.grantAll();
  test.settle();
  test.accepted({ scheduledAtMs: (start + 10) as WallMs, destination: 'https://other.test/' });
  test.host.fromCourier(
    0,
    crowd.map((event) => ({ op: 'outcome', outcome: outcomeOf(event) })),
  );
  test.clock.now = start + 10;
  test.clock.lookMs = turnBudgetMs;
  t.equal(test.turn(), 0, 'there is more to hear');
  t.ok(test.host.figures(noLatency).delivered < 50);
  t.ok(test.wanted().has('https://other.test'), 'it has its turn');
  for (let turns = 0; test.turn() === 0 && turns < 100; turns++) test.settle();
  t.equal(test.host.figures(noLatency).delivered, crowd.length);
});

t.test('of what is due together the higher priority gets the slot first', async (t) => {
  const test = TestHost.ready();
  const low = test.accepted({ ...soon, priority: 1 });
  const high = test.accepted({ ...soon, priority: 9 });
  test.advance(100);
  test.grant(origin, 1);
  test.turn();
  t.same(
    test.starts().map((attempt) => formatEventId(attempt.event)),
    [formatEventId(high)],
  );
  test.grant(origin, 1);
  test.turn();
  t.equal(formatEventId(test.starts()[1]!.event), formatEventId(low));
});

// ---- waiting, expiry, retries ----

t.test('an event that waits for a slot can be cancelled and gives its want back', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  t.equal(test.wanted().get(origin), 1);
  const cancel = test.about('cancel', event);
  test.settle();
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  t.equal(test.wanted().get(origin), 0);
  test.grant(origin, 1);
  test.turn();
  t.equal(test.count('release'), 1, 'a slot that came too late goes back');
  t.same(test.starts(), []);
});

t.test('an event whose payload is being read can be cancelled and gives its slot back', async (t) => {
  const test = TestHost.ready({ readAheadBytesMax: 0 });
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  const cancel = test.about('cancel', event);
  test.turn();
  t.equal(test.count('release'), 1);
  test.settle();
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  t.same(test.starts(), []);
});

t.test('why an event waits is shown with it', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  const waitingFor = () => {
    const request = test.about('get', event);
    test.settle();
    const reply = test.replyTo(request);
    return reply?.op === 'event' ? reply.view.waitingFor : 'no answer';
  };
  t.equal(waitingFor(), 'concurrency');
  test.host.fromCourier(0, [{ op: 'waiting', origin, reason: 'breaker' }]);
  t.equal(waitingFor(), 'breaker');
  t.equal(test.host.figures(noLatency).waiting.breaker, 1);
  test.host.fromCourier(0, [{ op: 'waiting', origin, reason: null }]);
  t.equal(waitingFor(), 'concurrency');
  test.grantAll();
  test.settle();
  t.equal(waitingFor(), null);
});

t.test('an event that has not started by its expiry expires, also while it waits', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start, expiresAtMs: (start + 500) as WallMs });
  test.advance(499);
  t.equal(test.wanted().get(origin), 1);
  test.advance(1);
  t.equal(test.wanted().get(origin), 0);
  test.advance(2);
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.expired);
  t.equal(test.wanted().get(origin), 0);
  const get = test.about('get', event);
  test.settle();
  t.match(test.replyTo(get), { view: { status: 'EXPIRED', attempts: 0 } });
});

t.test('an attempt that runs at the expiry of its event finishes', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start, expiresAtMs: (start + 500) as WallMs });
  test.grantAll();
  test.advance(2_000);
  test.end(event);
  test.settle();
  t.same(
    test.durableOf(0).map((record) => record.kind),
    [recordKinds.accepted, recordKinds.dispatched, recordKinds.delivered],
  );
});

t.test('a retry that would come after the expiry is not made', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start, expiresAtMs: (start + 500) as WallMs });
  test.grantAll();
  test.settle();
  test.end(event, failedOutcome);
  test.settle();
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.retrying);
  test.advance(500);
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.expired);
});

t.test('a failed attempt is followed by the next one after its back-off, under the next number', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start, retry: { ...defaultExact, initialMs: 2_000 } });
  test.grantAll();
  test.settle();
  test.end(event, failedOutcome);
  test.advance(1_999);
  t.equal(test.wanted().get(origin), 0);
  test.advance(1);
  test.grantAll();
  test.settle();
  t.same(
    test.starts().map(({ attempt, dueAtMs }) => [attempt, dueAtMs]),
    [
      [1, start],
      [2, start + 2_000],
    ],
  );
});
const defaultExact = { strategy: 'exponential', initialMs: 1_000, maxMs: 3_600_000, multiplier: 2, jitter: 'none' } as const;

t.test('the next attempt waits until the failure is durable', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.end(event, failedOutcome);
  test.turn();
  test.clock.now += 60_000;
  test.turn();
  t.equal(test.wanted().get(origin), 0);
  test.commit();
  test.turn();
  t.equal(test.wanted().get(origin), 1);
});

// ---- repeated requests ----

t.test('a repeated request is replayed; other content under its key is a conflict', async (t) => {
  const test = TestHost.ready();
  test.accepted({ ...later, externalJobId: 'x' });
  const same = test.schedule({ ...later, externalJobId: 'x' }).request;
  const other = test.schedule({ ...later, externalJobId: 'x', priority: 1 }).request;
  test.settle();
  t.match(test.replyTo(same), { op: 'replayed', view: { version: 1, spec: { externalJobId: 'x' } } });
  t.match(test.replyTo(other), { op: 'refused', code: 'external-job-id-conflict', status: 'SCHEDULED' });
  t.equal(test.durableOf(0).length, 1);
});

t.test('of equal requests that come together one is accepted and the others are replayed', async (t) => {
  const test = TestHost.ready();
  const requests = Array.from({ length: 5 }, () => test.schedule({ ...later, externalJobId: 'x' }).request);
  test.settle();
  t.same(
    requests.map((request) => test.replyTo(request)?.op),
    ['accepted', 'replayed', 'replayed', 'replayed', 'replayed'],
  );
  t.equal(test.durableOf(0).length, 1);
});

t.test('while one request waits for facts the others go by', async (t) => {
  const test = TestHost.ready();
  test.accepted({ ...later, externalJobId: 'x' });
  const parked = test.schedule({ ...later, externalJobId: 'x' }).request;
  test.turn();
  t.equal(test.host.figures(noLatency).parked, 1);
  const free = test.schedule(later).request;
  test.turn();
  test.commit();
  t.equal(test.replyTo(parked), undefined);
  t.equal(test.replyTo(free)?.op, 'accepted');
  test.settle();
  t.equal(test.replyTo(parked)?.op, 'replayed');
  t.equal(test.host.figures(noLatency).parked, 0);
});

t.test('a read that fails fails its own request only', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted(later);
  test.readInstead = (request) =>
    'tag' in request ? { op: 'failed', tag: request.tag, failure: 'damaged', detail: 'row 1' } : null;
  const get = test.about('get', event);
  test.settle();
  t.match(test.replyTo(get), { op: 'refused', code: 'record-damaged', detail: 'row 1' });
  test.readInstead = () => null;
  const again = test.about('get', event);
  test.settle();
  t.match(test.replyTo(again), { op: 'event' });
  t.equal(test.host.actors[0]!.phase, 'ready');
});

t.test('new events of one sheaf are answered together; those whose key is taken are answered by themselves', async (t) => {
  const test = TestHost.ready();
  const keyed = { ...later, externalJobId: 'a' };
  const events = [later, keyed, later, keyed, { ...keyed, description: 'other' }, later, later].map((fields) => ({
    event: newId(),
    body: bodyOf(fields),
  }));
  const first = test.scheduleSheaf(events);
  test.settle();
  t.same(
    events.map((_, place) => test.replyTo(first + place)?.op),
    ['accepted', 'accepted', 'accepted', 'replayed', 'refused', 'accepted', 'accepted'],
  );
  t.match(test.replyTo(first + 3), { view: { id: events[1]!.event } });
  t.equal(test.replies.filter(({ op }) => op === 'accepted').length, 2, 'before and behind those with the key');
  t.equal(test.durableOf(0).length, 5);
  t.equal(test.host.actors[0]!.wheel!.size, 5, 'all of them are armed');
});

t.test(
  'a sheaf that comes twice is answered by ids when nobody wants views: one question to the reader, and nothing read for the answers',
  async (t) => {
    const test = TestHost.ready();
    const bodies = Array.from({ length: 40 }, (_, number) => bodyOf({ ...later, externalJobId: `job-${number}` }));
    const sheafAt = (request: number) =>
      sheafOf(
        request,
        0 as PartitionId,
        bodies.map((body) => ({ event: newId(), body })),
      );
    const first = sheafAt(1_000);
    test.host.fromRouter([first]);
    test.settle();
    const [{ event }, { event: gone }] = eventsIn(first) as [NewEventBytes, NewEventBytes];
    test.about('cancel', gone);
    test.settle();
    const asked: string[] = [];
    test.readInstead = ({ op }) => {
      asked.push(op);
      return null;
    };
    test.host.fromRouter([{ ...sheafAt(2_000), brief: true }]);
    test.settle();
    t.match(test.replyTo(2_000), { op: 'duplicate', event, status: 'SCHEDULED' });
    t.match(test.replyTo(2_001), { op: 'duplicate', event: gone, status: 'CANCELLED' });
    t.ok(bodies.every((_, place) => test.replyTo(2_000 + place)?.op === 'duplicate'));
    t.same(asked, ['view', 'bodies'], 'of the one that has finished it is not known what it was');

    test.host.fromRouter([sheafAt(3_000)]);
    test.settle();
    t.match(test.replyTo(3_000), { op: 'replayed', view: { id: event } }, 'else as it is now');
    t.equal(test.durableOf(0).length, bodies.length + 1);
  },
);

t.test('an event that is asked about again under its id is one event, pending or finished', async (t) => {
  const test = TestHost.ready();
  const events = [later, { ...later, externalJobId: 'a' }, later, later].map((fields) => ({
    event: newId(),
    body: bodyOf(fields),
  }));
  test.scheduleSheaf(events.slice(0, 3));
  test.settle();
  test.about('cancel', events[2]!.event);
  test.settle();
  const before = test.durableOf(0).length;
  const again = 1_000;
  test.host.fromRouter([{ ...sheafOf(again, 0 as PartitionId, events), again: true }]);
  test.settle();
  t.same(
    events.map((_, place) => test.replyTo(again + place)?.op),
    ['replayed', 'replayed', 'replayed', 'accepted'],
    'with a key or without; one that nobody had asked for is new',
  );
  t.match(test.replyTo(again), { view: { id: events[0]!.event, status: 'SCHEDULED' } });
  t.match(test.replyTo(again + 2), { view: { id: events[2]!.event, status: 'CANCELLED' } });
  t.equal(test.durableOf(0).length, before + 1);
});

t.test('what is asked about an id that was told for a repeat is asked about the event', async (t) => {
  const test = TestHost.ready();
  const fields = { ...later, externalJobId: 'a' };
  const event = newId();
  test.scheduleSheaf([{ event, body: bodyOf(fields) }]);
  test.settle();
  const told = newId();
  const kept = { ...sheafOf(1_000, 0 as PartitionId, [{ event: told, body: bodyOf(fields) }]), again: true, told: true };
  test.host.fromRouter([kept]);
  t.equal(test.replyTo(1_000), undefined, 'nothing is answered before the other id is on disk, or a fact was read');
  test.settle();
  t.match(test.replyTo(1_000), { op: 'replayed', view: { id: event } });
  const asked = (['get', 'history', 'cancel', 'get'] as const).map((op) => test.about(op, told));
  test.settle();
  t.match(test.replyTo(asked[0]!), { op: 'event', view: { id: event, status: 'SCHEDULED' } });
  t.match(test.replyTo(asked[1]!), { op: 'history' });
  t.match(test.replyTo(asked[2]!), { op: 'event', view: { id: event, status: 'CANCELLED' } });
  t.match(test.replyTo(asked[3]!), { op: 'event', view: { id: event, status: 'CANCELLED' } });
  t.equal(test.host.actors[0]!.wheel!.size, 0, 'and it does not fire');
});

t.test(
  'what was kept under the name of an event with other content never fires, is dead with the reason, and is asked about by its own id',
  async (t) => {
    const test = TestHost.ready();
    const fields = { ...later, externalJobId: 'a' };
    test.scheduleSheaf([{ event: newId(), body: bodyOf(fields) }]);
    test.settle();
    const told = newId();
    // Due at once, if it were to fire.
    const kept = sheafOf(1_000, 0 as PartitionId, [{ event: told, body: bodyOf({ externalJobId: 'a' }) }]);
    test.host.fromRouter([{ ...kept, again: true, told: true }]);
    test.settle();
    t.match(test.replyTo(1_000), { op: 'accepted' });
    // Whoever waits for it still is answered as if it had come from there.
    test.host.fromRouter([{ ...kept, request: 1_001, again: true }]);
    const get = test.about('get', told);
    test.settle();
    t.match(test.replyTo(1_001), { op: 'replayed', view: { id: told, status: 'DEAD' } });
    t.match(test.replyTo(get), { op: 'event', view: { status: 'DEAD', attempts: 0, lastError: /^external-job-id-conflict: / } });
    t.equal(test.host.actors[0]!.wheel!.size, 1, 'the other one waits for its time');
    t.notOk(
      test.sent.some(({ op }) => op === 'want'),
      'no courier hears of either',
    );
  },
);

t.test('nobody hears of a sheaf before it is durable, and when its commit fails all of it is undone', async (t) => {
  const test = TestHost.ready();
  const events = [later, later].map((fields) => ({ event: newId(), body: bodyOf(fields) }));
  const first = test.scheduleSheaf(events);
  test.turn();
  t.equal(test.appended, 2);
  t.equal(test.replies.length, 0);
  t.equal(test.host.actors[0]!.wheel!.size, 0);
  test.host.fromWriter({
    op: 'failed',
    partition: 0 as PartitionId,
    durable: noSequence,
    failure: 'io',
    isDamage: false,
    detail: 'the disk is gone',
  });
  for (const [place, { event }] of events.entries()) {
    t.match(test.replyTo(first + place), { op: 'refused', code: 'outcome-unknown', event });
  }
});

t.test('an event that was cancelled while its sheaf was on its way to the disk is not armed', async (t) => {
  const test = TestHost.ready();
  const events = [later, later, later].map((fields) => ({ event: newId(), body: bodyOf(fields) }));
  const first = test.scheduleSheaf(events);
  const cancel = test.about('cancel', events[1]!.event);
  test.settle();
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  t.equal(test.replyTo(first + 1)?.op, 'accepted');
  t.equal(test.host.actors[0]!.wheel!.size, 2);
});

t.test('a body of an unknown format is refused by itself and harms nobody (F21)', async (t) => {
  const test = TestHost.ready();
  const body = bodyOf(later);
  body[0] = 9;
  test.host.fromRouter([sheafOf(77, 0 as PartitionId, [{ event: newId(), body }])]);
  const good = test.schedule(later).request;
  test.settle();
  t.match(test.replyTo(77), { op: 'refused', code: 'internal' });
  t.equal(test.replyTo(good)?.op, 'accepted');
});

// ---- pressure ----

t.test('when the disk is behind, requests stay in the mailbox until it has caught up', async (t) => {
  const test = TestHost.ready();
  const body = bodyOf(later);
  const event = newId();
  const events = Array.from({ length: unsyncedRecordsMax + 500 }, (_, index) => {
    const own = event.slice();
    new DataView(own.buffer).setUint32(12, index);
    return { event: own, body };
  });
  const requests: NumberedSheaf[] = [];
  for (let at = 0; at < events.length; at += 10) requests.push(sheafOf(at, 0 as PartitionId, events.slice(at, at + 10)));
  test.host.fromRouter(requests);
  for (let turn = 0; turn < 10_000 && test.turn() === 0; turn++);
  t.ok(test.appended >= unsyncedRecordsMax && test.appended < unsyncedRecordsMax + 64, `${test.appended} taken in`);
  t.equal(test.turn() === 0, false, 'it does not spin meanwhile');
  test.commit();
  for (let turn = 0; turn < 100 && test.turn() === 0; turn++);
  test.commit();
  const accepted = test.replies.reduce((sum, reply) => sum + (reply.op === 'accepted' ? reply.count : 0), 0);
  t.equal(accepted, events.length);
});

t.test('a nearly full disk refuses new events, and still takes cancels and outcomes', async (t) => {
  const test = TestHost.ready();
  const first = test.accepted({ scheduledAtMs: start });
  const second = test.accepted(later);
  test.host.fromWriter({ op: 'space', level: 'refuse', freeBytes: 5 });
  const refused = test.schedule(later).request;
  const cancel = test.about('cancel', second);
  test.grantAll();
  test.settle();
  t.match(test.replyTo(refused), { op: 'refused', code: 'disk-full' });
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  test.end(first);
  test.settle();
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.delivered);
  t.match(test.notices.at(-1), { op: 'space', level: 'refuse' });
});

t.test('a full disk starts nothing, and goes on by itself when there is room', async (t) => {
  const test = TestHost.ready();
  const waiting = test.accepted({ scheduledAtMs: start });
  test.accepted(soon);
  test.host.fromWriter({ op: 'space', level: 'stop', freeBytes: 0 });
  test.grantAll();
  test.advance(1_000);
  t.same(test.starts(), []);
  t.equal(test.count('release'), 1, 'the slot goes back');
  test.host.fromWriter({ op: 'space', level: 'ok', freeBytes: 1e12 });
  test.settle();
  t.equal(test.count('want'), 3, 'it is asked for again, and one for what has come due');
  test.grant(origin, 2);
  test.settle();
  t.equal(test.starts().length, 2);
  t.equal(formatEventId(test.starts()[0]!.event), formatEventId(waiting));
});

// ---- failed commits ----

t.test('a failed commit: nobody hears "accepted", the outcome is unknown, memory is what the disk has', async (t) => {
  const test = TestHost.ready();
  const kept = test.accepted(later);
  const { request: lost, event } = test.schedule(later);
  const cancel = test.about('cancel', kept);
  const get = test.about('get', kept);
  test.turn();
  test.failCommit(0);
  t.match(test.replyTo(lost), { op: 'refused', code: 'outcome-unknown', event });
  t.match(test.replyTo(cancel), { op: 'refused', code: 'outcome-unknown', event: kept });
  t.match(test.replyTo(get), { op: 'refused', code: 'partition-unavailable', event: null });
  test.advance(250);
  t.same(test.phases(), ['recovering', 'ready', 'recovering', 'recovering', 'ready']);
  t.match(test.writerRequests.at(-1), { op: 'reopen', partition: 0, after: 1 });
  const again = test.about('get', kept);
  const gone = test.about('get', event);
  test.settle();
  t.match(test.replyTo(again), { op: 'event', view: { status: 'SCHEDULED' } });
  t.match(test.replyTo(gone), { op: 'refused', code: 'not-found' });
});

t.test('a full disk is told as such: the request was not taken', async (t) => {
  const test = TestHost.ready();
  const { request } = test.schedule(later);
  test.turn();
  test.failCommit(0, 'disk-full');
  t.match(test.replyTo(request), { op: 'refused', code: 'disk-full', event: null });
});

t.test('requests that come meanwhile wait and are answered after the replay', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted(later);
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  const get = test.about('get', event);
  const more = test.schedule(later).request;
  test.settle();
  t.equal(test.replyTo(get), undefined);
  test.advance(250);
  t.equal(test.replyTo(get)?.op, 'event');
  t.equal(test.replyTo(more)?.op, 'accepted');
});

t.test('a disk that keeps failing is tried again ever more slowly', async (t) => {
  const test = TestHost.ready();
  const waits: number[] = [];
  for (let failure = 0; failure < 7; failure++) {
    test.schedule(later);
    test.turn();
    const failedAt = test.clock.now;
    test.failCommit(0);
    waits.push(test.host.actors[0]!.reloadAtMs! - failedAt);
    test.clock.now += waits.at(-1)!;
    test.settle();
  }
  t.same(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

t.test('an attempt that a courier still runs is not started a second time by a replay', async (t) => {
  const test = TestHost.ready();
  const running = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.schedule(later);
  test.turn();
  test.runningNow = [{ event: running, attempt: 1 }];
  test.failCommit(0);
  test.advance(10_000);
  t.equal(test.starts().length, 1);
  test.end(running);
  test.settle();
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.delivered);
});

t.test('an attempt whose start was lost with a commit goes on, and its outcome is taken', async (t) => {
  const test = TestHost.ready();
  const running = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  test.runningNow = [{ event: running, attempt: 1 }];
  test.failCommit(0);
  test.advance(10_000);
  test.end(running);
  test.settle();
  t.equal(test.starts().length, 1);
  t.same(
    test.durableOf(0).map((record) => record.kind),
    [recordKinds.accepted, recordKinds.dispatched, recordKinds.delivered],
  );
});

t.test('an attempt that ended while memory was being rebuilt is not made again', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  test.end(event);
  // The courier does not run it any more when it is asked.
  test.runningNow = [];
  test.advance(10_000);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 1);
  t.equal(test.durableOf(0).at(-1)!.kind, recordKinds.delivered);
});

t.test('an attempt that nobody runs any more is made again under the same number, without a new transition', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  test.advance(1_000);
  test.grant(origin, 1, 'overdue');
  test.settle();
  t.same(
    test.starts().map(({ attempt }) => attempt),
    [1, 1],
  );
  test.end(event);
  test.settle();
  t.same(
    test.durableOf(0).map((record) => record.kind),
    [recordKinds.accepted, recordKinds.dispatched, recordKinds.delivered],
  );
});

t.test('a failed commit gives slots and wants back', async (t) => {
  const test = TestHost.ready({ readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  test.accepted({ scheduledAtMs: start });
  test.grant(origin, 1);
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  test.turn();
  t.equal(test.count('release'), 1);
  t.equal(test.count('unwant'), 1);
  test.advance(250);
  test.settle();
  t.match(test.host.figures(noLatency), { waiting: { concurrency: 0, recovery: 2 }, overdue: 2 });
});

t.test('a log writer that could not open its files at the start is asked again, instead of taking records nowhere', async (t) => {
  const test = new TestHost();
  test.host.start();
  test.failCommit(0);
  test.settle();
  t.ok(
    test.writerRequests.some((request) => request.op === 'reopen'),
    'without it every record would be dropped and every request would wait for ever',
  );
  t.equal(test.host.actors[0]!.phase, 'ready');
});

// ---- partitions that break ----

t.test('a partition that breaks stops alone and says why', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1] });
  const other = test.accepted(later, 1);
  const { request } = test.schedule(later);
  test.turn();
  // A record about an event that nobody knows: the partition cannot trust its memory any more.
  test.host.actors[0]!.fail('an invariant broke\n    at somewhere');
  t.match(test.replyTo(request), { op: 'refused', code: 'outcome-unknown' });
  const refused = test.schedule(later).request;
  const get = test.about('get', other, 1);
  test.settle();
  t.match(test.replyTo(refused), { op: 'refused', code: 'partition-unavailable' });
  t.match(test.replyTo(get), { op: 'event' });
  t.same(test.phases(0).at(-1), 'failed');
  t.same(test.phases(1), ['recovering', 'ready']);
});

t.test('an invariant that breaks in a turn fails its partition, not the host', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1] });
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  // Something that cannot be, where it hurts: in the middle of writing a record.
  const outcome = Object.defineProperty({ ...outcomeOf(event, failedOutcome) }, 'retryAfterMs', {
    get: () => {
      throw new Error('unreadable');
    },
  });
  test.host.fromCourier(0, [{ op: 'outcome', outcome }]);
  test.turn();
  t.equal(test.host.actors[0]!.phase, 'failed');
  t.equal(test.host.actors[1]!.phase, 'ready');
});

t.test('a payload that is damaged on disk stops its partition, not the host', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1], readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  test.readInstead = (request) =>
    request.op === 'bodies' ? { op: 'bodies', tag: request.tag, bodies: [new Uint8Array(0)], damaged: request.seqs } : null;
  test.grantAll();
  t.doesNotThrow(() => test.settle());
  t.equal(test.host.actors[0]!.phase, 'failed');
  t.equal(test.host.actors[1]!.phase, 'ready');
  t.same(test.starts(), []);
});

t.test('an answer of the reader that cannot be taken in stops the partition that asked, not the host', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1], readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  const unreadable = bodyOf();
  unreadable[0] = 9;
  test.readInstead = (request) =>
    request.op === 'bodies' ? { op: 'bodies', tag: request.tag, bodies: [unreadable], damaged: [] } : null;
  test.grantAll();
  t.doesNotThrow(() => test.settle());
  t.equal(test.host.actors[0]!.phase, 'failed');
  t.equal(test.host.actors[1]!.phase, 'ready');
});

t.test('a damaged body of another event under the same key fails only the request that needed it', async (t) => {
  const test = TestHost.ready();
  test.accepted({ ...later, externalJobId: 'x' });
  test.readInstead = (request) =>
    request.op === 'bodies' ? { op: 'bodies', tag: request.tag, bodies: [new Uint8Array(0)], damaged: request.seqs } : null;
  const { request } = test.schedule({ ...later, externalJobId: 'x' });
  t.doesNotThrow(() => test.settle());
  t.match(test.replyTo(request), { op: 'refused', code: 'record-damaged' });
  t.equal(test.host.actors[0]!.phase, 'ready');
});

t.test('a log that contradicts itself stops its partition with the reason', async (t) => {
  const test = new TestHost({ partitions: [0, 1] });
  test.readInstead = (request) =>
    request.op === 'replay' && request.partition === 0
      ? { op: 'failed', tag: request.tag, failure: 'broken', detail: 'the chain breaks at 7' }
      : null;
  test.host.start();
  const early = test.schedule(later).request;
  test.settle();
  t.match(test.replyTo(early), { op: 'refused', code: 'partition-unavailable' });
  t.match(
    test.notices.find((notice) => notice.op === 'phase' && notice.phase === 'failed'),
    { partition: 0, detail: 'the chain breaks at 7' },
  );
  t.same(test.phases(1), ['recovering', 'ready']);
});

t.test('a replay that has to do without a damaged snapshot tells of it, and its partition works', async (t) => {
  const test = new TestHost({ logs: new Map([[0, acceptedRecords(1, () => later)]]) });
  test.damagedSnapshots = ['snapshot 7: it is too short'];
  test.host.start();
  test.settle();
  t.equal(test.host.actors[0]!.phase, 'ready');
  t.match(
    test.notices.filter(({ op }) => op === 'snapshot-damaged'),
    [{ partition: 0, detail: 'snapshot 7: it is too short' }],
  );
});

t.test('partitions are replayed one after the other: the first is ready while the others have hardly begun', async (t) => {
  const partitions = [0, 1, 2];
  const logs = new Map(partitions.map((partition) => [partition, acceptedRecords(3_000, () => later)]));
  const test = new TestHost({ partitions, logs });
  test.host.start();
  // A turn is over after a few looks at the clock.
  test.clock.lookMs = 0.25;
  const turnsUntilReady = (partition: number): number => {
    let turns = 0;
    for (; test.phases(partition).at(-1) !== 'ready'; turns++) {
      test.turn();
      test.commit();
      test.read();
    }
    return turns;
  };
  const first = turnsUntilReady(0);
  const others = turnsUntilReady(1) + turnsUntilReady(2);
  t.ok(first < others, `${first} turns for one, then ${others} for two`);
});

t.test('records that do not follow from each other stop the replay', async (t) => {
  const [first, second] = acceptedRecords(2, () => later);
  const test = new TestHost({ logs: new Map([[0, [first!, { ...second!, kind: recordKinds.delivered }]]]) });
  test.host.start();
  test.settle();
  t.equal(test.host.actors[0]!.phase, 'failed');
});

t.test('a record of a later version stops its partition, which says so, and no other (F36)', async (t) => {
  const [first] = acceptedRecords(1, () => later);
  const unknown = { ...first!, seq: 2 as Sequence, prev: 1 as Sequence, kind: 17 as RecordKind };
  const test = new TestHost({ partitions: [0, 1], logs: new Map([[0, [first!, unknown]]]) });
  test.host.start();
  test.settle();
  t.match(
    test.notices.find((notice) => notice.op === 'phase' && notice.phase === 'failed'),
    { partition: 0, detail: /record 2 is of kind 17, which this version does not know/ },
  );
  t.same(test.phases(1), ['recovering', 'ready']);
});

// ---- couriers that die ----

t.test('when a courier dies, what it ran and what waited for it is asked for again', async (t) => {
  const test = TestHost.ready();
  const running = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.accepted({ scheduledAtMs: start });
  test.sent.length = 0;
  test.host.courierLost(0);
  test.turn();
  t.equal(test.count('want'), 2);
  test.grant(origin, 2);
  test.settle();
  t.same(
    test
      .starts()
      .map(({ attempt }) => attempt)
      .sort(),
    [1, 1],
  );
  t.ok(test.starts().some(({ event }) => formatEventId(event) === formatEventId(running)));
});

t.test('the death of one courier leaves alone what another runs', async (t) => {
  const test = TestHost.ready({ couriers: 2 });
  const [one, other] = ['https://a.test', 'https://bb.test'];
  test.accepted({ scheduledAtMs: start, destination: `${one}/` });
  test.accepted({ scheduledAtMs: start, destination: `${other}/` });
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 2);
  test.sent.length = 0;
  test.host.courierLost((one.length * 7) % 2);
  test.turn();
  t.same(
    test.sent.flatMap((request) => (request.op === 'want' ? [request.origin] : [])),
    [one],
  );
});

t.test('what a courier ran that died during a replay is made again, not waited for', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  test.clock.now += 250;
  test.runningNow = [{ event, attempt: 1 }];
  test.turn();
  test.host.courierLost(0);
  test.settle();
  t.equal(test.host.actors[0]!.phase, 'ready');
  test.grant(origin, 1, 'overdue');
  test.settle();
  t.equal(test.starts().length, 2);
});

t.test('an attempt that was made twice and has ended once is not waited for a second time', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.end(event, failedOutcome);
  test.settle();
  test.schedule(later);
  test.turn();
  // Its twin is still running somewhere, but the outcome of attempt 1 is in the log.
  test.runningNow = [{ event, attempt: 1 }];
  test.failCommit(0);
  test.advance(5_000);
  test.grantAll();
  test.settle();
  t.same(
    test.starts().map(({ attempt }) => attempt),
    [1, 2],
  );
});

// ---- segments ----

function filterOf(event: EventId, key: { high: number; low: number } | null = null): FilterWords {
  const filter = SegmentFilter.for({ ids: 1, keys: 1 });
  filter.addId(event);
  if (key !== null) filter.addKey({ tagHigh: key.high, tagLow: key.low });
  return filter.words;
}

t.test('an index that was finished at the end of a replay lets its events be forgotten', async (t) => {
  const first = acceptedRecords(1, () => later)[0]!;
  const cancelled = { ...first, seq: 2 as Sequence, kind: recordKinds.cancelled, prev: 1 as Sequence, body: new Uint8Array(0) };
  const test = new TestHost({ logs: new Map([[0, [first, cancelled]]]) });
  test.host.start();
  const replay = test.questions.find((question) => question.op === 'replay');
  t.ok(replay);
  const { tag } = replay as { tag: number };
  const [batch] = batchesOf([first, cancelled]);
  test.host.fromReader({ op: 'replay-batch', tag, batch: batch!, done: 1 });
  test.host.fromReader({ op: 'replay-done', tag, last: 2 as Sequence });
  // As the reader says it: right behind `replay-done`, before the host has had a turn.
  test.host.fromReader({
    op: 'indexed',
    partition: 0 as PartitionId,
    first: 1 as Sequence,
    next: 3 as Sequence,
    filter: filterOf(first.event),
  });
  test.questions = [];
  test.settle();
  t.equal(test.host.actors[0]!.phase, 'ready');
  t.equal(test.host.actors[0]!.state.finished.size, 0, 'or it would be kept until the next restart, with all that follows it');
  const get = test.about('get', first.event);
  test.settle();
  t.match(test.replyTo(get), { op: 'event', view: { status: 'CANCELLED' } });
});

t.test('a finished event is found in memory, and after its segment was indexed by the reader', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ ...later, externalJobId: 'x' });
  test.about('cancel', event);
  test.settle();
  t.equal(test.host.actors[0]!.state.finished.size, 1);
  test.host.fromWriter({ op: 'sealed', partition: 0 as PartitionId, first: 1 as Sequence, next: 3 as Sequence });
  test.host.fromReader({
    op: 'indexed',
    partition: 0 as PartitionId,
    first: 1 as Sequence,
    next: 3 as Sequence,
    filter: filterOf(event, tagOfKey({ kind: 'external', source: 'default', text: 'x' })),
  });
  t.equal(test.host.actors[0]!.state.finished.size, 0);
  const get = test.about('get', event);
  const history = test.about('history', event);
  const cancel = test.about('cancel', event);
  const repeated = test.schedule({ ...later, externalJobId: 'x' }).request;
  test.settle();
  t.match(test.replyTo(get), { op: 'event', view: { status: 'CANCELLED' } });
  t.match(test.replyTo(history), { op: 'history', entries: [{ status: 'SCHEDULED' }, { status: 'CANCELLED' }] });
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  t.match(test.replyTo(repeated), { op: 'replayed' });
});

// ---- watching and stopping ----

t.test('changes are sent while somebody watches, in order, when they are durable', async (t) => {
  const test = TestHost.ready();
  test.accepted(later);
  test.host.fromRouter([{ op: 'watch', on: true, round: 1 }]);
  t.match(test.notices.at(-1), { op: 'watching', round: 1, positions: [[0, 1]] });
  const event = test.schedule({ scheduledAtMs: start, externalJobId: 'x', source: 's', type: 't' }).event;
  test.turn();
  t.equal(test.changes.length, 0);
  test.settle();
  test.grantAll();
  test.settle();
  test.end(event, { statusCode: 204 });
  test.advance(2);
  t.match(
    test.changes.map(({ seq, status, version, attempt, source, type, externalJobId }) => ({
      seq,
      status,
      version,
      attempt,
      labels: [source, type, externalJobId],
    })),
    [
      { seq: 2, status: 'SCHEDULED', version: 1, attempt: 0, labels: ['s', 't', 'x'] },
      { seq: 3, status: 'DISPATCHED', version: 2, attempt: 1, labels: ['s', 't', 'x'] },
      { seq: 4, status: 'DELIVERED', version: 3, attempt: 1, labels: ['s', 't', 'x'] },
    ],
  );
  t.match(test.changes.at(-1), { statusCode: 204, error: null, fireLagMs: 0.5 });
});

t.test('nobody is told anything after watching has ended', async (t) => {
  const test = TestHost.ready();
  test.host.fromRouter([{ op: 'watch', on: true, round: 1 }]);
  test.schedule(later);
  test.turn();
  test.host.fromRouter([{ op: 'watch', on: false, round: 2 }]);
  test.settle();
  t.same(test.changes, []);
});

t.test('the labels of a change that nobody has at hand are read, and keep the order', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ ...later, source: 'read-me' });
  test.host.fromRouter([{ op: 'watch', on: true, round: 1 }]);
  test.about('cancel', event);
  const second = test.schedule({ ...later, source: 'at-hand' });
  test.turn();
  test.commit();
  t.same(test.changes, [], 'the second waits for the first');
  test.settle();
  t.same(
    test.changes.map(({ status, source }) => [status, source]),
    [
      ['CANCELLED', 'read-me'],
      ['SCHEDULED', 'at-hand'],
    ],
  );
  t.equal(test.replyTo(second.request)?.op, 'accepted');
});

t.test('a watcher hears the positions of a partition anew after its replay', async (t) => {
  const test = TestHost.ready();
  test.host.fromRouter([{ op: 'watch', on: true, round: 4 }]);
  test.accepted(later);
  test.schedule(later);
  test.turn();
  test.failCommit(0);
  test.notices.length = 0;
  test.advance(250);
  t.match(
    test.notices.filter((notice) => notice.op === 'watching'),
    [{ round: 4, positions: [[0, 1]] }],
  );
});

t.test('a fresh host tells of no change before it has said where it stands, though one of its partitions is ready', async (t) => {
  const test = new TestHost({ partitions: [0, 1] });
  test.host.start();
  test.host.fromRouter([{ op: 'watch', on: true, round: 1 }]);
  test.turn();
  const others = test.questions.filter(
    ({ op, ...question }) => op === 'replay' && 'partition' in question && question.partition === 1,
  );
  test.questions = test.questions.filter((question) => !others.includes(question));
  test.settle();
  const event = test.schedule({ scheduledAtMs: start }).event;
  test.settle();
  t.same(
    test.replies.map(({ op }) => op),
    ['accepted'],
  );
  test.grantAll();
  test.advance(2);
  t.same(test.changes, [], 'whoever listens would take them for the next ones behind those of the host before');
  test.questions.push(...others);
  test.settle();
  t.match(
    test.notices.filter((notice) => notice.op === 'watching'),
    [
      {
        round: 1,
        positions: [
          [0, 2],
          [1, 0],
        ],
      },
    ],
  );
  test.end(event);
  test.advance(2);
  t.match(test.changes, [{ partition: 0, seq: 3, status: 'DELIVERED' }]);
});

t.test('draining starts nothing, waits for what runs, and says when all of it is durable', async (t) => {
  const test = TestHost.ready();
  const running = test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.settle();
  test.accepted(soon);
  test.host.fromRouter([{ op: 'drain' }]);
  test.advance(1_000);
  t.equal(test.starts().length, 1);
  t.notOk(test.notices.some((notice) => notice.op === 'drained'));
  test.end(running);
  test.turn();
  t.notOk(
    test.notices.some((notice) => notice.op === 'drained'),
    'the outcome is not durable yet',
  );
  test.commit();
  test.turn();
  t.equal(test.notices.filter((notice) => notice.op === 'drained').length, 1);
  test.settle();
  t.equal(test.notices.filter((notice) => notice.op === 'drained').length, 1, 'said once');
});

t.test('an event whose payload is being read when draining begins starts no attempt behind the end', async (t) => {
  const test = TestHost.ready({ readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  test.host.fromRouter([{ op: 'drain' }]);
  test.turn();
  const drainedFirst = test.notices.some((notice) => notice.op === 'drained');
  test.settle();
  t.notOk(drainedFirst && test.starts().length > 0, 'an attempt behind `drained` would be lost with the courier, and made twice');
});

t.test('a death counts when it can be told, not before', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start, maxRetries: 0 });
  test.grantAll();
  test.settle();
  test.end(event, failedOutcome);
  test.turn();
  t.match(test.host.figures(noLatency), { failed: 1, dead: 0 }, 'its record is on the way to the disk');
  test.advance(2);
  t.match(test.host.figures(noLatency), { failed: 1, dead: 1 });
});

t.test('figures count what is held and what has happened', async (t) => {
  const test = TestHost.ready();
  const one = test.accepted({ scheduledAtMs: start });
  test.accepted(later);
  const three = test.accepted(later);
  test.about('cancel', three);
  test.grantAll();
  test.settle();
  test.end(one, { lagMs: 3 });
  test.settle();
  const figures = test.host.figures(noLatency);
  t.match(figures, { accepted: 3, fired: 1, delivered: 1, failed: 0, cancelled: 1, expired: 0, dead: 0, records: 6, overdue: 0 });
  t.match(figures.levels, [[0, { byStatus: { SCHEDULED: 1, DELIVERED: 1, CANCELLED: 1, DISPATCHED: 0 } }]]);
  t.equal(figures.fireLag.count, 1);
  t.equal(figures.overdueLag.count, 0);
  t.equal(figures.oldestOverdueMs, null);
});

t.test('what was overdue at the start is counted apart until it has started', async (t) => {
  const logs = new Map([[0, acceptedRecords(3, (index) => ({ scheduledAtMs: (start + index) as WallMs }))]]);
  const test = new TestHost({ logs });
  test.clock.now = start + 60_000;
  test.host.start();
  test.settle();
  t.equal(test.host.figures(noLatency).overdue, 3);
  t.equal(test.host.figures(noLatency).oldestOverdueMs, 60_000);
  test.grant(origin, 1, 'overdue');
  test.settle();
  t.equal(test.host.figures(noLatency).overdue, 2);
  t.equal(test.starts()[0]!.overdue, true);
  test.end(test.starts()[0]!.event, { lagMs: 60_000 });
  test.settle();
  t.equal(test.host.figures(noLatency).overdueLag.count, 1);
  t.equal(test.host.figures(noLatency).fireLag.count, 0);
});

t.test(
  'what is overdue leaves by priority, then by deadline, whatever its partition, once all of it has been taken in',
  async (t) => {
    const order = [
      [9, 3],
      [5, 1],
      [5, 2],
      [5, 8],
      [2, 0],
    ] as const;
    const shuffled = [order[3], order[0], order[4], order[2], order[1]];
    const fields = ([priority, at]: readonly [number, number]) => ({ priority, scheduledAtMs: (start + at) as WallMs });
    const logs = new Map([
      [0, acceptedRecords(3, (index) => fields(shuffled[index]!))],
      [1, acceptedRecords(2, (index) => fields(shuffled[index + 3]!))],
    ]);
    const test = new TestHost({ partitions: [0, 1], logs });
    test.clock.now = start + 60_000;
    test.host.start();
    test.settle();
    t.same([...test.wanted('overdue')], [[origin, 5]], 'one wish for all of them');
    t.same([...test.wanted()], []);
    const seen: (readonly [number, number])[] = [];
    for (let n = 0; n < order.length; n++) {
      test.grant(origin, 1, 'overdue');
      test.settle();
      const { spec } = test.starts().at(-1)!;
      const { priority, scheduledAtMs } = decodeSpec(spec);
      seen.push([priority, scheduledAtMs - start]);
    }
    t.same(seen, order);
  },
);

t.test('the answer to a change says what an event that is due goes on waiting for', async (t) => {
  const test = TestHost.ready();
  const event = test.accepted({ scheduledAtMs: start });
  test.host.fromCourier(0, [{ op: 'waiting', origin, reason: 'paused' }]);
  const changed = (request: number, patch: SpecPatch) => {
    test.host.fromRouter([{ op: 'patch', request, partition: 0 as PartitionId, event, patch }]);
    test.settle();
    const reply = test.replyTo(request);
    return reply?.op === 'event' ? reply.view.waitingFor : reply;
  };
  t.equal(changed(5_000, { priority: 9 }), 'paused');
  t.equal(changed(5_001, { time: { scheduledAtMs: (start + 60_000) as WallMs, delayMs: null } }), null, 'it is not due any more');
  t.equal(changed(5_002, { priority: 1 }), null);
});

t.test('an overdue event that is cancelled takes its wish back, and shows what it waits for until then', async (t) => {
  const logs = new Map([[0, acceptedRecords(2, () => ({ scheduledAtMs: start }))]]);
  const test = new TestHost({ logs });
  test.clock.now = start + 60_000;
  test.host.start();
  test.settle();
  const { event } = logs.get(0)![0]!;
  const asked = test.about('get', event);
  test.settle();
  t.match(test.replyTo(asked), { op: 'event', view: { waitingFor: 'recovery' } });
  test.host.fromCourier(0, [{ op: 'waiting', origin, reason: 'paused' }]);
  const again = test.about('get', event);
  test.settle();
  t.match(test.replyTo(again), { op: 'event', view: { waitingFor: 'paused' } });
  test.about('cancel', event);
  test.settle();
  t.same([...test.wanted('overdue')], [[origin, 1]]);
  test.grantAll();
  test.settle();
  t.equal(test.starts().length, 1);
});

t.test('an event that is due now does not wait behind what is overdue', async (t) => {
  const logs = new Map([[0, acceptedRecords(3, () => ({ scheduledAtMs: start }))]]);
  const test = new TestHost({ logs });
  test.clock.now = start + 60_000;
  test.host.start();
  test.settle();
  const event = test.accepted({ scheduledAtMs: (start + 60_000) as WallMs });
  t.same([...test.wanted()], [[origin, 1]]);
  test.grant(origin, 1);
  test.settle();
  t.same(test.starts()[0]!.event, event);
});

// ---- settings of origins ----

t.test(
  'couriers hear what is set when a partition is ready, durable changes only, and that a failed one will not tell',
  async (t) => {
    const test = TestHost.ready({ partitions: [0, 1] });
    const told = () => test.sent.filter((request) => request.op === 'settings' || request.op === 'settings-lost');
    t.match(told(), [
      { partition: 0, position: 0, rows: [] },
      { partition: 1, position: 0, rows: [] },
    ]);
    const request = test.configure(origin, { paused: true }, 1);
    test.turn();
    t.equal(test.replyTo(request), undefined, 'no answer before it is durable');
    test.sent.length = 0;
    test.host.courierLost(0);
    test.turn();
    t.same(
      told().map(({ partition }) => partition),
      [0],
      'nor does a courier hear of it',
    );
    test.settle();
    t.match(test.replyTo(request), { op: 'settings', row: { origin, version: 1, settings: { paused: true } } });
    t.match(told()[1], { op: 'settings', partition: 1, position: 1, rows: [{ origin, version: 1 }] });
    const damaged = new TestHost({ logs: new Map([[0, [{ ...test.durableOf(1)[0]!, body: new Uint8Array([0x91, 0x09]) }]]]) });
    damaged.host.start();
    damaged.settle();
    t.same(damaged.phases(), ['recovering', 'failed']);
    t.match(damaged.sent.slice(-2), [
      { op: 'settings-lost', partition: 0 },
      { op: 'call-off', partition: 0 },
    ]);
  },
);

t.test('a change that the log did not take is not known afterwards, and the asker may repeat it', async (t) => {
  const test = TestHost.ready();
  const request = test.configure(origin, { concurrency: 3 });
  test.turn();
  test.failCommit(0);
  t.match(test.replyTo(request), { op: 'refused', code: 'partition-unavailable' });
  test.advance(250);
  const again = test.configure(origin, { concurrency: 3 });
  test.settle();
  t.match(test.replyTo(again), { op: 'settings', row: { version: 1, settings: { concurrency: 3 } } });
});

// ---- clock ----

t.test('a clock that jumps forward makes what it passed over overdue (F9)', async (t) => {
  const test = TestHost.ready();
  test.accepted({ scheduledAtMs: (start + 1_000) as WallMs });
  test.accepted({ scheduledAtMs: (start + 3_600_500) as WallMs });
  test.clock.stepWall(3_600_000);
  test.settle();
  t.same([...test.wanted('overdue')], [[origin, 1]]);
  test.advance(500);
  t.same([...test.wanted()], [[origin, 1]], 'what came due after it is on time');
});

t.test('a clock that is set back an hour makes nothing early and forgets nothing (F10)', async (t) => {
  const test = TestHost.ready();
  test.accepted({ scheduledAtMs: (start + 10_000) as WallMs });
  test.advance(5_000);
  test.clock.now -= 3_600_000;
  test.advance(3_600_000);
  t.equal(test.count('want'), 0);
  test.advance(5_000);
  t.equal(test.count('want'), 1);
});

t.test('a clock that is set forward fires what became due', async (t) => {
  const test = TestHost.ready();
  test.accepted(later);
  test.clock.now += 3_600_000;
  test.settle();
  t.equal(test.count('want'), 1);
});
