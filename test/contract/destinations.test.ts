/** Destinations from outside: what is set holds for real webhooks, in every answer, and after a kill. */
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { until } from '../support/deadline.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

interface DestinationAnswer {
  readonly origin: string;
  readonly in_flight: number;
  readonly waiting: number;
  readonly breaker: string;
  readonly opens_until: string | null;
  readonly paused: boolean;
  readonly concurrency: number;
  readonly rate_per_second: number | null;
  readonly success_1m: number;
  readonly failure_1m: number;
}

/** It is killed and started again, slowly when the machine is busy. */
t.setTimeout(150_000);

/** Each test has a receiver, and so an origin, of its own. */
const server = await startServer(t, { env: { ESCAPEMENT_LOG_LEVEL: 'warn' } });
await server.ready();

const pathOf = ({ url }: Receiver) => `/api/v1/destinations/${encodeURIComponent(url)}`;

async function change(receiver: Receiver, body: unknown): Promise<DestinationAnswer> {
  const {
    status,
    body: answer,
    text,
  } = await server.client.send<DestinationAnswer>({
    method: 'PATCH',
    path: pathOf(receiver),
    body,
  });
  if (status !== 200) throw new Error(`PATCH was answered ${status} ${text}`);
  return answer;
}

async function look(receiver: Receiver): Promise<DestinationAnswer> {
  return (await server.client.get<DestinationAnswer>(pathOf(receiver))).body;
}

t.test('destinations are listed by name, with what is set for those that no event has named', async (t) => {
  const receiver = await startReceiver(t);
  await server.client.schedule({ destination: receiver.url });
  await receiver.until('/', 1);
  const path = `/api/v1/destinations/${encodeURIComponent('https://a.example')}`;
  await server.client.send({ method: 'PATCH', path, body: { concurrency: 2 } });
  const list = await server.client.get<{ data: DestinationAnswer[]; has_more: boolean }>('/api/v1/destinations?limit=10');
  t.equal(list.status, 200);
  t.same(
    list.body.data.map(({ origin, concurrency }) => [origin, concurrency]),
    [
      [receiver.url, 64],
      ['https://a.example', 2],
    ],
  );
});

t.test('a paused origin keeps its events through a kill, others get theirs, and a resume lets them out', async (t) => {
  const receiver = await startReceiver(t);
  const other = await startReceiver(t);
  t.match(await change(receiver, { paused: true }), { origin: receiver.url, paused: true, concurrency: 64 });
  const { body: held } = await server.client.schedule({ destination: receiver.url });
  const { body: free } = await server.client.schedule({ destination: other.url });
  await other.until('/', 1);
  await until('it waits', async () => (await server.client.event(held.id)).body.waiting_for === 'paused');
  t.match(await look(receiver), { waiting: 1, in_flight: 0, paused: true });
  await server.kill();
  await server.restart();
  await server.ready();
  await until('it waits again', async () => (await server.client.event(held.id)).body.waiting_for === 'paused');
  t.match((await server.client.event(held.id)).body, { status: 'SCHEDULED', attempts: 0 });
  // The kill may have come before its outcome was on disk: then its attempt is made once more.
  await until('the other one is delivered', async () => (await server.client.event(free.id)).body.status === 'DELIVERED');
  t.equal(receiver.arrivals.length, 0);
  await change(receiver, { paused: false });
  await receiver.until('/', 1);
});

t.test('an origin signs with its own secret instead of the global one, and the secret is shown nowhere', async (t) => {
  const receiver = await startReceiver(t);
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const text = JSON.stringify(await change(receiver, { secret }));
  t.notMatch(text, /whsec|secret/);
  const { body: first } = await server.client.schedule({ destination: receiver.url, payload: { n: 1 } });
  const [arrival] = await receiver.until('/', 1);
  await until('its outcome is kept', async () => (await server.client.event(first.id)).body.status === 'DELIVERED');
  const signed = arrival!.headers as Record<string, string>;
  new Webhook(secret).verify(arrival!.body, signed);
  await server.kill();
  await server.restart();
  await server.ready();
  const next = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  await change(receiver, { secret: `${secret},${next}` });
  await server.client.schedule({ destination: receiver.url, payload: { n: 2 } });
  const [, second] = await receiver.until('/', 2);
  const signatures = second!.headers as Record<string, string>;
  for (const each of [secret, next]) new Webhook(each).verify(second!.body, signatures);
  await change(receiver, { secret: null });
  await server.client.schedule({ destination: receiver.url, payload: { n: 3 } });
  const [, , third] = await receiver.until('/', 3);
  t.throws(() => new Webhook(secret).verify(third!.body, third!.headers as Record<string, string>), 'the global one again');
});

t.test('a rate per second is not passed, whatever waits, and what waits can be seen', async (t) => {
  const receiver = await startReceiver(t);
  await change(receiver, { rate_per_second: 20 });
  await server.client.batch(Array.from({ length: 60 }, () => ({ destination: receiver.url })));
  await until('some wait', async () => (await look(receiver)).waiting > 0);
  const arrivals = await receiver.until('/', 60, 20_000);
  const [first, last] = [arrivals[0]!.preciseMs, arrivals[59]!.preciseMs];
  t.ok(last - first >= (59 / 20) * 1_000 - 250, `60 in ${Math.round(last - first)} ms`);
  await until('all of them have ended', async () => (await look(receiver)).success_1m === 60);
  t.match(await look(receiver), { waiting: 0, rate_per_second: 20, failure_1m: 0 });
});

t.test('a breaker that is open is shown until when, counted, and closed by hand', async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer('/', { status: 503 });
  await server.client.batch(Array.from({ length: 20 }, () => ({ destination: receiver.url, max_retries: 0 })));
  await until('it opens', async () => (await look(receiver)).breaker === 'open');
  const open = await look(receiver);
  t.ok(Date.parse(open.opens_until!) > Date.now(), `opens until ${open.opens_until}`);
  t.equal(open.failure_1m, 20);
  await until('a metric says so', async () => {
    const { text } = await server.client.get('/metrics');
    return (
      /escapement_breakers\{courier="1",state="open"\} 1\n/.test(text) &&
      /escapement_breaker_opened_total\{courier="1"\} 1\n/.test(text)
    );
  });
  const { body } = await server.client.schedule({ destination: receiver.url });
  await until('it waits', async () => (await server.client.event(body.id)).body.waiting_for === 'breaker');
  receiver.answer('/', { status: 204 });
  t.match(await change(receiver, { breaker: 'closed' }), { breaker: 'closed', opens_until: null });
  await until('it is delivered', async () => (await server.client.event(body.id)).body.status === 'DELIVERED', 3_000);
});
