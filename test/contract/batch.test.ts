/** The contract of `POST /events/batch`. */
import { Packr } from 'msgpackr';
import t from 'tap';
import { startReceiver } from '../support/receiver.js';
import { sharedServer } from '../support/shared-server.js';

const server = await sharedServer(t);
const { client } = server;
const receiver = await startReceiver(t);
const far = '2031-05-06T07:08:09.123Z';
const good = { destination: receiver.url, scheduled_at: far };

t.test('one bad event never fails the others, and each is answered for by its index', async (t) => {
  const { status, body } = await client.batch([
    { ...good, external_job_id: 'b1' },
    { ...good, priority: 11, typo: 1 },
    { ...good, external_job_id: 'b1' },
    { destination: 'http://169.254.169.254/latest' },
    7,
    { ...good, external_job_id: 'b1', priority: 1 },
    { ...good, payload: 'x'.repeat(256 * 1024) },
  ]);
  t.equal(status, 200);
  t.same([body.accepted, body.duplicates, body.rejected], [1, 1, 5]);
  t.same(
    body.results.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5, 6],
  );
  const [first, invalid, again, forbidden, number, conflict, large] = body.results;
  t.match(first, { id: String, status: 'SCHEDULED', duplicate: false });
  t.match(invalid, { code: 'invalid', retryable: false, detail: String });
  t.same(invalid!.errors!.map(({ pointer }) => pointer).sort(), ['/priority', '/typo']);
  t.match(again, { id: first!.id, status: 'SCHEDULED', duplicate: true });
  t.match(forbidden, { code: 'destination-not-allowed', retryable: false });
  t.match(number, { code: 'invalid' });
  t.match(conflict, { code: 'external-job-id-conflict', event_id: first!.id, event_status: 'SCHEDULED' });
  t.match(large, { code: 'too-large' });
  t.equal((await client.event(first!.id!)).status, 200);
});

t.test('?results=errors leaves the accepted ones out, and nothing else is known there', async (t) => {
  const events = { events: [good, { ...good, priority: 10 }, good] };
  const { body } = await client.post<{ accepted: number; results: { index: number }[] }>(
    '/api/v1/events/batch?results=errors',
    events,
  );
  t.equal(body.accepted, 2);
  t.same(
    body.results.map(({ index }) => index),
    [1],
  );
  for (const query of ['?result=errors', '?results=some', '?results=all&results=all', '?x']) {
    t.equal((await client.post(`/api/v1/events/batch${query}`, events)).status, 422, query);
  }
});

t.test('the key of an event is the header and its index', async (t) => {
  const headers = { 'idempotency-key': '"batch-1"' };
  const first = await client.batch([good, { ...good, priority: 1 }], headers);
  const again = await client.batch([good, { ...good, priority: 1 }], headers);
  t.equal(again.body.duplicates, 2);
  t.same(
    again.body.results.map(({ id }) => id),
    first.body.results.map(({ id }) => id),
  );
  const single = await client.schedule({ ...good, priority: 1 }, { 'idempotency-key': 'batch-1:1' });
  t.equal(single.status, 200, 'and can be given for a single one');
  t.equal(single.body.id, first.body.results[1]!.id);
  const swapped = await client.batch([{ ...good, priority: 1 }, good], headers);
  t.same(
    swapped.body.results.map(({ code }) => code),
    ['idempotency-key-reused', 'idempotency-key-reused'],
  );
});

t.test('a batch that is wrong as a whole is refused as a whole', async (t) => {
  const path = '/api/v1/events/batch';
  const cases: readonly [body: unknown, status: number, code: string][] = [
    [{ events: [] }, 422, 'invalid'],
    [{}, 422, 'invalid'],
    [{ events: {} }, 422, 'invalid'],
    [[good], 422, 'invalid'],
    [{ events: [good], more: 1 }, 422, 'invalid'],
    ['{"events":[],"events":[]}', 400, 'malformed-json'],
    ['{"events":[{}', 400, 'malformed-json'],
    ['', 400, 'malformed-json'],
    [{ events: Array.from({ length: 10_001 }, () => good) }, 413, 'too-large'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await client.post<{ code: string }>(path, body);
    t.equal(answer.status, status, `${JSON.stringify(body).slice(0, 60)}`);
    t.equal(answer.body.code, code);
  }
  for (const type of ['application/x-msgpack', 'application/ndjson', 'text/plain']) {
    t.equal((await client.post(path, '{}', { 'content-type': type })).status, 415, type);
  }
});

t.test('lines and MessagePack are batches too, and a payload from MessagePack is delivered as JSON', async (t) => {
  const path = '/api/v1/events/batch';
  const events = [
    { ...good, external_job_id: 'forms-1' },
    { ...good, external_job_id: 'forms-1', priority: 1 },
    { destination: `${receiver.url}/forms`, payload: { n: 1, text: 'é"\n' } },
  ];
  const lines = `${events.map((event) => JSON.stringify(event)).join('\n')}\n`;
  for (const [type, body] of [
    ['application/x-ndjson; charset=utf-8', Buffer.from(lines)],
    ['application/msgpack', new Packr({ useRecords: false }).pack({ events })],
  ] as const) {
    const response = await fetch(`${server.url}${path}?results=errors`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    t.match(await response.json(), { rejected: 1, results: [{ index: 1, code: 'external-job-id-conflict' }] }, type);
    t.equal(response.status, 200);
  }
  await receiver.until('/forms', 2);
  for (const { body, headers } of receiver.at('/forms')) {
    t.equal(body.toString(), '{"n":1,"text":"é\\"\\n"}');
    t.equal(headers['content-type'], 'application/json');
  }
});

t.test('ten thousand events are taken at once', async (t) => {
  const { status, body } = await client.batch(Array.from({ length: 10_000 }, (_, n) => ({ ...good, payload: { n } })));
  t.equal(status, 200);
  t.equal(body.accepted, 10_000);
  t.equal(new Set(body.results.map(({ id }) => id)).size, 10_000);
});
