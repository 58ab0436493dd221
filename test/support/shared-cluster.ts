/**
 * One cluster for all test files of a process (`.scripts/test-files.mjs`), with two engines and two gateways, on a nats-server with the users of `docs/deploy/nats/`; for a
 * file that runs by itself it is that file's own. For tests that look only at their own events, and leave all four nodes as they found them.
 */
import type t from 'tap';
import { type NatsWithUsers, startNatsWithUsers } from '../deploy/nats-users.js';
import { type Cluster, startCluster } from './cluster.js';

export const engines = ['engine-1', 'engine-2'] as const;
export const gateways = ['gateway-1', 'gateway-2'] as const;

export interface SharedCluster {
  readonly cluster: Cluster;
  readonly users: NatsWithUsers;
}

let shared: Promise<SharedCluster> | null = null;

/** Every partition is owned. Killed with the process's tests. */
export async function sharedCluster(root: typeof t): Promise<SharedCluster> {
  shared ??= start(root);
  const { cluster } = await shared;
  await cluster.shared(engines);
  return shared;
}

async function start(root: typeof t): Promise<SharedCluster> {
  const users = await startNatsWithUsers(root);
  const cluster = await startCluster(root, {
    nats: [users.nats],
    nodes: [],
    engines,
    gateways,
    env: { ESCAPEMENT_ORIGIN_CONCURRENCY: '200' },
    natsUrlOf: (role) => users.as(role === 'gateway' ? 'gateway' : 'engine'),
  });
  return { cluster, users };
}
