/**
 * A cluster with the users of `docs/deploy/nats/`, through everything that its nodes do: each role has the permissions that it needs, so the server refuses
 * nothing in the whole run.
 */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import t from 'tap';
import { startCluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { startNatsWithUsers } from './nats-users.js';

const engines = ['engine-1', 'engine-2'] as const;

t.test('engines and gateways do all that they do, and the server refuses nothing', needsNats, async (t) => {
  const { nats, as, connect, violations } = await startNatsWithUsers(t);
  const manager = await jetstreamManager(await connect('operator'));
  await manager.streams.add({ name: 'EVENTS', subjects: ['events.taken.*'] });
  const cluster = await startCluster(t, {
    nats: [nats],
    nodes: [],
    engines,
    gateways: ['gateway-1', 'gateway-2'],
    partitions: 8,
    env: { ESCAPEMENT_ORIGIN_CONCURRENCY: '200' },
    natsUrlOf: (role) => as(role === 'gateway' ? 'gateway' : 'engine'),
  });
  const receiver = await startReceiver(t);

  const producer = await connect('producer');
  const heard = new Map<string, number>();
  for (const subject of ['answers.1', 'escapement.status.*', 'escapement.dead.*']) {
    producer.subscribe(subject, { callback: (error) => void (error ?? heard.set(subject, (heard.get(subject) ?? 0) + 1)) });
  }
  await producer.flush();

  let accepted = 0;
  const schedule = async (kept: { readonly mayWait: boolean }) => {
    const events = Array.from({ length: 100 }, (_, at) =>
      at % 2 === 0
        ? { destination: `${receiver.url}/hook`, delay: '0s', max_retries: 5 }
        : { delivery_type: 'NATS', destination: `events.taken.${at}`, delay: '0s' },
    );
    const { status, body, text } = await cluster.client.batch(events);
    t.equal(status, 200, text.slice(0, 300));
    t.equal(body.rejected, 0, text.slice(0, 300));
    if (!kept.mayWait) t.ok(body.results.every((result) => result.status === 'SCHEDULED'));
    accepted += body.accepted;
  };
  const finished = async () => {
    const { body } = await cluster.client.get<{ by_status: Readonly<Record<string, number>> }>('/api/v1/events/statistics');
    return body.by_status['DELIVERED'] ?? 0;
  };

  // Taken in, rejected, told.
  const all = headers();
  all.set('escapement-reply', 'answers.1');
  const sent = [
    { delivery_type: 'NATS', destination: 'events.taken.ingested' },
    { delivery_type: 'NATS', destination: 'events.' },
    { delivery_type: 'NATS', destination: 'events.missing', source: 'orders', max_retries: 0 },
  ];
  await jetstream(producer).publish('escapement.ingest', JSON.stringify(sent), { headers: all, msgID: 'once' });
  accepted++;
  for (let round = 0; round < 5; round++) await schedule({ mayWait: false });
  await until('answer, changes and death were heard', () => heard.size === 3);
  await until('the rejected one is kept', async () => (await manager.streams.info('ESCAPEMENT_REJECTED')).state.messages === 1);

  // Asked of other nodes.
  const { body: later } = await cluster.client.schedule({ destination: receiver.url, delay: '1h', external_job_id: 'later' });
  t.match(await cluster.client.cancel(later.id), { status: 200 });
  t.match(await cluster.client.get('/api/v1/destinations'), { status: 200 });
  const origin = encodeURIComponent(receiver.url);
  for (const paused of [true, false]) {
    t.match(await cluster.client.patch(`/api/v1/destinations/${origin}`, { paused }), { status: 200 });
  }

  // Handed over, followed again, taken over; new events meanwhile are kept for an owner to come.
  await Promise.all([cluster.stop('engine-2'), schedule({ mayWait: true })]);
  await cluster.restart('engine-2');
  await cluster.shared(engines);
  await cluster.kill('engine-1');
  await schedule({ mayWait: true });
  await schedule({ mayWait: true });
  await cluster.shared(['engine-2']);
  await cluster.restart('engine-1');
  await schedule({ mayWait: true });
  await until('everything is delivered', async () => (await finished()) === accepted, 40_000);
  t.match(await manager.streams.info('EVENTS'), { state: { messages: (accepted + 1) / 2 } }, 'each once');
  await cluster.stop('gateway-1');

  t.same(violations(), []);
  const said = ['engine-1', 'engine-2', 'gateway-1', 'gateway-2'].flatMap((name) => cluster.node(name).program.stdout);
  t.notMatch(said.join('\n'), /permission|violation/i);
  producer.publish('escapement.p.0.j', 'not mine');
  await until('what is refused is in that log', () => violations().length === 1);
});
