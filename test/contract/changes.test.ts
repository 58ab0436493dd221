/** The contract of changing one event: what each state answers to each call, and that what was answered holds. */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import type { EventAnswer, HttpAnswer, Problem } from '../support/http.js';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const server = await sharedServer(t);
const { client } = server;
const receiver = await startReceiver(t);

type Answered = HttpAnswer<EventAnswer & Problem>;

const once = { max_retries: 0 };
const patiently = { retry: { strategy: 'fixed', initial_ms: 60_000, max_ms: 60_000, jitter: 'none' } };

async function statusOf(id: string): Promise<string> {
  return (await client.event(id)).body.status;
}

/** An event in each state, at a path of its own. */
const inState: Readonly<Record<string, () => Promise<string>>> = {
  SCHEDULED: async () => (await client.schedule({ destination: receiver.url, delay: '1h' })).body.id,
  DISPATCHED: async () => {
    receiver.answer('/runs', { hang: true });
    const { id } = (await client.schedule({ destination: `${receiver.url}/runs`, timeout_ms: 20_000 })).body;
    await until('it runs', async () => (await statusOf(id)) === 'DISPATCHED');
    return id;
  },
  RETRYING: async () => {
    receiver.answer('/fails', { status: 503 });
    const { id } = (await client.schedule({ destination: `${receiver.url}/fails`, ...patiently })).body;
    await until('it is retrying', async () => (await statusOf(id)) === 'RETRYING');
    return id;
  },
  DELIVERED: async () => {
    const { id } = (await client.schedule({ destination: receiver.url })).body;
    await until('it is delivered', async () => (await statusOf(id)) === 'DELIVERED');
    return id;
  },
  DEAD: async () => {
    receiver.answer('/dies', { status: 500 });
    const { id } = (await client.schedule({ destination: `${receiver.url}/dies`, ...once })).body;
    await until('it is dead', async () => (await statusOf(id)) === 'DEAD');
    return id;
  },
  CANCELLED: async () => {
    const { id } = (await client.schedule({ destination: receiver.url, delay: '1h' })).body;
    await client.cancel(id);
    return id;
  },
  EXPIRED: async () => {
    const { id } = (await client.schedule({ destination: receiver.url, delay: '1h', expires_at: new Date().toISOString() })).body;
    await until('it has expired', async () => (await statusOf(id)) === 'EXPIRED');
    return id;
  },
};

const later = { delay: '2h' };
const calls: Readonly<Record<string, (id: string) => Promise<Answered>>> = {
  patch: (id) => client.change(id, later),
  retry: (id) => client.retry(id, later),
  fire: (id) => client.fire(id),
  cancel: (id) => client.cancel(id),
};

const refusals = { 'already-finished': 409, 'not-finished': 409, 'in-flight': 409 } as const;
/** A status, or the code of a refusal. */
const expected: Readonly<Record<string, Readonly<Record<string, number | keyof typeof refusals>>>> = {
  SCHEDULED: { patch: 200, retry: 'not-finished', fire: 200, cancel: 200 },
  RETRYING: { patch: 200, retry: 'not-finished', fire: 200, cancel: 200 },
  DISPATCHED: { patch: 'in-flight', retry: 'not-finished', fire: 'in-flight', cancel: 'in-flight' },
  DELIVERED: { patch: 'already-finished', retry: 'already-finished', fire: 'already-finished', cancel: 'already-finished' },
  DEAD: { patch: 'already-finished', retry: 200, fire: 'already-finished', cancel: 'already-finished' },
  CANCELLED: { patch: 'already-finished', retry: 200, fire: 'already-finished', cancel: 200 },
  EXPIRED: { patch: 'already-finished', retry: 200, fire: 'already-finished', cancel: 'already-finished' },
};

