import t from 'tap';
import { type LogRecord, noEvent, recordKinds, voidKind } from '../../engine/event/record.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import { eventStatuses } from '../../engine/event/status.js';
import type { Handle, Sequence, WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { type EventId, formatEventId } from '../../engine/kernel/event-id.js';
import { SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { PartitionState } from '../../engine/partition/state.js';
import { now, specOf } from '../event/specs.js';
import { Random } from '../wheel/random.js';
import { bodyOf, failedOutcome, outcomeOf, partition, TestPartition } from './partition-fixture.js';

t.test('an event is due at the later of the time asked for and the time accepted', async (t) => {
  const test = new TestPartition();
  const due = (scheduledAtMs: number) =>
    test.state.columns.dueAtMs(test.handleOf(test.schedule({ scheduledAtMs: scheduledAtMs as WallMs })));
  t.equal(due(now - 3_600_000), now, 'a time in the past is no lag of ours');
  t.equal(due(now + 3_600_000), now + 3_600_000);
});

t.test('a failed attempt moves the due time to the next one', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  test.dispatch(event);
  test.end(event, failedOutcome);
  t.equal(test.state.columns.dueAtMs(test.handleOf(event)), now + 1_000);
});

t.test('apply says what a record did, also when it was the last of its event', async (t) => {
  const { state } = new TestPartition();
  const test = new TestPartition();
  const event = test.schedule();
  test.dispatch(event);
  test.end(event);
  const seen = test.log.map((record) => ({ ...state.apply(record) }));
  t.same(seen, [
    { handle: 0, status: 'SCHEDULED', version: 1, attempts: 0 },
    { handle: 0, status: 'DISPATCHED', version: 2, attempts: 1 },
    { handle: 0, status: 'DELIVERED', version: 3, attempts: 1 },
  ]);
});

t.test('a place that a repair has emptied changes nothing but the position', async (t) => {
  const { state } = new TestPartition();
  const test = new TestPartition();
  test.schedule();
  const [accepted] = test.log as [LogRecord];
  state.apply({ ...accepted, kind: voidKind, event: noEvent, body: new Uint8Array(0) });
  t.equal(state.pending, 0);
  t.equal(state.lastSeq, 1);
  state.apply({ ...accepted, seq: 2 as Sequence });
  t.equal(state.pending, 1);
});

t.test('records that contradict the state are refused: nothing is guessed', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  test.dispatch(event);
  const [accepted, dispatched] = test.log as [LogRecord, LogRecord];
  const seq = (value: number) => value as Sequence;
  const wrong: Record<string, readonly LogRecord[]> = {
    'a gap in the sequence': [{ ...accepted, seq: seq(2) }],
    'a sequence twice': [accepted, { ...dispatched, seq: seq(1) }],
    'an event that opens in the middle': [{ ...dispatched, seq: seq(1) }],
    'an accepted record with a predecessor': [{ ...accepted, prev: seq(1) }],
    'another predecessor': [accepted, { ...dispatched, prev: seq(0) }],
    'a move that is not allowed': [accepted, { ...dispatched, kind: recordKinds.delivered }],
    'a record of a finished event': [
      accepted,
      { ...dispatched, kind: recordKinds.cancelled, body: new Uint8Array(0) },
      { ...dispatched, seq: seq(3), prev: seq(2) },
    ],
  };
  for (const [name, records] of Object.entries(wrong)) {
    const state = new PartitionState(partition);
    for (const record of records.slice(0, -1)) state.apply(record);
    t.throws(() => state.apply(records.at(-1)!), InvariantError, name);
  }
});

