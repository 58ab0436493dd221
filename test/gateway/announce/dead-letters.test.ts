/** When deaths are rare the stream of changes is not followed, and none is missed all the same. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { OneStream, type ToldStream, type ToldStreams, type WallMs } from '../../../engine/index.js';
import { readNatsAddress } from '../../../engine/nats/nats-address.js';
import { DeadLetters } from '../../../gateway/announce/dead-letters.js';
import { TestEngine } from '../../engine/engine-fixture.js';
import { pause, until } from '../../support/deadline.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';

/** An engine whose handler `failing` fails, and its NATS. */
async function setup(t: Test) {
  const nats = await startNats(t);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  const test = await TestEngine.start(t, {
    config: { nats: readNatsAddress(nats.url)! },
    deliver: {
      failing: () => {
        throw new Error('no');
      },
    },
  });
  return { manager, test };
}

t.test('a death behind a long quiet time is told', needsNats, async (t) => {
  const { manager, test } = await setup(t);
  let followed = 0;
  const { engine } = test;
  const all = new OneStream({
    name: engine.nats!.streamId,
    partitions: engine.nats!.partitions,
    subscribe: (...args: Parameters<typeof engine.subscribe>) => {
      if (args[0].status !== null) followed++;
      return engine.subscribe(...args);
    },
  });
  const [only] = streamsOf(all);
  const faults: unknown[] = [];
  const letters = new DeadLetters({
    engine,
    stream: only!,
    nats: engine.nats!,
    putOff: (error) => void faults.push(error),
    lost: (error) => void faults.push(error),
    lookEveryMs: 300,
  });
  t.teardown(() => letters.close());
  const kept = () => manager.streams.info('ESCAPEMENT_DEAD').then(({ state }) => state.messages);
  await until('its streams are there', () =>
    kept()
      .catch(() => null)
      .then((count) => count === 0),
  );
  for (const round of [1, 2]) {
    // More looks than it takes to come to rest, and some at rest.
    await pause(7 * 300);
    t.equal(followed, round - 1, 'nothing has made it follow');
    await test.schedule({ destination: 'failing', maxRetries: 0, scheduledAtMs: Date.now() as WallMs });
    await until('the death is told', async () => (await kept()) === round);
    t.equal(followed, round, 'it had rested before');
  }
  t.same(faults, []);
});

t.test(
  'a death while NATS has never been there is told, and nothing is left to a place that is not remembered',
  needsNats,
  async (t) => {
    const { manager, test } = await setup(t);
    const { engine } = test;
    const door = engine.nats!;
    let isAway = true;
    let asToldLast: ReturnType<typeof door.deaths> | null = null;
    const watch = { value: door.link.watch.bind(door.link) };
    const link = Object.create(door.link, { watch, connection: { get: () => (isAway ? null : door.link.connection) } });
    const [only] = streamsOf(
      new OneStream({ name: door.streamId, partitions: door.partitions, subscribe: (...asked) => engine.subscribe(...asked) }),
    );
    let failing = 1;
    const publish: typeof door.publisher.publish = async (...asked) =>
      failing-- > 0 ? { kind: 'timed-out', error: 'as it was told', mayBeStored: true } : door.publisher.publish(...asked);
    const faults: string[] = [];
    const letters = new DeadLetters({
      engine,
      stream: only!,
      nats: {
        ...door,
        link,
        deaths: () => asToldLast ?? door.deaths(),
        publisher: Object.assign(Object.create(door.publisher), { publish }),
      },
      putOff: (error) => void faults.push(String(error)),
      lost: (error) => void faults.push(String(error)),
      lookEveryMs: 100,
    });
    t.teardown(() => letters.close());
    const id = await test.schedule({ destination: 'failing', maxRetries: 0, scheduledAtMs: Date.now() as WallMs });
    await until('it is dead', async () => (await engine.get(id)).status === 'DEAD');
    isAway = false;
    const remembered = () =>
      manager.streams.getMessage('ESCAPEMENT_PROGRESS', { last_by_subj: `escapement.progress.dead.${door.streamId}` }).then(
        (message) => message !== null,
        () => false,
      );
    await until('its place is remembered', remembered);
    t.same(faults, ['Error: where it begins cannot be remembered'], 'it did not begin before');
    const kept = () => manager.streams.info('ESCAPEMENT_DEAD').then(({ state }) => state.messages);
    await until('the death is told', async () => (await kept()) === 1);

    // More looks than it takes to come to rest, and then some while a host is too busy to tell that there is another one.
    await pause(7 * 100);
    asToldLast = door.deaths();
    const next = await test.schedule({ destination: 'failing', maxRetries: 0, scheduledAtMs: Date.now() as WallMs });
    await until('it is dead', async () => (await engine.get(next)).status === 'DEAD');
    await pause(7 * 100);
    asToldLast = null;
    await until('the death that was told late is told', async () => (await kept()) === 2);
  },
);

function streamsOf(streams: ToldStreams): ToldStream[] {
  const begun: ToldStream[] = [];
  streams.watch({ begun: (stream) => void begun.push(stream), ended: () => undefined });
  return begun;
}
