/** What is told of a partition goes on where the owner before has ended: nothing is left out, and dead letters are there once. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { type NatsDoor, OneStream, type ToldStream, type ToldStreams, type WallMs } from '../../../engine/index.js';
import { readNatsAddress } from '../../../engine/nats/nats-address.js';
import { noSequence } from '../../../engine/kernel/brand.js';
import { encodeCursor } from '../../../engine/status/cursor.js';
import type { ToldStreamsListener } from '../../../engine/status/told-streams.js';
import { NatsTelling } from '../../../gateway/announce/nats-telling.js';
import { TestEngine } from '../../engine/engine-fixture.js';
import { until } from '../../support/deadline.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';

t.setTimeout(90_000);

/** Begins and ends when the test says so. */
class HandedStream implements ToldStreams {
  readonly #stream: ToldStream;
  #listener: ToldStreamsListener | null = null;

  constructor(stream: ToldStream) {
    this.#stream = stream;
  }

  watch(listener: ToldStreamsListener): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  begin(): void {
    this.#listener!.begun(this.#stream);
  }

  end(): void {
    this.#listener!.ended(this.#stream);
  }
}

async function setup(t: Test) {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection);
  const test = await TestEngine.start(t, {
    config: { nats: readNatsAddress(nats.url)!, partitions: 1 },
    deliver: {
      failing: () => {
        throw new Error('no');
      },
    },
  });
  const { engine } = test;
  const door = engine.nats!;
  let stream: ToldStream | null = null;
  new OneStream({ name: 'cluster.0', partitions: 1, subscribe: (...asked) => engine.subscribe(...asked) }).watch({
    begun: (one) => {
      const beginning = door.streamId + encodeCursor([noSequence]);
      stream = { ...one, subscribe: one.subscribe, isHandedOn: true, beginning };
    },
    ended: () => undefined,
  });
  const node = () => {
    const owned = new HandedStream(stream!);
    const nats: NatsDoor = {
      link: door.link,
      publisher: door.publisher,
      streamId: door.streamId,
      partitions: door.partitions,
      counts: door.counts,
      owned,
      deaths: () => door.deaths(),
      ingestFault: () => undefined,
    };
    const telling = new NatsTelling({ engine, nats, logger: { warn: () => undefined, error: () => undefined } });
    t.teardown(() => telling.close());
    return owned;
  };
  const die = () => test.schedule({ destination: 'failing', maxRetries: 0, scheduledAtMs: Date.now() as WallMs });
  const dead = () =>
    manager.streams.info('ESCAPEMENT_DEAD').then(
      ({ state }) => state.messages,
      () => -1,
    );
  return { connection, manager, test, node, die, dead };
}

t.test('a death between two owners is told by the second one, and no death twice', needsNats, async (t) => {
  const { manager, node, die, dead } = await setup(t);
  const [one, other] = [node(), node()];
  await die();
  one.begin();
  await until('one that was before anybody had remembered a place is told', async () => (await dead()) === 1);
  await until('its place is remembered', () =>
    manager.streams.getMessage('ESCAPEMENT_PROGRESS', { last_by_subj: 'escapement.progress.dead.cluster.0' }).then(
      (message) => message !== null,
      () => false,
    ),
  );
  await die();
  await until('the death is told', async () => (await dead()) === 2);
  one.end();
  await die();
  other.begin();
  await until('the death between is told', async () => (await dead()) === 3);
  await die();
  await until('and the next one', async () => (await dead()) === 4);
  t.equal(await dead(), 4);
});

t.test('whoever listens hears every change although the owner changes', needsNats, async (t) => {
  const { connection, test, node, die } = await setup(t);
  const versions = new Map<string, Set<number>>();
  let batches = 0;
  connection.subscribe('escapement.status.0', {
    callback: (_, message) => {
      batches++;
      for (const { event_id: id, version } of message.json<{ items: { event_id: string; version: number }[] }>().items) {
        versions.set(id, (versions.get(id) ?? new Set()).add(version));
      }
    },
  });
  const isWhole = (id: string) => versions.get(id)?.size === 3;
  const [one, other] = [node(), node()];
  one.begin();
  await until('it is asked for', () => batches > 0);
  const first = await die();
  await until('the first owner tells', () => isWhole(first));
  one.end();
  const between = await die();
  await until('it is over', async () => (await test.engine.get(between)).status === 'DEAD');
  other.begin();
  const last = await die();
  await until('the second owner tells, also of what was between', () => isWhole(between) && isWhole(last), 20_000);
  t.equal(versions.size, 3);
});