t.test('a finished event leaves rows, ids, keys and origins', async (t) => {
  const test = new TestPartition();
  const event = test.schedule({ externalJobId: 'x' });
  const { tagHigh, tagLow } = {
    tagHigh: test.state.columns.tagHigh(0 as Handle),
    tagLow: test.state.columns.tagLow(0 as Handle),
  };
  t.same(test.state.tagged({ tagHigh, tagLow }), [0]);
  t.ok(test.state.mayHaveKey({ tagHigh, tagLow }));
  test.do({ op: 'cancel', event });
  t.equal(test.state.handleOf(event), null);
  t.same(test.state.tagged({ tagHigh, tagLow }), []);
  t.equal(test.state.origins.size, 0);
  t.equal(test.state.pending, 0);
  t.equal(test.state.finished.seqOf(event), 2);
  t.same(test.state.finished.tagged({ tagHigh, tagLow }), [2]);
  t.ok(test.state.mayHaveKey({ tagHigh, tagLow }));
  t.notOk(test.state.mayHaveKey({ tagHigh, tagLow: tagLow + 1 }));
});

t.test('two events under one key are both found', async (t) => {
  const test = new TestPartition();
  const body = bodyOf(specOf({ externalJobId: 'x' }));
  for (const event of [test.schedule({ externalJobId: 'y' }), test.schedule()]) t.not(test.state.handleOf(event), null);
  const { high, low } = decodeSpec(body).tag!;
  const first = test.schedule({ externalJobId: 'x' });
  // A second one: its facts said that the first is another event.
  test.do({ op: 'schedule', event: test.schedule(), body }, []);
  const found = test.state.tagged({ tagHigh: high, tagLow: low });
  t.equal(found.length, 2);
  t.ok(found.includes(test.handleOf(first)));
});

t.test('what finished in an indexed segment is found by the filter alone', async (t) => {
  const test = new TestPartition();
  const events = Array.from({ length: 20 }, (_, index) => test.schedule({ externalJobId: `x${index}` }));
  const tags = events.map((event) => {
    const handle = test.handleOf(event);
    return { tagHigh: test.state.columns.tagHigh(handle), tagLow: test.state.columns.tagLow(handle) };
  });
  for (const event of events.slice(0, 10)) test.do({ op: 'cancel', event });
  const next = (test.state.lastSeq + 1) as Sequence;
  t.ok(!events.some((event) => test.state.finished.mayBeIndexedId(event)));
  const filter = SegmentFilter.for({ ids: 10, keys: 10 });
  for (const event of events.slice(0, 10)) filter.addId(event);
  for (const tag of tags.slice(0, 10)) filter.addKey(tag);
  test.state.finished.indexed({ first: 1 as Sequence, next, filter });
  t.equal(test.state.finished.size, 0);
  t.equal(test.state.byStatus.CANCELLED, 10, 'they count as before');
  const ids = events.map((event) => test.state.finished.mayBeIndexedId(event));
  const keys = tags.map((tag) => test.state.finished.mayBeIndexedKey(tag));
  for (const known of [ids, keys]) {
    t.ok(known.slice(0, 10).every(Boolean), 'none of them is missed');
    t.notOk(known.every(Boolean), 'a filter says yes to some others, not to all');
  }
});

t.test('a replay that knows what is indexed remembers no finals of it', async (t) => {
  const test = new TestPartition();
  const early = test.schedule();
  test.do({ op: 'cancel', event: early });
  const late = test.schedule();
  test.do({ op: 'cancel', event: late });
  const state = new PartitionState(partition);
  const filter = SegmentFilter.for({ ids: 1, keys: 0 });
  filter.addId(early);
  state.layOut([
    { first: 1 as Sequence, next: 3 as Sequence, filter: filter.words },
    { first: 3 as Sequence, next: null, filter: null },
  ]);
  for (const record of test.log) state.apply(record);
  t.equal(state.finished.size, 1);
  t.equal(state.finished.seqOf(late), 4);
  t.equal(state.finished.mayBeIndexedId(early), true);
  t.equal(state.finished.mayBeIndexedId(late), false);
});