for (const [state, answers] of Object.entries(expected)) {
  t.test(`an event that is ${state} answers each change as the table says, and is as it was after a refusal`, async (t) => {
    for (const [call, answer] of Object.entries(answers)) {
      const id = await inState[state]!();
      const before = (await client.event(id)).body;
      const { status, body, headers } = await calls[call]!(id);
      if (typeof answer === 'number') {
        t.equal(status, answer, call);
        t.equal(body.id, id);
        t.equal(headers['etag'], `"${body.version}"`);
      } else {
        t.equal(status, refusals[answer], call);
        t.match(body, { code: answer, event_id: id, event_status: state });
        t.same((await client.event(id)).body, before, `${call} has changed nothing`);
      }
    }
  });
}

t.test('nobody changes what is not there', async (t) => {
  const unknown = '01988f6e-1a2b-7f03-9c1d-0123456789ab';
  for (const id of [unknown, 'garbage']) {
    for (const call of Object.values(calls)) t.match(await call(id), { status: 404, body: { code: 'not-found' } });
  }
});

// ---- PATCH ----

t.test('a patch changes what it names and nothing else', async (t) => {
  const tags = { region: 'eu', team: 'a' };
  const { body: before } = await client.schedule({
    destination: receiver.url,
    delay: '1h',
    tags,
    payload: { n: 1 },
    priority: 3,
  });
  const at = '2030-01-01T00:00:00.000Z';
  const { status, body, headers } = await client.change(before.id, {
    scheduled_at: '2030-01-01T01:00:00+01:00',
    payload: { n: 2 },
    priority: 'HIGH',
    max_retries: 7,
    expires_at: '2030-01-02T00:00:00Z',
    tags: { region: 'us', team: null, shift: 'night' },
    description: 'moved',
  });
  t.equal(status, 200);
  t.equal(headers['etag'], '"2"');
  const { updated_at: updatedAt, ...rest } = body;
  const { updated_at: _before, ...restBefore } = before;
  t.same(rest, {
    ...restBefore,
    version: 2,
    scheduled_at: at,
    next_attempt_at: at,
    payload: { n: 2 },
    priority: 8,
    max_retries: 7,
    expires_at: '2030-01-02T00:00:00.000Z',
    tags: { region: 'us', shift: 'night' },
    description: 'moved',
  });
  t.ok(updatedAt >= before.created_at);
  t.same((await client.event(before.id)).body, body);
  const { data } = (await client.history(before.id)).body;
  t.match(data, [
    { version: 1, status: 'SCHEDULED' },
    { version: 2, status: 'SCHEDULED', attempt: 0, next_attempt_at: at },
  ]);
  const cleared = await client.change(before.id, { expires_at: null, tags: null, description: null });
  t.match(cleared.body, { version: 3, expires_at: null, tags: null, description: null, payload: { n: 2 }, priority: 8 });
});

t.test('what is delivered is what the last patch said, byte for byte, at the time that it said', async (t) => {
  const { body } = await client.schedule({ destination: `${receiver.url}/patched`, delay_ms: 1_500, payload: 'old' });
  const text = '{"delay_ms":2500,"payload":{"big":12345678901234567890, "b":1,"a":2}}';
  const patched = await client.change(body.id, text);
  t.equal(patched.status, 200);
  await receiver.until('/patched', 1);
  await pause(300);
  const [arrival, ...others] = receiver.at('/patched');
  t.same(others, []);
  t.equal(arrival!.body.toString(), '{"big":12345678901234567890, "b":1,"a":2}');
  t.ok(arrival!.preciseMs >= Date.parse(patched.body.scheduled_at), 'not before the new time');
  t.ok((await client.event(body.id)).body.fire_lag_ms! < 500, 'lag is counted from the new time');
});

