/** The buckets of a cluster, when somebody else has made or changed them. */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import t from 'tap';
import { ensureBuckets, sessionStream } from '../../../engine/cluster/membership/buckets.js';
import { StreamUnfit } from '../../../engine/nats/streams.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';

t.test('sessions that would not end by themselves are refused, with what to correct', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: sessionStream,
    subjects: ['$KV.ESCAPEMENT_SESSIONS.>'],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    allow_direct: false,
  });
  const refused = await ensureBuckets(connection).catch((error: unknown) => error);
  t.ok(refused instanceof StreamUnfit && /\(allow_msg_ttl\)/.test(refused.message), String(refused));
  await manager.streams.delete(sessionStream);
  await ensureBuckets(connection);
  t.equal((await manager.streams.info(sessionStream)).config.allow_msg_ttl, true);
});
