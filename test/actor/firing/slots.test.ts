/** Slots in advance, and which payloads are read with the one that a granted slot waits for. */
import t from 'tap';
import { Slots } from '../../../engine/actor/firing/slots.js';
import type { Lane } from '../../../engine/dispatch/protocol.js';
import type { Handle, Sequence, WallMs } from '../../../engine/kernel/brand.js';
import { readAheadPerMomentMax } from '../../../engine/kernel/limits.js';
import { acceptedRecords, start, TestHost } from '../host-fixture.js';

const origin = 'https://example.org';

/** Each `bodies` question that the reader is asked from here on, by its size. */
function readsOf(test: TestHost): number[] {
  return test.questions.flatMap((question) => (question.op === 'bodies' ? [question.seqs.length] : []));
}

t.test('of a flood only the head is read ahead; where a payload is missing those next in line are read with it', async (t) => {
  const count = 2_000;
  const due = (start + 10_000) as WallMs;
  const fields = { scheduledAtMs: due };
  const test = TestHost.ready({ logs: new Map([[0, acceptedRecords(count, () => fields)]]) });
  test.advance(10_000);
  const head = readAheadPerMomentMax + 1;
  test.grant(origin, head);
  test.turn();
  t.equal(test.starts().length, head, 'all of the head start at once');
  test.grant(origin, 1);
  test.turn();
  t.ok(readsOf(test).includes(1), 'the one that waits is read by itself');
  t.ok(
    readsOf(test).some((size) => size > 50),
    'and others with it',
  );
  test.settle();
  t.equal(test.starts().length, head + 1);
  for (let next = 1; next <= 100; next++) {
    test.grant(origin, 1);
    test.turn();
  }
  t.equal(test.starts().length, head + 101, 'they start without a read');
  t.same(readsOf(test), []);
});

t.test('a slot that comes while nothing may start is asked for again when something may, however short that was', (t) => {
  const asked: string[] = [];
  let mayStart = false;
  const slots = new Slots({
    clock: { monoMs: () => 0, wallMs: () => 0 } as never,
    actors: [{ isWaitingFor: () => true, granted: () => true }] as never,
    desk: {
      want: (_: string, __: Lane, count = 1) => asked.push(`want ${count}`),
      release: (_: string, __: Lane, count: number) => asked.push(`release ${count}`),
    } as never,
    mayStart: () => mayStart,
  });
  slots.waitingRoom.enter(origin, { actor: 0, handle: 0 as Handle, priority: 0, bodySeq: 1 as Sequence });
  slots.granted({ origin, lane: 'regular', count: 1 });
  slots.askAgain();
  t.same(asked, ['release 1']);
  mayStart = true;
  // In each turn: nobody has to have seen that it was not so.
  slots.askAgain();
  slots.askAgain();
  t.same(asked, ['release 1', 'want 1']);
  slots.granted({ origin, lane: 'regular', count: 1 });
  t.equal(slots.waitingRoom.size, 0, 'it has its turn');
  t.end();
});

t.test('with a slot in advance an event starts at its time, without asking', async (t) => {
  const test = TestHost.ready();
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  test.accepted({ scheduledAtMs: start });
  test.accepted({ scheduledAtMs: start });
  t.equal(test.starts().length, 1);
  t.equal(test.count('want'), 1, 'the second one asks');
  t.equal(test.count('release'), 0);
});

t.test('a slot in advance is given back when it is recalled; one that has been used is not', async (t) => {
  const test = TestHost.ready();
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  test.host.fromCourier(0, [{ op: 'recall', origin }]);
  test.turn();
  t.equal(test.count('release'), 1);
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  test.accepted({ scheduledAtMs: start });
  test.host.fromCourier(0, [{ op: 'recall', origin }]);
  test.turn();
  t.equal(test.starts().length, 1);
  t.equal(test.count('release'), 1);
});

t.test('nobody overtakes those who wait', async (t) => {
  const test = TestHost.ready();
  const first = test.accepted({ scheduledAtMs: start });
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  const second = test.accepted({ scheduledAtMs: start });
  t.same(test.starts(), []);
  test.grantAll();
  test.settle();
  t.same(
    test.starts().map(({ event }) => event),
    [first, second],
  );
});

t.test('while nothing may start a slot in advance is of no use', async (t) => {
  const test = TestHost.ready({ readAheadBytesMax: 0 });
  test.accepted({ scheduledAtMs: start });
  test.grantAll();
  test.turn();
  test.host.fromRouter([{ op: 'drain' }]);
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  test.settle();
  t.same(test.starts(), []);
  t.equal(test.count('release'), 1, 'the one that it had');
});

t.test('what a courier gave in advance is gone with it', async (t) => {
  const test = TestHost.ready();
  test.host.fromCourier(0, [{ op: 'advance', origin }]);
  test.turn();
  test.host.courierLost(0);
  test.accepted({ scheduledAtMs: start });
  t.same(test.starts(), []);
  t.equal(test.count('want'), 1);
});