t.test('while it is retrying, a new time moves the next attempt, and the attempts go on', async (t) => {
  const id = await inState.RETRYING!();
  const quiet = await client.change(id, { priority: 9 });
  t.match(quiet.body, { status: 'RETRYING', version: 4, attempts: 1, last_status_code: 503 });
  t.ok(Date.parse(quiet.body.next_attempt_at!) > Date.now() + 30_000, 'without a time the next attempt stays');
  receiver.answer('/fails', { status: 204 });
  const { body } = await client.change(id, { delay_ms: 50 });
  t.match(body, { status: 'RETRYING', version: 5, attempts: 1 });
  t.equal(body.next_attempt_at, body.scheduled_at);
  await until('it is delivered', async () => (await statusOf(id)) === 'DELIVERED');
  t.match((await client.event(id)).body, { attempts: 2 });
});

t.test('an event that waits for its origin can be changed, and leaves as it is then', async (t) => {
  const busy = await startReceiver(t);
  busy.answer('/waits', { delayMs: 1_000 });
  const limit = { destination: `${busy.url}/waits`, payload: 'old' };
  const events = await Promise.all(Array.from({ length: 66 }, () => client.schedule(limit)));
  await busy.until('/waits', 64);
  const states = await Promise.all(events.map(({ body }) => client.event(body.id)));
  const waiting = states.find(({ body }) => body.waiting_for === 'concurrency')!.body;
  const changed = await client.change(waiting.id, { payload: 'new' });
  t.match(changed.body, { status: 'SCHEDULED', version: 2, payload: 'new' });
  t.ok(Date.parse(changed.body.next_attempt_at!) <= Date.now(), 'it is still due');
  await until('it is delivered', async () => (await statusOf(waiting.id)) === 'DELIVERED');
  const mine = busy.at('/waits').filter(({ id }) => id === waiting.id);
  t.same(
    mine.map(({ body }) => body.toString()),
    ['"new"'],
  );
});

t.test('If-Match lets a change through for the version that it names, and only for that', async (t) => {
  const { body } = await client.schedule({ destination: receiver.url, delay: '1h' });
  const first = await client.change(body.id, { priority: 1 }, { 'if-match': '"1"' });
  t.equal(first.status, 200);
  for (const tag of ['"1"', '"3"', 'W/"2"', '"x"', '""']) {
    const stale = await client.change(body.id, { priority: 9 }, { 'if-match': tag });
    t.equal(stale.status, 412, tag);
    t.match(stale.body, { code: 'version-mismatch', retryable: false, event_id: body.id, event_status: 'SCHEDULED' });
  }
  t.equal((await client.event(body.id)).body.priority, 1);
  t.equal((await client.change(body.id, { priority: 2 }, { 'if-match': '"7", "2"' })).status, 200);
  t.equal((await client.change(body.id, { priority: 3 }, { 'if-match': '*' })).status, 200);
  t.match(await client.change(body.id, { priority: 4 }, { 'if-match': '3' }), { status: 422, body: { code: 'invalid' } });
  t.match(await client.send({ method: 'POST', path: `/api/v1/events/${body.id}/cancel`, headers: { 'if-match': '"1"' } }), {
    status: 412,
  });
  t.match(await client.send({ method: 'DELETE', path: `/api/v1/events/${body.id}`, headers: { 'if-match': '"4"' } }), {
    status: 200,
  });
});

t.test('of many patches that race for one version exactly one gets it', async (t) => {
  const { body } = await client.schedule({ destination: receiver.url, delay: '1h' });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => client.change(body.id, { description: `by ${n}` }, { 'if-match': '"1"' })),
  );
  const won = answers.filter(({ status }) => status === 200);
  t.equal(won.length, 1);
  t.ok(answers.every(({ status }) => status === 200 || status === 412));
  t.match((await client.event(body.id)).body, { version: 2, description: won[0]!.body.description });
});

t.test('patches of different fields that race all come true', async (t) => {
  const { body } = await client.schedule({ destination: receiver.url, delay: '1h' });
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) => client.change(body.id, { tags: { [`t${n}`]: String(n) } })),
  );
  t.ok(answers.every(({ status }) => status === 200));
  const after = (await client.event(body.id)).body;
  t.equal(after.version, 13);
  t.equal(Object.keys(after['tags'] as object).length, 12);
  const tooMany = await client.change(body.id, { tags: Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`u${n}`, ''])) });
  t.match(tooMany, { status: 422, body: { code: 'invalid', errors: [{ pointer: '/tags' }] } });
  t.equal((await client.event(body.id)).body.version, 13);
});

