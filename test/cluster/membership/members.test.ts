/** Who lives, who has settled, and who is certainly gone. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { sessionStream, sessionSubject } from '../../../engine/cluster/membership/buckets.js';
import { Members } from '../../../engine/cluster/membership/members.js';
import { sessionText } from '../../../engine/cluster/membership/session-text.js';
import { writeBehind } from '../../../engine/nats/compare-and-set.js';
import { pause, until } from '../../support/deadline.js';
import { needsNats } from '../../support/nats-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { linkTo, setUpCluster, times } from '../cluster-fixture.js';

async function setup(t: Test, { settledMs = 600, ttlMs = times.ttlMs, isVeiled = false } = {}) {
  const { nats, connection } = await setUpCluster(t);
  const proxy = isVeiled ? await TcpProxy.start(t, nats.port) : null;
  const link = await linkTo(t, proxy ?? nats);
  const members = new Members({ link, ttlMs, renewMs: times.renewMs, settledMs });
  t.teardown(() => members.close());
  await until('current', () => members.isCurrent);
  const sequences = new Map<string, number>();
  /** What a node's session does. */
  async function renew(
    session: string,
    { node = session, weight = 1, renewals = 0, former = [] as string[], forMs = times.ttlMs } = {},
  ) {
    const member = { session, node, address: 'x', weight, version: '0', startedAt: 1_000 };
    const at = { stream: sessionStream, subject: sessionSubject(session), after: sequences.get(session) ?? 0 };
    const result = await writeBehind(
      connection,
      { ...at, payload: sessionText({ member, renewals, former }), ttlMs: forMs },
      2_000,
    );
    if (result.kind === 'stored') sequences.set(session, result.sequence);
    return result.kind;
  }
  async function leave(session: string) {
    const at = { stream: sessionStream, subject: sessionSubject(session), after: sequences.get(session)! };
    await writeBehind(connection, { ...at, payload: '', headers: [['KV-Operation', 'DEL']] }, 2_000);
  }
  const names = () => members.alive.map(({ session }) => session).sort();
  return { nats, connection, proxy, link, members, renew, leave, names };
}

t.test('a session is alive at once, settled after a while, and away when its time is over', needsNats, async (t) => {
  const { members, renew, names } = await setup(t);
  await renew('a');
  await until('it is seen', () => names().length === 1);
  t.match(members.of('a'), { node: 'a', weight: 1 });
  t.same(members.settled(), []);
  t.equal(members.isSomebodyNew(), true);
  await until('it has settled', () => members.settled().length === 1);
  t.equal(members.isSomebodyNew(), false);
  await until('its time is over', () => names().length === 0, times.ttlMs + 3_000);
});

t.test('what a dead process has left behind is told from a session that lives', needsNats, async (t) => {
  const { members, renew } = await setup(t);
  await renew('left', { renewals: 17 });
  await renew('lives', { renewals: 3 });
  await until('both are seen', () => members.alive.length === 2);
  t.notOk(members.isRenewed('left') || members.isRenewed('lives'), 'not known yet');
  let news = 0;
  members.watch(() => news++);
  await renew('lives', { renewals: 4 });
  await until('it was renewed', () => members.isRenewed('lives'));
  t.equal(news, 1, 'and that is news');
  t.notOk(members.isRenewed('left'));
});

t.test('one that comes and goes never settles (P9)', needsNats, async (t) => {
  const { members, renew, leave, names } = await setup(t, { settledMs: 1_000 });
  let settled = 0;
  members.watch(() => (settled += members.settled().length));
  for (let round = 0; round < 4; round++) {
    await renew(`flap${round}`, { node: 'flap' });
    await until('it is seen', () => names().length === 1);
    await pause(500);
    await leave(`flap${round}`);
    await until('it has left', () => names().length === 0);
  }
  t.equal(settled, 0);
});

t.test('whoever comes later counts how long others have lived by their renewals', needsNats, async (t) => {
  const { members, renew, names } = await setup(t, { settledMs: 1_000 });
  await renew('old', { renewals: 3 });
  await renew('new', { renewals: 0 });
  await until('both are seen', () => names().length === 2);
  t.same(
    members.settled().map(({ session }) => session),
    ['old'],
  );
});

t.test('of two sessions of one node the newer counts', needsNats, async (t) => {
  const { members, renew, names } = await setup(t, { settledMs: 0 });
  await renew('s1', { node: 'engine-a' });
  await renew('s2', { node: 'engine-a' });
  await until('both are seen', () => names().length === 2);
  t.same(
    members.settled().map(({ session }) => session),
    ['s2'],
  );
});

t.test('one that has left, or that its successor tells of, is gone at once', needsNats, async (t) => {
  const { members, renew, leave, names } = await setup(t);
  await renew('a');
  await renew('b');
  await until('both are seen', () => names().length === 2);
  t.equal(members.isGone('a'), false);
  await leave('a');
  await until('a has left', () => members.isGone('a'));
  await renew('c', { former: ['b'] });
  await until('b is over', () => members.isGone('b'));
  t.same(names(), ['c']);
  await renew('b');
  await pause(100);
  t.same(names(), ['c'], 'nobody comes back');
});

