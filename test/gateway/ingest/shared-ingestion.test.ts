/** Several nodes take from the one stream: each message is taken by one of them, and what one held when it died by another. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { SystemClock } from '../../../engine/index.js';
import { readNatsAddress } from '../../../engine/nats/nats-address.js';
import { NatsDesk } from '../../../engine/nats-desk.js';
import { createLogger } from '../../../engine/observe/logger.js';
import { Ingestion } from '../../../gateway/ingest/ingestion.js';
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import { until } from '../../support/deadline.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';

t.setTimeout(90_000);

const logger = createLogger({ level: 'fatal', format: 'json' });

function takingNode(t: Test, url: string) {
  const engine = new FakeEngine();
  const nats = new NatsDesk({
    address: readNatsAddress(url)!,
    version: 'test',
    streamId: 'abcdef',
    partitions: 4,
    role: 'gateway',
    deaths: () => ({ number: 0, tellings: [] }),
    logger,
    changed: () => undefined,
  });
  const ingestion = new Ingestion({
    engine,
    nats,
    clock: new SystemClock(),
    destinations: new DestinationCheck(() => null),
    isShort: () => false,
    report: (error) => t.error(error as Error),
  });
  t.teardown(async () => {
    await ingestion.close(0);
    await nats.close();
  });
  return { engine, nats };
}

t.test('two nodes share the messages, and what one held when it died the other takes', needsNats, async (t) => {
  const server = await startNats(t);
  const connection = await connectNats(t, server.url);
  const manager = await jetstreamManager(connection);
  const left = async () => (await manager.streams.info('ESCAPEMENT_INGEST')).state.messages;
  const [one, other] = [takingNode(t, server.url), takingNode(t, server.url)];
  await until('both take', async () => {
    const consumer = await manager.consumers.info('ESCAPEMENT_INGEST', 'escapement').catch(() => null);
    return consumer !== null && consumer.num_waiting >= 2;
  });

  let published = 0;
  const publish = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () => {
        const event = { external_job_id: `job-${published++}`, destination: 'https://example.org/hook', delay: '1h' };
        return jetstream(connection).publish('escapement.ingest', JSON.stringify(event));
      }),
    );
  const jobs = () => [...one.engine.events.values(), ...other.engine.events.values()].map(({ view }) => view.spec.externalJobId);
  await publish(300);
  await until('all is taken', async () => (await left()) === 0);
  t.equal(jobs().length, 300, 'each by one of them');
  t.equal(new Set(jobs()).size, 300);
  t.equal(one.nats.counts.accepted + other.nats.counts.accepted, 300);
  t.equal(one.nats.counts.redelivered + other.nats.counts.redelivered, 0);
  t.ok(one.engine.events.size > 0 && other.engine.events.size > 0, `${one.engine.events.size} and ${other.engine.events.size}`);

  one.engine.gate = new Promise(() => undefined);
  await until('it holds something', async () => {
    await publish(50);
    return one.nats.counts.messages - one.nats.counts.accepted > 0;
  });
  const held = one.nats.counts.messages - one.nats.counts.accepted;
  await one.nats.close();
  await until('the other one has taken it', async () => (await left()) === 0, 30_000);
  t.equal(new Set(jobs()).size, published, `${held} that were held are there as well`);
  t.equal(jobs().length, published, 'and none is there twice');
  t.ok(other.nats.counts.redelivered >= held);
});
