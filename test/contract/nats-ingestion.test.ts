/** `escapement.ingest`: what producers may publish, what becomes of it, and what they hear. */
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { pack } from 'msgpackr';
import t, { type Test } from 'tap';
import { until, within } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startServer } from '../support/server.js';

interface Answer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly results: readonly { readonly index: number; readonly id?: string; readonly code?: string; readonly detail?: string }[];
}

interface Rejection {
  readonly subject: string;
  readonly sequence: number;
  readonly message_id: string | null;
  readonly rejected: readonly {
    readonly index: number;
    readonly code: string;
    readonly event: unknown;
    readonly errors: unknown;
  }[];
  readonly message_base64?: string;
}

const later = { destination: 'https://example.org/hook', delay: '1h' };

interface Sent {
  readonly subject?: string;
  readonly id?: string;
  readonly more?: Readonly<Record<string, string>>;
}

/** Publishes as a producer does, and waits for the answer. */
async function ask(connection: NatsConnection, body: unknown, { subject = 'escapement.ingest', id, more = {} }: Sent = {}) {
  const inbox = `answers.${Math.random().toString(36).slice(2)}`;
  const answers = connection.subscribe(inbox, { max: 1 });
  const all = headers();
  all.set('escapement-reply', inbox);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  const data = body instanceof Uint8Array ? body : typeof body === 'string' ? body : JSON.stringify(body);
  const ack = await jetstream(connection).publish(subject, data, { headers: all, ...(id === undefined ? {} : { msgID: id }) });
  const first = async (): Promise<Answer> => {
    for await (const message of answers) return message.json<Answer>();
    throw new Error('no answer');
  };
  return { answer: await within('the answer', first()), sequence: ack.seq };
}

async function lastRejection(manager: JetStreamManager): Promise<Rejection> {
  const stored = await manager.streams.getMessage('ESCAPEMENT_REJECTED', { last_by_subj: 'escapement.rejected' });
  return JSON.parse(Buffer.from(stored!.data).toString()) as Rejection;
}

async function setup(t: Test) {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: nats.url } });
  await server.ready();
  await until('events are taken', async () => {
    const { body } = await server.client.get<{ status: string }>('/health');
    return body.status === 'ready' && (await manager.streams.info('ESCAPEMENT_REJECTED').catch(() => null));
  });
  const left = async () => (await manager.streams.info('ESCAPEMENT_INGEST')).state.messages;
  return { nats, connection, manager, server, client: server.client, left };
}

