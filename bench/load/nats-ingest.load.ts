/**
 * How many events per second are taken in through NATS and durable?
 *
 * Events per second from the first publish to the moment at which the stream is empty again, that is, when the last event is on Escapement's
 * disk: one nats-server that syncs each write, Escapement as shipped, and a producer that keeps 64 publishes in the air, all on the same
 * cores. Events of about 290 bytes, of one type, due in an hour: one in a message, and a hundred. `publishPerSecond` is what the producer and the server reach
 * with nobody taking out. Good: 100,000 events/s in arrays of a hundred; single messages as fast as the server syncs.
 *
 *   npm run bench -- nats-ingest
 */
import { type JetStreamManager, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { until } from '../../test/support/deadline.js';
import { freePort, NatsServer } from '../../test/support/nats-server.js';
import { type Bench, measured, type Row } from '../lib/bench.js';
import { publishAll } from '../lib/nats-producer.js';
import { rate } from '../lib/rate.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startEscapement } from '../lib/targets.js';
import { inTempDir } from '../lib/temp-dir.js';

const inTheAir = 64;
const kinds = [
  { message: 'single', events: 1, share: 20 },
  { message: 'array of 100', events: 100, share: 1 },
] as const;

/** Of one type, with payloads of their own. */
function eventAt(at: number): object {
  const event = sampleEvent({ delay_ms: 3_600_000 });
  return { ...event, payload: { ...event.payload, order_id: `order-${1_000_000 + at}`, amount_cents: 12_000 + at } };
}

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
  const manager = await jetstreamManager(connection);
  const rows: Row[] = [];
  for (const { message, events, share } of kinds) {
    const messages = Math.ceil(size / share / events);
    const body = JSON.stringify(events === 1 ? eventAt(0) : Array.from({ length: events }, (_, at) => eventAt(at)));
    const publishPerSecond = await publishOnly({ nats, manager, messages, body });
    rows.push({ message, ...(await ingest({ nats, manager, messages, body, events })), publishPerSecond });
  }
  return rows;
}

interface Load {
  readonly nats: NatsServer;
  readonly manager: JetStreamManager;
  readonly messages: number;
  readonly body: string;
}

/** Messages per second into a stream that nobody empties. */
async function publishOnly({ nats, manager, messages, body }: Load): Promise<number> {
  await manager.streams.add({ name: 'BARE', subjects: ['bare'], retention: RetentionPolicy.Workqueue });
  const began = performance.now();
  await publishAll({ url: nats.url, subject: 'bare', messages, body, inTheAir });
  const perSecond = rate(messages, performance.now() - began);
  await manager.streams.delete('BARE');
  return perSecond;
}

async function ingest({ nats, manager, messages, body, events }: Load & { events: number }) {
  const escapement = await startEscapement({ env: { ESCAPEMENT_NATS_URL: nats.url } });
  try {
    await until('the stream is there', () => manager.streams.info('ESCAPEMENT_INGEST').catch(() => null));
    const began = performance.now();
    await publishAll({ url: nats.url, subject: 'escapement.ingest', messages, body, inTheAir });
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
