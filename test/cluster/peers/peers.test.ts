import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import type { HostReply } from '../../../engine/actor/replies.js';
import { commandSubject, ensureLogStreams, logStreamOf } from '../../../engine/cluster/journal/log-streams.js';
import { KeptEvents, keepEvents } from '../../../engine/cluster/peers/kept-events.js';
import { encodePart, peerSubject } from '../../../engine/cluster/peers/peer-message.js';
import type { PartitionId, Sequence } from '../../../engine/kernel/brand.js';
import { EngineError } from '../../../engine/kernel/errors.js';
import { formatEventId } from '../../../engine/kernel/event-id.js';
import { peerPulseMs, peerQuestionsMax } from '../../../engine/kernel/limits.js';
import { EventSheafBuilder } from '../../../engine/log/event-sheaf.js';
import { Publisher } from '../../../engine/nats/publisher.js';
import { newId } from '../../actor/host-fixture.js';
import { eventsIn } from '../../actor/sheaves.js';
import { pause, until, within } from '../../support/deadline.js';
import { destinationOf } from '../../support/fake-engine.js';
import { connectNats, needsNats, startNats } from '../../support/nats-server.js';
import { accepting, joined, type NodeOptions, PeerNode, refusing, World } from '../peer-fixture.js';

const own = 1 as PartitionId;
const body = new Uint8Array(100).fill(7);

async function setup(t: Test, sessions: Readonly<Record<string, NodeOptions>>) {
  const nats = await startNats(t);
  const world = new World();
  const nodes = await joined(t, world, { url: nats.url, sessions });
  return { nats, world, a: nodes.a!, b: nodes.b!, c: nodes.c! };
}

t.test('what is asked through one node is decided by the owner, and its answer comes back', needsNats, async (t) => {
  const large = new Uint8Array(3_000_000).map((_, at) => at % 251);
  const answer: NodeOptions['answer'] = (request): readonly HostReply[] => {
    if (request.op === 'list') return [{ op: 'listed', request: request.request, entries: large, coverage: 'end' }];
    if (request.op === 'put') return [{ op: 'accepted', request: request.request, count: 1 }];
    return accepting(request);
  };
  const { world, a, b } = await setup(t, { a: {}, b: { answer } });
  world.own(1, 'b');
  const events = await within('three events are accepted', a.schedule(1, [body, body, body]));
  t.ok(events.isPlain);
  const sheaf = b.requests.find((request) => request.op === 'schedule-sheaf')!;
  t.same(
    eventsIn(sheaf as never).map(({ event }) => formatEventId(event)),
    [0, 1, 2].map((place) => events.idAt(place)),
  );
  const listed = await within('the list comes', a.peers.linkOf(own).ask({ op: 'list', partition: own, query: {} as never }));
  t.ok(listed.op === 'listed' && Buffer.compare(listed.entries, large) === 0, 'an answer larger than a message of the server');
  await within('the put is answered', a.peers.linkOf(own).ask({ op: 'put', partition: own, event: newId(), body: large }));
  const put = b.requests.find((request) => request.op === 'put');
  t.ok(put?.op === 'put' && Buffer.compare(put.body, large) === 0, 'and a request');
});

t.test('who owns it no longer says so, and the owner of now is asked', needsNats, async (t) => {
  const { world, a, b, c } = await setup(t, {
    a: {},
    b: { answer: (request) => refusing(request, 'not-owner') },
    c: { answer: (request) => (request.op === 'get' ? refusing(request, 'not-found') : accepting(request)) },
  });
  world.own(1, 'b');
  const read = a.peers.linkOf(own).ask({ op: 'get', partition: own, event: newId() });
  const written = a.schedule(1, [body]);
  await until('the former owner was asked', () => b.requests.length >= 2);
  world.own(1, 'c');
  await t.rejects(within('the read is answered', read), { code: 'not-found' });
  t.ok((await within('the event is accepted', written)).isPlain);
  t.ok(
    c.requests.some((request) => request.op === 'schedule-sheaf' && request.again !== true),
    'nothing was written before',
  );
});

t.test('a node that does not take requests for a partition yet says that it is not its own', needsNats, async (t) => {
  const { world, a, b } = await setup(t, { a: {}, b: { answer: accepting } });
  b.closed.add(own);
  world.own(1, 'b');
  const written = a.schedule(1, [body]);
  await until('it was asked in vain', async () => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return b.requests.length === 0;
  });
  b.closed.delete(own);
  t.ok((await within('the event is accepted', written)).isPlain);
});

