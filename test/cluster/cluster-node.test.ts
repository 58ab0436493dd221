/** Nodes with hosts that hold no events, over a real nats-server: who ends up with what, and how it gets there. */
import { jetstreamManager } from '@nats-io/jetstream';
import t, { type Test } from 'tap';
import { sessionStream, sessionSubject } from '../../engine/cluster/membership/buckets.js';
import { ClusterNode } from '../../engine/cluster/cluster-node.js';
import type { ClusterTimes } from '../../engine/cluster/cluster-times.js';
import type { SessionTimes } from '../../engine/cluster/membership/session.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { LeaseBoard } from '../../engine/kernel/lease-board.js';
import { leaseMarginMs, memberSettledMs, sessionRenewMs, sessionTtlMs } from '../../engine/kernel/limits.js';
import type { NatsLink } from '../../engine/nats/nats-link.js';
import { createLogger } from '../../engine/observe/logger.js';
import { pause, until } from '../support/deadline.js';
import { type NatsServer, needsNats } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { linkTo, nodeShape as shape, setUpCluster, clusterTimes as brief } from './cluster-fixture.js';
import { auditMarkers } from './marker-audit.js';
import { OwnerRegistry, StandInHosts } from './stand-in-hosts.js';

/** Sessions as in service: where nobody waits for one to end it may as well outlast a machine that others keep busy. */
const times = { ...brief, ttlMs: sessionTtlMs, renewMs: sessionRenewMs, marginMs: leaseMarginMs };
/** Of which a half is away, and enough is left for a machine that others keep busy. */
const halvedTtlMs = 3_000;
/** How long one that comes and goes is there. */
const visitMs = 400;

const all = Array.from({ length: shape.partitions }, (_, partition) => partition as PartitionId);

interface Joined {
  readonly node: ClusterNode;
  readonly hosts: StandInHosts;
  readonly link: NatsLink;
  readonly lines: string[];
}

/** And times of its own. */
interface JoinOptions extends Partial<ClusterTimes> {
  readonly weight?: number;
  readonly moving?: number;
  readonly server?: NatsServer;
}

/** `sessions`: their times, of all nodes alike. */
async function setup(t: Test, sessions: SessionTimes = times) {
  const { nats, connection } = await setUpCluster(t, shape);
  const registry = new OwnerRegistry();
  const nodes: Joined[] = [];
  async function join(
    name: string,
    { weight = 1, moving = 4, server = nats as NatsServer, ...own }: JoinOptions = {},
  ): Promise<Joined> {
    const link = await linkTo(t, server);
    const board = LeaseBoard.create(0);
    const hosts = new StandInHosts(name, { board, registry });
    const self = { node: name, address: `${name}:8080`, weight, version: '0', startedAt: Date.now() };
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'json', sink: { write: (line) => lines.push(line) } });
    const node = new ClusterNode({
      link,
      board,
      self,
      shape,
      hands: hosts,
      logger,
      times: { ...times, ...sessions, ...own },
      moving,
    });
    hosts.node = node;
    const joined = { node, hosts, link, lines };
    nodes.push(joined);
    t.teardown(() => node.stop(0));
    return joined;
  }
  /** Each partition is served by one node, and by no more than its share each. */
  const isShared = (...names: string[]): boolean => {
    const most = Math.ceil(shape.partitions / names.length);
    const served = all.map((partition) => registry.servedBy(partition));
    return (
      served.every((by) => by.length === 1 && names.includes(by[0]!)) &&
      names.every((name) => served.filter(([by]) => by === name).length <= most)
    );
  };
  const shared = (...names: string[]) => until(`shared by ${names.join(', ')}`, () => isShared(...names), 20_000);
  /** What must hold at the end of each test. */
  async function wellDone(t: Test) {
    t.same(registry.faults, [], 'never two owners');
    const { faults, markers } = await until('the log answers', () => auditMarkers(connection, shape).catch(() => null));
    t.same(faults, []);
    return markers;
  }
  return { nats, connection, registry, nodes, join, shared, isShared, wellDone };
}

t.test('one node alone takes everything once it has settled', needsNats, async (t) => {
  const { join, shared, wellDone } = await setup(t);
  const { node } = await join('a');
  await shared('a');
  const view = node.view();
  t.match(view.nodes, [{ id: 'a', address: 'a:8080', alive: true, partitions: all }]);
  t.match(view.partitions[0], {
    partition: 0,
    owner: 'a',
    epoch: 1,
    standby: null,
    standby_lag: null,
    takeover_duplicates: 0,
    data_loss_count: 0,
  });
  t.type(view.partitions[0]!.last_takeover_ms, 'number');
  const markers = await wellDone(t);
  t.ok([...markers.values()].every((list) => list.length === 1));
});

