/** Waiting is not running: what is due and has no slot at its origin can be seen, cancelled, and is not spent. */
import t from 'tap';
import { pause, until } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const server = await startServer(t, { env: { ESCAPEMENT_ORIGIN_CONCURRENCY: '2' } });
const { client } = server;
await server.ready();

t.test('beyond the concurrency of an origin events wait, and other origins do not', async (t) => {
  const receiver = await startReceiver(t);
  const other = await startReceiver(t);
  const destination = `${receiver.url}/hang`;
  receiver.answer('/hang', { hang: true });
  const { body } = await client.batch(
    Array.from({ length: 6 }, (_, n) => ({
      destination,
      timeout_ms: 2_500,
      max_retries: 0,
      ...(n === 5 ? { expires_at: inMs(1_500) } : {}),
    })),
  );
  t.equal(body.accepted, 6);
  await receiver.until('/hang', 2);
  const ids = body.results.map(({ id }) => id!);
  const views = async () => (await Promise.all(ids.map((id) => client.event(id)))).map(({ body: event }) => event);
  const waiting = await until('four of them wait', async () => {
    const found = (await views()).filter(({ waiting_for }) => waiting_for === 'concurrency');
    return found.length === 4 && found;
  });
  for (const event of waiting) t.match(event, { status: 'SCHEDULED', version: 1, attempts: 0 });
  for (const query of ['', '?source=default']) {
    const oldest = await until(`how long one has waited is told: ${query}`, async () => {
      const { body: statistics } = await client.get<{ oldest_overdue_ms: number | null }>(`/api/v1/events/statistics${query}`);
      return statistics.oldest_overdue_ms;
    });
    t.ok(Number.isInteger(oldest), `${oldest} whole milliseconds`);
  }
  await client.schedule({ destination: `${other.url}/free` });
  await other.until('/free', 1);
  const { id } = waiting.find(({ expires_at }) => expires_at === null)!;
  const cancelled = await client.cancel(id);
  t.equal(cancelled.status, 200);
  t.match(cancelled.body, { status: 'CANCELLED', waiting_for: null });
  const expiring = waiting.find(({ expires_at }) => expires_at !== null);
  if (expiring !== undefined) {
    await until('one expires while it waits', async () => (await client.event(expiring.id)).body.status === 'EXPIRED');
  }
  await until('the rest has its turn', async () =>
    (await views()).every(({ status }) => ['DEAD', 'CANCELLED', 'EXPIRED'].includes(status)),
  );
  t.notOk(
    receiver.arrivals.some((arrival) => arrival.id === id),
    'the cancelled one never came',
  );
  t.ok(receiver.arrivals.every((arrival) => arrival.attempt === 1));
});

t.test('an open breaker holds events back without counting an attempt', async (t) => {
  const receiver = await startReceiver(t);
  let healthy = false;
  receiver.answer('/', () => (healthy ? {} : { status: 500 }));
  const failing = Array.from({ length: 20 }, () => ({ destination: receiver.url, max_retries: 0 }));
  await client.batch(failing);
  await receiver.until('/', 20);
  await pause(100);
  const seen = receiver.arrivals.length;
  const { body } = await client.schedule({ destination: receiver.url, max_retries: 0 });
  const cancelled = await client.schedule({ destination: receiver.url });
  const waits = await until('it waits for the breaker', async () => {
    const { body: event } = await client.event(body.id);
    return event.waiting_for === 'breaker' && event;
  });
  t.match(waits, { status: 'SCHEDULED', attempts: 0, version: 1 });
  await until('and so does the other', async () => (await client.event(cancelled.body.id)).body.waiting_for === 'breaker');
  t.equal((await client.cancel(cancelled.body.id)).status, 200);
  t.equal(receiver.arrivals.length, seen, 'nothing is sent meanwhile');
  const { text } = await client.get('/metrics');
  t.match(text, /^escapement_events_waiting\{reason="breaker"\} \d+$/m);
  healthy = true;
  await until(
    'it is delivered when the breaker lets it through',
    async () => (await client.event(body.id)).body.status === 'DELIVERED',
    12_000,
  );
  t.equal((await client.event(body.id)).body.attempts, 1, 'with its first attempt');
});

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}
