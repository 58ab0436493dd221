import t from 'tap';
import { encodeAlias } from '../../engine/event/alias-codec.js';
import { type AliasRecord, aliasKind } from '../../engine/event/record.js';
import type { Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import { historyOf, viewOf } from '../../engine/event/view.js';
import { SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { SnapshotIntake, sectionsOf } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { now, specOf } from '../event/specs.js';
import { bodyOf, partition, TestPartition } from './partition-fixture.js';

const keyed = { source: 'shop', externalJobId: 'job-1' };
const newId = () => mintEventId(partition as number as Slot, now);

/** As an owner hears it, of what was answered 202 before there was one. */
function asKept(event: EventId, fields: Parameters<typeof specOf>[0] = keyed) {
  return { op: 'schedule', event, body: bodyOf(specOf(fields)), again: true, told: true } as const;
}

/** Its alias comes true, its records do not. */
function takeIn(test: TestPartition, event: EventId, fields: Parameters<typeof specOf>[0] = keyed) {
  const command = asKept(event, fields);
  const { needs } = test.ask(command);
  const decision = needs === null ? test.ask(command) : test.ask(command, test.factsFor(needs));
  if (decision.alias !== null) test.state.apply(decision.alias);
  return decision;
}

t.test(
  'an id that was told for what has the name of an event with other content is that of an event which is dead, and says why',
  async (t) => {
    const test = new TestPartition();
    const event = test.schedule(keyed);
    const told = newId();
    const other = { ...keyed, priority: 9 };
    test.doWithFacts(asKept(told, other));
    const taken = () =>
      viewOf(
        test.log.filter((record) => Buffer.compare(record.event, told) === 0),
        partition,
      );
    t.match(taken(), {
      status: 'DEAD',
      version: 2,
      attempts: 0,
      lastError: /^external-job-id-conflict: external_job_id "job-1" of source "shop" belongs to event /,
      fireLagMs: null,
      spec: { externalJobId: null, source: 'shop', priority: 9 },
    });
    t.same(
      historyOf(test.log.slice(1)).map(({ status, attempt, durationMs }) => [status, attempt, durationMs]),
      [
        ['SCHEDULED', 0, null],
        ['DEAD', 0, null],
      ],
    );
    t.match(test.doWithFacts(asKept(told, other)), { answer: { op: 'replayed' }, records: [] }, 'taken in twice, it died once');
    t.match(takeIn(test, newId()), { answer: { op: 'replayed' } }, 'the name is still the event’s');
    t.same(test.state.byStatus, { ...test.state.byStatus, SCHEDULED: 1, DEAD: 1 });
    t.equal(test.state.handleOf(told), null);
    t.not(test.state.handleOf(event), null);

    test.doWithFacts({ op: 'retry', event: told, times: { scheduledAtMs: now, delayMs: null } });
    t.match(taken(), { status: 'SCHEDULED', version: 3, attempts: 0 }, 'an operator may have it delivered all the same');
    test.dispatch(told);
    test.end(told, { kind: 'delivered', attempt: 1 });
    t.match(taken(), { status: 'DELIVERED', attempts: 1, lastError: null });
  },
);

t.test('what was taken in and is dead is known again from an index, by its id alone', async (t) => {
  const test = new TestPartition();
  test.schedule(keyed);
  const told = newId();
  const other = asKept(told, { ...keyed, priority: 9 });
  test.doWithFacts(other);
  const filter = SegmentFilter.for({ ids: 1, keys: 1 });
  filter.addId(told);
  test.state.finished.indexed({ first: 1 as Sequence, next: 4 as Sequence, filter });
  t.match(test.ask(other).needs, { about: 'key', own: told });
  t.match(test.doWithFacts(other), { answer: { op: 'replayed', newest: 3 }, records: [] });
});

const record = (seq: number, alias: EventId, event: EventId) =>
  ({ seq: seq as Sequence, kind: aliasKind, body: encodeAlias({ alias, event }) }) as AliasRecord;

t.test('an id that was told for what repeats an event is that event, once and for all', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  const told = newId();
  t.match(takeIn(test, told), { answer: { op: 'replayed' }, alias: { kind: aliasKind } });
  t.same(test.state.aliases.eventOf(told), event);
  t.match(takeIn(test, told), { answer: { op: 'replayed' }, alias: null }, 'taken in twice, it is written once');
  t.match(takeIn(test, event), { answer: { op: 'replayed' }, alias: null }, 'its own id needs none');
});

t.test('no alias is made of what nobody was told, nor of what has other content, nor of what is new', async (t) => {
  const test = new TestPartition();
  test.schedule(keyed);
  const repeat = { op: 'schedule', event: newId(), body: bodyOf(specOf(keyed)), again: true } as const;
  t.match(test.ask(repeat, test.factsFor(test.ask(repeat).needs!)), { answer: { op: 'replayed' }, alias: null });
  t.match(takeIn(test, newId(), { ...keyed, priority: 9 }), { answer: { op: 'accepted' }, alias: null });
  t.match(takeIn(test, newId(), { ...keyed, externalJobId: 'job-2' }), { answer: { op: 'accepted' }, alias: null });
});

t.test('another id of an event is in a snapshot, and goes with the segment in which it stands', async (t) => {
  const state = new PartitionState(partition);
  const rows = Array.from({ length: 5_000 }, () => [newId(), newId()] as const);
  for (const [place, [alias, event]] of rows.entries())
    state.apply({ ...record(place + 1, alias, event), prev: 0 as Sequence, at: 0 as WallMs, event: newId() });
  const copy = new PartitionState(partition);
  const intake = new SnapshotIntake(copy);
  for (const section of sectionsOf(state, 1 as Sequence)) intake.take(section);
  t.same([...copy.aliases.rows()], [...state.aliases.rows()]);
  const [carried] = rows[0]!;
  copy.apply({ ...record(5_001, carried, rows[0]![1]), prev: 0 as Sequence, at: 0 as WallMs, event: newId() });
  copy.removeBefore(4_000 as Sequence);
  t.equal(copy.aliases.size, 1_002, 'what stands behind, and the one that was carried forward');
  t.same(copy.aliases.eventOf(carried), rows[0]![1]);
  t.same(copy.aliases.eventOf(rows[1]![0]), rows[1]![0], 'of one that has gone nothing is known');
});
