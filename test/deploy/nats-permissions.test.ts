/**
 * `docs/deploy/nats/`: the real server takes the configuration, what Escapement does is permitted by it, and what nobody may do is not (P14).
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import t from 'tap';
import { ensureBuckets } from '../../engine/cluster/membership/buckets.js';
import { ensureLogStreams } from '../../engine/cluster/journal/log-streams.js';
import { logStart } from '../../engine/log/segment/mark.js';
import { entriesOf, History, makeStreams, openEntry, storeAll, stream, TestReplica } from '../cluster/journal-fixture.js';
import { until, within } from '../support/deadline.js';
import { connectNats, freePort, natsServerPath, needsNats } from '../support/nats-server.js';
import { Program } from '../support/process.js';
import { startServer, temporaryDir } from '../support/server.js';
import { natsEnvironment, natsFolder, startNatsWithUsers } from './nats-users.js';

t.test('the server takes the configuration, and refuses it where a password is not set', needsNats, async (t) => {
  const check = (env: Readonly<Record<string, string>>) =>
    spawnSync(natsServerPath(), ['-t', '-c', `${natsFolder}/nats.conf`], { encoding: 'utf8', env });
  const { status, stderr } = check(natsEnvironment);
  t.equal(status, 0, stderr);
  for (const name of Object.keys(natsEnvironment)) {
    const { [name]: _, ...others } = natsEnvironment;
    t.match(check(others), { status: 1, stderr: new RegExp(name) });
  }
});

t.test(
  'three servers with this configuration are one cluster, which keeps what Escapement makes three times',
  needsNats,
  async (t) => {
    const ports = await Promise.all(Array.from({ length: 9 }, () => freePort()));
    const names = ['nats-1', 'nats-2', 'nats-3'];
    const NATS_ROUTES = JSON.stringify(names.map((_, at) => `nats://route:secret@127.0.0.1:${ports[at]}`));
    for (const [at, name] of names.entries()) {
      const dir = temporaryDir(t);
      copyFileSync(`${natsFolder}/permissions.conf`, join(dir, 'permissions.conf'));
      const own = { '0.0.0.0:6222': ports[at], '0.0.0.0:4222': ports[at + 3], '0.0.0.0:8222': ports[at + 6] };
      let text = readFileSync(`${natsFolder}/nats.conf`, 'utf8').replace('"/data"', JSON.stringify(join(dir, 'data')));
      for (const [address, port] of Object.entries(own)) text = text.replace(address, `127.0.0.1:${port}`);
      writeFileSync(join(dir, 'nats.conf'), text);
      const env = { ...natsEnvironment, NATS_NAME: name, NATS_ROUTES };
      const server = new Program({ script: natsServerPath(), args: ['--config', join(dir, 'nats.conf')], env });
      t.teardown(() => server.kill());
    }
    const healthy = async (port: number) => (await fetch(`http://127.0.0.1:${port}/healthz?js-server-only=true`)).status === 200;
    await until('each is healthy, as its check sees it', async () => {
      const answers = await Promise.all(ports.slice(6).map((port) => healthy(port).catch(() => false)));
      return answers.every((answer) => answer);
    });
    const servers = ports.slice(3, 6).map((port) => `127.0.0.1:${port}`);
    const ESCAPEMENT_NATS_URL = `nats://engine:engineSecret@${servers.join(',nats://')}`;
    await startServer(t, { env: { ESCAPEMENT_NATS_URL } });
    const operator = await connectNats(t, `nats://operator:operatorSecret@${servers[0]}`);
    const manager = await jetstreamManager(operator, { checkAPI: false, timeout: 1_000 });
    await until('the stream of ingestion has three replicas', async () => {
      const info = await manager.streams.info('ESCAPEMENT_INGEST').catch(() => null);
      return info?.config.num_replicas === 3 && info.cluster?.replicas?.every(({ current }) => current) === true;
    });
    const { connect_urls } = operator.info!;
    t.equal(connect_urls, undefined, 'no addresses are told that mean something on their own network only');
  },
);

t.test('each write is synced', async (t) => {
  t.match(readFileSync(`${natsFolder}/nats.conf`, 'utf8'), /^ {2}sync_interval: always$/m);
});

t.test('with these permissions events come in, go out, and are told about', needsNats, async (t) => {
  const { as, connect } = await startNatsWithUsers(t);
  const operator = await connect('operator');
  const manager = await jetstreamManager(operator);
  await manager.streams.add({ name: 'EVENTS', subjects: ['events.>'] });
  const server = await startServer(t, { env: { ESCAPEMENT_NATS_URL: as('engine') } });
  await server.ready();
  await until('the streams are there', async () => {
    const names = (await manager.streams.list().next()).map(({ config: { name } }) => name);
    return ['ESCAPEMENT_INGEST', 'ESCAPEMENT_REJECTED', 'ESCAPEMENT_DEAD', 'ESCAPEMENT_PROGRESS'].every((name) =>
      names.includes(name),
    );
  });

  await until('how far deaths are told is remembered', async () => {
    return (await manager.streams.info('ESCAPEMENT_PROGRESS')).state.messages > 0;
  });

  const producer = await connect('producer');
  const heard = new Map<string, string>();
  for (const subject of ['answers.1', 'escapement.status.*', 'escapement.dead.>']) {
    producer.subscribe(subject, {
      callback: (_, message) => void heard.set(message.subject.replace(/\d+$/, 'n'), message.string()),
    });
  }
  await producer.flush();
  const all = headers();
  all.set('escapement-reply', 'answers.1');
  const events = [
    { delivery_type: 'NATS', destination: 'events.reminders', payload: { order: 7 } },
    { delivery_type: 'NATS', destination: 'events.', source: 'orders' },
    { delivery_type: 'NATS', destination: 'nobody.takes.this', source: 'orders', max_retries: 0 },
  ];
  await jetstream(producer).publish('escapement.ingest', JSON.stringify(events), { headers: all, msgID: 'once' });

  const consumer: Consumer = await jetstream(operator).consumers.get('EVENTS');
  const delivered = await consumer.next({ expires: 20_000 });
  t.equal(delivered?.string(), '{"order":7}');
  await until('the answer, a change and a death were heard by the producer', async () => heard.size >= 3);
  t.match(JSON.parse(heard.get('answers.n')!), { accepted: 2, rejected: 1 });
  t.match(JSON.parse(heard.get('escapement.dead.orders')!), { status: 'DEAD', last_error: /not permitted to publish|no stream/ });
  await until('the rejected one is kept', async () => (await manager.streams.info('ESCAPEMENT_REJECTED')).state.messages === 1);
  const { body } = await server.client.get('/health');
  t.match(body, { components: [{}, {}, {}, {}, {}, { name: 'nats', status: 'ready' }] });
  t.notMatch(server.program.stdout.join('\n'), /permission/i, 'nothing that it does by itself is refused');
});

t.test('P14: a producer can write to no log, whatever it names as its subject or as its reply', needsNats, async (t) => {
  const { connect } = await startNatsWithUsers(t);
  const manager = await jetstreamManager(await connect('operator'));
  await manager.streams.add({ name: 'ESCAPEMENT_LOG_0', subjects: ['escapement.p.*.*'] });
  await manager.streams.add({ name: 'ESCAPEMENT_INGEST', subjects: ['escapement.ingest', 'escapement.ingest.>'] });
  const producer = await connect('producer');

  for (const subject of ['escapement.p.0.o', 'escapement.p.0.j', 'escapement.p.0.c', 'escapement.rejected', 'events.x']) {
    await t.rejects(within('an answer', refusal(producer, subject)), /Permissions Violation/, subject);
  }
  for (const call of ['STREAM.INFO', 'STREAM.DELETE', 'STREAM.PURGE', 'STREAM.UPDATE', 'STREAM.MSG.GET', 'DIRECT.GET']) {
    await t.rejects(within('an answer', refusal(producer, `$JS.API.${call}.ESCAPEMENT_LOG_0`)), /Permissions Violation/, call);
  }
  // The acknowledgement of the server goes to whatever is named as the reply.
  producer.publish('escapement.ingest', 'a message', { reply: 'escapement.p.0.o' });
  producer.publish('escapement.ingest.orders', 'another', { reply: 'escapement.p.0.j' });
  await jetstream(producer).publish('escapement.ingest', 'the last');
  t.match(await manager.streams.info('ESCAPEMENT_INGEST'), { state: { messages: 3 } });
  t.match(await manager.streams.info('ESCAPEMENT_LOG_0'), { state: { messages: 0 } });
});

t.test(
  'P14: a gateway keeps events for an owner to come, and writes no marker, no entry, no base, and removes nothing',
  needsNats,
  async (t) => {
    const { connect, violations } = await startNatsWithUsers(t);
    const engine = await connect('engine');
    await ensureBuckets(engine);
    await ensureLogStreams(engine, { partitions: 8, streams: 4 });
    const gateway = await connect('gateway');
    for (const partition of [0, 7]) {
      t.match(await jetstream(gateway).publish(`escapement.p.${partition}.c`, 'an event'), {
        stream: `ESCAPEMENT_LOG_${partition % 4}`,
      });
      for (const subject of [`escapement.p.${partition}.o`, `escapement.p.${partition}.j`]) {
        await t.rejects(within('an answer', refusal(gateway, subject)), /Permissions Violation/, subject);
        t.match(await jetstream(engine).publish(subject, 'mine'), { stream: `ESCAPEMENT_LOG_${partition % 4}` });
      }
    }
    t.match(await jetstream(engine).publish('escapement.b.0.1.1', 'a part'), { stream: 'ESCAPEMENT_BASES' });
    const refused = violations().length;
    const manager = await jetstreamManager(engine, { checkAPI: false });
    for (const stream of ['ESCAPEMENT_LOG_0', 'ESCAPEMENT_LOG_1', 'ESCAPEMENT_LOG_2', 'ESCAPEMENT_LOG_3', 'ESCAPEMENT_BASES']) {
      t.match(await manager.streams.purge(stream), { success: true }, 'an engine removes what nobody needs any more');
      for (const call of ['DELETE', 'UPDATE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE']) {
        const asked = `$JS.API.STREAM.${call}.${stream}`;
        await t.rejects(within('an answer', refusal(engine, asked)), /Permissions Violation/, asked);
        await t.rejects(within('an answer', refusal(gateway, asked)), /Permissions Violation/, asked);
      }
      const asked = `$JS.API.STREAM.PURGE.${stream}`;
      await t.rejects(within('an answer', refusal(gateway, asked)), /Permissions Violation/, asked);
    }
    for (const subject of ['escapement.b.0.1.2', '$KV.ESCAPEMENT_CLUSTER.cluster', 'escapement.dead.x', 'events.x']) {
      await t.rejects(within('an answer', refusal(gateway, subject)), /Permissions Violation/, subject);
    }
    await until('all of it is in the log of the server', () => violations().length === refused + 5 * 11 + 4);
  },
);

t.test('an engine that is far behind reads a journal in bulk', needsNats, async (t) => {
  const { nats, as, violations } = await startNatsWithUsers(t);
  const manager = await makeStreams(t, nats);
  const history = new History();
  await storeAll(t, as('engine'), [openEntry(1), ...entriesOf(history, logStart, 200)]);
  const pulls = { count: 0, inTurn: <Value>(work: () => Promise<Value>) => work().finally(() => pulls.count++) };
  const copy = new TestReplica(t, as('engine'), { pulls });
  await copy.own(2);
  t.equal(copy.copy.last.seq, history.records.length);
  t.ok(pulls.count > 0);
  await until('nothing is left of it', async () => (await manager.streams.info(stream)).state.consumer_count === 0);
  t.same(violations(), []);
});

t.test('a producer hears no answer of others, and Escapement itself removes no stream', needsNats, async (t) => {
  const { connect } = await startNatsWithUsers(t);
  const operator = await connect('operator');
  const manager = await jetstreamManager(operator);
  await manager.streams.add({ name: 'ESCAPEMENT_INGEST', subjects: ['escapement.ingest'] });
  const producer = await connect('producer');
  const overheard: string[] = [];
  producer.subscribe('_INBOX.>', { callback: (_, message) => void overheard.push(message.subject) });
  await producer.flush();
  await manager.streams.info('ESCAPEMENT_INGEST');
  await producer.flush();
  t.same(overheard, []);

  const engine = await connect('engine');
  for (const call of ['DELETE', 'PURGE', 'UPDATE']) {
    await t.rejects(
      within('an answer', refusal(engine, `$JS.API.STREAM.${call}.ESCAPEMENT_INGEST`)),
      /Permissions Violation/,
      call,
    );
  }
});

/** Rejects with what the server has against it. */
async function refusal(connection: NatsConnection, subject: string): Promise<void> {
  await connection.request(subject, 'x', { timeout: 5_000 });
}
