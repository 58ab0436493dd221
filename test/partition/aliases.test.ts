import t from 'tap';
import { encodeAlias } from '../../engine/event/alias-codec.js';
import { type AliasRecord, aliasKind } from '../../engine/event/record.js';
import type { Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import { SnapshotIntake, sectionsOf } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { now, specOf } from '../event/specs.js';
import { bodyOf, partition, TestPartition } from './partition-fixture.js';

const keyed = { source: 'shop', externalJobId: 'job-1' };
const newId = () => mintEventId(partition as number as Slot, now);

/** As taken in by an owner, of what was answered 202 before there was one. */
function takeIn(test: TestPartition, event: EventId, fields: Parameters<typeof specOf>[0] = keyed) {
  const command = { op: 'schedule', event, body: bodyOf(specOf(fields)), again: true, told: true } as const;
  const { needs } = test.ask(command);
  const decision = needs === null ? test.ask(command) : test.ask(command, test.factsFor(needs));
  if (decision.alias !== null) test.state.apply(decision.alias);
  return decision;
}

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

t.test('no alias is made of what nobody was told, nor of what is refused, nor of what is new', async (t) => {
  const test = new TestPartition();
  test.schedule(keyed);
  const repeat = { op: 'schedule', event: newId(), body: bodyOf(specOf(keyed)), again: true } as const;
  t.match(test.ask(repeat, test.factsFor(test.ask(repeat).needs!)), { answer: { op: 'replayed' }, alias: null });
  t.match(takeIn(test, newId(), { ...keyed, priority: 9 }), {
    answer: { op: 'refused', code: 'external-job-id-conflict' },
    alias: null,
  });
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
