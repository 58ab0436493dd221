/** The contract of server-sent events. */
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import type { Problem } from '../support/http.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { sharedServer } from '../support/shared-server.js';

const { client, url } = await sharedServer(t);
const receiver = await startReceiver(t);
const path = '/api/v1/stream/sse';

async function connect(t: Test, query = '', headers: Readonly<Record<string, string>> = {}): Promise<EventStreamClient> {
  const stream = await EventStreamClient.connect(url, path + query, headers);
  t.teardown(() => stream.close());
  return stream;
}

/** It hears nothing of its own while the other tests run; the last one looks at it. */
const idle = await connect(t, '?source=nobody');
const idleSince = performance.now();

const schedule = (from: number, count: number, source = 'default', type = 'short') =>
  client.post('/api/v1/events/batch?results=errors', {
    events: Array.from({ length: count }, (_, n) => ({
      source,
      type,
      external_job_id: `${source}-${from + n}`.padEnd(2 * type.length, '.'),
      destination: receiver.url,
      delay: '1d',
    })),
  });

t.test('changes come as events, with their cursor as the id', async (t) => {
  const stream = await connect(t, '?source=s&token=unused');
  t.equal(stream.response.statusCode, 200);
  t.match(stream.response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-request-id': String });
  const begun = await stream.until('the beginning', ({ event }) => event === 'subscribed');
  t.strictSame(begun.data, { op: 'subscribed', cursor: begun.id });
  t.equal(stream.retryMs, 1_000);
  await client.schedule({ source: 'other', destination: `${receiver.url}/x` });
  const { body } = await client.schedule({ source: 's', type: 't', destination: `${receiver.url}/x` });
  await until('three changes', () => stream.items().length === 3);
  t.match(stream.items(), [
    { event_id: body.id, source: 's', type: 't', status: 'SCHEDULED', version: 1, attempt: 0 },
    { event_id: body.id, status: 'DISPATCHED', version: 2, attempt: 1 },
    { event_id: body.id, status: 'DELIVERED', version: 3, status_code: 204 },
  ]);
  for (const { event, id, data } of stream.events) {
    t.equal(data['op'], event);
    t.equal(data['cursor'], id);
  }
});

t.test('a client that comes back with Last-Event-ID hears what it has missed, once', async (t) => {
  const first = await connect(t, '?source=back&cursor=now');
  await first.until('the beginning', ({ event }) => event === 'subscribed');
  await schedule(0, 30, 'back');
  await until('the first ones', () => first.items().length === 30);
  first.close();
  await schedule(30, 30, 'back');
  const again = await connect(t, '?source=back&cursor=now', { 'last-event-id': first.lastEventId! });
  await schedule(60, 30, 'back');
  await until('the others', () => again.items().length >= 60);
  await pause(100);
  const jobs = [...first.items(), ...again.items()].map(({ external_job_id }) => external_job_id);
  t.equal(jobs.length, 90);
  t.equal(new Set(jobs).size, 90);
  const byCursor = await connect(t, `?source=back&cursor=${first.lastEventId}`);
  await until('the same by the parameter', () => byCursor.items().length === 60);
});

t.test('what cannot be followed is refused with its reason', async (t) => {
  for (const [query, headers] of [
    ['?status=dead', {}],
    ['?sources=a', {}],
    ['?cursor=yesterday', {}],
    ['', { 'last-event-id': 'yesterday' }],
  ] as const) {
    const { status, body } = await client.send<Problem>({ method: 'GET', path: path + query, headers });
    t.equal(status, 422, query);
    t.match(body, { code: 'invalid', errors: [{ pointer: '', detail: body.detail }] });
  }
  t.equal((await client.post(path, {})).status, 405);
});

t.test('a stop ends the stream, and its successor goes on where it ended', async (t) => {
  const server = await startServer(t);
  const stream = await EventStreamClient.connect(server.url, path);
  await stream.until('the beginning', ({ event }) => event === 'subscribed');
  await server.client.schedule({ destination: receiver.url, delay: '1d' });
  await until('it is told', () => stream.items().length === 1);
  t.equal((await server.stop()).code, 0);
  await until('the end arrives', () => stream.isClosed);
  t.ok(stream.isComplete, 'with the last chunk, and nothing in it that is no chunk');
  await server.restart();
  await server.client.schedule({ destination: receiver.url, delay: '1d' });
  const again = await EventStreamClient.connect(server.url, path, { 'last-event-id': stream.lastEventId! });
  t.teardown(() => again.close());
  await until('the second one is told', () => again.items().length === 1);
  t.notOk(again.events.some(({ event }) => event === 'gap'));
});

t.test('a client that stops reading is told that it lags, and hears everything once when it reads on', async (t) => {
  const slow = await connect(t, '?source=sse-flood&status=SCHEDULED');
  await slow.until('the beginning', ({ event }) => event === 'subscribed');
  slow.pause();
  // Ten MB of changes are more than the ways to it and the server keep: long ones, as each costs as much as a short one.
  const events = 15_000;
  for (let from = 0; from < events; from += 5_000)
    t.equal((await schedule(from, 5_000, 'sse-flood', 'long'.repeat(30))).status, 200);
  slow.resume();
  await until('all of it', () => slow.items().length >= events, 30_000);
  await pause(100);
  const jobs = slow.items().map(({ external_job_id }) => external_job_id);
  t.equal(jobs.length, events);
  t.equal(new Set(jobs).size, events);
  const lagging = slow.events.filter(({ event }) => event === 'lagging');
  t.ok(lagging.length >= 1);
  t.equal(lagging[0]!.id, null, 'which moves no cursor');
  t.notOk(slow.events.some(({ event }) => event === 'gap'));
});

t.test('an idle stream hears its place every five seconds', async (t) => {
  const { id } = await idle.until('the beginning', ({ event }) => event === 'subscribed');
  await schedule(0, 1, 'somebody');
  const { id: now, data } = await idle.until('a fresh cursor', ({ event, id: at }) => event === 'cursor' && at !== id);
  t.equal(data['cursor'], now);
  await pause(Math.max(0, 19_000 - (performance.now() - idleSince)));
  t.notOk(idle.isClosed, 'and is not taken for dead');
  idle.close();
});
