/** What is set for an origin, shown of it, and shared of its limits, over nodes that talk through a real nats-server. */
import t, { type Test } from 'tap';
import { placeOfOrigin } from '../../../engine/event/origin-settings.js';
import { pause, until, within } from '../../support/deadline.js';
import { needsNats, startNats } from '../../support/nats-server.js';
import { OriginWorld } from '../origin-nodes.js';
import { partitions } from '../peer-fixture.js';

const origin = 'https://one.test';
const { home, second } = placeOfOrigin(origin, partitions);

/** Nodes a and b, which own every other partition, and a gateway. */
async function setup(t: Test) {
  const nats = await startNats(t);
  const all = new OriginWorld(t, nats.url);
  const a = await all.join('a');
  const b = await all.join('b');
  const gateway = await all.join('g', { isGateway: true });
  for (let partition = 0; partition < partitions; partition++) all.own(partition, partition % 2 === 0 ? 'a' : 'b');
  return { nats, all, a, b, gateway };
}

t.test('a courier grants nothing before the owner of its settings has told them', needsNats, async (t) => {
  const nats = await startNats(t);
  const all = new OriginWorld(t, nats.url);
  const a = await all.join('a');
  const b = await all.join('b');
  b.want(origin, 3);
  all.own(home, 'a');
  await until('it was told', () => b.granted === 3);
  t.ok(all.asked.includes(`a: settings-of ${home}`));
  t.notOk(all.asked.some((asked) => asked.startsWith('b: ')));
  a.want(origin, 1);
  await until('its own host has told it', () => a.granted === 1);
});

t.test('a pause that was set through a gateway is in force on every node when it is answered', needsNats, async (t) => {
  const { all, a, b, gateway } = await setup(t);
  const set = await within('it is set', gateway.desk.configure(origin, { paused: true }));
  t.match(set, { origin, paused: true });
  a.want(origin, 2);
  b.want(origin, 3);
  await pause(50);
  t.equal(a.granted + b.granted, 0, 'nothing starts any more');
  t.match(await within('it is shown', gateway.desk.one(origin)), { paused: true, waiting: 5, inFlight: 0 });
  t.same(
    [all.states[home]!.settings.of(origin).settings.paused, all.states[second!]!.settings.of(origin).settings.paused],
    [true, true],
    'in both partitions',
  );
  await within('it is resumed', b.desk.configure(origin, { paused: false }));
  await until('everybody goes on', () => a.granted === 2 && b.granted === 3);
});

t.test('a node that does not answer: the answer waits until its session is over', needsNats, async (t) => {
  const { all, a, b } = await setup(t);
  b.isMute = true;
  let isAnswered = false;
  const set = a.desk.configure(origin, { paused: true }).finally(() => (isAnswered = true));
  await until(
    'it is in force here',
    async () => (await a.courier!.ask({ about: 'one', origin, row: null, closeBreaker: false }))?.[0]?.paused,
  );
  await pause(300);
  t.notOk(isAnswered);
  all.leave('b');
  t.match(await within('it is answered', set), { paused: true });
});

t.test('a node that lives and does not answer: whoever asked is told so, and repeats it', needsNats, async (t) => {
  const { all, b } = await setup(t);
  b.isMute = true;
  const impatient = await all.join('i', { isGateway: true, inForceMs: 500 });
  await t.rejects(within('it is answered', impatient.desk.configure(origin, { paused: true })), {
    code: 'partition-unavailable',
    message: /node node-b does not answer; repeat it/,
  });
  b.isMute = false;
  t.match(await within('it is repeated', impatient.desk.configure(origin, { paused: true })), { paused: true });
});

t.test('a node that the others do not see yet is waited for, if the leader knows its session', needsNats, async (t) => {
  const { all, a } = await setup(t);
  const late = await all.join('late', { isSeen: false });
  let isAnswered = false;
  const set = a.desk.configure(origin, { paused: true }).finally(() => (isAnswered = true));
  await pause(300);
  t.notOk(isAnswered);
  all.world.join('late');
  t.match(await within('it is answered', set), { paused: true });
  late.want(origin, 1);
  await pause(50);
  t.equal(late.granted, 0);
});

