/** A cluster of processes for a bench, on one nats-server that syncs each write; all of it is gone when `use` has ended. */
import { Cluster, type ClusterOptions } from '../../test/support/cluster.js';
import { freePort, NatsServer } from '../../test/support/nats-server.js';
import { inTempDir } from './temp-dir.js';

export function inCluster<Result>(options: ClusterOptions, use: (cluster: Cluster) => Promise<Result>): Promise<Result> {
  return inTempDir(async (dir) => {
    const nats = new NatsServer({ name: 'n1', dir, port: await freePort(), config: '', login: '' });
    const cluster = new Cluster([nats], { ...options, env: { ESCAPEMENT_LOG_LEVEL: 'warn', ...options.env } });
    try {
      await nats.ready();
      await cluster.start();
      return await use(cluster);
    } finally {
      await cluster.close();
      await nats.kill();
    }
  });
}