t.test('an owner that dies with new events: the next one is asked about the same ids', needsNats, async (t) => {
  const { world, a, b, c } = await setup(t, {
    a: {},
    b: {},
    c: {
      answer: (request): readonly HostReply[] => {
        if (request.op !== 'schedule-sheaf') return [];
        const [first, second] = eventsIn(request);
        const view = (id: Uint8Array) => ({ id }) as never;
        return [
          { op: 'replayed', request: request.request, view: view(first!.event) },
          { op: 'replayed', request: request.request + 1, view: view(newId()) },
        ].filter((_, at) => at === 0 || second !== undefined) as HostReply[];
      },
    },
  });
  world.own(1, 'b');
  const change = a.peers.linkOf(own).ask({ op: 'cancel', partition: own, event: newId() });
  const read = a.peers.linkOf(own).ask({ op: 'get', partition: own, event: newId() });
  read.catch(() => undefined);
  const written = a.schedule(1, [body, body]);
  await until('the owner was asked', () => b.requests.length >= 3);
  world.leave('b');
  await t.rejects(within('the change is settled', change), { code: 'outcome-unknown' }, 'nobody knows what became of a change');
  world.own(1, 'c');
  const events = await within('the events are answered', written);
  const sheaf = c.requests.find((request) => request.op === 'schedule-sheaf');
  t.ok(sheaf?.op === 'schedule-sheaf' && sheaf.again === true, 'they may have been decided');
  t.equal(events.otherAt(0), null, 'one that is there under its own id is as if just accepted');
  t.ok(events.otherAt(1) !== null && !(events.otherAt(1) instanceof Error), 'one that is there under another id is a repeat');
  t.ok(
    c.requests.some((request) => request.op === 'get'),
    'a read is asked again',
  );
});

t.test('NATS goes and comes back: what was open is asked again, what came meanwhile is asked', needsNats, async (t) => {
  let isSilent = true;
  const { nats, world, a, b } = await setup(t, { a: {}, b: { answer: (request) => (isSilent ? [] : accepting(request)) } });
  world.own(1, 'b');
  const first = a.schedule(1, [body]);
  await until('the owner was asked', () => b.requests.length >= 1);
  await nats.kill();
  await until('it is noticed', () => !a.link.state.isConnected);
  const second = a.schedule(1, [body]);
  isSilent = false;
  await nats.restart();
  const results = await within('both are settled', Promise.all([first, second]), 20_000);
  for (const events of results) {
    // Whether NATS is back within two seconds is a matter of luck; nothing was there to keep events in.
    const other = events.otherAt(0);
    t.ok(other === null || (other instanceof EngineError && ['partition-unavailable', 'outcome-unknown'].includes(other.code)));
  }
  t.ok((await within('a third is accepted', a.schedule(1, [body]), 20_000)).isPlain);
});

t.test('new events that may be kept are not said to be nowhere', needsNats, async (t) => {
  for (const [keeping, code] of [
    ['unknown', 'outcome-unknown'],
    ['not-stored', 'partition-unavailable'],
  ] as const) {
    const { a } = await setup(t, { a: { keep: () => Promise.resolve(keeping) } });
    const events = await within('it is answered', a.schedule(1, [body]));
    t.match(events.otherAt(0), { code });
  }
});

t.test('new events without an owner are kept, and taken in by the next one', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  await ensureLogStreams(connection, { partitions: 4, streams: 2 });
  const world = new World();
  const nodes: { publisher?: Publisher } = {};
  const keep = (partition: PartitionId, events: Uint8Array) => keepEvents(nodes.publisher!, partition, events);
  const a = new PeerNode(t, world, { url: nats.url, session: 'a', options: { keep } });
  nodes.publisher = new Publisher(a.link);
  t.teardown(() => nodes.publisher!.close());
  await a.connected();
  const [first, second] = await within('both are kept', Promise.all([a.schedule(1, [body, body]), a.schedule(2, [body])]));
  t.ok([first!.isKept(0), first!.isKept(1), second!.isKept(0)].every((isKept) => isKept));
  t.notOk(first!.isPlain);
  const kept = new KeptEvents({
    link: a.link,
    streams: 2,
    logger: { info: () => undefined, error: (...told: unknown[]) => t.fail(String(told)) } as never,
  });
  t.same([...(await kept.look([0, 1, 2] as PartitionId[]))!].sort(), [1, 2]);
  t.same(await kept.look([0] as PartitionId[]), [2], 'only where those are that are served');
  const b = new PeerNode(t, world, {
    url: nats.url,
    session: 'b',
    options: { answer: (request) => refusing(request, 'overloaded') },
  });
  await b.connected();
  t.equal(await kept.takeIn(own, b.host), 'not now', 'what cannot be decided now stays');
  t.same([...(await kept.look([1, 2] as PartitionId[]))!].sort(), [1, 2]);
  const c = new PeerNode(t, world, { url: nats.url, session: 'c', options: { answer: accepting } });
  await c.connected();
  t.equal(await within('it is taken in', kept.takeIn(own, c.host)), 'all');
  const sheaf = c.requests.find((request) => request.op === 'schedule-sheaf');
  t.ok(sheaf?.op === 'schedule-sheaf' && sheaf.again === true && sheaf.told === true);
  t.same(
    eventsIn(sheaf as never).map(({ event }) => formatEventId(event)),
    [first!.idAt(0), first!.idAt(1)],
    'the same ids',
  );
  t.same(await kept.look([1, 2] as PartitionId[]), [2], 'what is decided is kept no longer');
});

