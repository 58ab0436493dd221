/** The contract of `POST /events` and of reading an event back, seen from outside. */
import t from 'tap';
import { until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const server = await sharedServer(t);
const receiver = await startReceiver(t);
const { client } = server;
const far = '2031-05-06T07:08:09.123Z';

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

t.test('an event with nothing but a destination has every documented field, and the defaults', async (t) => {
  const { status, headers, body } = await client.schedule({ destination: `${receiver.url}/defaults`, delay: '1h' });
  t.equal(status, 201);
  t.equal(headers['location'], `/api/v1/events/${body.id}`);
  t.equal(headers['etag'], '"1"');
  t.match(headers['content-type'], /^application\/json/);
  t.match(headers['x-request-id'], /./);
  t.match(body.id, uuid7);
  t.match(body.created_at, instant);
  t.equal(body.updated_at, body.created_at);
  t.equal(Date.parse(body.scheduled_at) - Date.parse(body.created_at), 3_600_000);
  t.equal(body.next_attempt_at, body.scheduled_at);
  const { id, created_at, updated_at, scheduled_at, next_attempt_at, partition, ...rest } = body;
  t.equal(Number.parseInt(id.slice(15, 18), 16) % 4, partition, 'the id names the partition');
  t.same(rest, {
    external_job_id: null,
    source: 'default',
    type: null,
    description: null,
    status: 'SCHEDULED',
    version: 1,
    waiting_for: null,
    delivery_type: 'HTTP',
    destination: `${receiver.url}/defaults`,
    method: 'POST',
    priority: 5,
    max_retries: 3,
    retry: { strategy: 'exponential', initial_ms: 1_000, max_ms: 3_600_000, multiplier: 2, jitter: 'full' },
    timeout_ms: 30_000,
    expires_at: null,
    tags: null,
    attempts: 0,
    finished_at: null,
    last_status_code: null,
    last_error: null,
    fire_lag_ms: null,
    schedule_id: null,
    headers: null,
    payload: null,
  });
  const read = await client.event(id);
  t.equal(read.status, 200);
  t.equal(read.headers['etag'], '"1"');
  t.same(read.body, body, 'GET shows the same');
});

t.test('every field that is given is kept', async (t) => {
  const given = {
    external_job_id: 'order 17 / ä',
    source: 'shop:eu-1',
    type: 'order.paid',
    description: 'Zahlung prüfen',
    scheduled_at: '2031-05-06T09:08:09.1225+02:00',
    delivery_type: 'HTTP',
    destination: `${receiver.url}/all?a=1`,
    method: 'PUT',
    headers: { 'X-Team': 'a', Authorization: 'Bearer secret', cookie: 'c=1', 'X-Api-Key': 'k' },
    payload: [1, null, 'x'],
    priority: 'HIGH',
    max_retries: 7,
    retry: { strategy: 'linear', initial_ms: 10, max_ms: 20, multiplier: 1.5, jitter: 'none' },
    timeout_ms: 100,
    expires_at: '2031-05-07T00:00:00Z',
    tags: { region: 'eu', a: '' },
  };
  const { status, body } = await client.schedule(given);
  t.equal(status, 201);
  const { id } = body;
  const expected = {
    ...given,
    scheduled_at: far,
    priority: 8,
    expires_at: '2031-05-07T00:00:00.000Z',
    headers: { 'x-team': 'a', authorization: '[redacted]', cookie: '[redacted]', 'x-api-key': '[redacted]' },
  };
  t.has(body, expected, 'sub-milliseconds rounded up, credentials redacted');
  t.has((await client.event(id)).body, expected);
});

t.test('an instant that has passed is due at once; no time at all means now', async (t) => {
  for (const time of [{ scheduled_at: '2001-01-01T00:00:00Z' }, {}, { delay_ms: 0 }, { delay: 'PT0S' }]) {
    const path = `/now/${JSON.stringify(time).length}`;
    const { body } = await client.schedule({ ...time, destination: receiver.url + path });
    const [arrival] = await receiver.until(path, 1);
    t.equal(arrival!.id, body.id);
  }
});

t.test('the same external_job_id with the same content is the first event as it is now', async (t) => {
  const event = { external_job_id: 'job-a', source: 's1', destination: `${receiver.url}/job-a`, delay_ms: 50, payload: { a: 1 } };
  const first = await client.schedule(event);
  t.equal(first.status, 201);
  const again = await client.schedule(event);
  t.equal(again.status, 200);
  t.equal(again.headers['idempotent-replayed'], 'true');
  t.equal(again.body.id, first.body.id);
  await receiver.until('/job-a', 1);
  await until('the replay shows how it ended', async () => {
    const { status, body, headers } = await client.schedule(event);
    return status === 200 && body.status === 'DELIVERED' && headers['etag'] === '"3"';
  });
  const other = await client.schedule({ ...event, source: 's2' });
  t.equal(other.status, 201, 'per source');
  const keyed = await client.schedule({ ...event, external_job_id: 'job-b' }, { 'idempotency-key': 'k-ignored' });
  t.equal(keyed.status, 201);
  const ignored = await client.schedule({ ...event, external_job_id: 'job-c' }, { 'idempotency-key': 'k-ignored' });
  t.equal(ignored.status, 201, 'with an external_job_id the Idempotency-Key is ignored');
});

t.test('the same external_job_id with other content is a conflict that names the event', async (t) => {
  const event = {
    external_job_id: 'job-x',
    destination: receiver.url,
    scheduled_at: far,
    payload: { a: 1 },
    tags: { x: '1', y: '2' },
  };
  const { body: first } = await client.schedule(event);
  const others: readonly Record<string, unknown>[] = [
    { payload: { a: 2 } },
    { scheduled_at: '2031-05-06T07:08:09.124Z' },
    { priority: 6 },
    { tags: { x: '1' } },
    { headers: { a: 'b' } },
    { max_retries: 4 },
    { description: '' },
  ];
  for (const other of others) {
    const { status, body, headers } = await client.schedule({ ...event, ...other });
    t.equal(status, 409, JSON.stringify(other));
    t.match(headers['content-type'], 'application/problem+json');
    t.match(body, {
      code: 'external-job-id-conflict',
      type: '/problems/external-job-id-conflict',
      status: 409,
      retryable: false,
      event_id: first.id,
      event_status: 'SCHEDULED',
      instance: '/api/v1/events',
      title: String,
      detail: String,
    });
  }
  const text = JSON.stringify(event);
  t.equal((await client.schedule(text.replace('{"a":1}', '{ "a":1}'))).status, 409, 'a payload is compared by its bytes');
  const same = [
    { priority: 'MEDIUM', max_retries: 3, timeout_ms: 30_000, method: 'POST', source: 'default' },
    { tags: { y: '2', x: '1' } },
    { scheduled_at: '2031-05-06T09:08:09.123+02:00' },
    { retry: { strategy: 'exponential' } },
  ];
  for (const again of same)
    t.equal((await client.schedule({ ...event, ...again })).status, 200, `same: ${JSON.stringify(again)}`);
});

t.test('a delay is compared as a delay, however it is written', async (t) => {
  const event = { external_job_id: 'job-delay', destination: receiver.url };
  const first = await client.schedule({ ...event, delay: '1h30m' });
  t.equal(first.status, 201);
  for (const delay of [{ delay: 'PT1H30M' }, { delay: '90m' }, { delay_ms: 5_400_000 }]) {
    const again = await client.schedule({ ...event, ...delay });
    t.equal(again.status, 200, JSON.stringify(delay));
    t.equal(again.body.scheduled_at, first.body.scheduled_at);
  }
  t.equal((await client.schedule({ ...event, delay: '91m' })).status, 409);
  t.equal((await client.schedule({ ...event, scheduled_at: first.body.scheduled_at })).status, 409);
});

t.test('an Idempotency-Key, quoted or bare, replays; with other content it is refused', async (t) => {
  const event = { destination: receiver.url, scheduled_at: far, payload: 1 };
  const first = await client.schedule(event, { 'idempotency-key': '"key-1"' });
  t.equal(first.status, 201);
  const again = await client.schedule(event, { 'idempotency-key': 'key-1' });
  t.equal(again.status, 200);
  t.equal(again.headers['idempotent-replayed'], 'true');
  t.equal(again.body.id, first.body.id);
  const other = await client.schedule({ ...event, payload: 2 }, { 'idempotency-key': 'key-1' });
  t.equal(other.status, 422);
  t.match(other.body, { code: 'idempotency-key-reused', retryable: false });
  t.equal((await client.schedule({ ...event, source: 'z' }, { 'idempotency-key': 'key-1' })).status, 201, 'per source');
});

t.test('dedupe outlives the process', async (t) => {
  const event = { external_job_id: 'job-r', destination: receiver.url, scheduled_at: far, payload: { a: 1 } };
  const finished = { external_job_id: 'job-f', destination: `${receiver.url}/job-f` };
  const first = await client.schedule(event);
  const keyed = await client.schedule({ destination: receiver.url, scheduled_at: far }, { 'idempotency-key': 'key-r' });
  const delivered = await client.schedule(finished);
  await until('it is delivered', async () => (await client.event(delivered.body.id)).body.status === 'DELIVERED');
  await server.stop();
  await server.restart();
  const again = await client.schedule(event);
  t.equal(again.status, 200);
  t.equal(again.body.id, first.body.id);
  t.equal((await client.schedule({ ...event, payload: { a: 2 } })).status, 409);
  const keyedAgain = await client.schedule({ destination: receiver.url, scheduled_at: far }, { 'idempotency-key': '"key-r"' });
  t.equal(keyedAgain.status, 200);
  t.equal(keyedAgain.body.id, keyed.body.id);
  const finishedAgain = await client.schedule(finished);
  t.equal(finishedAgain.status, 200);
  t.equal(finishedAgain.body.status, 'DELIVERED');
  const conflict = await client.schedule({ ...finished, priority: 1 });
  t.match(conflict.body, { code: 'external-job-id-conflict', event_status: 'DELIVERED', event_id: delivered.body.id });
});

t.test('what is not there is not found, whatever its id looks like', async (t) => {
  const ids = [
    '01988f6e-1a2b-7f03-9c1d-0123456789ab',
    'x',
    '1',
    '%00',
    '..',
    'a'.repeat(3_000),
    '01988f6e-1a2b-4f03-9c1d-0123456789ab',
  ];
  for (const id of ids) {
    for (const answer of [await client.event(id), await client.history(id), await client.cancel(id)]) {
      t.equal(answer.status, 404, `${id.slice(0, 40)}`);
      t.equal(answer.body.code, 'not-found');
    }
  }
});
