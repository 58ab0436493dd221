/** Ownership markers: one winner for each epoch, whatever races and whatever is lost. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { ensureLogStreams, markerSubject } from '../../../engine/cluster/journal/log-streams.js';
import { Ownership } from '../../../engine/cluster/ownership/ownership.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { connectNats, type NatsServer, needsNats, startNatsCluster } from '../../support/nats-server.js';
import { until } from '../../support/deadline.js';
import { linkTo, setUpCluster } from '../cluster-fixture.js';
import { auditMarkers } from '../marker-audit.js';

const shape = { partitions: 256, streams: 4 };
const all = Array.from({ length: shape.partitions }, (_, partition) => partition as PartitionId);

async function ownershipAt(t: Test, nats: NatsServer) {
  const link = await linkTo(t, nats);
  const unreadable: PartitionId[] = [];
  const ownership = new Ownership({ link, ...shape, unreadable: (partition) => unreadable.push(partition) });
  t.teardown(() => ownership.close());
  await until('current', () => ownership.isCurrent);
  return { link, ownership, unreadable };
}

const marker = (session: string, epoch: number, released = false) => ({ epoch, session, node: `node of ${session}`, released });

t.test('eight nodes race for 256 claims: one marker for each epoch, and all see the same owners (P1)', needsNats, async (t) => {
  const { nats, connection } = await setUpCluster(t, shape);
  const nodes = await Promise.all(Array.from({ length: 8 }, () => ownershipAt(t, nats)));
  for (const epoch of [1, 2]) {
    const won = await Promise.all(
      nodes.map(async ({ ownership }, node) => {
        const results = await Promise.all(all.map((partition) => ownership.write(partition, marker(`s${node}`, epoch))));
        return results.filter((result) => result === 'written').length;
      }),
    );
    t.equal(
      won.reduce((sum, count) => sum + count, 0),
      shape.partitions,
      `${won.join(' + ')} claims were won`,
    );
    await until('all see the same', () =>
      nodes.every(({ ownership }) =>
        all.every((partition) => {
          const owner = ownership.of(partition);
          return owner?.epoch === epoch && owner.session === nodes[0]!.ownership.of(partition)!.session;
        }),
      ),
    );
  }
  const { faults, markers } = await auditMarkers(connection, shape);
  t.same(faults, []);
  t.equal([...markers.values()].flat().length, 2 * shape.partitions);
});

t.test('a claim on an old view is lost, and what is newest is known afterwards', needsNats, async (t) => {
  const { nats } = await setUpCluster(t, shape);
  const [a, b] = [await ownershipAt(t, nats), await ownershipAt(t, nats)];
  const p = 7 as PartitionId;
  // B hears nothing more from its watch.
  b.ownership.close();
  t.equal(await a.ownership.write(p, marker('a', 1)), 'written');
  t.equal(await b.ownership.write(p, marker('b', 1)), 'lost');
  t.match(b.ownership.of(p), { session: 'a', epoch: 1, released: false });
  t.equal(await a.ownership.write(p, marker('a', 1, true)), 'written');
  t.equal(await b.ownership.write(p, marker('b', 2)), 'lost', 'still behind');
  t.equal(await b.ownership.write(p, marker('b', 2)), 'written');
});

t.test('what was decided on an older marker is not written behind a newer one', needsNats, async (t) => {
  const { nats } = await setUpCluster(t, shape);
  const { ownership } = await ownershipAt(t, nats);
  const p = 8 as PartitionId;
  await ownership.write(p, marker('a', 1));
  await ownership.write(p, marker('b', 2));
  // Found by the simulation: a host said "released" when another one had the partition already.
  t.equal(await ownership.write(p, marker('a', 1, true)), 'lost');
  t.equal(await ownership.write(p, marker('a', 2)), 'lost');
  t.match(ownership.of(p), { session: 'b', epoch: 2, released: false });
});

t.test('whoever starts later sees the newest of each, and hears what follows', needsNats, async (t) => {
  const { nats } = await setUpCluster(t, shape);
  const a = await ownershipAt(t, nats);
  const p = 3 as PartitionId;
  await a.ownership.write(p, marker('a', 1));
  await a.ownership.write(p, marker('a', 1, true));
  const b = await ownershipAt(t, nats);
  t.match(b.ownership.of(p), { session: 'a', epoch: 1, released: true });
  t.equal(b.ownership.of(4 as PartitionId), null);
  const heard: unknown[] = [];
  b.ownership.watch((partition, owner) => heard.push([partition, owner?.session, owner?.epoch]));
  await a.ownership.write(p, marker('a', 2));
  await until('it is heard', () => heard.length > 0);
  t.same(heard, [[p, 'a', 2]]);
});

t.test('a marker that cannot be read leaves its partition alone until there is one that can', needsNats, async (t) => {
  const { nats, connection } = await setUpCluster(t, shape);
  const { ownership, unreadable } = await ownershipAt(t, nats);
  const p = 9 as PartitionId;
  connection.publish(markerSubject(p), 'not one of ours');
  await until('it was seen', () => !ownership.isReadable(p));
  t.same(unreadable, [p]);
  connection.publish(markerSubject(p), JSON.stringify({ epoch: 5, node: 'n', session: 's', released: false }));
  await until('it can be read', () => ownership.isReadable(p));
  t.match(ownership.of(p), { epoch: 5 });
});

t.test('a stream whose server was away is read again, also where it now ends earlier', needsNats, async (t) => {
  const { nats, connection } = await setUpCluster(t, shape);
  const { ownership, link } = await ownershipAt(t, nats);
  const p = 1 as PartitionId;
  t.equal(await ownership.write(p, marker('a', 1)), 'written');
  const first = ownership.of(p)!.markerSeq;
  t.equal(await ownership.write(p, marker('a', 1, true)), 'written');
  // As after the restore of an older copy: the newest marker is one that was there before.
  await (await jetstreamManager(connection)).streams.deleteMessage('ESCAPEMENT_LOG_1', ownership.of(p)!.markerSeq);
  await nats.kill();
  await until('away', () => !link.state.isConnected);
  await nats.restart();
  await until('the leader has said so', () => ownership.isCurrent && ownership.of(p)?.markerSeq === first);
  t.match(ownership.of(p), { epoch: 1, released: false });
});

t.test('with three replicas and a leader that dies under the claims there is one winner for each (P12)', needsNats, async (t) => {
  const servers = await startNatsCluster(t);
  const connection = await connectNats(t, servers[0]!.url);
  const small = { partitions: 24, streams: 1 };
  await ensureLogStreams(connection, small);
  const nodes = await Promise.all(
    servers.map(async (server) => {
      const link = await linkTo(t, server);
      const ownership = new Ownership({ link, ...small, unreadable: () => undefined });
      t.teardown(() => ownership.close());
      return ownership;
    }),
  );
  await until('current', () => nodes.every((node) => node.isCurrent));
  const manager = await jetstreamManager(connection);
  const { cluster } = await manager.streams.info('ESCAPEMENT_LOG_0');
  const leader = servers[['n1', 'n2', 'n3'].indexOf(cluster!.leader!)]!;
  const partitions = all.slice(0, small.partitions);
  const results = nodes.map((node, index) =>
    Promise.all(partitions.map((partition) => node.write(partition, marker(`s${index}`, 1)))),
  );
  await leader.kill();
  const outcomes = await Promise.all(results);
  await leader.restart();
  const winnersOf = (partition: PartitionId) =>
    outcomes.flatMap((list, node) => (list[partition] === 'written' ? [`s${node}`] : []));
  const won = partitions.filter((partition) => winnersOf(partition).length > 0);
  // A leader that was elected just now shows its stream before it has read all of what it knows to be agreed upon.
  const { faults, markers } = await until(
    'the stream shows what was won',
    async () => {
      const audit = await auditMarkers(connection, small).catch(() => null);
      return audit !== null && won.every((partition) => audit.markers.has(partition)) && audit;
    },
    40_000,
  );
  t.same(faults, []);
  for (const partition of partitions) {
    const winners = winnersOf(partition);
    t.ok(winners.length <= 1, `partition ${partition}: ${winners.join()}`);
    if (winners.length === 1) t.equal(markers.get(partition)?.[0]?.session, winners[0]);
  }
});
