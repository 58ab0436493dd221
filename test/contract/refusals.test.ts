/** What is refused, how it is said, and that nothing of it is left behind. */
import t from 'tap';
import type { Problem } from '../support/http.js';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const { client, url } = await sharedServer(t);
const receiver = await startReceiver(t);
const destination = receiver.url;
const began = new Date().toISOString();
const tenYearsMs = 10 * 366 * 86_400_000;

/** Fields on top of a good event, the pointer of the error. */
const invalid: readonly [fields: Record<string, unknown>, pointer: string][] = [
  [{ destinaton: 'x' }, '/destinaton'],
  [{ ordering_key: 'a' }, '/ordering_key'],
  [{ schedule_id: 'a' }, '/schedule_id'],
  [{ status: 'SCHEDULED' }, '/status'],
  [{ __proto: 1 }, '/__proto'],
  [{ destination: undefined }, '/destination'],
  [{ destination: 'ftp://example.org/' }, '/destination'],
  [{ destination: 'http://user:pw@example.org/' }, '/destination'],
  [{ destination: 'http://user@example.org/' }, '/destination'],
  [{ destination: 'example.org' }, '/destination'],
  [{ destination: 'http://' }, '/destination'],
  [{ destination: 'http://exa mple.org/' }, '/destination'],
  [{ destination: 'http://example.org/\r\nx' }, '/destination'],
  [{ destination: 7 }, '/destination'],
  [{ delivery_type: 'WORKER', destination: 'queue' }, '/delivery_type'],
  [{ delivery_type: 'http' }, '/delivery_type'],
  [{ scheduled_at: '2031-02-30T00:00:00Z' }, '/scheduled_at'],
  [{ scheduled_at: '2031-01-01T00:00:00' }, '/scheduled_at'],
  [{ scheduled_at: '2031-01-01' }, '/scheduled_at'],
  [{ scheduled_at: 1_900_000_000 }, '/scheduled_at'],
  [{ scheduled_at: '2199-01-01T00:00:00Z' }, '/scheduled_at'],
  [{ delay: '1 h' }, '/delay'],
  [{ delay: '-1h' }, '/delay'],
  [{ delay: '11y' }, '/delay'],
  [{ delay: 'P1000Y' }, '/delay'],
  [{ delay_ms: -1 }, '/delay_ms'],
  [{ delay_ms: 1.5 }, '/delay_ms'],
  [{ delay_ms: tenYearsMs + 1 }, '/delay_ms'],
  [{ delay_ms: 1, delay: '1h' }, '/delay_ms'],
  [{ delay_ms: 1, scheduled_at: '2031-01-01T00:00:00Z' }, '/delay_ms'],
  [{ delay: '1h', scheduled_at: '2031-01-01T00:00:00Z' }, '/delay'],
  [{ expires_at: 'tomorrow' }, '/expires_at'],
  [{ priority: 10 }, '/priority'],
  [{ priority: 'URGENT' }, '/priority'],
  [{ priority: '5' }, '/priority'],
  [{ max_retries: 101 }, '/max_retries'],
  [{ timeout_ms: 99 }, '/timeout_ms'],
  [{ timeout_ms: 1_800_001 }, '/timeout_ms'],
  [{ retry: { strategy: 'random' } }, '/retry/strategy'],
  [{ retry: { tries: 1 } }, '/retry/tries'],
  [{ external_job_id: '' }, '/external_job_id'],
  [{ external_job_id: 'x'.repeat(256) }, '/external_job_id'],
  [{ external_job_id: 'a\nb' }, '/external_job_id'],
  [{ source: 'a b' }, '/source'],
  [{ source: 'x'.repeat(129) }, '/source'],
  [{ type: 'ä' }, '/type'],
  [{ description: 'x'.repeat(1_001) }, '/description'],
  [{ tags: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`t${n}`, ''])) }, '/tags'],
  [{ tags: { a: 1 } }, '/tags/a'],
  [{ method: 'HEAD' }, '/method'],
  [{ method: 'post' }, '/method'],
  [{ headers: { host: 'x' } }, '/headers/host'],
  [{ headers: { 'Content-Length': '1' } }, '/headers/Content-Length'],
  [{ headers: { 'transfer-encoding': 'chunked' } }, '/headers/transfer-encoding'],
  [{ headers: { connection: 'close' } }, '/headers/connection'],
  [{ headers: { 'webhook-id': 'x' } }, '/headers/webhook-id'],
  [{ headers: { 'Webhook-Signature': 'x' } }, '/headers/Webhook-Signature'],
  [{ headers: { 'escapement-attempt': '1' } }, '/headers/escapement-attempt'],
  [{ headers: { 'Idempotency-Key': '1' } }, '/headers/Idempotency-Key'],
  [{ headers: { a: 'b\r\nc: d' } }, '/headers/a'],
  [{ headers: { 'a b': 'c' } }, '/headers/a b'],
  [{ headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, ''])) }, '/headers'],
  [{ headers: { a: 'x'.repeat(8_192) } }, '/headers'],
  [{ payload: JSON.parse(`${'['.repeat(129)}${']'.repeat(129)}`) }, '/payload'],
  [{ external_job_id: null }, '/external_job_id'],
];

