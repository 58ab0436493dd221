/** `escapement.status.<partition>` and `escapement.dead.<source>`: what others hear of events over NATS. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import t, { type Test } from 'tap';
import { pause, until } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startServer } from '../support/server.js';

interface Item {
  readonly event_id: string;
  readonly status: string;
  readonly version: number;
}

interface Batch {
  readonly partition: number;
  readonly cursor: string;
  readonly items: readonly Item[];
}

const unreachable = 'http://127.0.0.1:9/';

async function setup(t: Test) {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: nats.url, ESCAPEMENT_BREAKER: 'off' } });
  await server.ready();
  const deadLetters = () =>
    manager.streams.info('ESCAPEMENT_DEAD').then(
      ({ state }) => state.messages,
      () => -1,
    );
  await until('dead letters can be told', async () => (await deadLetters()) >= 0);
  return { nats, connection, manager, server, client: server.client, deadLetters };
}

function listen(t: Test, connection: NatsConnection) {
  const batches: { readonly subject: string; readonly batch: Batch }[] = [];
  const subscription = connection.subscribe('escapement.status.>', {
    callback: (_, message) => void batches.push({ subject: message.subject, batch: message.json<Batch>() }),
  });
  t.teardown(() => subscription.unsubscribe());
  const itemsOf = (id: string) => batches.flatMap(({ batch }) => batch.items.filter(({ event_id }) => event_id === id));
  return { batches, itemsOf, subscription };
}

t.test('announcements', needsNats, async (t) => {
  const { nats, connection, manager, server, client, deadLetters } = await setup(t);

  await t.test('whoever listens hears every change from then on, in order, on the subject of its partition', async (t) => {
    const before = await client.schedule({ destination: unreachable, delay: '1h' });
    // It has asked at least once, and nobody was there.
    await pause(1_200);
    const { batches, itemsOf, subscription } = listen(t, connection);
    await connection.flush();
    // At once: before the engine can know that somebody listens.
    const { body } = await client.schedule({
      destination: unreachable,
      max_retries: 1,
      retry: { strategy: 'fixed', initial_ms: 20, jitter: 'none' },
    });
    await until('the end is heard', () => itemsOf(body.id).some(({ status }) => status === 'DEAD'));
    const versions = new Map(itemsOf(body.id).map(({ version, status }) => [version, status]));
    t.same([...versions.values()], ['SCHEDULED', 'DISPATCHED', 'RETRYING', 'DISPATCHED', 'DEAD']);
    t.same(itemsOf(before.body.id), [], 'what was before is not told');
    for (const { subject, batch } of batches) {
      t.equal(subject, `escapement.status.${batch.partition}`);
      t.ok(batch.items.every((item) => 'partition' in item === false));
    }
    const last = batches.at(-1)!.batch.cursor;
    const resumed = await client.get(`/api/v1/stream/sse?cursor=${last}&status=NONE`);
    t.equal(resumed.status, 422, 'only the status is refused: the cursor is one of the stream');
    t.notMatch(resumed.text, /cursor/);
    subscription.unsubscribe();
    await connection.flush();
    const heard = batches.length;
    await client.schedule({ destination: unreachable, delay: '1h' });
    t.equal(batches.length, heard);
  });

  await t.test('what happened while NATS was away is told when it is back', async (t) => {
    const { batches, itemsOf } = listen(t, connection);
    await until('it is heard', () => batches.length > 0);
    await nats.kill();
    const { body } = await client.schedule({ destination: unreachable, delay: '1h', source: 'meanwhile' });
    await nats.restart();
    await until('it is told', () => itemsOf(body.id).length > 0, 15_000);
  });

  await t.test('a dead event is kept whole, under its source, once; a retry that fails is another', async (t) => {
    // NATS may have gone before the one that died first was kept.
    const count = 1;
    await until('that one is kept', async () => (await deadLetters()) === count);
    const event = { destination: unreachable, max_retries: 0, source: 'shop..eu', payload: { n: 1 } };
    const { body } = await client.schedule(event);
    await until('it is kept', async () => (await deadLetters()) === count + 1);
    const read = async () =>
      (await manager.streams.getMessage('ESCAPEMENT_DEAD', { last_by_subj: 'escapement.dead.shop._.eu' }))!;
    const first = await read();
    t.match(JSON.parse(Buffer.from(first.data).toString()), {
      id: body.id,
      status: 'DEAD',
      attempts: 1,
      payload: { n: 1 },
      last_error: 'connection refused',
    });
    t.equal(first.header.get('escapement-event-id'), body.id);
    t.equal(first.header.get('Nats-Msg-Id'), `${body.id}:3`);
    await client.retry(body.id);
    await until('it is kept again', async () => (await deadLetters()) === count + 2);
    t.match(JSON.parse(Buffer.from((await read()).data).toString()), { id: body.id, attempts: 2 });
  });

  await t.test('deaths while NATS is away, and around a kill, are told afterwards', async (t) => {
    const count = await deadLetters();
    await nats.kill();
    const ids: string[] = [];
    for (let n = 0; n < 20; n++)
      ids.push((await client.schedule({ destination: unreachable, max_retries: 0, source: 'lost' })).body.id);
    await until('they are dead', async () => (await client.event(ids.at(-1)!)).body.status === 'DEAD');
    await server.kill();
    await Promise.all([nats.restart(), server.restart()]);
    await until('they are told', async () => (await deadLetters()) >= count + 20, 20_000);
    const told = new Set<string>();
    const { state } = await manager.streams.info('ESCAPEMENT_DEAD');
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      told.add((await manager.streams.getMessage('ESCAPEMENT_DEAD', { seq }))!.header.get('escapement-event-id'));
    }
    t.same(
      ids.filter((id) => !told.has(id)),
      [],
    );
  });
});