t.test('a patch that is not valid says why and changes nothing', async (t) => {
  const { body } = await client.schedule({ destination: receiver.url, delay: '1h' });
  const wrong: readonly (readonly [body: unknown, status: number, pointer: string | null])[] = [
    [{}, 422, ''],
    [[], 422, ''],
    ['{"priority":1', 400, null],
    ['{"priority":1,"priority":2}', 400, null],
    [{ destination: 'http://elsewhere.test/' }, 422, '/destination'],
    [{ priority: 10 }, 422, '/priority'],
    [{ priority: null }, 422, '/priority'],
    [{ delay: '1h', delay_ms: 5 }, 422, '/delay_ms'],
    [{ scheduled_at: 'tomorrow' }, 422, '/scheduled_at'],
    [{ expires_at: '2030-02-30T00:00:00Z' }, 422, '/expires_at'],
    [{ tags: { a: 1 } }, 422, '/tags/a'],
    [{ delay_ms: 11 * 366 * 86_400_000 }, 422, '/delay_ms'],
    [{ payload: 'x'.repeat(300_000) }, 413, null],
  ];
  for (const [patch, status, pointer] of wrong) {
    const answer = await client.change(body.id, patch);
    t.equal(answer.status, status, JSON.stringify(patch).slice(0, 60));
    if (pointer !== null) t.equal(answer.body.errors?.[0]?.pointer, pointer);
  }
  t.match(await client.change(body.id, 'x', { 'content-type': 'text/plain' }), { status: 415 });
  t.equal((await client.change(body.id, { priority: 1 }, { 'content-type': 'application/merge-patch+json' })).status, 200);
  t.match((await client.event(body.id)).body, { version: 2, priority: 1 });
});

t.test('the same request is the same content, whatever was patched meanwhile', async (t) => {
  const event = { destination: receiver.url, delay: '1h', external_job_id: 'patched-1', payload: { n: 1 } };
  const { body } = await client.schedule(event);
  await client.change(body.id, { payload: { n: 2 }, delay: '3h' });
  const again = await client.schedule(event);
  t.match(again, {
    status: 200,
    headers: { 'idempotent-replayed': 'true' },
    body: { id: body.id, version: 2, payload: { n: 2 } },
  });
  const other = await client.schedule({ ...event, payload: { n: 2 }, delay: '3h' });
  t.match(other, { status: 409, body: { code: 'external-job-id-conflict', event_id: body.id } });
});

// ---- retry ----

t.test('a retry gives a fresh budget while attempts go on counting', async (t) => {
  // An origin of its own: what fails here would open the circuit of the others, or wait for theirs.
  const stubborn = await startReceiver(t);
  stubborn.answer('/', { status: 500 });
  const retry = { strategy: 'fixed', initial_ms: 20, max_ms: 20, jitter: 'none' };
  const { body } = await client.schedule({ destination: stubborn.url, max_retries: 1, retry });
  await until('it is dead', async () => (await statusOf(body.id)) === 'DEAD');
  const dead = (await client.event(body.id)).body;
  t.equal(dead.attempts, 2);
  const retried = await client.retry(body.id);
  t.equal(retried.status, 200);
  t.match(retried.body, {
    status: 'SCHEDULED',
    version: dead.version + 1,
    attempts: 2,
    finished_at: null,
    last_status_code: 500,
  });
  t.ok(Date.parse(retried.body.scheduled_at) >= Date.parse(dead.finished_at!));
  await until('it is dead again', async () => (await statusOf(body.id)) === 'DEAD');
  t.equal((await client.event(body.id)).body.attempts, 4);
  t.same(
    stubborn.at('/').map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  );
  stubborn.answer('/', { status: 200 });
  await client.retry(body.id, {});
  await until('it is delivered', async () => (await statusOf(body.id)) === 'DELIVERED');
  t.match((await client.event(body.id)).body, { attempts: 5 });
  const { data } = (await client.history(body.id)).body;
  t.same(
    data.map(({ version }) => version),
    data.map((_, index) => index + 1),
  );
  t.equal(data.filter(({ status }) => status === 'SCHEDULED').length, 3);
});