t.test(
  'what was kept and cannot be read keeps no partition closed, stays for whoever can read it, and is told once',
  needsNats,
  async (t) => {
    const nats = await startNats(t);
    const connection = await connectNats(t, nats.url);
    await ensureLogStreams(connection, { partitions: 4, streams: 2 });
    const c = new PeerNode(t, new World(), { url: nats.url, session: 'c', options: { answer: accepting } });
    await c.connected();
    const publisher = new Publisher(c.link);
    t.teardown(() => publisher.close());
    const builder = new EventSheafBuilder();
    const at = { ids: newId(), idAt: 0, room: { bytes: Buffer.from(body) }, bodyAt: 0, bodyEnd: body.length };
    builder.append({ ...at, createdAtMs: Date.now() as never });
    const whole = builder.take();
    const [one, another] = [Buffer.from('no sheaf'), whole.subarray(0, 60)];
    for (const sheaf of [whole, one, another, whole]) t.equal(await keepEvents(publisher, own, sheaf), 'stored');
    const told: unknown[] = [];
    const logger = { info: () => undefined, error: (fields: unknown) => void told.push(fields) };
    const kept = new KeptEvents({ link: c.link, streams: 2, logger: logger as never });
    t.equal(await within('the rest is taken in', kept.takeIn(own, c.host)), 'all');
    t.equal(c.requests.filter(({ op }) => op === 'schedule-sheaf').length, 2);
    t.equal(await kept.takeIn(own, c.host), 'nothing');
    t.equal(await keepEvents(publisher, own, whole), 'stored');
    t.equal(await kept.takeIn(own, c.host), 'all', 'and what comes behind it');
    t.equal(await kept.takeIn(own, c.host), 'nothing');
    t.equal(c.requests.filter(({ op }) => op === 'schedule-sheaf').length, 3);
    t.equal(told.length, 2);
    const manager = await jetstreamManager(connection);
    const stays = async (after: number) => {
      const question = { seq: after + 1, next_by_subj: commandSubject(own) } as never;
      return (await manager.streams.getMessage(logStreamOf(own, 2), question))!;
    };
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    const first = await stays(0);
    t.same([first.data, (await stays(first.seq)).data].map(hex), [one, another].map(hex), 'they are there');
  },
);

t.test('what makes no sense ends the conversation with its sender, and nothing else', needsNats, async (t) => {
  const { nats, world, a, b } = await setup(t, { a: {}, b: { answer: accepting }, c: {} });
  world.own(1, 'b');
  t.ok((await within('one is accepted', a.schedule(1, [body]))).isPlain);
  const hostile = await connectNats(t, nats.url);
  const part = { topic: 'requests', hasMore: false, conversation: 1, number: 1, bytes: Buffer.from([0xc1]) } as const;
  hostile.publish(peerSubject({ to: 'b', from: 'stranger' }), encodePart(part));
  await until('it was noticed', () => b.notUnderstood.length > 0);
  t.equal(b.notUnderstood[0]![0], 'stranger');
  t.ok((await within('another one is accepted', a.schedule(1, [body]), 1_000)).isPlain, 'its connection is read on');
});

t.test('changes come from the owner to every node that watches, behind the position that it names', needsNats, async (t) => {
  const { world, a, b, c } = await setup(t, { a: {}, b: {}, c: {} });
  const change = (seq: number) => ({ partition: own, seq: seq as Sequence, event: newId() }) as never;
  world.own(1, 'b');
  a.peers.watch({ host: 1, on: true, round: 5 });
  const order = await until('the host is told to send', () => b.requests.find((request) => request.op === 'watch'));
  const round = order.op === 'watch' ? order.round : 0;
  b.peers.watchDesk.watching({ host: 0, round, positions: [[own, 10 as Sequence]] });
  await until('a hears where it begins', () => a.watching.length > 0);
  t.same(a.watching, [{ host: 1, round: 5, positions: [[1, 10]] }]);
  b.peers.watchDesk.publish([change(9), change(11)]);
  await until('a hears the change', () => a.changes.length > 0);
  c.peers.watch({ host: 1, on: true, round: 2 });
  await until('c begins where the stream is', () => c.watching.length > 0);
  t.same(c.watching, [{ host: 1, round: 2, positions: [[1, 11]] }]);
  b.peers.watch({ host: 1, on: true, round: 3 });
  t.same(b.watching, [{ host: 1, round: 3, positions: [[1, 11]] }], 'the owner itself, too');
  b.peers.watchDesk.publish([change(12)]);
  await until('all hear the next change', () => a.changes.length === 2 && c.changes.length === 1 && b.changes.length === 1);
  t.same(
    a.changes.map(({ seq }) => seq),
    [11, 12],
    'nothing from before, nothing twice',
  );
  world.own(1, 'c');
  t.ok(a.anew.at(-1) === 1, 'another owner: to be watched anew');
  await until('nobody watches the former owner', () => b.requests.some((request) => request.op === 'watch' && !request.on));
});

