/** The calls on events as a client sees them, over HTTP. */
import t from 'tap';
import { EngineError, type WallMs } from '../../engine/index.js';
import { setupGateway } from '../support/gateway.js';

const destination = 'https://example.org/hook';
const events = '/api/v1/events';

t.test('a new event is answered with 201, its place and all of its fields', async (t) => {
  const { call } = await setupGateway(t);
  const body = {
    external_job_id: 'order-1',
    scheduled_at: '2026-11-25T11:00:00+01:00',
    destination,
    headers: { Authorization: 'Bearer secret', 'X-Team': 'a', cookie: 'c', 'X-API-Key': 'k' },
    tags: { region: 'eu', a: '1' },
    payload: { orderId: 1 },
  };
  const { status, headers, json } = await call('POST', events, body);
  t.equal(status, 201);
  t.equal(headers.get('location'), `/api/v1/events/${String(json['id'])}`);
  t.equal(headers.get('etag'), '"1"');
  t.equal(headers.get('content-type'), 'application/json');
  t.equal(headers.get('idempotent-replayed'), null);
  t.match(headers.get('x-request-id'), /^[0-9a-f]{12}-\w+$/);
  t.match(json['id'], /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const { id: _id, created_at: createdAt, updated_at: updatedAt, ...rest } = json;
  t.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.equal(updatedAt, createdAt);
  t.strictSame(rest, {
    external_job_id: 'order-1',
    source: 'default',
    type: null,
    description: null,
    status: 'SCHEDULED',
    version: 1,
    waiting_for: null,
    scheduled_at: '2026-11-25T10:00:00.000Z',
    delivery_type: 'HTTP',
    destination,
    method: 'POST',
    priority: 5,
    max_retries: 3,
    retry: { strategy: 'exponential', initial_ms: 1_000, max_ms: 3_600_000, multiplier: 2, jitter: 'full' },
    timeout_ms: 30_000,
    expires_at: null,
    tags: { a: '1', region: 'eu' },
    attempts: 0,
    next_attempt_at: '2026-11-25T10:00:00.000Z',
    finished_at: null,
    last_status_code: null,
    last_error: null,
    fire_lag_ms: null,
    partition: 3,
    schedule_id: null,
    headers: { authorization: '[redacted]', 'x-team': 'a', cookie: '[redacted]', 'x-api-key': '[redacted]' },
    payload: { orderId: 1 },
  });
});

t.test('the same event again is the first one, other content is a conflict', async (t) => {
  const { call } = await setupGateway(t);
  const first = await call('POST', events, {
    external_job_id: 'a',
    destination,
    tags: { x: '1', y: '2' },
    headers: { 'X-A': '1' },
  });
  const again = await call('POST', events, {
    external_job_id: 'a',
    destination,
    tags: { y: '2', x: '1' },
    headers: { 'x-a': '1' },
  });
  t.equal(again.status, 200);
  t.equal(again.headers.get('idempotent-replayed'), 'true');
  t.equal(again.headers.get('etag'), '"1"');
  t.same(again.json, first.json);
  const other = await call('POST', events, { external_job_id: 'a', destination, priority: 9 });
  t.equal(other.status, 409);
  t.equal(other.headers.get('content-type'), 'application/problem+json');
  t.match(other.json, {
    type: '/problems/external-job-id-conflict',
    status: 409,
    code: 'external-job-id-conflict',
    retryable: false,
    instance: events,
    event_id: first.json['id'],
    event_status: 'SCHEDULED',
  });
});

t.test('an Idempotency-Key means the same quoted and bare', async (t) => {
  const { call, engine } = await setupGateway(t);
  const first = await call('POST', events, { destination }, { 'idempotency-key': '"k-1"' });
  const again = await call('POST', events, { destination }, { 'idempotency-key': 'k-1' });
  t.equal(first.status, 201);
  t.equal(again.status, 200);
  t.equal(again.json['id'], first.json['id']);
  t.equal(engine.lastSpec.idempotencyKey, 'k-1');
  const other = await call('POST', events, { destination, priority: 1 }, { 'idempotency-key': 'k-1' });
  t.match(other, { status: 422, json: { code: 'idempotency-key-reused' } });
  for (const key of ['x'.repeat(256), '""', '"']) {
    const refused = await call('POST', events, { destination, priority: 2 }, { 'idempotency-key': key });
    if (key !== '"') t.match(refused, { status: 422, json: { code: 'invalid', errors: [{ pointer: '' }] } }, key.slice(0, 5));
  }
});

t.test('a trace goes on if it can be read', async (t) => {
  const { call, engine } = await setupGateway(t);
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await call('POST', events, { destination }, { traceparent });
  t.equal(engine.lastSpec.traceparent, traceparent);
  for (const broken of [
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'x',
  ]) {
    t.equal((await call('POST', events, { destination }, { traceparent: broken })).status, 201);
    t.equal(engine.lastSpec.traceparent, null, broken);
  }
});

t.test('a sane request id comes back, another one does not', async (t) => {
  const { call } = await setupGateway(t);
  t.equal(
    (await call('GET', '/health', undefined, { 'x-request-id': 'trace:1.a_b-c' })).headers.get('x-request-id'),
    'trace:1.a_b-c',
  );
  for (const given of ['a b', 'x'.repeat(129), '<script>']) {
    t.match(
      (await call('GET', '/nowhere', undefined, { 'x-request-id': given })).headers.get('x-request-id'),
      /^[0-9a-f]{12}-\w+$/,
    );
  }
});

t.test('an event is read with its payload as it came', async (t) => {
  const { call } = await setupGateway(t);
  const payload = '{"z":1,   "a":12345678901234567890.10, "\\u00e9":"é😀"}';
  const made = await call('POST', events, `{"destination":"${destination}","payload":${payload}}`);
  t.ok(made.text.endsWith(`"payload":${payload}}`));
  const read = await call('GET', `${events}/${String(made.json['id'])}`);
  t.equal(read.status, 200);
  t.equal(read.headers.get('etag'), '"1"');
  t.ok(read.text.endsWith(`"payload":${payload}}`));
  t.same(read.json, made.json);
});

t.test('an event that is not there, or can be no event, is not found', async (t) => {
  const { call } = await setupGateway(t);
  for (const id of ['01988f6e-1a2b-7f03-9c1d-0123456789ab', 'x', '%00', 'statistic', '..%2f..']) {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/history'],
      ['DELETE', ''],
      ['POST', '/cancel'],
    ] as const) {
      t.match(
        await call(method, `${events}/${id}${path}`),
        { status: 404, json: { code: 'not-found', status: 404 } },
        `${method} ${id}${path}`,
      );
    }
  }
});