t.test('a retry may be for later, with an expiry of its own', async (t) => {
  const expired = await inState.EXPIRED!();
  const soon = await client.retry(expired, { delay_ms: 100 });
  t.match(soon.body, { status: 'SCHEDULED', expires_at: null }, 'an expiry that is over was meant for the first run');
  await until('it is delivered', async () => (await statusOf(expired)) === 'DELIVERED');
  const cancelled = await inState.CANCELLED!();
  const at = '2031-05-05T05:05:05.000Z';
  const { body } = await client.retry(cancelled, { scheduled_at: at, expires_at: '2031-06-01T00:00:00Z' });
  t.match(body, {
    status: 'SCHEDULED',
    scheduled_at: at,
    next_attempt_at: at,
    expires_at: '2031-06-01T00:00:00.000Z',
    attempts: 0,
  });
  t.match(await client.retry(cancelled, { delay: '1h', delay_ms: 1 }), { status: 422 });
  t.match(await client.retry(cancelled, { priority: 1 }), { status: 422, body: { errors: [{ pointer: '/priority' }] } });
});

// ---- fire ----

t.test('an event that is fired comes now and keeps the time that it was asked for', async (t) => {
  const { body } = await client.schedule({ destination: `${receiver.url}/fired`, delay: '1h' });
  const fired = await client.fire(body.id);
  t.match(fired, { status: 200, body: { status: 'SCHEDULED', version: 2, scheduled_at: body.scheduled_at } });
  t.ok(Date.parse(fired.body.next_attempt_at!) <= Date.now());
  await receiver.until('/fired', 1);
  await until('it is delivered', async () => (await statusOf(body.id)) === 'DELIVERED');
  t.match((await client.event(body.id)).body, { attempts: 1, scheduled_at: body.scheduled_at });
  t.match(await client.post(`/api/v1/events/${body.id}/fire`, { now: true }), { status: 422 });
});

// ---- cancel of a running event's further attempts ----

t.test('with stop-retries a running attempt is the last one', async (t) => {
  receiver.answer('/last', { status: 503, delayMs: 700 });
  const retry = { strategy: 'fixed', initial_ms: 50, max_ms: 50, jitter: 'none' };
  const { body } = await client.schedule({ destination: `${receiver.url}/last`, max_retries: 5, retry });
  await receiver.until('/last', 1);
  const stop = () => client.post<EventAnswer>(`/api/v1/events/${body.id}/cancel?in_flight=stop-retries`);
  const stopped = await stop();
  t.match(stopped, { status: 202, body: { id: body.id, status: 'DISPATCHED', version: 3, attempts: 1, max_retries: 5 } });
  t.match(await stop(), { status: 202, body: { version: 3 } }, 'to say it again changes nothing');
  await until('it is dead', async () => (await statusOf(body.id)) === 'DEAD');
  await pause(200);
  t.equal(receiver.at('/last').length, 1);
  t.match(await stop(), { status: 409, body: { code: 'already-finished' } });
  const { id } = (await client.schedule({ destination: receiver.url, delay: '1h' })).body;
  t.match(await client.delete(`/api/v1/events/${id}?in_flight=stop-retries`), { status: 200, body: { status: 'CANCELLED' } });
  t.match(await client.post(`/api/v1/events/${id}/cancel?in_flight=abort`), { status: 422 });
});

// ---- by external id ----

