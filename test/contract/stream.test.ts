/** The contract of the status stream over a real WebSocket. */
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { StreamClient } from '../support/stream-client.js';

const { client, url } = await startServer(t);
const receiver = await startReceiver(t);

async function connect(t: Test, path?: string): Promise<StreamClient> {
  const stream = await StreamClient.connect(url, path);
  t.teardown(() => stream.close());
  return stream;
}

t.test('from now on every change is told once, in order, with all of its fields', async (t) => {
  await client.schedule({ destination: `${receiver.url}/before` });
  const stream = await connect(t);
  const { cursor } = await stream.subscribe('all');
  t.equal(typeof cursor, 'string');
  receiver.answer('/second', ({ attempt }) => (attempt === 1 ? { status: 503 } : {}));
  const { body } = await client.schedule({
    external_job_id: 'job-1',
    source: 's',
    type: 'order.paid',
    destination: `${receiver.url}/second`,
    retry: { strategy: 'fixed', initial_ms: 20, max_ms: 20, jitter: 'none' },
  });
  const items = await until('all five changes', () => {
    const own = stream.items('all').filter(({ event_id }) => event_id === body.id);
    return own.length >= 5 && own;
  });
  t.same(
    items.map(({ status, version, attempt, status_code, error }) => ({ status, version, attempt, status_code, error })),
    [
      { status: 'SCHEDULED', version: 1, attempt: 0, status_code: null, error: null },
      { status: 'DISPATCHED', version: 2, attempt: 1, status_code: null, error: null },
      { status: 'RETRYING', version: 3, attempt: 1, status_code: 503, error: 'HTTP 503' },
      { status: 'DISPATCHED', version: 4, attempt: 2, status_code: null, error: null },
      { status: 'DELIVERED', version: 5, attempt: 2, status_code: 204, error: null },
    ],
  );
  const fields = [
    'event_id',
    'external_job_id',
    'source',
    'type',
    'status',
    'version',
    'at',
    'attempt',
    'next_attempt_at',
    'status_code',
    'error',
    'fire_lag_ms',
  ];
  const { data } = (await client.history(body.id)).body;
  for (const [index, item] of items.entries()) {
    t.same(Object.keys(item), fields);
    t.match(item, {
      external_job_id: 'job-1',
      source: 's',
      type: 'order.paid',
      at: data[index]!.at,
      next_attempt_at: data[index]!.next_attempt_at,
    });
  }
  t.equal(typeof items[4]!['fire_lag_ms'], 'number');
  for (const frame of stream.frames) if (frame.op === 'changes') t.equal(typeof frame.cursor, 'string');
  t.notOk(stream.items('all').some(({ status, version }) => status === 'SCHEDULED' && version !== 1));
});

t.test('a filter lets through what matches each of its fields', async (t) => {
  const stream = await connect(t, '/api/v1/stream?token=ignored');
  receiver.answer('/dies', { status: 410 });
  await stream.subscribe('dead', { status: ['DEAD'] });
  await stream.subscribe('source', { source: 'f1' });
  await stream.subscribe('both', { source: ['f1', 'f2'], status: ['DEAD', 'DELIVERED'], type: 'a' });
  await stream.subscribe('job', { external_job_id: 'only-me' });
  const deliver = (source: string, type: string, path: string) =>
    client.schedule({ source, type, destination: receiver.url + path });
  const one = await deliver('f1', 'a', '/x');
  const two = await deliver('f2', 'a', '/dies');
  await deliver('f2', 'b', '/x');
  await deliver('f3', 'a', '/x');
  const job = await client.schedule({ external_job_id: 'only-me', destination: `${receiver.url}/x` });
  await stream.subscribe('id', { event_id: job.body.id });
  await until('the last of them is told', () => stream.items('job').some(({ status }) => status === 'DELIVERED'));
  await until('and the others', () => stream.items('both').length >= 2 && stream.items('source').length >= 3);
  const told = (id: string) => stream.items(id).map(({ event_id, status }) => [event_id, status]);
  t.same(told('dead'), [[two.body.id, 'DEAD']]);
  t.same(
    told('source'),
    ['SCHEDULED', 'DISPATCHED', 'DELIVERED'].map((status) => [one.body.id, status]),
  );
  t.same(
    new Set(told('both').map(([id, status]) => `${id} ${status}`)),
    new Set([`${one.body.id} DELIVERED`, `${two.body.id} DEAD`]),
  );
  t.equal(told('job').length, 3);
});