t.test('a history shows each transition, with what was answered as text', async (t) => {
  const { call } = await setupGateway(t);
  const { json } = await call('POST', events, { destination });
  const history = await call('GET', `${events}/${String(json['id'])}/history`);
  t.strictSame(history.json, {
    data: [
      {
        version: 1,
        at: json['created_at'],
        status: 'SCHEDULED',
        attempt: 0,
        status_code: null,
        duration_ms: null,
        error: null,
        response_body: 'né\u0000',
        next_attempt_at: null,
      },
    ],
  });
});

t.test('an event is cancelled by either call, and once more without harm', async (t) => {
  const { call, engine } = await setupGateway(t);
  const { json } = await call('POST', events, { destination });
  const path = `${events}/${String(json['id'])}`;
  t.match(await call('DELETE', path), { status: 200, json: { status: 'CANCELLED', version: 2, next_attempt_at: null } });
  t.match(await call('POST', `${path}/cancel`), { status: 200, json: { version: 2 } });
  t.match(await call('POST', `${path}/cancel`, {}), { status: 200 }, 'an empty object is no body');
  t.match(await call('POST', `${path}/cancel`, { reason: 'x' }), { status: 422, json: { errors: [{ pointer: '/reason' }] } });
  t.match(await call('POST', `${path}/cancel`, '{'), { status: 400, json: { code: 'malformed-json' } });
  t.match(await call('DELETE', `${path}?in_flight=abort`), {
    status: 422,
    json: { code: 'invalid', detail: /in_flight/ },
  });
  const kept = [...engine.events.values()][0]!;
  kept.view = { ...kept.view, status: 'DELIVERED', finishedAtMs: 0 as WallMs };
  t.match(await call('DELETE', path), { status: 409, json: { code: 'already-finished', event_status: 'DELIVERED' } });
});

t.test('a batch that is large goes to the engine in slices, and each event has its own answer', async (t) => {
  const { call, engine } = await setupGateway(t);
  const event = { destination };
  const slices: number[] = [];
  const { scheduleSheet } = engine;
  engine.scheduleSheet = (sheet, asked) => {
    slices.push(sheet.count);
    return scheduleSheet.call(engine, sheet, asked);
  };
  const large = { ...event, payload: 'x'.repeat(200_000) };
  const batch = [...Array.from({ length: 4_500 }, () => event), ...Array.from({ length: 8 }, () => large), { nothing: 1 }];
  const { status, json } = await call('POST', `${events}/batch`, { events: batch });
  t.equal(status, 200);
  t.match(json, { accepted: 4_508, duplicates: 0, rejected: 1 });
  const { results } = json as { results: { index: number; id?: string }[] };
  t.same(
    results.map(({ index }) => index),
    batch.map((_, index) => index),
  );
  t.equal(new Set(results.map(({ id }) => id)).size, 4_509, 'each its own id, and none for the one that was refused');
  t.same(slices, [2_000, 2_000, 505, 3]);

  engine.scheduleSheet = () => {
    throw new Error('a bug');
  };
  t.match(await call('POST', `${events}/batch`, { events: batch }), { status: 500, json: { code: 'internal' } });
});

