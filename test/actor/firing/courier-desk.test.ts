import t from 'tap';
import { CourierDesk } from '../../../engine/actor/firing/courier-desk.js';
import type { CourierRequest } from '../../../engine/dispatch/protocol.js';
import { Origin } from '../../../engine/dispatch/origin.js';
import type { MonoMs, PartitionId, WallMs } from '../../../engine/kernel/brand.js';
import { newId } from '../host-fixture.js';

/** Origins that open with `b` belong to courier 1, all others to courier 0. */
function setup() {
  const sent: { courier: number; requests: readonly CourierRequest[] }[] = [];
  const desk = new CourierDesk({
    couriers: 2,
    courierOf: (origin) => (origin.startsWith('b') ? 1 : 0),
    send: (courier, requests) => sent.push({ courier, requests }),
  });
  return { desk, sent };
}

const attempt = (origin: string) => ({
  partition: 0 as PartitionId,
  event: newId(),
  attempt: 1,
  origin,
  spec: new Uint8Array(1),
  dueAtMs: 0 as WallMs,
  run: 0,
  overdue: false,
});

t.test('what a turn wants of an origin is one request', async (t) => {
  const { desk, sent } = setup();
  for (let count = 0; count < 1_000; count++) desk.want('a', 'regular');
  desk.want('b', 'regular');
  desk.flush();
  t.same(sent, [
    { courier: 0, requests: [{ op: 'want', origin: 'a', lane: 'regular', count: 1_000 }] },
    { courier: 1, requests: [{ op: 'want', origin: 'b', lane: 'regular', count: 1 }] },
  ]);
});

t.test('wanted and withdrawn in one turn is nothing; withdrawn alone is one request', async (t) => {
  const { desk, sent } = setup();
  desk.want('a', 'regular');
  desk.unwant('a', 'regular');
  desk.flush();
  t.same(sent, []);
  desk.want('a', 'regular');
  desk.unwant('a', 'regular');
  desk.unwant('a', 'regular');
  desk.unwant('a', 'regular');
  desk.flush();
  t.same(sent, [{ courier: 0, requests: [{ op: 'unwant', origin: 'a', lane: 'regular', count: 2 }] }]);
});

t.test('whoever comes when another one has left gets a slot, also when the one for the other is on its way', async (t) => {
  const host = 0;
  const now = 0 as MonoMs;
  const settings = { paused: false, concurrency: null, ratePerSecond: null, secret: null };
  const at = new Origin({ name: 'a', concurrency: 1, recoveryRate: 1, sharers: 1, breaker: null, settings });
  const desk = new CourierDesk({
    couriers: 1,
    courierOf: () => 0,
    send: (_courier, requests) => {
      for (const request of requests) {
        if (request.op === 'want') at.want(host, request);
        else if (request.op === 'unwant') at.unwant(host, request);
        else if (request.op === 'release') at.release(host, request);
      }
    },
  });
  desk.want('a', 'regular');
  desk.flush();
  t.equal(at.grant('regular', now), host, 'and the grant is on its way');
  desk.unwant('a', 'regular');
  desk.release('a', 'regular', 1);
  desk.want('a', 'regular');
  desk.flush();
  t.equal(at.next(now), 'regular');
});

t.test('nothing is sent twice', async (t) => {
  const { desk, sent } = setup();
  desk.want('a', 'regular');
  desk.release('b', 'regular', 2);
  desk.flush();
  desk.flush();
  t.equal(sent.length, 2);
});

t.test('starts and releases go to the courier of their origin, in order', async (t) => {
  const { desk, sent } = setup();
  const [one, other] = [attempt('a'), attempt('b')];
  desk.start(one);
  desk.release('a', 'regular', 1);
  desk.start(other);
  desk.flush();
  t.same(
    sent.map(({ courier, requests }) => [courier, requests.map(({ op }) => op)]),
    [
      [0, ['start', 'release']],
      [1, ['start']],
    ],
  );
});

t.test('couriers are told of a session once, before anything is started in it, and one that has died also', async (t) => {
  const { desk, sent } = setup();
  const said = () => sent.splice(0).map(({ courier, requests }) => [courier, requests.map(({ op }) => op)]);
  desk.tellTerm(0);
  desk.flush();
  t.same(said(), [], 'the first one need not be told');
  desk.tellTerm(2);
  desk.start(attempt('a'));
  desk.flush();
  t.same(said(), [
    [0, ['term', 'start']],
    [1, ['term']],
  ]);
  desk.tellTerm(2);
  desk.forget(0);
  desk.start(attempt('a'));
  desk.flush();
  t.same(said(), [[0, ['term', 'start']]]);
});

t.test('every courier is asked what it runs', async (t) => {
  const { desk, sent } = setup();
  t.equal(desk.askRunning(5 as PartitionId), 2);
  desk.flush();
  t.same(
    sent.map(({ courier, requests }) => [courier, requests]),
    [
      [0, [{ op: 'running?', partition: 5 }]],
      [1, [{ op: 'running?', partition: 5 }]],
    ],
  );
});

t.test('an origin holds up for concurrency unless its courier said something else', async (t) => {
  const { desk } = setup();
  t.equal(desk.reasonFor('a', 'regular'), 'concurrency');
  desk.setReason('a', 'paused');
  t.equal(desk.reasonFor('a', 'regular'), 'paused');
  desk.setReason('a', null);
  t.equal(desk.reasonFor('a', 'regular'), 'concurrency');
});

t.test('of a courier that is gone nothing is remembered, of the others everything', async (t) => {
  const { desk, sent } = setup();
  for (const origin of ['a', 'b']) {
    desk.want(origin, 'regular');
    desk.start(attempt(origin));
    desk.setReason(origin, 'breaker');
  }
  desk.forget(1);
  desk.flush();
  t.same(
    sent.map(({ courier, requests }) => [courier, requests.map(({ op }) => op)]),
    [[0, ['start', 'want']]],
  );
  t.equal(desk.reasonFor('a', 'regular'), 'breaker');
  t.equal(desk.reasonFor('b', 'regular'), 'concurrency');
});