t.test('what was decided comes into force though whoever set it does not live to tell', needsNats, async (t) => {
  const { a, b, gateway } = await setup(t);
  const change = { concurrency: 3 };
  await within('decided', gateway.peer.peers.linkOf(home).ask({ op: 'configure', partition: home, origin, change }));
  const concurrencyOf = async (node: typeof a) =>
    (await node.courier!.ask({ about: 'one', origin, row: null, closeBreaker: false }))?.[0]?.concurrency;
  await until('both know', async () => (await concurrencyOf(a)) === 3 && (await concurrencyOf(b)) === 3);
});

t.test('a node whose session is over knows nothing any more until it is told anew', needsNats, async (t) => {
  const { all, b, gateway } = await setup(t);
  b.want(origin, 1);
  await until('it was let through', () => b.granted === 1);
  b.peer.session = null;
  all.leave('b');
  all.own(home, 'a');
  all.own(second!, 'a');
  t.match(await within('it is set', gateway.desk.configure(origin, { paused: true })), { paused: true });
  b.want(origin, 1);
  await pause(100);
  t.equal(b.granted, 1, 'it has forgotten');
  await all.joinAgain(b, 'b2', 0);
  const isPaused = async () => (await b.courier!.ask({ about: 'one', origin, row: null, closeBreaker: false }))?.[0]?.paused;
  await until('it is told', isPaused);
  t.equal(b.granted, 1);
});

t.test('a breaker is closed everywhere, and is shown as the most open one is', needsNats, async (t) => {
  const { a, b, gateway } = await setup(t);
  await until('settings are known', async () => (await b.desk.one(origin).catch(() => null)) !== null);
  a.courier!.reach(origin, false);
  a.want(origin, 1);
  b.want(origin, 1);
  t.match(await within('shown', gateway.desk.one(origin)), { breaker: 'open' });
  a.courier!.reach(origin, true);
  t.match(await within('closed', gateway.desk.configure(origin, { closeBreaker: true })), {
    breaker: 'closed',
    opensUntilMs: null,
  });
});

t.test('pages are of all nodes together, in order, through any node', needsNats, async (t) => {
  const { a, b, gateway } = await setup(t);
  for (const [at, name] of ['c', 'a', 'e', 'b', 'd'].entries()) {
    if (at !== 1) a.want(`http://${name}.test`, 1);
    if (at !== 0) b.want(`http://${name}.test`, 2);
  }
  const known = async () => (await gateway.desk.page({ after: '', limit: 10 }).catch(() => null))?.data.length === 5;
  await until('all are known', known);
  const first = await within('the first page', gateway.desk.page({ after: '', limit: 2 }));
  t.same([first.data.map((each) => each.origin), first.hasMore], [['http://a.test', 'http://b.test'], true]);
  const rest = await within('the second page', b.desk.page({ after: 'http://b.test', limit: 3 }));
  t.same([rest.data.map((each) => each.origin), rest.hasMore], [['http://c.test', 'http://d.test', 'http://e.test'], false]);
  b.isMute = true;
  const alone = await within('without the one that does not answer', gateway.desk.page({ after: '', limit: 10 }));
  t.same(
    alone.data.map((each) => each.origin),
    ['http://b.test', 'http://c.test', 'http://d.test', 'http://e.test'],
  );
});

t.test('each node that makes attempts lets its share through, gateways none', needsNats, async (t) => {
  const { all, a, b } = await setup(t);
  await until('they share', () => a.shares.at(-1) === 2 && b.shares.at(-1) === 2);
  a.want(origin, 20);
  b.want(origin, 20);
  await until('each has its share', () => a.granted === 6 && b.granted === 6);
  all.leave('b');
  await until('the other one is gone', () => a.granted === 12);
});