t.test('a batch answers for each event by its index', async (t) => {
  const { call } = await setupGateway(t);
  await call('POST', events, { destination, external_job_id: 'known' });
  const batch = {
    events: [
      { destination, external_job_id: 'new' },
      { destination: 'ftp://x' },
      { destination, external_job_id: 'known' },
      { destination, external_job_id: 'known', priority: 1 },
    ],
  };
  const { status, json } = await call('POST', `${events}/batch`, batch);
  t.equal(status, 200);
  t.match(json, {
    accepted: 1,
    duplicates: 1,
    rejected: 2,
    results: [
      { index: 0, id: String, status: 'SCHEDULED', duplicate: false },
      { index: 1, code: 'invalid', detail: /destination/, retryable: false, errors: [{ pointer: '/destination' }] },
      { index: 2, id: String, status: 'SCHEDULED', duplicate: true },
      { index: 3, code: 'external-job-id-conflict', retryable: false, event_id: String, errors: [] },
    ],
  });
  const errors = await call('POST', `${events}/batch?results=errors`, batch);
  t.match(errors.json, { accepted: 0, duplicates: 2, rejected: 2, results: [{ index: 1 }, { index: 3 }] });
  t.equal((errors.json['results'] as unknown[]).length, 2);
  t.match(await call('POST', `${events}/batch?results=some`, batch), { status: 422, json: { code: 'invalid' } });
  t.match(await call('POST', `${events}/batch?result=errors`, batch), { status: 422, json: { code: 'invalid' } });
  t.match(await call('POST', `${events}/batch?results=all&results=errors`, batch), { status: 422 });
});

t.test('refusals of the engine keep their code, and say when to come back', async (t) => {
  const { call, engine, defects } = await setupGateway(t);
  for (const [code, status, retryAfter] of [
    ['overloaded', 503, '1'],
    ['partition-unavailable', 503, '5'],
    ['stopping', 503, '5'],
    ['disk-full', 507, '30'],
    ['record-damaged', 500, null],
  ] as const) {
    engine.next = new EngineError(code, 'for a reason');
    const { status: found, json, headers } = await call('POST', events, { destination });
    t.match({ found, json }, { found: status, json: { code, detail: 'for a reason', status } });
    t.equal(headers.get('retry-after'), retryAfter, code);
  }
  engine.next = new EngineError('outcome-unknown', 'ask', { members: { event_id: 'e' } });
  t.match(await call('POST', events, { destination }), {
    status: 500,
    json: { code: 'outcome-unknown', event_id: 'e', retryable: false },
  });
  t.equal(defects.length, 0);
});

t.test('a defect answers 500 without its text, and is reported', async (t) => {
  const { call, engine, defects } = await setupGateway(t);
  engine.next = new Error('secret detail');
  const { status, text, json } = await call('POST', events, { destination }, { 'x-request-id': 'mine' });
  t.match({ status, json }, { status: 500, json: { code: 'internal', detail: /mine/ } });
  t.notMatch(text, /secret/);
  t.match(defects, [{ message: 'secret detail' }]);
});

t.test('bodies must be JSON and say so', async (t) => {
  const { call } = await setupGateway(t);
  const body = JSON.stringify({ destination });
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    t.equal((await call('POST', events, body, { 'content-type': type })).status, 201, type);
  }
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/msgpack',
    'application/x-ndjson',
    'application/json; charset=latin1',
    'application/jsonx',
  ]) {
    const isForBatches = /msgpack|ndjson/.test(type);
    for (const path of isForBatches ? [events] : [events, `${events}/batch`]) {
      t.match(
        await call('POST', path, body, { 'content-type': type }),
        { status: 415, json: { code: 'unsupported-media-type' } },
        type,
      );
    }
  }
});