t.test('unsubscribed is heard no more; ping, stats and errors', async (t) => {
  const stream = await connect(t);
  await stream.subscribe('a');
  stream.send({ op: 'unsubscribe', id: 'a' });
  stream.send({ op: 'ping' });
  await stream.frame('pong', ({ op }) => op === 'pong');
  await client.schedule({ destination: `${receiver.url}/unheard` });
  await receiver.until('/unheard', 1);
  await pause(200);
  t.same(stream.items('a'), []);
  stream.send({ op: 'stats', every_ms: 100 });
  await until('statistics come again and again', () => stream.frames.filter(({ op }) => op === 'stats').length >= 3);
  const latency = { p50: Number, p90: Number, p95: Number, p99: Number, p99_9: Number, max: Number, count: Number };
  const rate = { '1m': Number, '5m': Number, '15m': Number };
  t.match(
    stream.frames.findLast(({ op }) => op === 'stats'),
    {
      total: Number,
      by_status: {
        SCHEDULED: Number,
        DISPATCHED: Number,
        DELIVERED: Number,
        RETRYING: Number,
        DEAD: Number,
        CANCELLED: Number,
        EXPIRED: Number,
      },
      by_delivery_type: { HTTP: Number },
      waiting: { concurrency: Number },
      rates: { accepted: rate, fired: rate, delivered: rate, failed: rate },
      fire_lag_ms: latency,
      delivery_ms: latency,
    },
  );
  const bad: readonly unknown[] = [
    'x',
    { op: 'dance' },
    { op: 'subscribe' },
    { op: 'subscribe', id: 'b', filter: { colour: 'red' } },
    { op: 'subscribe', id: 'b', filter: { status: ['LATE'] } },
    { op: 'subscribe', id: 'b', more: 1 },
    { op: 'unsubscribe', id: 'nobody' },
    { op: 'stats', every_ms: 1 },
  ];
  for (const [index, message] of bad.entries()) {
    stream.send(message);
    const errors = await until(`an error for ${JSON.stringify(message)}`, () => {
      const found = stream.frames.filter(({ op }) => op === 'error');
      return found.length > index && found;
    });
    t.match(errors[index], { code: /^(invalid|malformed-json)$/, detail: String });
  }
  stream.send({ op: 'ping' });
  await until('it still answers', () => stream.frames.filter(({ op }) => op === 'pong').length === 2);
});

t.test('a subscription that hears nothing keeps a fresh cursor', async (t) => {
  const stream = await connect(t);
  const { cursor } = await stream.subscribe('rare', { source: 'nobody' });
  await client.schedule({ destination: `${receiver.url}/other` });
  const fresh = await stream.frame(
    'a cursor',
    ({ op, id, cursor: now }) => op === 'cursor' && id === 'rare' && now !== cursor,
    12_000,
  );
  t.equal(typeof fresh.cursor, 'string');
});

t.test('a client that never reads is closed and costs bounded memory; another one misses nothing', async (t) => {
  const deaf = await connect(t);
  const reading = await connect(t);
  await deaf.subscribe('a');
  await reading.subscribe('a', { status: 'SCHEDULED' });
  deaf.pause();
  const before = await memory();
  const events = 30_000;
  for (let at = 0; at < events; at += 5_000) {
    const { status } = await client.post('/api/v1/events/batch?results=errors', {
      events: Array.from({ length: 5_000 }, (_, n) => ({
        external_job_id: `deaf-${at + n}`,
        destination: receiver.url,
        delay: '1d',
      })),
    });
    t.equal(status, 200);
  }
  await until('the other one has heard everything', () => reading.items('a').length === events, 20_000);
  const grownMiB = Math.round(((await memory()) - before) / 1024 / 1024);
  t.comment(`${grownMiB} MiB more for ${events} events and a client that never read`);
  deaf.resume();
  await until('it has been closed', () => deaf.closed !== null);
  t.equal(deaf.closed!.code, 1013);
  t.ok(deaf.items('a').length < events, 'before all of it was sent');
});

async function memory(): Promise<number> {
  const { text } = await client.get('/metrics');
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
}
