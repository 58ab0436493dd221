/**
 * How many events per second are taken in through NATS and durable?
 *
 * Events per second from the first publish to the moment at which the stream is empty again, that is, when the last event is on Escapement's
 * disk: one nats-server that syncs each write, Escapement as shipped, and a producer that keeps 64 publishes in the air, all on the same
 * cores. Events of about 290 bytes, due in an hour: one in a message, and a hundred. `publishPerSecond` is what the producer and the server reach
 * with nobody taking out. Good: 100,000 events/s in arrays of a hundred; single messages as fast as the server syncs.
 *
 *   npm run bench -- nats-ingest
 */
import { type JetStreamClient, jetstream, type JetStreamManager, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { until } from '../../test/support/deadline.js';
import { freePort, NatsServer } from '../../test/support/nats-server.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { rate } from '../lib/rate.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startEscapement } from '../lib/targets.js';
import { inTempDir } from '../lib/temp-dir.js';

const inTheAir = 64;
const event = sampleEvent({ delay_ms: 3_600_000 });
const kinds = [
  { message: 'single', events: 1, share: 20 },
  { message: 'array of 100', events: 100, share: 1 },
] as const;

/** Events in arrays; a twentieth of them as single messages. */
export const bench: Bench = {
  name: 'nats-ingest',
  question: 'How many events per second are taken in through NATS and durable, one and a hundred in a message?',
  sizes: { small: 1_000, full: 1_000_000 },
  measure: (size) =>
    inTempDir(async (dir) => {
      const nats = new NatsServer({ name: 'n1', dir, port: await freePort(), config: '', login: '' });
      try {
        await nats.ready();
        const connection = await connect({ servers: nats.url.slice('nats://'.length) });
        try {
          return measured(await measureAll({ nats, connection, size }));
        } finally {
          await connection.close();
        }
      } finally {
        await nats.kill();
      }
    }),
};

async function measureAll({
  nats,
  connection,
  size,
}: {
  nats: NatsServer;
  connection: NatsConnection;
  size: number;
}): Promise<Row[]> {
  const client = jetstream(connection, { timeout: 30_000 });
  const manager = await jetstreamManager(connection);
  const rows: Row[] = [];
  for (const { message, events, share } of kinds) {
    const messages = Math.ceil(size / share / events);
    const body = events === 1 ? JSON.stringify(event) : JSON.stringify(new Array(events).fill(event));
    const publishPerSecond = await publishOnly({ client, manager, messages, body });
    rows.push({ message, ...(await ingest({ client, manager, nats, messages, body, events })), publishPerSecond });
  }
  return rows;
}

interface Load {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly messages: number;
  readonly body: string;
}

/** Messages per second into a stream that nobody empties. */
async function publishOnly({ client, manager, messages, body }: Load): Promise<number> {
  await manager.streams.add({ name: 'BARE', subjects: ['bare'], retention: RetentionPolicy.Workqueue });
  const began = performance.now();
  await publishAll(client, { subject: 'bare', messages, body });
  const perSecond = rate(messages, performance.now() - began);
  await manager.streams.delete('BARE');
  return perSecond;
}

async function ingest({ client, manager, nats, messages, body, events }: Load & { nats: NatsServer; events: number }) {
  const escapement = await startEscapement({ env: { ESCAPEMENT_NATS_URL: nats.url } });
  try {
    await until('the stream is there', () => manager.streams.info('ESCAPEMENT_INGEST').catch(() => null));
    const began = performance.now();
    await publishAll(client, { subject: 'escapement.ingest', messages, body });
    await until(
      'the stream is empty',
      async () => (await manager.streams.info('ESCAPEMENT_INGEST')).state.messages === 0,
      80_000,
    );
    const tookMs = performance.now() - began;
    const metrics = await (await fetch(`${escapement.url}/metrics`)).text();
    const accepted = Number(/^escapement_ingest_events_total\{result="accepted"\} (\d+)/m.exec(metrics)?.[1]);
    return { eventsPerSecond: rate(messages * events, tookMs), missing: messages * events - accepted };
  } finally {
    await escapement.stop();
    await manager.streams.delete('ESCAPEMENT_INGEST');
  }
}

async function publishAll(
  client: JetStreamClient,
  { subject, messages, body }: { subject: string; messages: number; body: string },
) {
  let left = messages;
  const producer = async (): Promise<void> => {
    while (left-- > 0) await client.publish(subject, body);
  };
  await Promise.all(Array.from({ length: Math.min(inTheAir, messages) }, producer));
}
