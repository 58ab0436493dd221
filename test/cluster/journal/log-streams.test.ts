/** The streams of partition logs: made as the promises need them, and one that would break a promise is refused. */
import { DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import t from 'tap';
import {
  commandSubject,
  ensureLogStreams,
  journalSubject,
  logStreamOf,
  markerSubject,
  usualLogStreams,
} from '../../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { StreamUnfit } from '../../../engine/nats/streams.js';
import { until } from '../../support/deadline.js';
import { connectNats, freePort, inCluster, needsNats, startNats } from '../../support/nats-server.js';

t.test('a new cluster has four streams, or one for each partition if these are fewer', async (t) => {
  t.equal(usualLogStreams(256), 4);
  t.equal(usualLogStreams(3), 3);
});

t.test('each subject of each partition is taken by the stream of its number', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const shape = { partitions: 6, streams: 4 };
  await ensureLogStreams(connection, shape);
  await ensureLogStreams(connection, shape);
  for (let number = 0; number < shape.partitions; number++) {
    const partition = number as PartitionId;
    for (const subject of [markerSubject(partition), journalSubject(partition), commandSubject(partition)]) {
      const { stream } = await jetstream(connection).publish(subject, 'x');
      t.equal(stream, logStreamOf(partition, shape.streams), subject);
    }
  }
  const manager = await jetstreamManager(connection);
  t.match((await manager.streams.info('ESCAPEMENT_LOG_1')).config, {
    subjects: ['escapement.p.1.*', 'escapement.p.5.*'],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    storage: StorageType.File,
    max_age: 0,
    max_msgs_per_subject: -1,
    allow_direct: false,
    num_replicas: 1,
  });
});

t.test('where there are to be three servers there are three replicas, or none until the third has come', needsNats, async (t) => {
  // The two do not know that there is to be another one.
  const routes = [await freePort(), await freePort()];
  const start = (name: string, port: number) => startNats(t, { name, config: inCluster({ port, routes }) });
  const [server] = await Promise.all([start('n1', routes[0]!), start('n2', routes[1]!)]);
  const connection = await connectNats(t, server.url);
  const manager = await jetstreamManager(connection);
  const ensure = () => ensureLogStreams(connection, { partitions: 1, streams: 1 });
  await t.rejects(ensure(), /ESCAPEMENT_LOG_0 is to have three replicas, and there are no three servers/);
  await t.rejects(manager.streams.info('ESCAPEMENT_LOG_0'), 'one replica would have stayed one for good');
  await start('n3', await freePort());
  await until(
    'it is made',
    () =>
      ensure().then(
        () => true,
        () => false,
      ),
    30_000,
  );
  t.equal((await manager.streams.info('ESCAPEMENT_LOG_0')).config.num_replicas, 3);
});

t.test('a stream that would lose or hide what is in it is refused, with what to correct', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection);
  const fit = { name: 'ESCAPEMENT_LOG_0', subjects: ['escapement.p.0.*'], storage: StorageType.File, discard: DiscardPolicy.New };
  const unfit: readonly (readonly [Partial<StreamConfig>, RegExp])[] = [
    [{ subjects: ['escapement.p.1.*'] }, /does not take escapement\.p\.0\.\*/],
    [{ discard: DiscardPolicy.Old }, /discards old messages, not new/],
    [{ storage: StorageType.Memory }, /kept in memory, not file/],
    [{ max_age: 60e9 }, /drops messages after 60 s/],
    [{ max_msgs_per_subject: 5 }, /keeps only 5 messages of a subject/],
    [{ allow_direct: true }, /\(allow_direct\)/],
  ];
  for (const [config, message] of unfit) {
    // The server may not have put away yet what the one before of this name has left on its disk.
    await until('the server takes it', () => manager.streams.add({ ...fit, ...config }).catch(() => null));
    const refused = await ensureLogStreams(connection, { partitions: 1, streams: 1 }).catch((error: unknown) => error);
    t.ok(refused instanceof StreamUnfit && message.test(refused.message), String(refused));
    await manager.streams.delete(fit.name);
  }
});
