import t from 'tap';
import { everyEvent } from '../../../engine/event/event-filter.js';
import { recordKinds } from '../../../engine/event/record.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../../engine/kernel/brand.js';
import { type EventId, eventIdBytes, formatEventId, mintEventId } from '../../../engine/kernel/event-id.js';
import { bulkWorkMs } from '../../../engine/kernel/limits.js';
import { KnownFinals, knownIn } from '../../../engine/log/index/known-finals.js';
import { RetrySheafBuilder } from '../../../engine/log/retry-sheaf.js';
import { start, TestHost } from '../host-fixture.js';

t.test('a bulk retry that has only the indexes left asks for no turn before they are read', (t) => {
  const test = TestHost.ready();
  // Each look at the clock takes a moment: a turn that had something to do until its time is over would come to its end.
  test.clock.lookMs = 0.01;
  const partition = 0 as PartitionId;
  const change = { op: 'retry', scheduledAtMs: start as WallMs } as const;
  test.host.fromRouter([
    { op: 'change-many', request: 1_000, partition, change, filter: everyEvent, limit: 10, workMs: bulkWorkMs },
  ]);
  for (let turns = 0; test.questions.length === 0; turns++) {
    if (turns === 10) throw new Error('the reader is not asked');
    test.turn();
  }
  t.same(
    test.questions.map(({ op }) => op),
    ['indexed-finals'],
  );
  t.equal(test.turn(), null, 'the answer will wake it');
  test.read();
  test.settle();
  t.same(test.replyTo(1_000), { op: 'changed-many', request: 1_000, matched: 0, changed: 0, hasMore: false });
  t.end();
});

t.test('what indexes know and is pending again is not read once more', (t) => {
  const test = TestHost.ready();
  const pending = test.accepted({ scheduledAtMs: (start + 3_600_000) as WallMs });
  const ended = mintEventId(0 as Slot, start as WallMs);
  const named = new KnownFinals(2);
  for (const [place, ids] of [pending, ended].entries()) {
    const seq = (900 + place) as Sequence;
    named.add({ ids, idAt: 0, newest: seq, bodySeq: seq, status: 'DEAD', version: 1, attempts: 0 });
  }
  const asked: EventId[] = [];
  test.readInstead = (question) => {
    if (question.op === 'indexed-finals') return { op: 'indexed-finals', tag: question.tag, known: named.take(), until: 'end' };
    if (question.op !== 'retries') return null;
    const { tag } = question;
    const finals = knownIn(question.known);
    asked.push(...finals.map(({ ids, idAt }) => ids.slice(idAt, idAt + eventIdBytes)));
    return { op: 'retries', tag, sheaf: new RetrySheafBuilder().take(), looked: finals.length };
  };
  const change = { op: 'retry', scheduledAtMs: start as WallMs } as const;
  test.host.fromRouter([
    { op: 'change-many', request: 1_000, partition: 0 as PartitionId, change, filter: everyEvent, limit: 10, workMs: bulkWorkMs },
  ]);
  test.settle();
  t.same(asked.map(formatEventId), [formatEventId(ended)]);
  t.match(test.replyTo(1_000), { op: 'changed-many', changed: 0, hasMore: false });
  t.end();
});

const origin = 'https://example.org';

/** `count` events that were cancelled, and put back with one request. */
function putBack(count: number, { limit = 1_000, workMs = bulkWorkMs } = {}) {
  const test = TestHost.ready();
  const events = Array.from({ length: count }, (_, place) =>
    test.accepted({ source: 'many', destination: `${origin}/hook`, scheduledAtMs: (start + 3_600_000 + place) as WallMs }),
  );
  for (const event of events) test.about('cancel', event);
  test.settle();
  test.clock.now += 1_000;
  const filter = { ...everyEvent, source: ['many'] };
  const change = { op: 'retry', scheduledAtMs: test.clock.now as WallMs } as const;
  test.host.fromRouter([{ op: 'change-many', request: 9_000, partition: 0 as PartitionId, change, filter, limit, workMs }]);
  return { test, events };
}

