/** How a node comes into its cluster, or says why it does not. */
import t, { type Test } from 'tap';
import { joinCluster } from '../../engine/cluster/joining.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { type NatsServer, connectNats, needsNats, startNats } from '../support/nats-server.js';
import { until } from '../support/deadline.js';
import { jetstreamManager } from '@nats-io/jetstream';

function setup(t: Test, nats: NatsServer) {
  const address = readNatsAddress(nats.url)!;
  const link = new NatsLink({ address, name: 'test' });
  t.teardown(() => link.close());
  const warned: string[] = [];
  const logger = { warn: ({ fault }: Readonly<Record<string, unknown>>) => void warned.push(String(fault)) };
  const join = (asked: { readonly makes: boolean; readonly withinMs?: number; readonly partitions?: number }) =>
    joinCluster({ link, address, partitions: null, logger, ...asked });
  return { join, warned };
}

t.test('a gateway makes nothing: it waits until a node that keeps partitions has made the cluster', needsNats, async (t) => {
  const nats = await startNats(t);
  const gateway = setup(t, nats);
  const joined = gateway.join({ makes: false });
  await until('it says that it waits', () => gateway.warned.length > 0);
  t.match(gateway.warned, ['no node that keeps partitions has been started yet']);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  t.same(await manager.streams.list().next(), []);

  const made = await setup(t, nats).join({ makes: true, partitions: 6 });
  t.match(made, { partitions: 6, streams: 4 });
  t.same(await joined, made);
});

t.test('a gateway for which nobody makes a cluster gives up, and says what is missing', needsNats, async (t) => {
  const { join } = setup(t, await startNats(t));
  await t.rejects(join({ makes: false, withinMs: 300 }), { name: 'StartError', message: /no node that keeps partitions/ });
});

t.test('a gateway that is told another number of partitions is refused at once (F37)', needsNats, async (t) => {
  const nats = await startNats(t);
  await setup(t, nats).join({ makes: true, partitions: 6 });
  await t.rejects(setup(t, nats).join({ makes: false, partitions: 8 }), {
    name: 'StartError',
    message: /made with 6 partitions/,
  });
});