t.test('nodes that start together share without moving anything, and each partition has a standby', needsNats, async (t) => {
  const { join, shared, wellDone } = await setup(t);
  // Longer than in service: where others keep the machine busy it may take seconds until all three have been seen.
  const settledMs = 3 * memberSettledMs;
  const nodes = await Promise.all(['a', 'b', 'c'].map((name) => join(name, { settledMs })));
  await shared('a', 'b', 'c');
  const markers = await wellDone(t);
  t.equal([...markers.values()].flat().length, shape.partitions, 'one marker each');
  await until('each is followed', () => nodes.reduce((sum, { hosts }) => sum + hosts.following.size, 0) === shape.partitions);
  const view = await until('all see it', () => {
    const seen = nodes[1]!.node.view();
    return seen.partitions.every(({ standby_lag, last_takeover_ms }) => standby_lag === 0 && last_takeover_ms !== null) && seen;
  });
  t.ok(view.partitions.every(({ owner, standby }) => owner !== standby));
  t.same(
    view.nodes.map(({ id, alive, partitions }) => [id, alive, partitions.length]),
    [
      ['a', true, 20],
      ['b', true, 20],
      ['c', true, 20],
    ],
  );
});

t.test('three nodes, then five, then two: few at a time move, and little more than must (F35)', needsNats, async (t) => {
  const { nodes, join, shared, wellDone } = await setup(t);
  // Longer than a machine that others keep busy takes to start one behind the other.
  const settledMs = 2_000;
  for (const name of ['a', 'b', 'c']) await join(name, { moving: 2, settledMs });
  await shared('a', 'b', 'c');
  const takes = () => nodes.reduce((sum, { hosts }) => sum + hosts.taken.length, 0);
  const atFirst = takes();
  let mostMoving = 0;
  const watch = setInterval(() => {
    for (const { node } of nodes) {
      const moving = all.filter((partition) => ['releasing', 'yielding'].includes(node.stageOf(partition))).length;
      mostMoving = Math.max(mostMoving, moving);
    }
  }, 2);
  t.teardown(() => clearInterval(watch));
  for (const name of ['d', 'e']) {
    await join(name, { moving: 2, settledMs });
    // The second one settles when the first one could have been given what it gets.
    await pause(settledMs / 4);
  }
  await shared('a', 'b', 'c', 'd', 'e');
  clearInterval(watch);
  t.ok(mostMoving <= 2, `${mostMoving} moved at a time`);
  const movedIn = takes() - atFirst;
  t.ok(movedIn <= 24 + 4, `${movedIn} moved, 24 must`);
  const before = takes();
  await Promise.all(['c', 'd', 'e'].map((name) => nodes.find(({ hosts }) => hosts.name === name)!.node.stop()));
  await shared('a', 'b');
  const movedOut = takes() - before;
  // Nodes leave one after the other as far as the others can tell: some partitions may move twice.
  t.ok(movedOut <= 2 * 36, `${movedOut} moved, 36 must`);
  t.ok(
    nodes.every(({ hosts }) => hosts.dropped.length === 0),
    'nothing was torn away',
  );
  await wellDone(t);
});

t.test('a planned stop hands everything over in order, at once', needsNats, async (t) => {
  const { join, shared, wellDone } = await setup(t);
  const a = await join('a');
  const b = await join('b');
  await shared('a', 'b');
  const startedAt = performance.now();
  await a.node.stop();
  await shared('b');
  t.ok(performance.now() - startedAt < times.ttlMs, 'nobody waited for the session to be over');
  t.equal(a.hosts.released.length, 30);
  t.equal(a.hosts.dropped.length, 0);
  await until('the other one sees that it has gone', () => b.node.view().nodes.every(({ id }) => id === 'b'));
  const markers = await wellDone(t);
  t.equal([...markers.values()].filter((list) => list.some(({ released }) => released)).length, 30);
});

/** Two nodes, of which `b` says that all that it follows is far behind. */
async function withHeirFarBehind(t: Test, own: Partial<ClusterTimes>) {
  const { join, shared, wellDone } = await setup(t);
  const a = await join('a', own);
  const b = await join('b');
  b.hosts.lag = 5_000;
  await shared('a', 'b');
  const isOfA = (partition: number) => a.node.owners.of(partition as PartitionId)?.node === 'a';
  await until('it is known to be far behind', () => {
    const { partitions } = a.node.view();
    return partitions.every(({ partition, standby_lag }) => !isOfA(partition) || standby_lag === b.hosts.lag);
  });
  return { a, b, shared, wellDone, partitions: all.filter(isOfA) };
}

