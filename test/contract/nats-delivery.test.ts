/** `delivery_type: NATS`: what comes out at the subject, and what waits while NATS is away. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { until } from '../support/deadline.js';
import type { EventAnswer } from '../support/http.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const soon = { strategy: 'fixed', initial_ms: 30, max_ms: 30, jitter: 'none' };

t.test('deliveries to subjects', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.>'] });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: nats.url } });
  const { client } = server;
  await server.ready();
  const ended = (id: string, status: string): Promise<EventAnswer> =>
    until(`${id} is ${status}`, async () => {
      const { body } = await client.event(id);
      return body.status === status && body;
    });
  const health = async () => {
    const { body } = await client.get<{ status: string; components: { name: string; status: string; detail: string | null }[] }>(
      '/health',
    );
    return { status: body.status, nats: body.components.find(({ name }) => name === 'nats') };
  };
  await until('NATS is connected', async () => (await health()).nats?.status === 'ready');

  await t.test('a message carries the bytes of its payload, its id and the headers of a webhook', async (t) => {
    const payload = '{ "total" : 1.10 }';
    const { body } = await client.schedule(
      `{"delivery_type":"NATS","destination":"orders.paid","delay_ms":20,"payload":${payload}}`,
      { traceparent },
    );
    const event = await ended(body.id, 'DELIVERED');
    t.match(event, { attempts: 1, last_status_code: null, last_error: null });
    const message = (await manager.streams.getMessage('ORDERS', { last_by_subj: 'orders.paid' }))!;
    t.equal(Buffer.from(message.data).toString(), payload);
    const header = (name: string) => message.header.get(name);
    t.equal(header('Nats-Msg-Id'), `${body.id}:0`);
    t.equal(header('idempotency-key'), body.id);
    t.equal(header('escapement-attempt'), '1');
    t.equal(header('escapement-scheduled-at'), body.scheduled_at);
    t.equal(header('content-type'), 'application/json');
    t.equal(header('traceparent'), traceparent);
    t.ok(Number(header('escapement-lag-ms')) >= 0);
  });

  await t.test('a subject without a stream is a failed attempt with that reason; a retry is a new run', async (t) => {
    const event = { delivery_type: 'NATS', destination: 'invoices.new', max_retries: 1, retry: soon };
    const { body } = await client.schedule(event);
    t.match(await ended(body.id, 'DEAD'), { attempts: 2, last_error: 'no stream takes the subject invoices.new' });
    await manager.streams.add({ name: 'INVOICES', subjects: ['invoices.>'] });
    await client.retry(body.id);
    t.match(await ended(body.id, 'DELIVERED'), { attempts: 3 });
    const message = (await manager.streams.getMessage('INVOICES', { seq: 1 }))!;
    t.equal(message.header.get('Nats-Msg-Id'), `${body.id}:2`);
  });

  await t.test('while NATS is away its events wait without an attempt, and webhooks do not notice', async (t) => {
    const receiver = await startReceiver(t);
    await nats.kill();
    await until('the loss is shown', async () => (await health()).nats?.status === 'degraded');
    // The courier has a connection of its own, and loses it a moment later or sooner.
    await until(
      'the courier knows',
      async () => ((await client.get('/api/v1/destinations/nats%3A')).body as { breaker: string }).breaker === 'open',
    );
    const { body } = await client.schedule({ delivery_type: 'NATS', destination: 'orders.late', max_retries: 0 });
    const webhook = await client.schedule({ destination: `${receiver.url}/hook` });
    t.match(await ended(webhook.body.id, 'DELIVERED'), { attempts: 1 });
    await until('it says why it waits', async () => (await client.event(body.id)).body.waiting_for === 'breaker');
    t.match((await client.event(body.id)).body, { status: 'SCHEDULED', attempts: 0 });
    t.match((await client.get('/api/v1/destinations/nats%3A')).body, { breaker: 'open', opens_until: null, waiting: 1 });
    t.equal((await client.get('/health/ready')).status, 200);
    t.match(await health(), { status: 'degraded', nats: { detail: /^events for NATS wait: / } });
    await nats.restart();
    t.match(await ended(body.id, 'DELIVERED'), { attempts: 1 });
    await until('all is well again', async () => (await health()).status === 'ready');
    const last = () =>
      jetstream(connection)
        .streams.get('ORDERS')
        .then((stream) => stream.getMessage({ last_by_subj: 'orders.late' }));
    t.equal((await until('the stream answers', () => last().catch(() => null)))!.header.get('Nats-Msg-Id'), `${body.id}:0`);
  });

  await t.test('what belongs to Escapement or to the server is no destination', async (t) => {
    for (const destination of ['escapement.ingest', '$JS.API.INFO', 'a.*', 'a b', '']) {
      t.match(await client.schedule({ delivery_type: 'NATS', destination }), { status: 422 }, destination);
    }
  });
});