t.test('every change is there by external id as well', async (t) => {
  const name = { external_job_id: 'a/b c%ü', source: 'shop' };
  const path = `/api/v1/events/external/${encodeURIComponent(name.external_job_id)}`;
  const { id } = (await client.schedule({ ...name, destination: receiver.url, delay: '1h' })).body;
  t.match(await client.patch(`${path}?source=shop`, { priority: 7 }), { status: 200, body: { id, version: 2, priority: 7 } });
  t.match(await client.patch(`${path}?source=shop`, { priority: 7 }, { 'if-match': '"1"' }), { status: 412 });
  t.match(await client.post(`${path}/cancel?source=shop`), { status: 200, body: { id, status: 'CANCELLED', version: 3 } });
  t.match(await client.post(`${path}/retry?source=shop`, { delay: '1h' }), { status: 200, body: { id, status: 'SCHEDULED' } });
  t.match(await client.post(`${path}/retry?source=shop`), { status: 409, body: { code: 'not-finished' } });
  t.match(await client.delete(`${path}?source=shop`), { status: 200, body: { id, status: 'CANCELLED', version: 5 } });
  t.match(await client.post(`${path}/fire?source=shop`), { status: 409, body: { code: 'already-finished', event_id: id } });
  t.match(await client.post(`${path}/retry?source=shop`, { delay: '1h' }), { status: 200, body: { version: 6 } });
  t.match(await client.post(`${path}/fire?source=shop`), { status: 200, body: { id, version: 7 } });
  await until('it is delivered', async () => (await statusOf(id)) === 'DELIVERED');
  t.match(
    await client.post(`${path}/cancel?source=bank`),
    { status: 404, body: { code: 'not-found' } },
    'a name is an id and a source',
  );
  t.match(await client.post(`${path}/cancel?source=shop&force=1`), { status: 422 });
  t.match(await client.post('/api/v1/events/external/%ff/cancel'), { status: 404 });
});

t.test('without a source it must be plain which event is meant', async (t) => {
  const path = '/api/v1/events/external/plain';
  const event = { external_job_id: 'plain', destination: receiver.url, delay: '1h' };
  t.match(await client.patch(path, { priority: 1 }), { status: 404, body: { code: 'not-found' } });
  const { id } = (await client.schedule({ ...event, source: 'shop' })).body;
  t.match(await client.patch(path, { priority: 1 }), { status: 200, body: { id, priority: 1 } });
  await client.schedule({ ...event, source: 'bank' });
  for (const call of ['cancel', 'fire', 'retry']) {
    t.match(await client.post(`${path}/${call}`), { status: 422, body: { code: 'invalid', detail: /of bank, of shop/ } }, call);
  }
  t.match(await client.post(`${path}/cancel?source=shop`), { status: 200, body: { id, status: 'CANCELLED' } });
});

// ---- PUT ----

t.test('what is put is created, then replaced under the same id', async (t) => {
  const path = '/api/v1/events/external/put-1?source=shop';
  const event = { destination: receiver.url, delay: '1h', payload: { n: 1 }, priority: 2 };
  const created = await client.put<EventAnswer>(path, event);
  const { id } = created.body;
  t.match(created, {
    status: 201,
    headers: { location: `/api/v1/events/${id}`, etag: '"1"' },
    body: { external_job_id: 'put-1', source: 'shop', status: 'SCHEDULED', version: 1 },
  });
  const other = { destination: `${receiver.url}/put`, delivery_type: 'HTTP', delay: '2h', payload: { n: 2 }, tags: { a: 'b' } };
  const replaced = await client.put<EventAnswer>(path, other);
  t.match(replaced, {
    status: 200,
    headers: { etag: '"2"' },
    body: { id, version: 2, payload: { n: 2 }, priority: 5, tags: { a: 'b' } },
  });
  t.equal(replaced.body.created_at, created.body.created_at);
  t.match(await client.put(path, other, { 'if-match': '"1"' }), { status: 412, body: { code: 'version-mismatch' } });
  t.match(await client.put(path, { ...other, delay_ms: 50, delay: undefined }, { 'if-match': '"2"' }), { status: 200 });
  await receiver.until('/put', 1);
  await until('it is delivered', async () => (await statusOf(id)) === 'DELIVERED');
  t.match(await client.put(path, other), {
    status: 409,
    body: { code: 'already-finished', event_id: id, event_status: 'DELIVERED' },
  });
  for (const condition of ['"1"', '*'])
    t.match(await client.put('/api/v1/events/external/put-2', event, { 'if-match': condition }), { status: 412 });
  t.match(await client.get('/api/v1/events/external/put-2'), { status: 404 });
  t.match(await client.put('/api/v1/events/external/put-2', event), { status: 201 });
  t.match(await client.put('/api/v1/events/external/put-2', event, { 'if-match': '*' }), { status: 200 });
});