t.test('a node that stops serves each partition until its next owner is close behind it', needsNats, async (t) => {
  const { a, b, shared, wellDone, partitions } = await withHeirFarBehind(t, { stopPatienceMs: 60_000 });
  const stopped = a.node.stop(60_000);
  for (const near of partitions.slice(0, 3)) {
    const released = a.hosts.released.length;
    b.hosts.tellLag(near, 3);
    await until('it is handed over', () => a.hosts.released.includes(near));
    t.same(a.hosts.released.slice(released), [near], 'and no other one');
  }
  b.hosts.lag = 0;
  for (const partition of b.hosts.following) b.hosts.tellLag(partition, b.hosts.lag);
  await stopped;
  await shared('b');
  t.equal(a.hosts.released.length, partitions.length);
  t.same(a.hosts.dropped, []);
  await wellDone(t);
});

t.test('a node that stops waits no longer than it may for a next owner that does not come close', needsNats, async (t) => {
  const { a, shared, wellDone, partitions } = await withHeirFarBehind(t, { stopPatienceMs: 500 });
  await a.node.stop();
  await shared('b');
  t.equal(a.hosts.released.length, partitions.length, 'all of it was ended in order');
  t.same(a.hosts.dropped, []);
  await wellDone(t);
});

t.test('nothing is handed to a node that has fallen silent, though its session is there', needsNats, async (t) => {
  const ttlMs = 5_000;
  const { join, shared, wellDone } = await setup(t, { ...brief, ttlMs });
  // It stops when it has not heard the other one for two reports and a half.
  const a = await join('a', { reportMs: 1_000, stopPauseMs: 2_500, stopPatienceMs: 60_000 });
  const b = await join('b');
  await shared('a', 'b');
  const lagsOfB = () => a.node.view().partitions.filter(({ owner, standby_lag }) => owner === 'a' && standby_lag === 0);
  await until('it says that it is close', () => lagsOfB().length === 30);
  await b.link.close();
  const stopped = a.node.stop(60_000);
  await until('it hands over', () => a.hosts.released.length > 0);
  t.same(
    a.node.members.alive.filter(({ node }) => node === 'b'),
    [],
    'nobody else is there any more',
  );
  await stopped;
  t.same(a.hosts.dropped, []);
  await wellDone(t);
});

t.test('who does not hear of markers does not say that it is ready to take what it follows', needsNats, async (t) => {
  const { nats, join, shared, wellDone } = await setup(t);
  const proxy = await TcpProxy.start(t, nats.port);
  await join('a');
  const deaf = await join('deaf', { server: { url: proxy.url } as NatsServer });
  await shared('a', 'deaf');
  const told = () => deaf.node.view().partitions.filter(({ owner, standby_lag }) => owner === 'a' && standby_lag !== null);
  await until('it says how close it is', () => told().length === 30);
  proxy.hold('down');
  await until('it says so no more', () => told().length === 0);
  t.not(deaf.node.session, null, 'though it is a member still');
  proxy.flow();
  await shared('a', 'deaf');
  await wellDone(t);
});

t.test('a node that is back with a new session hands nothing over while it has no place yet', needsNats, async (t) => {
  const { connection, join, shared, wellDone } = await setup(t);
  const a = await join('a');
  await join('b');
  await shared('a', 'b');
  const session = a.node.session!;
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(sessionStream, { filter: sessionSubject(session) });
  await until('it has another one', () => a.node.session !== null && a.node.session !== session);
  await shared('a', 'b');
  t.same(a.hosts.released, []);
  await wellDone(t);
});

t.test('a node that is gone without a word is replaced when its session is over', needsNats, async (t) => {
  const { join, shared, isShared, wellDone } = await setup(t, brief);
  const a = await join('a');
  const b = await join('b');
  await shared('a', 'b');
  const goneAt = performance.now();
  await a.link.close();
  await until('it gives up by itself', () => a.hosts.dropped.length === 30);
  t.ok(performance.now() - goneAt < brief.ttlMs, 'before its session is over');
  t.equal(isShared('b'), false);
  await shared('b');
  const { last_takeover_ms } = b.node.view().partitions.find(({ epoch }) => epoch === 2)!;
  t.ok(last_takeover_ms! >= brief.ttlMs - 100 && last_takeover_ms! < brief.ttlMs + 4_000, `${last_takeover_ms} ms`);
  await wellDone(t);
});