t.test('a session that is not seen, while the leader has it, is not gone (P10)', needsNats, async (t) => {
  const { members, renew, names } = await setup(t);
  // Two tokens: the watch does not see it, a read by its name does.
  let hidden = 'hid.den0';
  let renewedAt = performance.now();
  let goal = renewedAt + 3 * times.ttlMs;
  for (let late = 0; performance.now() < goal; ) {
    const result = await renew(hidden);
    const now = performance.now();
    if (result === 'behind' && now - renewedAt > times.ttlMs - times.renewMs) {
      // This process stood still for longer than a session lives, so it is over, and rightly.
      hidden = `hid.den${++late}`;
      goal = now + 3 * times.ttlMs;
    } else {
      t.equal(result, 'stored');
      if (members.isGone(hidden)) t.fail('taken for gone while it was renewed');
    }
    renewedAt = now;
    await pause(times.renewMs);
  }
  t.same(names(), []);
  const silentSince = performance.now();
  await until('it is gone', () => members.isGone(hidden), 3 * times.ttlMs);
  t.ok(performance.now() - silentSince >= times.ttlMs - times.renewMs, 'not before a full time to live');
});

t.test(
  'of a session that nobody has seen it is not known when it was seen last, also while the leader is asked',
  needsNats,
  async (t) => {
    const { members } = await setup(t);
    const seen = new Set<number | null>();
    await until('it is gone', () => {
      const isGone = members.isGone('nobody');
      seen.add(members.lastSeen('nobody'));
      return isGone;
    });
    t.same([...seen], [null]);
  },
);

t.test('a session that is gone from the server too early counts for a full time to live', needsNats, async (t) => {
  const { members, renew, names } = await setup(t, { ttlMs: 3_000 });
  await renew('a', { forMs: 1_000 });
  const seenAt = performance.now();
  await until('it is seen', () => names().length === 1);
  await until('the server dropped it', () => names().length === 0, 2_900);
  t.equal(members.isGone('a'), false);
  await until('it is gone', () => members.isGone('a'));
  t.ok(performance.now() - seenAt >= 2_900);
});

t.test(
  'a session that the server drops late, or never, is ended by whoever has waited in vain for its renewal (P11)',
  needsNats,
  async (t) => {
    const { members, renew, names } = await setup(t, { ttlMs: 1_000 });
    await renew('a', { forMs: 60_000 });
    await until('it is seen', () => names().length === 1);
    await pause(600);
    const renewedAt = performance.now();
    t.equal(await renew('a', { forMs: 60_000, renewals: 1 }), 'stored');
    await until('it is gone', () => members.isGone('a'), 10_000);
    t.ok(performance.now() - renewedAt >= 1_000, 'not before a full time to live');
    t.same(names(), []);
    t.equal(await renew('a', { forMs: 60_000, renewals: 2 }), 'behind', 'and it is renewed no more');
  },
);

t.test('a session that is told once more behind a lost connection has not been renewed by that', needsNats, async (t) => {
  const ttlMs = 6_000;
  const { link, members, renew, names } = await setup(t, { ttlMs });
  await renew('a', { forMs: ttlMs });
  await until('it is seen', () => names().length === 1);
  const seenAt = members.lastSeen('a');
  await pause(ttlMs - 2_000);
  await link.connection!.reconnect();
  await until('back', () => link.state.reconnects > 0 && members.isCurrent);
  const backAt = performance.now();
  t.equal(members.lastSeen('a'), seenAt);
  await until('its time is over', () => names().length === 0);
  await until('it is gone', () => members.isGone('a'));
  t.ok(performance.now() - seenAt! >= ttlMs, 'not before a full time to live');
  t.ok(performance.now() - backAt < ttlMs, 'and not another one later');
});

t.test('a session that is not seen, and that the leader has for ever, is ended as well', needsNats, async (t) => {
  const { members, renew } = await setup(t, { ttlMs: 1_000 });
  // Two tokens: the watch does not see it.
  await renew('hid.den', { forMs: 60_000 });
  await until('it is gone', () => members.isGone('hid.den'), 10_000);
  t.equal(await renew('hid.den', { forMs: 60_000, renewals: 1 }), 'behind', 'and it is renewed no more');
});

t.test(
  'a session that ended while the server was away is found to be gone, not before a full time to live',
  needsNats,
  async (t) => {
    const { nats, members, renew, names, link } = await setup(t);
    await renew('a');
    await until('it is seen', () => names().length === 1);
    const seenAt = members.lastSeen('a')!;
    await nats.kill();
    await until('away', () => !members.isCurrent);
    t.equal(members.isGone('a'), false);
    await pause(times.ttlMs + 500);
    await nats.restart();
    await until('back', () => link.state.isConnected && members.isCurrent);
    await until('its time is over', () => names().length === 0);
    await until('it is gone', () => members.isGone('a'));
    t.ok(performance.now() - seenAt >= times.ttlMs);
  },
);

t.test('a session that is absent behind a lost connection may have been renewed meanwhile', needsNats, async (t) => {
  const { connection, proxy, members, renew, names } = await setup(t, { isVeiled: true });
  await renew('a', { forMs: 60_000 });
  await until('it is seen', () => names().length === 1);
  proxy!.refuse();
  await until('away', () => !members.isCurrent);
  await pause(times.ttlMs);
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(sessionStream, { filter: sessionSubject('a') });
  proxy!.flow();
  await until('back', () => members.isCurrent);
  const backAt = performance.now();
  t.same(names(), []);
  await until('it is gone', () => members.isGone('a'));
  t.ok(performance.now() - backAt >= times.ttlMs - 50);
});
