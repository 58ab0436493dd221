import t from 'tap';
import { recordKinds, statusesOf, statusOfKind } from '../../engine/event/record.js';
import { type EventStatus, eventStatuses, finishedStatuses, isFinished, move } from '../../engine/event/status.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';

/** The contract's table, written down a second time. */
const allowed = new Set([
  'SCHEDULED>DISPATCHED',
  'SCHEDULED>CANCELLED',
  'SCHEDULED>EXPIRED',
  'DISPATCHED>DELIVERED',
  'DISPATCHED>RETRYING',
  'DISPATCHED>DEAD',
  'RETRYING>DISPATCHED',
  'RETRYING>CANCELLED',
  'RETRYING>EXPIRED',
  'DEAD>SCHEDULED',
  'CANCELLED>SCHEDULED',
  'EXPIRED>SCHEDULED',
]);
/** In a cluster only: of what was answered 202, and then had the name of another event (docs/api/events.md). */
allowed.add('SCHEDULED>DEAD');

t.test('of all 49 moves exactly the thirteen of the table are allowed', async (t) => {
  for (const from of eventStatuses) {
    for (const to of eventStatuses) {
      if (allowed.has(`${from}>${to}`)) t.equal(move(from, to), to);
      else t.throws(() => move(from, to), new InvariantError(`an event cannot move from ${from} to ${to}`));
    }
  }
});

t.test('an event is finished exactly when nothing but an operator brings it back', async (t) => {
  const leadsOn = (from: EventStatus) => eventStatuses.some((to) => to !== 'SCHEDULED' && allowed.has(`${from}>${to}`));
  for (const status of eventStatuses) t.equal(isFinished(status), !leadsOn(status), status);
  t.same([...finishedStatuses].sort(), eventStatuses.filter(isFinished).sort());
});

t.test(
  'every state is reached by exactly one kind of record, the first one also by a retry, the end of what failed also by a refusal',
  async (t) => {
    const reached = Object.values(recordKinds).map((kind) => statusOfKind[kind]);
    t.same(reached.filter((status) => status !== null).sort(), [...eventStatuses, 'SCHEDULED', 'DEAD'].sort());
  },
);

t.test('a record that leads nowhere leaves the state as it is', async (t) => {
  const { accepted, changed, dispatched, retriesStopped, dead, retried, hastened } = recordKinds;
  const kinds = [accepted, changed, dispatched, retriesStopped, dead, retried, hastened];
  t.same(statusesOf(kinds.map((kind, place) => ({ kind, seq: (place + 1) as Sequence }))), [
    'SCHEDULED',
    'SCHEDULED',
    'DISPATCHED',
    'DISPATCHED',
    'DEAD',
    'SCHEDULED',
    'SCHEDULED',
  ]);
});

t.test('numbers on disk and in columns keep their meaning', async (t) => {
  t.same(recordKinds, {
    accepted: 1,
    dispatched: 2,
    delivered: 3,
    retrying: 4,
    dead: 5,
    cancelled: 6,
    expired: 7,
    changed: 8,
    retried: 11,
    hastened: 12,
    retriesStopped: 13,
    refused: 15,
  });
});
