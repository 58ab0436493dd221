import t from 'tap';
import { batchEventsMax } from '../../../engine/index.js';
import { readBatch } from '../../../gateway/input/batch-input.js';
import { stepping } from '../../../gateway/steps.js';
import { eventsRead } from './read-events.js';
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import { isRefusal, type Refusal } from '../../../gateway/input/refusal.js';

const destination = 'https://example.org/hook';
const good = `{"destination":"${destination}"}`;

async function read(body: string, idempotencyKey: string | null = null) {
  const context = { nowMs: 1_795_000_000_000, idempotencyKey, traceparent: null, destinations: new DestinationCheck(() => null) };
  const result = await stepping(readBatch({ body: Buffer.from(body), form: 'json' }, context));
  return isRefusal(result) ? result : eventsRead(result);
}

async function accepted(body: string, key: string | null = null) {
  const result = await read(body, key);
  if (isRefusal(result)) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result;
}

async function refused(body: string): Promise<Refusal> {
  const result = await read(body);
  if (!isRefusal(result)) throw new Error('accepted');
  return result;
}

t.test('one bad event never fails the others', async (t) => {
  const deep = `{"destination":"${destination}","payload":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
  const events = await accepted(`{"events":[${good},{}, 7 ,{"destination":"${destination}","x":1,"x":2},${deep},${good}]}`);
  t.same(
    events.map((event) => (isRefusal(event) ? event.code : 'ok')),
    ['ok', 'invalid', 'invalid', 'malformed-json', 'invalid', 'ok'],
  );
  t.match(events[1], { errors: [{ pointer: '/destination' }] }, 'pointers lead into the event');
});

t.test('each event has its own payload bytes and its own idempotency key', async (t) => {
  const events = await accepted(
    `{ "events" : [ {"payload": 1.0 ,"destination":"${destination}"},{"destination":"${destination}","payload":[ ]} ] }`,
    'k',
  );
  t.match(events, [{ spec: { idempotencyKey: 'k:0' } }, { spec: { idempotencyKey: 'k:1' } }]);
  t.same(
    events.map((event) => (isRefusal(event) ? null : Buffer.from(event.spec.payload!).toString())),
    ['1.0', '[ ]'],
  );
});

t.test('what is wrong with the body refuses the batch', async (t) => {
  t.equal((await refused(`{"events":[${good}`)).code, 'malformed-json');
  t.equal((await refused(`{"events":[${good},]}`)).code, 'malformed-json');
  t.equal((await refused(`{"events":[${good}],"events":[]}`)).code, 'malformed-json');
  t.equal((await refused(`{"x":1,"x":2,"events":[${good}]}`)).code, 'malformed-json');
  t.match(await refused('{"events":[]}'), { code: 'invalid', errors: [{ pointer: '/events' }] });
  t.match(await refused('{"events":{}}'), { code: 'invalid', errors: [{ pointer: '/events' }] });
  t.match(await refused('{}'), { code: 'invalid', errors: [{ pointer: '/events' }] });
  t.match(await refused(`[${good}]`), { code: 'invalid', errors: [{ pointer: '' }] });
  t.match(await refused(`{"events":[${good}],"options":1}`), { code: 'invalid', errors: [{ pointer: '/options' }] });
});

t.test('10,000 events are a batch and one more is too many', async (t) => {
  const list = (count: number) => `{"events":[${Array.from({ length: count }, () => good).join(',')}]}`;
  t.equal((await accepted(list(batchEventsMax))).length, batchEventsMax);
  t.equal((await refused(list(batchEventsMax + 1))).code, 'too-large');
});