t.test('what was put back by filter is queued like what is overdue, once it is durable, and what is due now before it', (t) => {
  const { test, events } = putBack(300);
  test.turn();
  t.equal(test.host.isFlooded, true, 'its thread leaves its core to others between the turns');
  for (let turns = 0; test.appended < 300; turns++) {
    if (turns === 100) throw new Error('they are not put back');
    test.turn();
    test.read();
  }
  test.turn();
  t.equal(test.wanted('overdue').get(origin) ?? 0, 0, 'nothing before it is durable');
  t.equal(test.replyTo(9_000), undefined);
  test.settle();
  test.advance(1_000);
  t.match(test.replyTo(9_000), { op: 'changed-many', matched: 300, changed: 300, hasMore: false });
  t.equal(test.host.isFlooded, false);
  t.equal(test.wanted('overdue').get(origin), 300);
  t.equal(test.wanted('regular').get(origin) ?? 0, 0);
  test.grant(origin, 2, 'overdue');
  test.settle();
  t.same(
    test.starts().map(({ overdue, attempt }) => ({ overdue, attempt })),
    Array.from({ length: 2 }, () => ({ overdue: true, attempt: 1 })),
  );
  t.equal(test.durableOf(0).filter(({ kind }) => kind === recordKinds.retried).length, 300);
  t.equal(events.length, 300);
  t.end();
});

t.test('no more are changed than were asked for, in however many steps', (t) => {
  const { test, events } = putBack(300, { limit: 100 });
  test.settle();
  t.match(test.replyTo(9_000), { op: 'changed-many', changed: 100, hasMore: true });
  const filter = { ...everyEvent, source: ['many'] };
  const partition = 0 as PartitionId;
  test.host.fromRouter([
    { op: 'change-many', request: 9_001, partition, change: { op: 'cancel' }, filter, limit: 60, workMs: bulkWorkMs },
  ]);
  test.settle();
  t.match(test.replyTo(9_001), { op: 'changed-many', changed: 60, hasMore: true });
  const isOf = (wanted: number) => test.durableOf(0).filter(({ kind }) => kind === wanted).length;
  t.equal(isOf(recordKinds.retried), 100);
  t.equal(isOf(recordKinds.cancelled), events.length + 60);
  t.end();
});

t.test('a bulk change whose time is up answers with what it has done', (t) => {
  const { test } = putBack(4_000, { limit: 10_000, workMs: 30 });
  for (let turns = 0; test.replyTo(9_000) === undefined; turns++) {
    if (turns === 1_000) throw new Error('it goes on');
    test.clock.now += 20;
    test.turn();
    test.commit();
    test.read();
  }
  const reply = test.replyTo(9_000);
  t.match(reply, { op: 'changed-many', hasMore: true });
  t.equal(reply?.op === 'changed-many' && reply.changed < 4_000, true);
  test.settle();
  t.equal(
    reply?.op === 'changed-many' && reply.changed,
    test.durableOf(0).filter(({ kind }) => kind === recordKinds.retried).length,
  );
  t.end();
});

t.test('one of them that is changed, or fails, has its time like any other event', (t) => {
  const { test, events } = putBack(3);
  test.settle();
  test.advance(1_000);
  t.equal(test.wanted('overdue').get(origin), 3);
  test.host.fromRouter([{ op: 'fire', request: 9_100, partition: 0 as PartitionId, event: events[0]! }]);
  test.settle();
  t.match(test.replyTo(9_100), { op: 'event' });
  // It is due already, and was so before: to fire it changes nothing.
  t.equal(test.wanted('overdue').get(origin), 3);
  test.host.fromRouter([{ op: 'patch', request: 9_101, partition: 0 as PartitionId, event: events[1]!, patch: { priority: 9 } }]);
  test.settle();
  t.equal(test.wanted('overdue').get(origin), 2);
  t.equal(test.wanted('regular').get(origin), 1);
  test.about('cancel', events[2]!);
  test.settle();
  t.equal(test.wanted('overdue').get(origin), 1);
  test.grant(origin, 1, 'overdue');
  test.settle();
  const [first] = test.starts();
  test.end(first!.event, { kind: 'failed' });
  test.settle();
  test.advance(5_000);
  t.equal(test.wanted('overdue').get(origin) ?? 0, 0, 'its next try is on time');
  t.end();
});

