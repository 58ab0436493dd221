/**
 * A cluster with the users of `docs/deploy/nats/`, through everything that its nodes do: each role has the permissions that it needs, so the server refuses
 * nothing in the whole run.
 */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import root from 'tap';
import { until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { engines, gateways, sharedCluster } from '../support/shared-cluster.js';

root.setTimeout(120_000);

const source = 'permitted';

root.test('engines and gateways do all that they do, and the server refuses nothing', needsNats, async (t) => {
  const { cluster, users } = await sharedCluster(root);
  const { connect, violations } = users;
  const manager = await jetstreamManager(await connect('operator'));
  await manager.streams.add({ name: 'EVENTS', subjects: ['events.taken.*'] });
  const receiver = await startReceiver(t);

  const producer = await connect('producer');
  const heard = new Map<string, number>();
  for (const subject of ['answers.1', 'escapement.status.*', 'escapement.dead.*']) {
    producer.subscribe(subject, { callback: (error) => void (error ?? heard.set(subject, (heard.get(subject) ?? 0) + 1)) });
  }
  await producer.flush();

  let accepted = 0;
  const schedule = async (kept: { readonly mayWait: boolean }) => {
    const events = Array.from({ length: 40 }, (_, at) =>
      at % 2 === 0
        ? { source, destination: `${receiver.url}/hook`, delay: '0s', max_retries: 5 }
        : { source, delivery_type: 'NATS', destination: `events.taken.${at}`, delay: '0s' },
    );
    const { status, body, text } = await cluster.client.batch(events);
    t.equal(status, 200, text.slice(0, 300));
    t.equal(body.rejected, 0, text.slice(0, 300));
    if (!kept.mayWait) t.ok(body.results.every((result) => result.status === 'SCHEDULED'));
    accepted += body.accepted;
  };
  const finished = async () => {
    const { body } = await cluster.client.get<{ by_status: Readonly<Record<string, number>> }>(
      `/api/v1/events/statistics?source=${source}`,
    );
    return body.by_status['DELIVERED'] ?? 0;
  };

  // Taken in, rejected, told.
  const all = headers();
  all.set('escapement-reply', 'answers.1');
  const sent = [
    { source, delivery_type: 'NATS', destination: 'events.taken.ingested' },
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
  const said = [...engines, ...gateways].flatMap((name) => cluster.node(name).program.stdout);
  t.notMatch(said.join('\n'), /permission|violation/i);
  producer.publish('escapement.p.0.j', 'not mine');
  await until('what is refused is in that log', () => violations().length === 1);
  await cluster.restart('gateway-1');
});
