/** F37 for a cluster: a node with other values than the cluster was made with does not start. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { ensureBuckets, recordStream, recordSubject } from '../../../engine/cluster/membership/buckets.js';
import { type ClusterWishes, openClusterRecord } from '../../../engine/cluster/membership/cluster-record.js';
import { StartError } from '../../../engine/kernel/errors.js';
import { readNewest, writeBehind } from '../../../engine/nats/compare-and-set.js';
import { connectNats, needsNats, startNats, startNatsCluster } from '../../support/nats-server.js';

const wishes: ClusterWishes = { partitions: null, usualPartitions: 64, usualStreams: () => 4 };

async function setup(t: Test) {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  await ensureBuckets(connection);
  return connection;
}

t.test('the first node writes what all others agree to, however many start at once', needsNats, async (t) => {
  const connection = await setup(t);
  const records = await Promise.all(
    Array.from({ length: 6 }, () => openClusterRecord(connection, { ...wishes, partitions: 12 })),
  );
  for (const record of records) t.same(record, records[0]);
  t.match(records[0], { partitions: 12, streams: 4, id: /^[0-9a-f]{16}$/, webhookSecret: /^whsec_.{44}$/ });
  t.same(await openClusterRecord(connection, wishes), records[0], 'whoever has no wish takes what is there');
});

t.test(
  'of nodes that start at once on three servers none gives up: who comes second may be refused before the first record can be read',
  needsNats,
  async (t) => {
    const servers = await startNatsCluster(t);
    const connections = await Promise.all(servers.map(({ url }) => connectNats(t, url)));
    await ensureBuckets(connections[0]!);
    const manager = await jetstreamManager(connections[0]!);
    for (let round = 0; round < 10; round++) {
      const opened = connections.map((connection) => openClusterRecord(connection, wishes));
      const said = (await Promise.allSettled(opened)).map((each) =>
        each.status === 'fulfilled' ? each.value.id : (each.reason as Error),
      );
      t.same(
        said.filter((each) => each instanceof StartError),
        [],
        'what time mends is no reason to end',
      );
      t.equal(new Set(said.filter((each) => typeof each === 'string')).size, 1, 'there is one record');
      await manager.streams.purge(recordStream);
    }
  },
);

t.test('without a wish a new cluster has the usual number of partitions', needsNats, async (t) => {
  t.match(await openClusterRecord(await setup(t), wishes), { partitions: 64, streams: 4 });
});

t.test('another number of partitions is refused, and nothing is changed (F37)', needsNats, async (t) => {
  const connection = await setup(t);
  await openClusterRecord(connection, { ...wishes, partitions: 12 });
  const at = { stream: recordStream, subject: recordSubject };
  const before = await readNewest(connection, at, 2_000);
  await t.rejects(
    openClusterRecord(connection, { ...wishes, partitions: 16 }),
    new StartError('this cluster was made with 12 partitions; ESCAPEMENT_PARTITIONS is 16, and the number never changes'),
  );
  t.equal((await readNewest(connection, at, 2_000))!.sequence, before!.sequence);
});

t.test('another hash, another format and what is no record are refused by name (F37)', needsNats, async (t) => {
  const connection = await setup(t);
  const at = { stream: recordStream, subject: recordSubject };
  const good = { format: 1, partitions: 4, hash: 'fnv1a32', streams: 4, id: 'a', webhook_secret: 'whsec_a' };
  const cases = [
    [{ ...good, hash: 'md5' }, /spreads events by md5, this version by fnv1a32/],
    [{ ...good, format: 2 }, /of format 2, this version reads format 1/],
    ['hello', /cannot be read/],
    [null, /cannot be read/],
  ] as const;
  let after = 0;
  for (const [record, message] of cases) {
    const written = await writeBehind(connection, { ...at, payload: JSON.stringify(record), after }, 2_000);
    if (written.kind === 'stored') after = written.sequence;
    await t.rejects(openClusterRecord(connection, wishes), { name: 'StartError', message });
  }
});