t.test('a node is asked as such: it answers, refuses, or is lost', needsNats, async (t) => {
  let isSilent = false;
  const say: NodeOptions['say'] = (question) => {
    if (isSilent) return new Promise(() => undefined);
    if (question.about === 'page') return Promise.reject(new EngineError('overloaded', 'not now'));
    return Promise.resolve({ destinations: [destinationOf(question.origin)] });
  };
  const { world, a } = await setup(t, { a: {}, b: { say }, c: {} });
  const question = { about: 'one', origin: 'http://one.test', row: null, closeBreaker: false } as const;
  t.match(await within('it answers', a.peers.ask('b', question)), { destinations: [{ origin: 'http://one.test' }] });
  await t.rejects(within('it refuses', a.peers.ask('b', { about: 'page', after: '', limit: 3 })), {
    code: 'overloaded',
    message: 'not now',
  });
  t.equal(await within('a gateway has nothing to say', a.peers.ask('c', question)), null);
  await t.rejects(a.peers.ask('d', question), { code: 'partition-unavailable' }, 'nobody by that name');
  isSilent = true;
  const lost = a.peers.ask('b', question);
  world.leave('b');
  await t.rejects(within('its session is over', lost), { code: 'partition-unavailable' });
});

t.test('no more questions are open to one node than there may be', needsNats, async (t) => {
  const { a } = await setup(t, { a: {}, b: { say: () => new Promise(() => undefined) } });
  const question = { about: 'page', after: '', limit: 1 } as const;
  for (let open = 0; open < peerQuestionsMax; open++) a.peers.ask('b', question).catch(() => undefined);
  await t.rejects(a.peers.ask('b', question), { code: 'overloaded' });
});

t.test('all others hear that a partition keeps other settings, or begin a conversation anew', needsNats, async (t) => {
  const { a, b, c } = await setup(t, { a: {}, b: {}, c: {} });
  // Who has begun to talk to it has been answered.
  const question = { about: 'page', after: '', limit: 1 } as const;
  await within('all have talked', Promise.all([a.peers.ask('b', question), c.peers.ask('b', question)]));
  b.peers.settingsChanged(own);
  await until('both have heard', () => a.settingsChanged.length > 0 && c.settingsChanged.length > 0);
  t.same([a.settingsChanged, c.settingsChanged, b.settingsChanged], [[own], [own], []]);
});

t.test(
  'nodes pulse each second while one waits for the other, less often at rest, and never themselves',
  needsNats,
  async (t) => {
    const nats = await startNats(t);
    const world = new World();
    const node = (session: string, options: NodeOptions = {}) => new PeerNode(t, world, { url: nats.url, session, options });
    const [a, b] = [node('a'), node('b')];
    await Promise.all([a.connected(), b.connected()]);
    // As when it joins: others, and what it hears of them, know of its session before it does.
    a.session = null;
    world.join('b');
    world.join('a');
    a.session = 'a';
    const letters: string[] = [];
    const connection = await connectNats(t, nats.url);
    connection.subscribe('escapement.n.>', { callback: (_, { subject }) => void letters.push(subject) });
    await connection.flush();
    world.join('c');
    const pulsed = async (to: string, from: string, ms: number): Promise<number> => {
      letters.length = 0;
      await pause(ms);
      return letters.filter((subject) => subject === peerSubject({ to, from })).length;
    };
    const atRest = await pulsed('b', 'a', 3 * peerPulseMs);
    t.ok(atRest <= 2, `${atRest} at rest`);
    world.own(1, 'b');
    const asked = a.peers.linkOf(own).ask({ op: 'get', partition: own, event: newId() });
    asked.catch(() => undefined);
    const waiting = await pulsed('b', 'a', 3 * peerPulseMs);
    t.ok(waiting >= 3, `${waiting} while an answer is owed`);
    t.notOk(letters.includes(peerSubject({ to: 'a', from: 'a' })));
  },
);