t.test('unknown paths are not found and unknown methods not allowed', async (t) => {
  const { call } = await setupGateway(t);
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/api/v2/events',
    '/api/v1/events/',
    '/API/v1/events',
    '/api/v1/events//history',
    '/api/v1/events/x/y',
    '/api/v1/metrics',
    '/problems/',
    '/problems/nothing',
    '/openapi.yaml',
  ]) {
    t.match(await call('GET', path), { status: 404, json: { code: 'not-found' } }, path);
  }
  // The server library finds these two by itself.
  for (const path of [
    `${events}/`,
    `/${events}`,
    '/api//v1/events',
    '/api/v1/Events',
    '/api/v1/events%2Fbatch',
    `${events}/batch/`,
  ]) {
    t.match(await call('POST', path, { destination: 'LOCAL:known' }), { status: 404, json: { code: 'not-found' } }, path);
  }
  for (const [method, path, allow] of [
    ['PUT', events, 'POST, GET, HEAD'],
    ['GET', `${events}/batch`, 'POST'],
    ['PUT', `${events}/x`, 'GET, HEAD, DELETE, PATCH'],
    ['POST', `${events}/x`, 'GET, HEAD, DELETE, PATCH'],
    ['GET', `${events}/x/retry`, 'POST'],
    ['POST', `${events}/external/x`, 'GET, HEAD, DELETE, PATCH, PUT'],
    ['DELETE', `${events}/x/history`, 'GET, HEAD'],
    ['GET', `${events}/x/cancel`, 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['POST', '/api/v1/stream', 'GET'],
    ['OPTIONS', events, 'POST, GET, HEAD'],
  ] as const) {
    const { status, headers, json } = await call(method, path);
    t.match({ status, json }, { status: 405, json: { code: 'method-not-allowed' } }, `${method} ${path}`);
    t.equal(headers.get('allow'), allow, `${method} ${path}`);
  }
  for (const [path, status] of [
    [`${events}/batch`, 405],
    ['/api/v1/stream/sse', 405],
    ['/nothing', 404],
    ['/health/ready', 200],
    [events, 200],
  ] as const) {
    const head = await call('HEAD', path);
    t.match(head, { status, text: '' }, `HEAD ${path}`);
    const lengthOf = async (method: string) => (await call(method, path)).headers.get('content-length');
    if (status === 200) t.equal(head.headers.get('content-length'), await lengthOf('GET'), `HEAD ${path}`);
  }
  t.match(await call('GET', '/api/v1/stream'), { status: 400, json: { code: 'malformed-request' } });
});

t.test('unknown query parameters are refused on every call', async (t) => {
  const { call } = await setupGateway(t);
  for (const [method, path, body] of [
    ['POST', `${events}?dry_run=true`, { destination }],
    ['GET', `${events}/x?fields=id`, undefined],
    ['GET', `${events}/x/history?limit=1`, undefined],
    ['GET', '/health?verbose', undefined],
    ['GET', '/health/ready?x=1', undefined],
    ['GET', '/metrics?x=1', undefined],
    ['GET', '/problems/invalid?x=1', undefined],
  ] as const) {
    t.match(await call(method, path, body), { status: 422, json: { code: 'invalid', errors: [{ pointer: '' }] } }, path);
  }
});

t.test('readiness says whether to send work here', async (t) => {
  const { call, engine } = await setupGateway(t);
  const partition = (number: number, status: string) => ({ name: `partition ${number}`, status, detail: null });
  for (const root of ['', '/api/v1']) {
    t.match(await call('GET', `${root}/health/ready`), { status: 200, json: { status: 'ready' } });
    t.match(await call('GET', `${root}/health/live`), { status: 200 });
    t.match(await call('GET', `${root}/health`), {
      status: 200,
      json: { components: [{ name: 'partition 0' }], recovery: { overdue: 0 } },
    });
  }
  for (const [status, components, expected] of [
    ['recovering', [partition(0, 'recovering')], 503],
    ['stopping', [partition(0, 'ready')], 503],
    ['degraded', [partition(0, 'failed'), partition(1, 'ready')], 200],
    ['degraded', [partition(0, 'failed')], 503],
  ] as const) {
    engine.healthNow = { ...engine.healthNow, status, components };
    t.equal((await call('GET', '/health/ready')).status, expected, status);
    t.equal((await call('GET', '/health/live')).status, 200, 'a restart would not help');
  }
});

t.test('metrics and problem texts are served as text', async (t) => {
  const { call } = await setupGateway(t);
  const metrics = await call('GET', '/metrics');
  t.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(metrics.text, /escapement_events_pending 0/);
  const problem = await call('GET', '/problems/overloaded');
  t.match(problem.headers.get('content-type'), /^text\/plain/);
  t.match(problem.text, /503[\s\S]*may succeed later/);
});

t.test('an event without an owner that answers is accepted for the next one, with 202 and its id', async (t) => {
  const { call, engine } = await setupGateway(t);
  engine.isWithoutOwner = true;
  const { status, headers, json } = await call('POST', events, { destination });
  t.equal(status, 202);
  t.strictSame(json, { id: headers.get('location')?.slice(events.length + 1), status: 'ACCEPTED' });
  const batch = await call('POST', `${events}/batch`, { events: [{ destination }] });
  t.match(batch.json, { accepted: 1, results: [{ index: 0, status: 'ACCEPTED', duplicate: false }] });
});