t.test('ingestion', needsNats, async (t) => {
  const { connection, manager, server, client, left } = await setup(t);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  await t.test('a single event is accepted as over HTTP, and its stream forgets it', async (t) => {
    const payload = '{ "total" : 1.10 }';
    const body = `{"destination":"https://example.org/hook","delay":"1h","payload":${payload}}`;
    const { answer } = await ask(connection, body, { more: { traceparent } });
    t.match(answer, { accepted: 1, duplicates: 0, rejected: 0, results: [{ index: 0, status: 'SCHEDULED', duplicate: false }] });
    const event = await client.event(answer.results[0]!.id!);
    t.match(event.body, { status: 'SCHEDULED', source: 'default' });
    t.ok(event.text.includes(payload), 'byte for byte');
    t.equal(await left(), 0);
  });

  await t.test('an array is answered by index; what is rejected is kept with its reason, the others are accepted', async (t) => {
    const events = [later, { ...later, priority: 77 }, 17, later];
    const { answer, sequence } = await ask(connection, events, { id: 'some-array' });
    t.match(answer, { accepted: 2, duplicates: 0, rejected: 2 });
    t.match(answer.results[1], { index: 1, code: 'invalid', retryable: false, errors: [{ pointer: '/priority' }] });
    const rejection = await lastRejection(manager);
    t.match(rejection, { subject: 'escapement.ingest', sequence, message_id: 'some-array' });
    t.same(
      rejection.rejected.map(({ index, event }) => [index, event]),
      [
        [1, { ...later, priority: 77 }],
        [2, 17],
      ],
    );
    t.equal(await left(), 0);
  });

  await t.test('MessagePack says the same, as one event and as an array', async (t) => {
    const one = await ask(connection, pack({ ...later, payload: { a: [1, 'x'] } }));
    t.match(one.answer, { accepted: 1 });
    t.match((await client.event(one.answer.results[0]!.id!)).body, { payload: { a: [1, 'x'] } });
    const array = await ask(connection, pack([later, { ...later, delay: 5 }, later]));
    t.match(array.answer, { accepted: 2, rejected: 1, results: [{}, { index: 1, code: 'invalid' }, {}] });
  });

  await t.test('the source of the subject is that of its events, and no other may be named', async (t) => {
    const { answer } = await ask(connection, [later, { ...later, source: 'shop.eu' }, { ...later, source: 'other' }], {
      subject: 'escapement.ingest.shop.eu',
    });
    t.match(answer, { accepted: 2, rejected: 1 });
    t.match(answer.results[2], { errors: [{ pointer: '/source', detail: /shop\.eu/ }] });
    t.equal((await client.event(answer.results[0]!.id!)).body.source, 'shop.eu');
    t.match((await ask(connection, later, { subject: `escapement.ingest.${'x'.repeat(129)}` })).answer, { rejected: 1 });
  });

  await t.test(
    'what was sent before is told as such: by id of the message, by external id, also long after the window of the stream',
    async (t) => {
      await ask(connection, [later, later], { id: 'twice' });
      // The stream would drop the repeat; it is forgotten there first.
      await manager.streams.delete('ESCAPEMENT_INGEST');
      await until('the stream is made anew', () => manager.streams.info('ESCAPEMENT_INGEST').catch(() => null), 15_000);
      const repeated = await ask(connection, [later, later], { id: 'twice' });
      t.match(repeated.answer, { accepted: 0, duplicates: 2, rejected: 0 });
      const changed = await ask(connection, [{ ...later, priority: 1 }], {
        id: 'other-subject',
        subject: 'escapement.ingest.default',
      });
      t.match(changed.answer, { accepted: 1 });
      const named = { ...later, external_job_id: 'order-1' };
      t.match((await ask(connection, named)).answer, { accepted: 1 });
      t.match((await ask(connection, named)).answer, { duplicates: 1 });
      const conflict = await ask(connection, { ...named, priority: 9 });
      t.match(conflict.answer.results[0], { code: 'external-job-id-conflict' });
      t.match((await lastRejection(manager)).rejected[0], { code: 'external-job-id-conflict', event: { priority: 9 } });
      // Without an id two equal messages are two events.
      t.match((await ask(connection, later)).answer, { accepted: 1 });
      t.match((await ask(connection, later)).answer, { accepted: 1 });
    },
  );

  await t.test('a message that cannot be read is rejected as a whole, with its bytes', async (t) => {
    const bad: readonly [string | Uint8Array, string][] = [
      ['{', 'malformed-json'],
      ['[{}', 'malformed-json'],
      ['[]', 'invalid'],
      ['', 'malformed-json'],
      [Buffer.from([0x91, 0xc1]), 'malformed-request'],
      [Buffer.from('{"a":"\xff"}', 'latin1'), 'malformed-request'],
      [JSON.stringify(Array.from({ length: 1_001 }, () => ({}))), 'too-large'],
    ];
    for (const [body, code] of bad) {
      const { answer } = await ask(connection, body);
      t.match(answer, { accepted: 0, rejected: 1, results: [{ index: 0, code }] }, String(body).slice(0, 20));
      const { message_base64 } = await lastRejection(manager);
      t.same(Buffer.from(message_base64!, 'base64'), Buffer.from(body));
    }
    t.equal(await left(), 0);
  });

  await t.test('a delay counts from the moment at which the stream took the message', async (t) => {
    const event = { destination: 'https://example.org/hook', delay: '1h' };
    const { answer } = await ask(connection, event);
    const { body } = await client.event(answer.results[0]!.id!);
    t.ok(Date.parse(body.scheduled_at) <= Date.parse(body.created_at) + 3_600_000);
  });

  await t.test('a reply goes to no subject of the server or of ours', async (t) => {
    const heard: string[] = [];
    for (const subject of ['escapement.rejected', '$JS.API.INFO']) {
      const subscription = connection.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
      t.teardown(() => subscription.unsubscribe());
      const all = headers();
      all.set('escapement-reply', subject);
      await jetstream(connection).publish('escapement.ingest', JSON.stringify(later), { headers: all });
    }
    await until('both were taken', async () => (await left()) === 0);
    t.match((await ask(connection, later)).answer, { accepted: 1 });
    t.same(heard, []);
  });

  await t.test('it counts what came', async (t) => {
    const metrics = (await client.get('/metrics')).text;
    t.match(metrics, /escapement_ingest_events_total\{result="accepted"\} \d\d/);
    t.match(metrics, /escapement_ingest_events_total\{result="rejected"\} \d\d/);
    t.match(metrics, /escapement_nats_connected\{use="ingestion"\} 1/);
    t.same(
      server.logs().filter(({ level }) => level === 'error'),
      [],
      'nothing of it was a defect',
    );
  });
});

t.test('a stream that others have made otherwise is left alone, and said so', needsNats, async (t) => {
  const nats = await startNats(t);
  const manager = await jetstreamManager(await connectNats(t, nats.url));
  await manager.streams.add({ name: 'ESCAPEMENT_INGEST', subjects: ['escapement.ingest'] });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: nats.url } });
  await server.ready();
  const nameOf = async () => {
    const { body } = await server.client.get<{ components: { name: string; detail: string | null }[] }>('/health');
    return body.components.find(({ name, detail }) => name === 'nats' && detail?.includes('ESCAPEMENT_INGEST'));
  };
  const { detail } = await until('it is shown', nameOf);
  t.match(
    detail,
    /it does not take escapement\.ingest\.>; its retention is limits, not workqueue; it discards old messages, not new ones/,
  );
  await manager.streams.delete('ESCAPEMENT_INGEST');
  await until('it was made', async () => (await nameOf()) === undefined);
  t.match((await manager.streams.info('ESCAPEMENT_INGEST')).config, { retention: 'workqueue', num_replicas: 1 });
});
