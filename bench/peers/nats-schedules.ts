/**
 * NATS: JetStream's own message schedules, one subject for each. What is due is published to a subject that a consumer of this process reads.
 *
 * It has no call for many: they are published without waiting in between. JetStream syncs every two minutes unless it is told `always`.
 */
import { AckPolicy, type ConsumerMessages, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type Contestant, payloadFor } from './peer.js';
import { natsMissing, startNatsServer } from './servers.js';

const stream = 'BENCH';

export function natsSchedules(sync: 'always' | '2m'): Contestant {
  return {
    name: `NATS schedules, sync ${sync}`,
    durable: sync === 'always' ? 'fsync' : 'minutes later',
    missing: () => natsMissing(),
    start: async () => {
      const server = await startNatsServer({ sync });
      const connection = await connect({ servers: `127.0.0.1:${server.port}` });
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: stream, subjects: ['later.*', 'now'], allow_msg_schedules: true, allow_msg_ttl: true });
      await manager.consumers.add(stream, { durable_name: 'bench', filter_subject: 'now', ack_policy: AckPolicy.None });
      const js = jetstream(connection, { timeout: 30_000 });
      let number = 0;
      let messages: ConsumerMessages | null = null;
      const insert = (atMs: number) => {
        const schedule = { specification: new Date(atMs), target: 'now' };
        return js.publish(`later.${number++}`, JSON.stringify(payloadFor(atMs)), { schedule });
      };
      return {
        insert,
        insertMany: (all) => Promise.all(all.map(insert)),
        consume: async (handled) => {
          const consumer = await js.consumers.get(stream, 'bench');
          messages = await consumer.consume({
            max_messages: 10_000,
            callback: (message) => handled(message.json<{ at: number }>().at),
          });
        },
        stop: async () => {
          messages?.stop();
          await connection.close();
          await server.stop();
        },
      };
    },
  };
}