t.test(
  'a hand-off is counted from when its owner starts nothing any more, not from when that has ended',
  needsNats,
  async (t) => {
    const { join, shared, wellDone } = await setup(t);
    const a = await join('a');
    await shared('a');
    a.hosts.releaseMs = 800;
    const b = await join('b');
    await shared('a', 'b');
    const handed = await until('it is told', () => {
      const rows = b.node.view().partitions.filter(({ owner }) => owner === 'b');
      return rows.every(({ last_takeover_ms }) => last_takeover_ms !== null) && rows;
    });
    t.equal(handed.length, shape.partitions / 2);
    for (const { partition, last_takeover_ms: ms } of handed) t.ok(ms! >= 790, `partition ${partition}: ${ms} ms`);
    await wellDone(t);
  },
);

t.test('a node that stood still counts from when its lease was over, not from when it has noticed', needsNats, async (t) => {
  const { join, shared, wellDone } = await setup(t, brief);
  const a = await join('a');
  await shared('a');
  const stillMs = 2 * brief.ttlMs;
  const before = a.node.session;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stillMs);
  await until('it has another session', () => a.node.session !== null && a.node.session !== before);
  await shared('a');
  const rows = await until('it is told', () => {
    const { partitions } = a.node.view();
    return partitions.every(({ epoch, last_takeover_ms }) => epoch === 2 && last_takeover_ms !== null) && partitions;
  });
  for (const { partition, last_takeover_ms: ms } of rows) t.ok(ms! >= stillMs - brief.ttlMs, `partition ${partition}: ${ms} ms`);
  await wellDone(t);
});

t.test('a node that joins and leaves every now and then moves nothing (P9)', needsNats, async (t) => {
  const { nodes, join, shared, wellDone } = await setup(t);
  // As in service: a visit is far from it also where others keep the machine busy.
  const settledMs = memberSettledMs;
  await Promise.all(['a', 'b'].map((name) => join(name, { settledMs })));
  await shared('a', 'b');
  const { length: before } = [...(await wellDone(t)).values()].flat();
  for (let round = 0; round < 4; round++) {
    const { node } = await join('flap', { settledMs });
    await until('it has joined', () => node.session !== null);
    await pause(visitMs);
    await node.stop();
  }
  t.ok(nodes.filter(({ hosts }) => hosts.name === 'flap').every(({ hosts }) => hosts.taken.length === 0));
  const markers = await wellDone(t);
  t.equal([...markers.values()].flat().length, before);
});

t.test(
  'NATS away for half a time to live changes nothing; for one or two, everybody stops and goes on with the same (P3)',
  needsNats,
  async (t) => {
    const { nats, nodes, join, shared, registry, wellDone } = await setup(t, { ...brief, ttlMs: halvedTtlMs });
    await join('a');
    await join('b');
    await shared('a', 'b');
    const before = all.map((partition) => registry.servedBy(partition)[0]);
    for (const [factor, mayStop] of [
      [0.5, false],
      [1, true],
      [2, true],
    ] as const) {
      const taken = nodes.reduce((sum, { hosts }) => sum + hosts.taken.length, 0);
      nats.signal('SIGSTOP');
      await pause(factor * halvedTtlMs);
      if (factor >= 1)
        t.ok(
          all.every((partition) => registry.servedBy(partition).length === 0),
          'nobody acts',
        );
      nats.signal('SIGCONT');
      await shared('a', 'b');
      const again = nodes.reduce((sum, { hosts }) => sum + hosts.taken.length, 0) - taken;
      t.ok(mayStop || again === 0, `${again} were taken again after ${factor} of the time to live`);
      t.same(
        all.map((partition) => registry.servedBy(partition)[0]),
        before,
        'the same have the same',
      );
    }
    await wellDone(t);
  },
);

t.test(
  'NATS killed and started again for two times to live: nobody acts meanwhile, and all is served afterwards (P3)',
  needsNats,
  async (t) => {
    const { nats, join, shared, registry, wellDone } = await setup(t, brief);
    await join('a');
    await join('b');
    await shared('a', 'b');
    await nats.kill();
    await pause(2 * brief.ttlMs);
    t.ok(all.every((partition) => registry.servedBy(partition).length === 0));
    await nats.restart();
    await shared('a', 'b');
    await wellDone(t);
  },
);

