/** The contract of a delivery: what the receiver gets, and what its answers lead to. */
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { until } from '../support/deadline.js';
import type { EventAnswer } from '../support/http.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const secrets = [1, 2].map((fill) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`);
const server = await startServer(t, { env: { ESCAPEMENT_WEBHOOK_SECRET: secrets.join(',') } });
const { client } = server;
const receiver = await startReceiver(t);
await server.ready();
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const soon = { strategy: 'fixed', initial_ms: 30, max_ms: 30, jitter: 'none' };

function ended(id: string, status: string, withinMs = 10_000): Promise<EventAnswer> {
  return until(
    `${id} is ${status}`,
    async () => {
      const { body } = await client.event(id);
      return body.status === status && body;
    },
    withinMs,
  );
}

t.test('a webhook carries its headers, its signatures and the bytes of its payload', async (t) => {
  const payload = '{ "total" : 1.10 }';
  const { body } = await client.schedule(
    `{"destination":"${receiver.url}/hook?a=b%20c","delay_ms":20,"headers":{"X-Team":"a","Authorization":"Bearer t"},"payload":${payload}}`,
    { traceparent },
  );
  const [arrival] = await receiver.until('/hook?a=b%20c', 1);
  t.equal(arrival!.method, 'POST');
  t.equal(arrival!.body.toString(), payload);
  t.match(arrival!.headers, {
    'content-type': 'application/json',
    'webhook-id': body.id,
    'idempotency-key': body.id,
    'escapement-attempt': '1',
    'escapement-scheduled-at': body.scheduled_at,
    'x-team': 'a',
    authorization: 'Bearer t',
    traceparent,
    'user-agent': /^escapement\//i,
  });
  t.ok(Number(arrival!.headers['escapement-lag-ms']) >= 0);
  t.ok(arrival!.atMs >= Date.parse(body.scheduled_at), 'not early');
  const signed = {
    'webhook-id': arrival!.id,
    'webhook-timestamp': String(arrival!.headers['webhook-timestamp']),
    'webhook-signature': String(arrival!.headers['webhook-signature']),
  };
  t.equal(signed['webhook-signature'].split(' ').length, 2, 'one signature for each secret');
  for (const secret of secrets) t.same(new Webhook(secret).verify(arrival!.body, signed), { total: 1.1 });
  t.throws(() => new Webhook(secrets[0]!).verify('{ "total" : 1.1 }', signed), 'of these bytes and no others');
  const event = await ended(body.id, 'DELIVERED');
  t.match(event, {
    version: 3,
    attempts: 1,
    last_status_code: 204,
    last_error: null,
    next_attempt_at: null,
    finished_at: String,
  });
  t.ok(event.fire_lag_ms !== null && event.fire_lag_ms >= 0 && event.fire_lag_ms < 1_000);
});

t.test('the method is the one that was asked for', async (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']) {
    await client.schedule({
      destination: `${receiver.url}/method/${method}`,
      method,
      ...(method === 'GET' ? {} : { payload: 1 }),
    });
    const [arrival] = await receiver.until(`/method/${method}`, 1);
    t.equal(arrival!.method, method);
  }
});

t.test('a failed attempt is made again until one succeeds, and the history tells of each', async (t) => {
  receiver.answer('/third', ({ attempt }) => (attempt < 3 ? { status: 503, body: 'busy é' } : { status: 201, body: 'ok' }));
  const { body } = await client.schedule({ destination: `${receiver.url}/third`, retry: soon });
  const arrivals = await receiver.until('/third', 3);
  t.same(
    arrivals.map(({ attempt }) => attempt),
    [1, 2, 3],
  );
  t.equal(new Set(arrivals.map(({ id }) => id)).size, 1, 'under one webhook-id');
  for (const at of [1, 2]) t.ok(arrivals[at]!.atMs - arrivals[at - 1]!.atMs >= 30, 'after its back-off');
  await ended(body.id, 'DELIVERED');
  const { data } = (await client.history(body.id)).body;
  t.same(
    data.map(({ version, status, attempt, status_code, error, response_body }) => ({
      version,
      status,
      attempt,
      status_code,
      error,
      response_body,
    })),
    [
      { version: 1, status: 'SCHEDULED', attempt: 0, status_code: null, error: null, response_body: null },
      { version: 2, status: 'DISPATCHED', attempt: 1, status_code: null, error: null, response_body: null },
      { version: 3, status: 'RETRYING', attempt: 1, status_code: 503, error: 'HTTP 503', response_body: 'busy é' },
      { version: 4, status: 'DISPATCHED', attempt: 2, status_code: null, error: null, response_body: null },
      { version: 5, status: 'RETRYING', attempt: 2, status_code: 503, error: 'HTTP 503', response_body: 'busy é' },
      { version: 6, status: 'DISPATCHED', attempt: 3, status_code: null, error: null, response_body: null },
      { version: 7, status: 'DELIVERED', attempt: 3, status_code: 201, error: null, response_body: 'ok' },
    ],
  );
  for (const [at, entry] of data.entries()) {
    t.ok(at === 0 || entry.at >= data[at - 1]!.at, 'in order of time');
    t.equal(typeof entry.duration_ms, entry.status_code === null ? 'object' : 'number');
    t.equal(typeof entry.next_attempt_at, ['SCHEDULED', 'RETRYING'].includes(entry.status) ? 'string' : 'object');
  }
});

