/** Two living processes with one node id, as copied settings or a copied data directory make them: both say so. What a dead one has left is no such case. */
import t from 'tap';
import { startCluster } from '../support/cluster.js';
import { until } from '../support/deadline.js';
import { needsNats } from '../support/nats-server.js';
import type { Server } from '../support/server.js';

interface HealthAnswer {
  readonly status: string;
  readonly components: readonly { readonly name: string; readonly status: string; readonly detail: string | null }[];
}

t.setTimeout(120_000);

const said = 'two processes bear the id of this node';

async function health({ client }: Server) {
  const { body } = await client.get<HealthAnswer>('/health');
  return { ...body.components.find(({ name }) => name === 'cluster')!, overall: body.status };
}

const timesSaid = (server: Server): number => server.logs().filter(({ msg }) => msg === said).length;

t.test(
  'two living processes of one id say so, and no longer when one has gone',
  { ...needsNats, timeout: 110_000 },
  async (t) => {
    const envOf = { second: { ESCAPEMENT_NODE_ID: 'first' } };
    const cluster = await startCluster(t, { nodes: ['first'], partitions: 4, envOf });
    // Killed and started again, it meets the session that it has left behind, and its own id in it.
    await cluster.kill('first');
    await cluster.restart('first');
    const first = cluster.node('first');
    await cluster.shared(['first'], 60_000);
    t.match(await health(first), { overall: 'ready', status: 'ready', detail: null });

    const second = await cluster.join('second');
    for (const [server, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const shown = await until('it is noticed', async () => {
        const shown = await health(server);
        return shown.status === 'degraded' ? shown : null;
      });
      t.match(shown, { overall: 'degraded', detail: /says that it is node first: give each an ESCAPEMENT_NODE_ID of its own/ });
      t.match(shown.detail, other.url, 'and where it is');
      t.equal((await server.client.get('/health/ready')).status, 200, 'it goes on working');
    }
    t.same([first, second].map(timesSaid), [1, 1], 'each has said so once');
    await cluster.stop('second');
    await until('the name is its own again', async () => (await health(first)).status === 'ready');
    await cluster.shared(['first'], 60_000);
    await cluster.stop('first');
    t.equal(timesSaid(first), 1, 'nor does it take itself for another one when it stops');
  },
);