t.test('a node that is heard and hears nothing is not handed the same partitions again and again', needsNats, async (t) => {
  const { nats, join, shared, wellDone } = await setup(t, brief);
  const proxy = await TcpProxy.start(t, nats.port);
  const a = await join('a', { moving: 60 });
  await shared('a');
  const deaf = await join('deaf', { server: { url: proxy.url } as NatsServer });
  await until('it follows what it should own', () => deaf.hosts.following.size === 30);
  // Its session lives on while what it says arrives: its reports say that it is ready.
  proxy.hold('down');
  const taken = a.hosts.taken.length;
  await pause(2 * brief.ttlMs);
  proxy.flow();
  await shared('a', 'deaf');
  const perPartition = (a.hosts.taken.length - taken) / 30;
  t.ok(perPartition <= 6, `each came back ${perPartition} times`);
  await wellDone(t);
});

t.test('a partition that fails on one node is given to another', needsNats, async (t) => {
  const { join, shared, registry, wellDone } = await setup(t);
  const a = await join('a');
  const b = await join('b');
  await shared('a', 'b');
  const p = all.find((partition) => registry.servedBy(partition)[0] === 'a')!;
  a.hosts.broken.add(p);
  a.hosts.drop(p);
  a.node.news({ op: 'failed', partition: p, detail: 'a checksum is wrong' });
  await until('the other one has it', () => registry.servedBy(p)[0] === 'b');
  t.match(a.lines.join(''), /a checksum is wrong/);
  t.match(b.node.owners.of(p), { node: 'b', released: false });
  await wellDone(t);
});

t.test('a partition stays where it works while the node that it should be on cannot follow it', needsNats, async (t) => {
  const { join, shared, registry, wellDone } = await setup(t);
  const a = await join('a');
  const b = await join('b', { patienceMs: 100 });
  await shared('a', 'b');
  const p = all.find((partition) => registry.servedBy(partition)[0] === 'a')!;
  a.hosts.broken.add(p);
  a.hosts.drop(p);
  a.node.news({ op: 'failed', partition: p, detail: 'the disk is full' });
  await until('the other one has it', () => registry.servedBy(p)[0] === 'b');
  // Longer than its patience, shorter than the first one leaves the partition alone.
  await pause(1_500);
  t.notOk(b.hosts.released.includes(p));
  t.same(registry.servedBy(p), ['b']);
  await wellDone(t);
});

t.test('who was fenced ends at once, and the marker says who goes on', needsNats, async (t) => {
  const { join, shared, registry, wellDone } = await setup(t);
  const a = await join('a');
  await shared('a');
  const p = all[5]!;
  a.node.news({ op: 'lost', partition: p, epoch: 1, detail: 'somebody else has opened', hasShrunk: false });
  t.equal(a.node.stageOf(p), 'elsewhere');
  t.ok(a.hosts.dropped.includes(p));
  a.node.news({ op: 'lost', partition: all[6]!, epoch: 7, detail: 'of another epoch', hasShrunk: false });
  t.equal(a.node.stageOf(all[6]!), 'serving');
  t.same(registry.faults, []);
  await wellDone(t);
});

t.test('whose journal has lost its end goes on itself: nobody is as sure to have what was lost', needsNats, async (t) => {
  const { join, shared, registry, wellDone } = await setup(t);
  const [a] = [await join('a'), await join('b')];
  await shared('a', 'b');
  const p = all.find((partition) => registry.servedBy(partition)[0] === 'a')!;
  a.node.news({ op: 'lost', partition: p, epoch: 1, detail: 'the journal ends before', hasShrunk: true });
  t.equal(a.node.stageOf(p), 'elsewhere');
  await until('it is served again', () => registry.servedBy(p).length > 0);
  t.same(registry.servedBy(p), ['a']);
  const markers = await wellDone(t);
  t.match(markers.get(p), [
    { epoch: 1, node: 'a' },
    { epoch: 2, node: 'a' },
  ]);
});

t.test('a gateway sees everything and owns nothing', needsNats, async (t) => {
  const { join, shared, wellDone } = await setup(t);
  const gateway = await join('gateway', { weight: 0 });
  await join('a');
  await shared('a');
  await until('it sees it', () => gateway.node.view().partitions.every(({ owner }) => owner === 'a'));
  t.equal(gateway.hosts.taken.length + gateway.hosts.following.size, 0);
  t.same(gateway.node.view().nodes.find(({ id }) => id === 'gateway')?.partitions, []);
  await wellDone(t);
});