t.test('a commit that fails takes back what was put back, and whoever asked hears of it', (t) => {
  const { test } = putBack(40);
  for (let turns = 0; test.appended < 40; turns++) {
    if (turns === 100) throw new Error('they are not put back');
    test.turn();
    test.read();
  }
  test.failCommit(0);
  test.settle();
  test.advance(10_000);
  t.match(test.replyTo(9_000), { op: 'refused', code: 'outcome-unknown' });
  t.equal(test.wanted('overdue').get(origin) ?? 0, 0);
  t.equal(test.durableOf(0).filter(({ kind }) => kind === recordKinds.retried).length, 0);
  t.end();
});

/** The reader has been asked about a bulk retry and has not answered; `event` has just been started. */
function startedBesideBulkRetry() {
  const test = TestHost.ready();
  const dueAtMs = test.clock.now + 5;
  test.about('cancel', test.accepted({ source: 'many', scheduledAtMs: (start + 3_600_000) as WallMs }));
  const event = test.accepted({ destination: `${origin}/hook`, scheduledAtMs: dueAtMs as WallMs });
  const partition = 0 as PartitionId;
  const change = { op: 'retry', scheduledAtMs: dueAtMs as WallMs } as const;
  const filter = { ...everyEvent, source: ['many'] };
  test.host.fromRouter([{ op: 'change-many', request: 9_000, partition, change, filter, limit: 10, workMs: bulkWorkMs }]);
  for (let turns = 0; test.questions.length === 0; turns++) {
    if (turns === 100) throw new Error('the reader is not asked');
    test.turn();
  }
  test.clock.now = dueAtMs;
  test.turn();
  const appends = () => test.writerRequests.filter(({ op }) => op === 'append').length;
  const before = appends();
  test.grant(origin, 1);
  const waitMs = test.turn();
  t.equal(test.starts().length, 1, 'an attempt does not wait for its record');
  t.equal(appends(), before, 'which is gathered');
  return { test, event, waitMs, appendsSince: () => appends() - before };
}

t.test('while a bulk change goes on, what nobody waits for is gathered, and goes a little later though nothing happens', (t) => {
  const { test, event, waitMs, appendsSince } = startedBesideBulkRetry();
  t.equal(waitMs, 20, 'the host wakes up by itself');
  test.clock.now += 10;
  test.end(event);
  t.equal(test.turn(), 10);
  t.equal(appendsSince(), 0, 'how the attempt ended is gathered too');
  test.clock.now += 10;
  test.turn();
  t.equal(appendsSince(), 1);
  t.equal(test.appended, 2);
  t.end();
});

t.test('while a bulk change goes on, what somebody waits for takes along what was gathered', (t) => {
  const { test, appendsSince } = startedBesideBulkRetry();
  const { request } = test.schedule({ scheduledAtMs: (start + 3_600_000) as WallMs });
  test.turn();
  t.equal(appendsSince(), 1);
  test.commit();
  test.turn();
  t.match(test.replyTo(request), { op: 'accepted' });
  t.end();
});

t.test('when a bulk change is over, what nobody waits for goes a little later only', (t) => {
  const { test, event, appendsSince } = startedBesideBulkRetry();
  test.settle();
  t.match(test.replyTo(9_000), { op: 'changed-many', changed: 1 });
  const before = appendsSince();
  test.end(event);
  t.equal(test.turn(), 2);
  test.clock.now += 2;
  test.turn();
  t.equal(appendsSince(), before + 1);
  t.end();
});

t.test('what was gathered is void with the memory of its partition', (t) => {
  const { test, event } = startedBesideBulkRetry();
  test.failCommit(0);
  test.settle();
  test.advance(10_000);
  test.grantAll();
  test.settle();
  t.equal(test.durableOf(0).filter(({ kind }) => kind === recordKinds.dispatched).length, 1);
  t.equal(test.starts().length, 2, 'it is started once more');
  t.same(test.starts()[1]!.event, event);
  t.end();
});
