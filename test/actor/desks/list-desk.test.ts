import t from 'tap';
import { everyEvent } from '../../../engine/event/event-filter.js';
import { comparePlaces, createdAtMsOf, type ListQuery, type ListSpan, readEntries } from '../../../engine/event/event-list.js';
import { labelPairsMax, listWorkMs, turnBudgetMs } from '../../../engine/kernel/limits.js';
import type { Handle, MonoMs, PartitionId, WallMs } from '../../../engine/kernel/brand.js';
import { formatEventId } from '../../../engine/kernel/event-id.js';
import { acceptedRecords, start, TestHost } from '../host-fixture.js';

const query: ListQuery = { filter: everyEvent, sort: 'scheduled_at', order: 'asc', after: null, limit: 10 };
const pending = 20_000;

const records = acceptedRecords(pending, (index) => ({ scheduledAtMs: (start + 1_000 + index * 60_000) as WallMs }));

/** Pending events, the first of them due in a second, and a clock that moves on a little whenever somebody looks at it. */
function setup(log = records) {
  const logs = new Map([[0, log]]);
  const test = TestHost.ready({ logs });
  const slowClock = (ms: number) => {
    test.clock.monoMs = () => {
      test.clock.now += ms;
      return test.clock.now as MonoMs;
    };
  };
  const list = (request: number, asked = query) =>
    test.host.fromRouter([{ op: 'list', request, partition: 0 as PartitionId, query: asked }]);
  return { test, slowClock, list };
}

t.test('a list is made in pieces of a turn, and what is due leaves between them', async (t) => {
  const { test, slowClock, list } = setup();
  test.clock.now = start + 999;
  test.settle();
  slowClock(turnBudgetMs);
  list(1_000);
  let turns = 0;
  for (; test.replyTo(1_000) === undefined && turns < 1_000; turns++) {
    test.turn();
    test.read();
    if (turns === 3)
      t.ok(
        [...test.wanted().values()].some((count) => count > 0),
        'the event that is due asks for its slot',
      );
  }
  t.ok(turns >= pending / 2_048, `${turns} turns`);
  const reply = test.replyTo(1_000);
  if (reply?.op !== 'listed') throw new Error(`expected a list, found ${reply?.op}`);
  t.same(
    readEntries(reply.entries)
      .map(({ ms }) => ms)
      .sort((one, other) => one - other),
    Array.from({ length: 11 }, (_, index) => start + 1_000 + index * 60_000),
    'one more than asked for',
  );
});

t.test('a list whose time is over says that nothing is certain, and the next call goes on where it was', async (t) => {
  const { test, slowClock, list } = setup();
  slowClock(listWorkMs / 4);
  let calls = 0;
  for (let request = 1_000; ; request++, calls++) {
    if (calls === 50) throw new Error('it does not come to its end');
    list(request);
    for (let turn = 0; test.replyTo(request) === undefined && turn < 1_000; turn++) {
      test.turn();
      test.read();
    }
    const reply = test.replyTo(request);
    if (reply?.op !== 'listed') throw new Error(`expected a list, found ${reply?.op}`);
    if (reply.coverage === 'nothing') continue;
    t.equal(readEntries(reply.entries).length, 11);
    break;
  }
  t.ok(calls > 0, `${calls} calls before it`);
});

t.test('what memory has a whole page of is not looked for in the indexes behind its end', async (t) => {
  const { test, list } = setup();
  const asked: ListSpan[] = [];
  test.readInstead = (request) => {
    if (request.op === 'list') asked.push(request.query);
    return null;
  };
  const newest = { ...query, sort: 'created_at', order: 'desc' } as const;
  list(1_000, newest);
  list(1_001, { ...newest, limit: pending });
  list(1_002, { ...newest, limit: pending - 1 });
  test.settle();
  const { columns } = test.host.actors[0]!.state;
  const places = records
    .map((_, row) => ({ ms: createdAtMsOf(columns.id(row as Handle), 0), id: columns.id(row as Handle) }))
    .sort((one, other) => comparePlaces(other, one));
  const [page, all, allButOne] = asked;
  t.same(page!.until, places[10], 'one behind the page is known');
  t.equal(all!.until, null, 'nothing is known to follow these');
  t.equal(allButOne!.until, null, 'all of them are told of');
  const reply = test.replyTo(1_000);
  if (reply?.op !== 'listed') throw new Error(`expected a list, found ${reply?.op}`);
  const found = readEntries(reply.entries).sort((one, other) => comparePlaces(other, one));
  t.same(
    found.map(({ id }) => formatEventId(id)),
    places.slice(0, 11).map(({ id }) => formatEventId(id)),
  );
  t.same(reply.coverage, places[10]);
});

t.test('a list is not answered before what it leaves out is durable', async (t) => {
  const { test, list } = setup();
  const { filter } = query;
  const cancel = test.about('cancel', test.host.actors[0]!.state.columns.id(0 as Handle));
  list(1_000, { ...query, filter: { ...filter, status: ['SCHEDULED'] } });
  for (let turn = 0; turn < 50; turn++) {
    test.turn();
    test.read();
  }
  t.same([test.replyTo(cancel), test.replyTo(1_000)], [undefined, undefined], 'a failed commit would bring the event back');
  test.settle();
  t.match(test.replyTo(cancel), { op: 'event', view: { status: 'CANCELLED' } });
  t.match(test.replyTo(1_000), { op: 'listed' });
});

t.test('nor are statistics answered before what they count is durable', async (t) => {
  const { test } = setup();
  test.about('cancel', test.host.actors[0]!.state.columns.id(0 as Handle));
  test.host.fromRouter([{ op: 'tally', request: 1_000, partition: 0 as PartitionId, labels: { source: 'tests', type: null } }]);
  for (let turn = 0; turn < 50; turn++) {
    test.turn();
    test.read();
  }
  t.equal(test.replyTo(1_000), undefined);
  test.settle();
  t.match(test.replyTo(1_000), { op: 'tally' });
});

t.test('what statistics count is counted in pieces of a turn, where there are more labels than are summed', async (t) => {
  const labelled = acceptedRecords(pending, (index) => ({
    scheduledAtMs: (start + 1_000 + index * 60_000) as WallMs,
    source: `s${index % (2 * labelPairsMax)}`,
  }));
  const { test, slowClock } = setup(labelled);
  slowClock(turnBudgetMs);
  test.host.fromRouter([{ op: 'tally', request: 1_000, partition: 0 as PartitionId, labels: { source: null, type: null } }]);
  let turns = 0;
  for (; test.replyTo(1_000) === undefined && turns < 1_000; turns++) {
    test.turn();
    test.read();
  }
  t.match(test.replyTo(1_000), { op: 'tally' });
  t.ok(turns >= pending / 256, `${turns} turns for ${pending} events`);
});

t.test('too many lists at once are refused, and the others are made', async (t) => {
  const { test, list } = setup();
  for (let request = 1_000; request < 1_040; request++) list(request);
  test.settle();
  const replies = Array.from({ length: 40 }, (_, index) => test.replyTo(1_000 + index));
  t.equal(replies.filter((reply) => reply?.op === 'listed').length, 32);
  t.match(replies[39], { op: 'refused', code: 'overloaded' });
});
