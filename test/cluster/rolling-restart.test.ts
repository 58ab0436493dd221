/**
 * A cluster of three nodes, of which one is stopped and starts again, and another one starts again with nothing on its disk (P8); then two more join at once, and three stop at once: 3, 5
 * and 2 nodes (F35). No request fails, nothing comes twice, and no partition moves that need not. Clients of the status stream that lose their node go on at another one
 * with their cursor. At last one is killed: nothing that was acknowledged is lost, and no more comes twice than the product tells.
 */
import t from 'tap';
import { Placement } from '../../engine/cluster/ownership/placement.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { Follower } from '../crash/follower.js';
import { type Cluster, type ClusterAnswer, startCluster } from '../support/cluster.js';
import { until, within } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { auditMarkers } from './marker-audit.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

t.setTimeout(170_000);

const nodes = ['a', 'b', 'c'];
const grown = [...nodes, 'd', 'e'];
const left = ['a', 'd'];
/** So that each of five has one: they are seated by the names of the nodes. */
const partitions = 8;
/** While not all have heard of all that come or go, some may move on once more. */
const movesOnMax = 3;

function ownedBy({ partitions }: ClusterAnswer, name: string): readonly number[] {
  return partitions.filter(({ owner }) => owner === name).map(({ partition }) => partition);
}

/** Attempts, by the owners that took partitions over. */
function begunAgain({ partitions }: ClusterAnswer): number {
  return partitions.reduce((sum, { takeover_duplicates: count }) => sum + count!, 0);
}

/** Every partition is served by the one of `names` that is to have it. */
async function seated(cluster: Cluster, names: readonly string[]): Promise<ClusterAnswer> {
  const places = new Placement(
    partitions,
    names.map((node) => ({ node, weight: 1 })),
  );
  await until(
    `each of ${names.join(', ')} has what is its own`,
    async () => {
      const { partitions } = await cluster.view();
      return partitions.every(({ partition, owner }) => owner === places.of(partition as PartitionId).owner);
    },
    60_000,
  );
  return cluster.shared(names, 60_000);
}

/** How often partitions have got another owner in between, and how often that had to be. */
function movesBetween(before: ClusterAnswer, after: ClusterAnswer) {
  const epochs = ({ partitions }: ClusterAnswer): number => partitions.reduce((sum, { epoch }) => sum + epoch, 0);
  const gained = after.nodes.map(({ id }) => ownedBy(after, id).length - ownedBy(before, id).length);
  const must = gained.reduce((sum, count) => sum + Math.max(0, count), 0);
  return { moves: epochs(after) - epochs(before), must };
}

t.test(
  'nodes are restarted one by one, added and taken away under load without a failed request (F35)',
  { ...needsNats, timeout: 160_000 },
  async (t) => {
    const nats = await startNats(t);
    const cluster = await startCluster(t, { nats: [nats], nodes, partitions });
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
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'rolling' });

    for (const [name, next] of [
      ['a', 'b'],
      ['b', 'c'],
    ] as const) {
      home = next;
      await load.beside(() => cluster.stop(name));
      await cluster.restart(name, { emptied: name === 'b' });
      const view = await cluster.shared(nodes, 60_000);
      const back = view.nodes.find(({ id }) => id === name);
      t.match(back, { alive: true, address: cluster.node(name).url }, `${name} is back, as the process that was started last`);
      t.same(begunAgain(view), 0, 'of what was handed over nothing was begun again');
      t.ok(ownedBy(view, name).length > 0, 'it has caught up and was given partitions');
    }
    const three = await seated(cluster, nodes);
    await load.beside(() => Promise.all(['d', 'e'].map((name) => cluster.join(name))));
    const five = await seated(cluster, grown);
    for (const name of grown) t.ok(ownedBy(five, name).length > 0, `of five ${name} has something`);
    home = 'd';
    await load.beside(() => Promise.all(grown.filter((name) => !left.includes(name)).map((name) => cluster.stop(name))));
    const two = await seated(cluster, left);
    for (const [before, after] of [
      [three, five],
      [five, two],
    ] as const) {
      const { moves, must } = movesBetween(before, after);
      t.ok(must > 0 && moves <= must + movesOnMax, `${must} partitions had to move, and ${moves} did`);
      t.same(begunAgain(after), 0, 'of what was handed over nothing was begun again');
    }

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

    // Under way for so long that some are at the kill.
    receiver.answer('/killed', () => ({ delayMs: 300 }));
    const harmed = new SteadyLoad({ client: cluster.client, receiver, source: 'killed' });
    const { before, underWay } = await harmed.beside(async () => {
      await until('its events come', () => receiver.at('/killed').length > 10);
      const before = await cluster.view();
      const underWay = receiver.inFlight;
      await cluster.kill('d');
      return { before, underWay };
    });
    const lost = ownedBy(before, 'd');
    const after = await cluster.shared(['a'], 60_000);
    const takeovers = lost.map((partition) => after.partitions[partition]!);
    t.ok(lost.length > 0, 'the one that is killed owns partitions');
    for (const { partition, epoch } of takeovers) t.equal(epoch, before.partitions[partition]!.epoch + 1);
    await harmed.stop();
    const cameAll = await harmed.allCame();
    // Of what was asked of the one that is killed there is no answer.
    const strange = harmed.failed.filter((what) => !what.startsWith('no answer'));
    t.same(strange, [], 'only 503 with Retry-After was ever an answer besides');
    t.same(doubled(cameAll), [], 'each came under one id');
    const told = begunAgain(after);
    t.ok(repeats(cameAll) <= told + underWay, `${repeats(cameAll)} came twice, of ${told} begun again and ${underWay} under way`);
    t.same((await auditMarkers(await connectNats(t, nats.url), { streams: 4 })).faults, []);
  },
);