t.test('invalid input is 422 and names the field', async (t) => {
  for (const [fields, pointer] of invalid) {
    const { status, headers, body } = await client.schedule({ destination, ...fields });
    const name = JSON.stringify(fields).slice(0, 80);
    t.equal(status, 422, name);
    t.equal(headers['content-type'], 'application/problem+json');
    t.match(body, {
      type: '/problems/invalid',
      title: String,
      status: 422,
      detail: String,
      instance: '/api/v1/events',
      code: 'invalid',
      retryable: false,
    });
    t.ok(
      body.errors?.some((error) => error.pointer === pointer && error.detail.length > 0),
      `${name}: ${JSON.stringify(body.errors)}`,
    );
  }
});

t.test('where webhooks may not go', async (t) => {
  const forbidden = [
    'http://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/',
    'http://0.0.0.0/',
    'http://224.0.0.1/',
    'http://[::ffff:169.254.169.254]/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://[64:ff9b::a9fe:a9fe]/',
  ];
  for (const literal of forbidden) {
    const { status, body } = await client.schedule({ destination: literal });
    t.equal(status, 422, literal);
    t.match(body, { code: 'destination-not-allowed', retryable: false, errors: [{ pointer: '/destination' }] });
  }
  for (const [delivery_type, place] of [
    ['LOCAL', 'nobody'],
    ['NATS', 'orders.paid'],
  ]) {
    const { status, body } = await client.schedule({ delivery_type, destination: place });
    t.equal(status, 422, delivery_type);
    t.equal(body.code, 'destination-not-allowed');
  }
});

t.test('bodies that are no event at all', async (t) => {
  const cases: readonly [body: string | Buffer, status: number, code: string][] = [
    ['', 400, 'malformed-json'],
    ['{', 400, 'malformed-json'],
    ["{'a':1}", 400, 'malformed-json'],
    [`{"destination":"${destination}"} x`, 400, 'malformed-json'],
    [`{"destination":"${destination}","destination":"${destination}"}`, 400, 'malformed-json'],
    [`{"destination":"${destination}","payload":1,"payload":1}`, 400, 'malformed-json'],
    ['[]', 422, 'invalid'],
    ['7', 422, 'invalid'],
    ['null', 422, 'invalid'],
    [JSON.stringify({ destination, payload: 'x'.repeat(256 * 1024 - 1) }), 413, 'too-large'],
    [JSON.stringify({ destination, payload: 'x'.repeat(512 * 1024) }), 413, 'too-large'],
    ['['.repeat(200_000), 400, 'malformed-json'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await client.post<Problem>('/api/v1/events', body);
    const name = `${String(body).slice(0, 50)} (${body.length})`;
    t.equal(answer.status, status, name);
    t.equal(answer.body.code, code, name);
    t.match(answer.headers['x-request-id'], /./);
  }
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'application/msgpack',
  ]) {
    const { status, body } = await client.schedule({ destination }, { 'content-type': type });
    t.equal(status, 415, type);
    t.equal(body.code, 'unsupported-media-type');
  }
});

t.test('paths, methods and parameters that there are not', async (t) => {
  for (const path of [
    '/',
    '/api',
    '/api/v1/event',
    '/api/v1/events/',
    '/api/v2/events',
    '/API/v1/events',
    '/api/v1//events',
    '/api/v1/events/a/b',
  ]) {
    const answer = await client.get<Problem>(path);
    t.equal(answer.status, 404, path);
    t.equal(answer.body.code, 'not-found');
    t.match(answer.headers['x-request-id'], /./);
  }
  const wrong: readonly ['GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST', string, string][] = [
    ['PUT', '/api/v1/events', 'GET, HEAD, POST'],
    ['GET', '/api/v1/events/batch', 'POST'],
    ['POST', '/api/v1/events/01988f6e-1a2b-7f03-9c1d-0123456789ab', 'GET, HEAD, DELETE, PATCH'],
    ['DELETE', '/health', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of wrong) {
    const answer = await client.send<Problem>({ method, path });
    t.equal(answer.status, 405, `${method} ${path}`);
    t.equal(answer.body.code, 'method-not-allowed');
    t.same(String(answer.headers['allow']).split(', ').sort(), allow.split(', ').sort());
  }
  t.equal((await client.post('/api/v1/events?dry_run=true', { destination })).status, 422);
  t.equal((await client.get('/health?verbose=1')).status, 422);
});

t.test('a request id that is sane comes back', async (t) => {
  t.equal((await client.get('/health', { 'x-request-id': 'abc-1' })).headers['x-request-id'], 'abc-1');
  t.not((await client.get('/health', { 'x-request-id': 'a b' })).headers['x-request-id'], 'a b');
});

t.test('nothing of all that was stored or sent', async (t) => {
  const stored = await client.get<{ data: readonly unknown[] }>(`/api/v1/events?created_from=${began}`);
  t.same(stored.body.data, []);
  t.same(receiver.arrivals, []);
});

// By a process of its own, as the client has to be writing while the server closes.
t.test('whoever sends all of a body that is too long sees why it was refused, and no reset connection', async (t) => {
  const bodyBytesMax = 512 * 1024;
  const piece = Buffer.alloc(64 * 1024, ' ');
  async function* pieces() {
    for (let sent = 0; sent <= 4 * bodyBytesMax; sent += piece.length) yield piece;
  }
  for (let round = 0; round < 5; round++) {
    for (const body of [pieces(), Buffer.alloc(40 * bodyBytesMax, ' ')]) {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/api/v1/events`, { method: 'POST', headers, body, duplex: 'half' });
      t.match([answer.status, await answer.json()], [413, { code: 'too-large' }]);
      t.equal(answer.headers.get('connection'), 'close');
    }
  }
});
