import t from 'tap';
import { recordKinds, statusOfKind } from '../../engine/event/record.js';
import { type EventStatus, eventStatuses, finishedStatuses, isFinished, move } from '../../engine/event/status.js';
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
]);

t.test('of all 49 moves exactly the nine of the table are allowed', async (t) => {
  for (const from of eventStatuses) {
    for (const to of eventStatuses) {
      if (allowed.has(`${from}>${to}`)) t.equal(move(from, to), to);
      else t.throws(() => move(from, to), new InvariantError(`an event cannot move from ${from} to ${to}`));
    }
  }
});

t.test('an event is finished exactly when no move leads on', async (t) => {
  const leadsOn = (from: EventStatus) => eventStatuses.some((to) => allowed.has(`${from}>${to}`));
  for (const status of eventStatuses) t.equal(isFinished(status), !leadsOn(status), status);
  t.same([...finishedStatuses].sort(), eventStatuses.filter(isFinished).sort());
});

t.test('every state is reached by exactly one kind of record', async (t) => {
  t.same(
    Object.values(recordKinds)
      .map((kind) => statusOfKind[kind])
      .sort(),
    [...eventStatuses].sort(),
  );
});

t.test('numbers on disk and in columns keep their meaning', async (t) => {
  t.same(recordKinds, { accepted: 1, dispatched: 2, delivered: 3, retrying: 4, dead: 5, cancelled: 6, expired: 7 });
});
