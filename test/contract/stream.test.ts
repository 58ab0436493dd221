/** The contract of the status stream over a real WebSocket. */
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';
import { sharedServer } from '../support/shared-server.js';
import { type ChangeItem, StreamClient } from '../support/stream-client.js';

const { client, url } = await sharedServer(t);
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

t.test('a client that stops reading is told that it lags, and hears everything once when it reads on', async (t) => {
  const slow = await connect(t);
  const reading = await connect(t);
  await slow.subscribe('a', { status: 'SCHEDULED', source: 'flood' });
  await reading.subscribe('a', { status: 'SCHEDULED', source: 'flood' });
  slow.pause();
  // Ten MB of changes are more than the ways to it and the server keep: long ones, as each costs as much as a short one.
  const events = 15_000;
  for (let at = 0; at < events; at += 5_000) {
    const { status } = await client.post('/api/v1/events/batch?results=errors', {
      events: Array.from({ length: 5_000 }, (_, n) => ({
        source: 'flood',
        type: 'long'.repeat(30),
        external_job_id: `flood-${at + n}`.padEnd(250, '.'),
        destination: receiver.url,
        delay: '1d',
      })),
    });
    t.equal(status, 200);
  }
  await until('the other one has heard everything', () => reading.items('a').length === events, 20_000);
  slow.resume();
  await until('and so has the slow one', () => slow.items('a').length >= events, 20_000);
  await pause(100);
  const jobs = slow.items('a').map(({ external_job_id }) => external_job_id);
  t.equal(jobs.length, events);
  t.equal(new Set(jobs).size, events);
  const lagging = slow.frames.filter(({ op }) => op === 'lagging');
  t.ok(lagging.length >= 1);
  for (const frame of lagging) {
    t.match(frame, { op: 'lagging', id: 'a' });
    t.ok((frame['behind'] as number) >= 1);
  }
  t.notOk(reading.frames.some(({ op }) => op === 'gap') || slow.frames.some(({ op }) => op === 'gap'));
  t.equal(slow.closed, null);
});

t.test('whoever comes back with the last cursor hears what it has missed, once, and then what happens', async (t) => {
  const first = await connect(t);
  const { cursor: begin } = await first.subscribe('a', { source: 'resumed' });
  const deliver = () => client.schedule({ source: 'resumed', destination: `${receiver.url}/resumed` });
  await deliver();
  await until('three changes', () => first.items('a').length === 3);
  const { cursor: last } = first.frames.findLast(({ op }) => op === 'changes')!;
  first.close();
  await deliver();
  const other = await connect(t);
  t.match(await other.subscribe('b', { source: 'resumed' }, last), { op: 'subscribed', cursor: last });
  await until('three more', () => other.items('b').length === 3);
  await deliver();
  await until('and three more', () => other.items('b').length === 6);
  const whole = await connect(t);
  await whole.subscribe('c', { source: 'resumed' }, begin);
  await until('all nine', () => whole.items('c').length === 9);
  // A stable sort leaves the order of changes of one event as it was; there is no order between events.
  const byEvent = (items: readonly ChangeItem[]) => items.toSorted((one, other) => one.event_id.localeCompare(other.event_id));
  t.same(byEvent(whole.items('c')), byEvent([...first.items('a'), ...other.items('b')]));
  t.notOk(whole.frames.some(({ op }) => op === 'gap'));
});

t.test('a cursor that is none is refused', async (t) => {
  const stream = await connect(t);
  for (const cursor of ['', 'yesterday', 'AQA', 'x'.repeat(5_000)]) {
    stream.send({ op: 'subscribe', id: 'a', cursor });
    await stream.frame('an error', ({ op, id, code }) => op === 'error' && id === 'a' && code === 'invalid');
  }
  await stream.subscribe('a');
});

t.test('a cursor that has left the replay window is answered with a gap, and goes on behind it', async (t) => {
  const small = await startServer(t, { env: { ESCAPEMENT_REPLAY_WINDOW: '20', ESCAPEMENT_PARTITIONS: '1' } });
  const schedule = (count: number) =>
    small.client.post('/api/v1/events/batch', {
      events: Array.from({ length: count }, () => ({ destination: receiver.url, delay: '1d' })),
    });
  const stream = await StreamClient.connect(small.url);
  t.teardown(() => stream.close());
  const { cursor } = await stream.subscribe('a');
  await schedule(15);
  await until('they are told', () => stream.items('a').length === 15);
  const { cursor: later } = stream.frames.findLast(({ op }) => op === 'changes')!;
  stream.close();
  await schedule(20);
  const back = await StreamClient.connect(small.url);
  t.teardown(() => back.close());
  await back.subscribe('within', undefined, later);
  await back.subscribe('beyond', undefined, cursor);
  await until('what is in the window', () => back.items('within').length === 20 && back.items('beyond').length === 20);
  const gaps = back.frames.filter(({ op }) => op === 'gap');
  t.match(gaps, [{ op: 'gap', id: 'beyond', from: cursor, to: later }]);
  t.equal(gaps.length, 1);
});

t.test('a cursor outlives the process, also one that is killed', async (t) => {
  const server = await startServer(t, { env: { ESCAPEMENT_ACTOR_THREADS: '2' } });
  const schedule = (from: number, count: number) =>
    server.client.post('/api/v1/events/batch', {
      events: Array.from({ length: count }, (_, n) => ({
        external_job_id: `job-${from + n}`,
        destination: receiver.url,
        delay: '1d',
      })),
    });
  const stream = await StreamClient.connect(server.url);
  t.teardown(() => stream.close());
  await stream.subscribe('a');
  await schedule(0, 100);
  await until('they are told', () => stream.items('a').length === 100);
  stream.send({ op: 'unsubscribe', id: 'a' });
  await schedule(100, 700);
  const { cursor } = stream.frames.findLast(({ op }) => op === 'changes')!;
  await server.kill();
  await server.restart();
  // Not ready yet, perhaps: whoever comes early waits.
  const back = await StreamClient.connect(server.url);
  t.teardown(() => back.close());
  await back.subscribe('a', undefined, cursor);
  await schedule(800, 10);
  await until('the rest is told', () => back.items('a').length >= 710);
  await pause(100);
  const jobs = back.items('a').map(({ external_job_id }) => Number(String(external_job_id).slice(4)));
  t.same(
    jobs.sort((one, other) => one - other),
    Array.from({ length: 710 }, (_, n) => 100 + n),
  );
  t.notOk(back.frames.some(({ op }) => op === 'gap'));
});
