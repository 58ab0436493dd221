/** Which claims are on their way when there are more than may be at once. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import t from 'tap';
import { ClusterNode } from '../../engine/cluster/cluster-node.js';
import { commandSubject, logStreamOf } from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { LeaseBoard } from '../../engine/kernel/lease-board.js';
import { claimsInFlightMax } from '../../engine/kernel/limits.js';
import { createLogger } from '../../engine/observe/logger.js';
import { until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import { clusterTimes, linkTo, setUpCluster } from './cluster-fixture.js';
import { OwnerRegistry, StandInHosts } from './stand-in-hosts.js';

/** More of each stream than claims may be on their way. */
const shape = { partitions: 2 * claimsInFlightMax + 32, streams: 2 };
const full = 0 as PartitionId;

t.test('claims that a full stream refuses again and again are in the way of no others', needsNats, async (t) => {
  const { nats, connection } = await setUpCluster(t, shape);
  const manager = await jetstreamManager(connection);
  await jetstream(connection).publish(commandSubject(full), 'takes the room');
  await manager.streams.update(logStreamOf(full, shape.streams), { max_msgs: 1 });
  const board = LeaseBoard.create(0);
  const hosts = new StandInHosts('a', { board, registry: new OwnerRegistry() });
  const self = { node: 'a', address: 'a:8080', weight: 1, version: '0', startedAt: Date.now() };
  const logger = createLogger({ level: 'silent', format: 'json' });
  const link = await linkTo(t, nats);
  const node = new ClusterNode({ link, board, self, shape, hands: hosts, logger, times: clusterTimes });
  hosts.node = node;
  t.teardown(() => node.stop(0));
  const isServed = (partition: number): boolean => hosts.serving.has(partition as PartitionId);
  const all = Array.from({ length: shape.partitions }, (_, partition) => partition);
  const [refused, others] = [0, 1].map((stream) => all.filter((partition) => partition % 2 === stream));
  await until('the partitions of the other stream are served', () => others!.every(isServed), 15_000);
  t.notOk(refused!.some(isServed));
});
