/** One publish, whatever happens to the server meanwhile: stored once, or a reason. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { type NatsMessage, Publisher } from '../../engine/nats/publisher.js';
import { until, within } from '../support/deadline.js';
import { connectNats, freePort, type NatsServer, needsNats, startNats, startNatsCluster } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

function publisherAt(t: Test, url: string) {
  const link = new NatsLink({ address: readNatsAddress(url)!, name: 'test' });
  const publisher = new Publisher(link);
  t.teardown(async () => {
    publisher.close();
    await link.close();
  });
  return { link, publisher };
}

async function setup(t: Test, config = '') {
  const nats: NatsServer = await startNats(t, { config });
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const { link, publisher } = publisherAt(t, nats.url);
  await until('connected', () => link.state.isConnected);
  const count = async (stream: string) => (await manager.streams.info(stream)).state.messages;
  return { nats, manager, link, publisher, count };
}

function message(fields: Partial<NatsMessage> = {}): NatsMessage {
  return { subject: 'orders.paid', payload: Buffer.from('{}'), headers: [], messageId: 'a:0', ...fields };
}

t.test('a publish is stored, a repeat under the same id is one message', needsNats, async (t) => {
  const { manager, publisher, count } = await setup(t);
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] });
  t.same(await publisher.publish(message({ headers: [['escapement-attempt', '1']] }), 5_000), {
    kind: 'stored',
    isDuplicate: false,
  });
  t.same(await publisher.publish(message(), 5_000), { kind: 'stored', isDuplicate: true });
  t.equal(await count('ORDERS'), 1);
  const stored = await manager.streams.getMessage('ORDERS', { seq: 1 });
  t.equal(stored!.header.get('escapement-attempt'), '1');
  t.equal(stored!.header.get('Nats-Msg-Id'), 'a:0');
  t.equal(publisher.inFlight, 0);
});

t.test(
  'a subject that no stream takes is refused with that reason, also when something else answers there',
  needsNats,
  async (t) => {
    const { nats, publisher } = await setup(t);
    t.same(await publisher.publish(message(), 5_000), {
      kind: 'refused',
      error: 'no stream takes the subject orders.paid',
      isUnhealthy: false,
      mayBeStored: false,
    });
    const service = await connectNats(t, nats.url);
    service.subscribe('orders.paid', { callback: (_, asked) => void asked.respond('thank you') });
    await service.flush();
    t.match(await publisher.publish(message(), 5_000), { kind: 'refused', error: /is no stream/, isUnhealthy: false });
  },
);

t.test('what the stream or the server says no to is refused with its words', needsNats, async (t) => {
  const config =
    'max_payload: 2048\nauthorization { users: [{ user: a, password: b, permissions { publish: { deny: "orders.secret" } } }] }';
  const nats = await startNats(t, { config, login: 'a:b@' });
  const { link, publisher } = publisherAt(t, nats.url);
  await until('connected', () => link.state.isConnected);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'], max_msgs: 1, discard: 'new' as never });
  t.match(await publisher.publish(message({ messageId: '1' }), 5_000), { kind: 'stored' });
  t.match(await publisher.publish(message({ messageId: '2' }), 5_000), {
    kind: 'refused',
    error: /maximum messages exceeded/,
    isUnhealthy: false,
  });
  t.match(await publisher.publish(message({ payload: Buffer.alloc(4_096) }), 5_000), { kind: 'refused', error: /max_payload/ });
  t.match(await publisher.publish(message({ subject: 'orders.secret' }), 5_000), { kind: 'refused', error: /not permitted/ });
});

t.test('a publish outlives the server that was killed under it', needsNats, async (t) => {
  const { nats, manager, publisher, link, count } = await setup(t);
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] });
  nats.signal('SIGSTOP');
  const asked = publisher.publish(message(), 30_000);
  await nats.kill();
  await until('the loss is noticed', () => !link.state.isConnected);
  await nats.restart();
  t.match(await within('the publish', asked, 20_000), { kind: 'stored' });
  t.equal(await until('the stream answers', () => count('ORDERS').catch(() => null)), 1);
});

t.test('who was not answered in time cannot tell whether it is stored; who could not send can', needsNats, async (t) => {
  const nats = await startNats(t);
  const proxy = await TcpProxy.start(t, nats.port);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] });
  const { link, publisher } = publisherAt(t, proxy.url);
  await until('connected', () => link.state.isConnected);
  proxy.hold('down');
  t.match(await publisher.publish(message(), 200), { kind: 'timed-out', mayBeStored: true });
  t.equal((await manager.streams.info('ORDERS')).state.messages, 1, 'and here it is');
  proxy.refuse();
  await until('it is away', () => !link.state.isConnected);
  t.match(await publisher.publish(message(), 50), { kind: 'timed-out', mayBeStored: false });
});

t.test(
  'what may not leave any more when NATS is back has never left; what may be there already is not given up',
  needsNats,
  async (t) => {
    const { nats, manager, publisher, link, count } = await setup(t);
    await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] });
    let mayLeave = true;
    nats.signal('SIGSTOP');
    const tried = publisher.publish(message({ messageId: 'tried', mayLeave: () => mayLeave }), 30_000);
    await nats.kill();
    await until('the loss is noticed', () => !link.state.isConnected);
    const waits = publisher.publish(message({ messageId: 'waits', mayLeave: () => mayLeave }), 30_000);
    mayLeave = false;
    await nats.restart();
    t.match(await within('it is given up', waits, 20_000), { kind: 'withheld', mayBeStored: false });
    t.equal(publisher.inFlight, 1);
    mayLeave = true;
    t.match(await within('the other one', tried, 20_000), { kind: 'stored' });
    t.equal(await until('the stream answers', () => count('ORDERS').catch(() => null)), 1);
  },
);

t.test('a stream that has lost its leader is waited for', needsNats, async (t) => {
  const servers = await startNatsCluster(t);
  const manager = await jetstreamManager(await connectNats(t, servers[0]!.url), { timeout: 1_000 });
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'], num_replicas: 3 });
  const { cluster } = await manager.streams.info('ORDERS');
  const { link, publisher } = publisherAt(t, servers.map(({ url }) => url).join(','));
  await until('connected', () => link.state.isConnected);
  await servers[['n1', 'n2', 'n3'].indexOf(cluster!.leader!)]!.kill();
  t.match(await publisher.publish(message(), 25_000), { kind: 'stored' });
});

t.test('where there is no server a publish ends with its time, and a server that comes later is found', needsNats, async (t) => {
  const port = await freePort();
  const { link, publisher } = publisherAt(t, `nats://127.0.0.1:${port}`);
  t.match(await publisher.publish(message(), 50), { kind: 'timed-out', error: 'timed out after 50 ms: NATS is not connected' });
  const nats = await startNats(t, { port });
  await until('connected', () => link.state.isConnected);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  await manager.streams.add({ name: 'ORDERS', subjects: ['orders.*'] });
  t.match(await publisher.publish(message(), 5_000), { kind: 'stored' });
});
