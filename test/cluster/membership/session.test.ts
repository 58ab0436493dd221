/** A node's session and its lease, on a nats-server that is there, away, slow, or has forgotten. */
import t, { type Test } from 'tap';
import { sessionStream, sessionSubject } from '../../../engine/cluster/membership/buckets.js';
import { Session } from '../../../engine/cluster/membership/session.js';
import { readSession } from '../../../engine/cluster/membership/session-text.js';
import { LeaseBoard } from '../../../engine/kernel/lease-board.js';
import { readNewest, writeBehind } from '../../../engine/nats/compare-and-set.js';
import { pause, until } from '../../support/deadline.js';
import { needsNats } from '../../support/nats-server.js';
import { linkTo, setUpCluster, times } from '../cluster-fixture.js';

const self = { node: 'engine-a', address: '10.0.0.1:8080', weight: 1, version: '0', startedAt: Date.now() };

async function setup(t: Test, { hosts = 0 } = {}) {
  const { nats, connection } = await setUpCluster(t);
  const link = await linkTo(t, nats);
  const board = LeaseBoard.create(hosts);
  const began: string[] = [];
  const ended: { session: string; why: string }[] = [];
  const rereads: string[] = [];
  let mayGoOn = true;
  const session = new Session({
    link,
    board,
    self,
    times,
    began: (name) => began.push(name),
    ended: (name, why) => ended.push({ session: name, why }),
    reread: async () => {
      rereads.push(`${board.isAhead}`);
      return mayGoOn;
    },
  });
  t.teardown(() => session.leave());
  const keyOf = (name: string) => readNewest(connection, { stream: sessionStream, subject: sessionSubject(name) }, 2_000);
  return { nats, connection, link, board, session, began, ended, rereads, keyOf, holdBack: (on: boolean) => (mayGoOn = !on) };
}

t.test('a session is made, renewed with its time to live, and lives on for many times that', needsNats, async (t) => {
  const { board, session, began, ended, keyOf } = await setup(t);
  await until('the lease is ahead', () => board.isAhead);
  const name = session.name!;
  t.same(began, [name]);
  const first = await keyOf(name);
  t.equal(first!.headers.get('Nats-TTL'), '2s');
  await pause(3 * times.ttlMs);
  const later = await keyOf(name);
  t.equal(later!.headers.get('Nats-TTL'), '2s');
  t.match(readSession(name, later!.data), { member: { ...self, session: name }, former: [] });
  t.ok(readSession(name, later!.data)!.renewals >= 10);
  t.equal(session.name, name);
  t.same(ended, []);
  t.equal(board.isAhead, true);
});

t.test('one that leaves is gone at once, and its lease before', needsNats, async (t) => {
  const { board, session, keyOf } = await setup(t);
  await until('the lease is ahead', () => board.isAhead);
  const name = session.name!;
  const left = session.leave();
  t.equal(board.isAhead, false);
  await left;
  const key = await keyOf(name);
  t.equal(key!.data.length, 0);
  t.equal(key!.headers.get('KV-Operation'), 'DEL');
});

t.test(
  'without NATS the lease is over before the session can be gone; then a new name, that tells of the old one',
  needsNats,
  async (t) => {
    const { nats, board, session, began, ended, keyOf, link } = await setup(t);
    await until('the lease is ahead', () => board.isAhead);
    const name = session.name!;
    const stoppedAt = performance.now();
    nats.signal('SIGSTOP');
    await until('the lease is over', () => !board.isAhead);
    t.ok(performance.now() - stoppedAt <= times.ttlMs - times.marginMs + 50, 'counted from when the last renewal was sent');
    await until('it says so', () => ended.length === 1);
    t.match(ended, [{ session: name, why: /lease/ }]);
    nats.signal('SIGCONT');
    await until('there is a new session', () => link.state.isConnected && board.isAhead, 20_000);
    t.not(session.name, name);
    t.equal(board.term, 1, 'what began in the first one starts nothing in this one');
    t.same(began, [name, session.name]);
    t.ok(readSession('', (await keyOf(session.name!))!.data)!.former.includes(name));
  },
);

t.test('a renewal whose answer was lost is taken for its own', needsNats, async (t) => {
  const { board, session, ended, keyOf, connection } = await setup(t);
  await until('the lease is ahead', () => board.isAhead);
  const name = session.name!;
  const { sequence, data } = (await keyOf(name))!;
  // As if it had been sent by the session itself, which then never heard of it.
  const at = { stream: sessionStream, subject: sessionSubject(name) };
  const lost = await writeBehind(connection, { ...at, payload: data, after: sequence, ttlMs: times.ttlMs }, 2_000);
  t.equal(lost.kind, 'stored');
  await pause(2 * times.ttlMs);
  t.equal(session.name, name);
  t.same(ended, []);
  t.equal(board.isAhead, true);
});

t.test('a key that is gone ends the session at the next renewal', needsNats, async (t) => {
  const { board, session, ended, keyOf, connection } = await setup(t);
  await until('the lease is ahead', () => board.isAhead);
  const name = session.name!;
  await until('it was removed between two renewals', async () => {
    const at = { stream: sessionStream, subject: sessionSubject(name) };
    const headers = [['KV-Operation', 'DEL']] as const;
    const key = await keyOf(name);
    return (await writeBehind(connection, { ...at, payload: '', after: key!.sequence, headers }, 2_000)).kind === 'stored';
  });
  await until('it has ended', () => ended.length > 0, times.renewMs * 3);
  t.match(ended, [{ session: name, why: /gone/ }]);
  await until('a new one', () => board.isAhead);
  t.not(session.name, name);
});

t.test('after a connection that was lost nothing starts until what rests on the session was read again', needsNats, async (t) => {
  const { nats, board, session, rereads, ended, link, holdBack } = await setup(t);
  await until('the lease is ahead', () => board.isAhead);
  const name = session.name!;
  holdBack(true);
  await nats.kill();
  await until('away', () => !link.state.isConnected);
  await nats.restart();
  await until('back', () => link.state.isConnected);
  if (session.name === name) {
    t.equal(board.isAhead, false);
    await until('it was asked, and says no', () => rereads.length > 0 || ended.length > 0, 5_000);
    t.equal(board.isAhead, false);
    t.ok(rereads.every((wasAhead) => wasAhead === 'false'));
  }
  holdBack(false);
  await until('it goes on', () => board.isAhead);
});

t.test(
  'a host that does not beat keeps the session from being renewed, and a new one from beginning (F12)',
  needsNats,
  async (t) => {
    const { board, session, began, ended } = await setup(t, { hosts: 2 });
    const beating = new Set([0, 1]);
    const pulse = setInterval(() => beating.forEach((host) => board.beat(host)), 50);
    t.teardown(() => clearInterval(pulse));
    await until('the lease is ahead', () => board.isAhead);
    await pause(2 * times.ttlMs);
    t.equal(board.isAhead, true);
    beating.delete(1);
    await until('the lease is over', () => !board.isAhead, times.ttlMs + 500);
    await until('it says so', () => ended.length === 1);
    await pause(times.ttlMs);
    t.equal(session.name, null);
    t.equal(began.length, 1);
    beating.add(1);
    await until('a new session', () => board.isAhead);
    t.equal(began.length, 2);
  },
);
