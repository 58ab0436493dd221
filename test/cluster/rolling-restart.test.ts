/**
 * Every node of a cluster is stopped and started again, one after the other, one of them with nothing on its disk, one joins, and one leaves for good (P8, F35): no request fails, and nothing
 * comes twice. Clients of the status stream that lose their node go on at another one with their cursor.
 */
import t from 'tap';
import { Follower } from '../crash/follower.js';
import { startCluster } from '../support/cluster.js';
import { until, within } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { auditMarkers } from './marker-audit.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

t.setTimeout(170_000);

const nodes = ['a', 'b', 'c'];

t.test(
  'nodes are restarted and replaced one by one under load without a failed request',
  { ...needsNats, timeout: 160_000 },
  async (t) => {
    const nats = await startNats(t);
    const cluster = await startCluster(t, { nats: [nats], nodes, partitions: 12 });
    let home = 'a';
    const follower = new Follower({
      name: 'wanderer',
      kind: 'websocket',
      source: 'rolling',
      random: Math.random,
      url: () => cluster.node(home).url,
    });
    follower.rest();
    t.teardown(() => follower.stop());
    await within('it follows', follower.start());
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'rolling', perSecond: 40 });

    for (const name of nodes) {
      home = nodes[(nodes.indexOf(name) + 1) % nodes.length]!;
      await cluster.stop(name);
      const isLast = name === 'c';
      await Promise.all([cluster.restart(name, { emptied: isLast }), ...(isLast ? [cluster.join('d')] : [])]);
      const view = await cluster.shared(isLast ? [...nodes, 'd'] : nodes, 60_000);
      const back = view.nodes.find(({ id }) => id === name);
      t.match(back, { alive: true, address: cluster.node(name).url }, `${name} is back, as the process that was started last`);
    }
    home = 'd';
    await cluster.stop('a');
    await cluster.shared(['b', 'c', 'd'], 60_000);

    await load.stop();
    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed');
    t.equal(load.unknown, 0, 'of each it was known what became of it');
    t.same(doubled(came), [], 'each came under one id');
    t.equal(repeats(came), 0, `each of ${came.size} came once`);
    await until(
      'the follower has heard of all',
      () => follower.told.size === load.accepted.size || follower.complaints.length > 0,
    );
    t.same(follower.complaints, []);
    t.comment(`${load.kept} kept, ${load.putOff} put off, the follower was cut off ${follower.cuts} times`);
    t.same((await auditMarkers(await connectNats(t, nats.url), { streams: 4 })).faults, []);
  },
);
