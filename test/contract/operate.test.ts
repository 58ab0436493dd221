/** What operators and orchestrators see: health, metrics, problem texts. */
import t from 'tap';
import { until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const server = await startServer(t);
const { client } = server;
const receiver = await startReceiver(t);

t.test('health, at the root and under /api/v1', async (t) => {
  await server.ready();
  for (const path of ['/health', '/health/live', '/health/ready']) {
    for (const root of ['', '/api/v1']) {
      const { status, headers, body } = await client.get<{ components: { name: string }[] }>(root + path);
      t.equal(status, 200, root + path);
      t.match(headers['x-request-id'], /./);
      t.match(body, { status: 'ready', recovery: { overdue: 0, done_at: null } });
      for (const partition of [0, 1, 2, 3]) {
        t.match(
          body.components.find(({ name }) => name === `partition ${partition}`),
          { status: 'ready', detail: null },
        );
      }
    }
  }
});

t.test('metrics have the documented names, and count', async (t) => {
  receiver.answer('/fails', { status: 500 });
  receiver.answer('/dies', { status: 410 });
  for (const path of ['/ok', '/fails', '/dies'])
    await client.schedule({ destination: receiver.url + path, retry: { initial_ms: 3_600_000, jitter: 'none' } });
  await client.schedule({ destination: receiver.url, delay: '1d' });
  const expected: readonly [name: string, value: number][] = [
    ['escapement_events_accepted_total', 4],
    ['escapement_events_fired_total', 3],
    ['escapement_events_delivered_total', 1],
    ['escapement_events_failed_total', 2],
    ['escapement_events_dead_total', 1],
    ['escapement_events_pending', 2],
    ['escapement_fire_lag_seconds_count', 3],
    ['escapement_delivery_seconds_count', 3],
  ];
  const text = await until('the counts are right', async () => {
    const answer = await client.get('/metrics');
    return expected.every(([name, value]) => countOf(answer.text, name) === value) && answer.text;
  }).catch(async () => (await client.get('/metrics')).text);
  for (const [name, value] of expected) t.equal(countOf(text, name), value, name);
  t.ok((countOf(text, 'escapement_commit_seconds_count') ?? 0) > 0);
  for (const name of [
    'escapement_fire_lag_seconds',
    'escapement_delivery_seconds',
    'escapement_commit_seconds',
    'escapement_event_loop_delay_seconds',
  ]) {
    t.match(text, new RegExp(`^# TYPE ${name} histogram$`, 'm'));
    t.match(text, new RegExp(`^${name}_bucket\\{.*le="\\+Inf".*\\} \\d+$`, 'm'));
  }
  await until('every kind of thread has told its delay', async () => {
    const threads = new Set(
      (await client.get('/metrics')).text.match(/(?<=^escapement_event_loop_delay_seconds_count\{thread=")[a-z]+/gm),
    );
    return threads.has('main') && threads.has('host') && threads.has('courier');
  });
  t.match((await client.get('/metrics')).headers['content-type'], /^text\/plain/);
});

t.test('the type of every problem is a text that explains it', async (t) => {
  const { body } = await client.schedule({ destination: 'x' });
  const problem = await client.get(body.type);
  t.equal(problem.status, 200);
  t.match(problem.headers['content-type'], /^text\/plain/);
  t.ok(problem.text.length > 40);
  t.equal((await client.get('/problems/there-is-none')).status, 404);
});

/** Of a metric without labels. */
function countOf(text: string, name: string): number | null {
  const match = new RegExp(`^${name} (\\S+)$`, 'm').exec(text);
  return match === null ? null : Number(match[1]);
}
