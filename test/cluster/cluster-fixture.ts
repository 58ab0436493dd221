/** A nats-server with the streams of a cluster, and links to it. */
import type { Test } from 'tap';
import { ensureBuckets } from '../../engine/cluster/membership/buckets.js';
import type { ClusterTimes } from '../../engine/cluster/cluster-times.js';
import { ensureLogStreams } from '../../engine/cluster/journal/log-streams.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { until } from '../support/deadline.js';
import { connectNats, type NatsServer, startNats } from '../support/nats-server.js';

/** Short enough for tests; the server counts in whole seconds. */
export const times = { ttlMs: 2_000, renewMs: 400, marginMs: 300 };

/** For whole nodes. */
export const clusterTimes: ClusterTimes = {
  ...times,
  settledMs: 800,
  turnMs: 100,
  reportMs: 100,
  patienceMs: 5_000,
  stopPauseMs: 200,
  stopPatienceMs: 5_000,
};
export const nodeShape = { partitions: 60, streams: 2 };

export const shape = { partitions: 16, streams: 2 };

export async function setUpCluster(t: Test, { partitions, streams } = shape) {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  await ensureBuckets(connection);
  await ensureLogStreams(connection, { partitions, streams });
  return { nats, connection };
}

/** Closed with the test. */
export async function linkTo(t: Test, nats: Pick<NatsServer, 'url'>): Promise<NatsLink> {
  const link = new NatsLink({ address: readNatsAddress(nats.url)!, name: 'test' });
  t.teardown(() => link.close());
  await until('connected', () => link.state.isConnected);
  return link;
}
