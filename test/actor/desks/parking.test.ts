import t from 'tap';
import { type NumberedRequest, Parking } from '../../../engine/actor/desks/parking.js';
import { newId } from '../host-fixture.js';

const event = newId();
const numbered = (request: number): NumberedRequest => ({ request, command: { op: 'get', event } });
const numbers = (requests: readonly NumberedRequest[]) => requests.map(({ request }) => request);

t.test('requests under one key wait in the order in which they came, others are not in their way', async (t) => {
  const parking = new Parking();
  parking.park('key:1:2', numbered(1));
  parking.park('event:x', numbered(2));
  parking.park('key:1:2', numbered(3));
  t.equal(parking.size, 3);
  t.ok(parking.isTaken('key:1:2'));
  t.notOk(parking.isTaken('key:1:3'));
  t.same(numbers(parking.empty('key:1:2')), [1, 3]);
  t.notOk(parking.isTaken('key:1:2'));
  t.ok(parking.isTaken('event:x'));
  t.equal(parking.size, 1);
});

t.test('emptying a key under which nobody waits gives nobody', async (t) => {
  const parking = new Parking();
  t.same(parking.empty('event:x'), []);
  t.equal(parking.size, 0);
});

t.test('clearing gives everybody', async (t) => {
  const parking = new Parking();
  for (const [request, key] of ['event:x', 'key:1:2', 'event:x'].entries()) parking.park(key, numbered(request));
  t.same(numbers(parking.clear()).sort(), [0, 1, 2]);
  t.equal(parking.size, 0);
  t.notOk(parking.isTaken('event:x'));
});
