/** The servers that other tests rely on: they come up with JetStream, keep what was acknowledged, and vote again. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { connectNats, needsNats, startNats, startNatsCluster } from './nats-server.js';
import { until } from './deadline.js';

t.test('a server that was killed comes up again at the same address with what it had acknowledged', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 300 });
  await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
  await jetstream(connection).publish('kept', 'one');
  await nats.kill();
  await nats.restart();
  const { state } = await until('the client is back', () => manager.streams.info('KEPT').catch(() => null));
  t.equal(state.messages, 1);
});

t.test('a cluster of three takes a replicated write', needsNats, async (t) => {
  const servers = await startNatsCluster(t);
  const connection = await connectNats(t, servers[0]!.url);
  const manager = await jetstreamManager(connection);
  const { cluster } = await manager.streams.add({ name: 'KEPT', subjects: ['kept'], num_replicas: 3 });
  t.equal(cluster?.replicas?.length, 2);
  t.match(await jetstream(connection).publish('kept', 'one'), { seq: 1 });
});