/** Everything that a state knows, in an order of its own. */
function shownOf(state: PartitionState, events: readonly EventId[]) {
  const { columns, origins } = state;
  return {
    lastSeq: state.lastSeq,
    pending: state.pending,
    origins: origins.size,
    byStatus: { ...state.byStatus },
    byDeliveryType: { ...state.byDeliveryType },
    finished: state.finished.size,
    events: events.map((event) => {
      const handle = state.handleOf(event);
      if (handle === null) return { id: formatEventId(event), finished: state.finished.seqOf(event) };
      return {
        id: formatEventId(event),
        handle,
        status: columns.status(handle),
        dueAtMs: columns.dueAtMs(handle),
        expiresAtMs: columns.expiresAtMs(handle),
        version: columns.version(handle),
        attempts: columns.attempts(handle),
        maxRetries: columns.maxRetries(handle),
        priority: columns.priority(handle),
        deliveryType: columns.deliveryType(handle),
        origin: origins.name(columns.origin(handle)),
        bodySeq: columns.bodySeq(handle),
        newestSeq: columns.newestSeq(handle),
        tagged: state.tagged({ tagHigh: columns.tagHigh(handle), tagLow: columns.tagLow(handle) }).sort(),
      };
    }),
  };
}

t.test('a state replayed from its records equals the live one, after any history', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const test = new TestPartition();
    const events: EventId[] = [];
    for (let step = 0; step < 300; step++) {
      test.now += random.below(3_000) + random.next();
      const event = events.length === 0 ? null : random.pick(events);
      const handle = event === null ? null : test.state.handleOf(event);
      const status = handle === null ? null : test.state.columns.status(handle);
      const dice = random.below(6);
      if (dice <= 1 || event === null) {
        const key = random.below(3) === 0 ? { externalJobId: `job-${random.below(20)}` } : {};
        events.push(
          test.schedule({
            ...key,
            scheduledAtMs: (test.now + random.below(60_000) - 5_000) as WallMs,
            priority: random.below(10),
            maxRetries: random.below(4),
            destination: `https://host-${random.below(6)}.test/`,
            createdAtMs: test.now as WallMs,
            expiresAtMs: random.below(4) === 0 ? ((test.now + random.below(90_000)) as WallMs) : null,
          }),
        );
      } else if (dice === 2) {
        test.doWithFacts({ op: 'cancel', event });
      } else if (dice === 3 && handle !== null && (status === 'SCHEDULED' || status === 'RETRYING')) {
        if (random.below(5) === 0) test.expire(event);
        else test.dispatch(event);
      } else {
        const kind = random.pick(['delivered', 'failed', 'failed', 'gone'] as const);
        const attempt = handle === null ? 1 : test.state.columns.attempts(handle);
        test.do({ op: 'outcome', outcome: outcomeOf(event, { kind, attempt }), retry: specOf().retry, random: random.next() });
      }
    }
    const replayed = new PartitionState(partition);
    for (const record of test.log) replayed.apply({ ...record, body: record.body.slice(), event: record.event.slice() });
    t.same(shownOf(replayed, events), shownOf(test.state, events), `seed ${seed}`);
    const live = shownOf(test.state, events);
    const counted = eventStatuses.reduce((sum, status) => sum + live.byStatus[status], 0);
    const accepted = test.log.filter((record) => record.kind === recordKinds.accepted).length;
    t.equal(counted, accepted, `seed ${seed}: every event is counted in exactly one state`);
  }
});

t.test('what finished in a segment that is removed is no longer counted', async (t) => {
  const test = new TestPartition();
  test.do({ op: 'cancel', event: test.schedule() });
  test.state.finished.openPage((test.state.lastSeq + 1) as Sequence);
  test.do({ op: 'cancel', event: test.schedule() });
  test.schedule();
  t.match(test.state.byStatus, { CANCELLED: 2, SCHEDULED: 1 });
  test.state.removeBefore(3 as Sequence);
  t.match(test.state.byStatus, { CANCELLED: 1, SCHEDULED: 1 });
  t.equal(test.state.byDeliveryType.HTTP, 2);
});