t.test('what runs cannot be replaced', async (t) => {
  receiver.answer('/runs', { hang: true });
  const path = '/api/v1/events/external/put-3';
  const { body } = await client.put<EventAnswer>(path, { destination: `${receiver.url}/runs`, timeout_ms: 20_000 });
  await until('it runs', async () => (await statusOf(body.id)) === 'DISPATCHED');
  t.match(await client.put(path, { destination: receiver.url }), { status: 409, body: { code: 'in-flight', event_id: body.id } });
});

t.test('what is put and what is posted are the same event', async (t) => {
  const event = { destination: receiver.url, delay: '1h', source: 'both' };
  const put = await client.put<EventAnswer>('/api/v1/events/external/both-1?source=both', event);
  const posted = await client.schedule({ ...event, external_job_id: 'both-1' });
  t.match(posted, { status: 200, headers: { 'idempotent-replayed': 'true' }, body: { id: put.body.id } });
});

t.test('a body that names the event in another way than its path is refused', async (t) => {
  const event = { destination: receiver.url, delay: '1h' };
  const path = '/api/v1/events/external/named?source=shop';
  t.match(await client.put(path, { ...event, external_job_id: 'other' }), {
    status: 422,
    body: { errors: [{ pointer: '/external_job_id' }] },
  });
  t.match(await client.put(path, { ...event, source: 'bank' }), { status: 422, body: { errors: [{ pointer: '/source' }] } });
  t.match(await client.put(path, { ...event, external_job_id: 'named', source: 'shop' }), { status: 201 });
  t.match(await client.put(`/api/v1/events/external/${'x'.repeat(256)}`, event), { status: 422 });
  t.match(await client.put('/api/v1/events/external/x?source=no%20label', event), { status: 422 });
});

// ---- after a crash ----

t.test('what was answered still holds after a kill', async (t) => {
  const patched = (await client.schedule({ destination: `${receiver.url}/kept`, delay: '1h', payload: 'old' })).body.id;
  await client.change(patched, { payload: 'new', delay: '2h' });
  const retried = await inState.DEAD!();
  await client.retry(retried, { delay: '1h' });
  const { id: cancelled, scheduled_at: cancelledFor } = (
    await client.schedule({ destination: `${receiver.url}/never`, delay_ms: 3_000 })
  ).body;
  await client.cancel(cancelled);
  const before = await Promise.all([patched, retried, cancelled].map(async (id) => (await client.event(id)).body));
  await server.kill();
  await server.restart();
  await server.ready();
  const after = await Promise.all([patched, retried, cancelled].map(async (id) => (await client.event(id)).body));
  t.same(
    after.map(({ waiting_for: _now, ...event }) => event),
    before.map(({ waiting_for: _then, ...event }) => event),
  );
  t.equal((await client.fire(patched)).status, 200);
  await receiver.until('/kept', 1);
  await until('the time of what was cancelled has passed', () => Date.now() > Date.parse(cancelledFor) + 500);
  t.equal(receiver.at('/kept')[0]!.body.toString(), '"new"');
  t.same(receiver.at('/never'), []);
});