t.test('after the last attempt it is DEAD', async (t) => {
  receiver.answer('/dead', { status: 500 });
  for (const retries of [0, 2]) {
    const { body } = await client.schedule({ destination: `${receiver.url}/dead`, retry: soon, max_retries: retries });
    const event = await ended(body.id, 'DEAD');
    t.match(event, {
      attempts: retries + 1,
      last_status_code: 500,
      last_error: 'HTTP 500',
      next_attempt_at: null,
      finished_at: String,
    });
  }
  t.equal(receiver.at('/dead').length, 4);
});

t.test('410 is DEAD at once', async (t) => {
  receiver.answer('/gone', { status: 410 });
  const { body } = await client.schedule({ destination: `${receiver.url}/gone`, retry: soon });
  t.match(await ended(body.id, 'DEAD'), { attempts: 1, last_status_code: 410 });
});

t.test('a redirect is a failure and is not followed', async (t) => {
  receiver.answer('/moved', { status: 302, headers: { location: `${receiver.url}/elsewhere` } });
  const { body } = await client.schedule({ destination: `${receiver.url}/moved`, max_retries: 1, retry: soon });
  t.match(await ended(body.id, 'DEAD'), { attempts: 2, last_status_code: 302 });
  t.same(receiver.at('/elsewhere'), []);
});

t.test('Retry-After is waited for, if it is longer than the back-off', async (t) => {
  const once = (value: string) => (arrival: { attempt: number }) =>
    arrival.attempt === 1 ? { status: 429, headers: { 'retry-after': value } } : {};
  receiver.answer('/after-seconds', once('1'));
  receiver.answer('/after-far', once('864000'));
  receiver.answer('/after-date', once('Fri, 31 Dec 2100 23:59:59 GMT'));
  receiver.answer('/after-old-date', once('Friday, 31-Dec-60 23:59:59 GMT'));
  receiver.answer('/after-c-date', once('Fri Dec 31 23:59:59 2100'));
  receiver.answer('/after-nonsense', once('soon'));
  const ids: Record<string, string> = {};
  const dates = ['/after-date', '/after-old-date', '/after-c-date'];
  for (const path of ['/after-seconds', '/after-far', ...dates, '/after-nonsense']) {
    ids[path] = (await client.schedule({ destination: receiver.url + path, retry: soon })).body.id;
  }
  const [first, second] = await receiver.until('/after-seconds', 2);
  t.ok(second!.atMs - first!.atMs >= 1_000, `${second!.atMs - first!.atMs} ms`);
  await receiver.until('/after-nonsense', 2);
  for (const path of ['/after-far', ...dates]) {
    const event = await ended(ids[path]!, 'RETRYING');
    const waitMs = Date.parse(event.next_attempt_at!) - Date.parse(event.updated_at);
    t.ok(Math.abs(waitMs - 86_400_000) < 1_500, `${path}: capped at a day, ${waitMs} ms`);
  }
});

t.test('an attempt that takes longer than its timeout has failed', async (t) => {
  receiver.answer('/hang', { hang: true });
  const { body } = await client.schedule({ destination: `${receiver.url}/hang`, timeout_ms: 150, max_retries: 0 });
  const event = await ended(body.id, 'DEAD');
  t.match(event, { attempts: 1, last_status_code: null, last_error: /150 ms/ });
});

t.test('nobody there, or a name that there is not: failed, with the reason', async (t) => {
  for (const destination of ['http://127.0.0.1:1/', 'http://nowhere.invalid/']) {
    const { body } = await client.schedule({ destination, max_retries: 0 });
    const event = await ended(body.id, 'DEAD');
    t.equal(event.last_status_code, null);
    t.ok(event.last_error!.length > 5, event.last_error!);
  }
});

t.test('what could not be started in time is EXPIRED and never comes', async (t) => {
  receiver.answer('/retry-expires', { status: 500 });
  const before = Date.now();
  const scheduled = await client.schedule({
    destination: `${receiver.url}/expired`,
    scheduled_at: new Date(before + 60_000).toISOString(),
    expires_at: new Date(before + 200).toISOString(),
  });
  t.equal(scheduled.status, 201);
  const retrying = await client.schedule({
    destination: `${receiver.url}/retry-expires`,
    retry: { ...soon, initial_ms: 60_000, max_ms: 60_000 },
    expires_at: new Date(before + 1_500).toISOString(),
  });
  const event = await ended(scheduled.body.id, 'EXPIRED');
  t.match(event, { version: 2, attempts: 0, next_attempt_at: null, finished_at: String });
  t.ok(Date.parse(event.finished_at!) >= before + 200);
  t.match(await ended(retrying.body.id, 'EXPIRED'), { version: 4, attempts: 1, last_status_code: 500 });
  t.same(receiver.at('/expired'), []);
  t.match((await client.cancel(event.id)).body, { code: 'already-finished', event_status: 'EXPIRED' });
});

t.test('of a long answer one KiB is kept', async (t) => {
  receiver.answer('/long', { status: 200, body: 'x'.repeat(200_000) });
  const { body } = await client.schedule({ destination: `${receiver.url}/long` });
  await ended(body.id, 'DELIVERED');
  t.equal((await client.history(body.id)).body.data.at(-1)!.response_body, 'x'.repeat(1_024));
});

t.test('higher priorities of the same moment start first', async (t) => {
  const at = new Date(Date.now() + 400).toISOString();
  const events = [0, 9, 3, 'LOW', 'CRITICAL', 'HIGH'].map((priority) => ({
    destination: `${receiver.url}/order`,
    scheduled_at: at,
    priority,
    payload: priority,
    // One partition, and so one order.
    external_job_id: `order-${priority}`,
  }));
  t.equal((await client.batch(events)).body.accepted, events.length);
  const arrivals = await receiver.until('/order', events.length);
  t.equal(arrivals.length, events.length, 'all came');
});
