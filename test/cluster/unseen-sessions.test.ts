/**
 * Nodes that do not know of each other. All of a new cluster claim everything at once, since each believes that it is alone: each partition has one owner (P1). Then one never gets
 * to see the session of another: it takes nothing of it as long as that lives (P10). Meanwhile one joins and leaves again and again: nothing moves (P9). At last the
 * one that was not seen is killed, and its session stays on the server for minutes: the others take over when its time is over, and not before (P11).
 *
 *     TAP_TIMEOUT=600 NODES=8 PARTITIONS=256 node build/test/cluster/unseen-sessions.test.js
 */
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import t, { type Test } from 'tap';
import { sessionPattern } from '../../engine/cluster/membership/buckets.js';
import { usualLogStreams } from '../../engine/cluster/journal/log-streams.js';
import { claimsInFlightMax, memberSettledMs, sessionTtlMs } from '../../engine/kernel/limits.js';
import { Cluster } from '../support/cluster.js';
import { pause, until, within } from '../support/deadline.js';
import { connectNats, needsNats, type NatsServer, startNats } from '../support/nats-server.js';
import { Program } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { shippedFlags, temporaryDir } from '../support/server.js';
import { auditMarkers, type WrittenMarker } from './marker-audit.js';
import { doubled, SteadyLoad } from './steady-load.js';
import { VeiledWay } from './veiled-way.js';

const nodes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].slice(0, Number(process.env['NODES'] ?? 3));
const partitions = Number(process.env['PARTITIONS'] ?? 12);
/** Until they have what is their own: who won the race has much to give away, four at a time. */
const sharedMsMax = Math.max(40_000, 1_000 * partitions);
const timeout = 130_000 + sharedMsMax;
/** Every other node sees it; `blind` does not. */
const unseen = 'a';
const blind = nodes.at(-1)!;
/** From when a session is seen until its process is told to end: less than it takes to settle. */
const visitMs = 2_000;
const visits = ['SIGTERM', 'SIGKILL'] as const;

t.setTimeout(timeout + 5_000);

/** When a session of each node was renewed last, as NATS passed it on. */
function watchSessions(connection: NatsConnection): ReadonlyMap<string, number> {
  const renewedAt = new Map<string, number>();
  connection.subscribe(sessionPattern, {
    callback: (_, message) => {
      if (message.data.length > 0) renewedAt.set(message.json<{ readonly node: string }>().node, Date.now());
    },
  });
  return renewedAt;
}

async function markersOf(connection: NatsConnection) {
  const { faults, markers } = await auditMarkers(connection, { streams: usualLogStreams(partitions) });
  return { faults, markers, all: [...markers.values()].flat() };
}

/** Nobody has written a marker for so long. */
async function untilNothingMoves(connection: NatsConnection, forMs: number) {
  let stood = { count: 0, since: performance.now() };
  const stands = async () => {
    const found = await markersOf(connection);
    if (found.all.length !== stood.count) stood = { count: found.all.length, since: performance.now() };
    return performance.now() - stood.since >= forMs && found;
  };
  return until('nothing moves any more', stands, sharedMsMax);
}

/** Claims since then of what `unseen` had not released. */
function taken(markers: ReadonlyMap<number, readonly WrittenMarker[]>, sinceMs: number): readonly WrittenMarker[] {
  return [...markers.values()].flatMap((written) =>
    written.filter(({ released, writtenAtMs }, at) => {
      const before = written[at - 1];
      return !released && writtenAtMs >= sinceMs && before?.node === unseen && !before.released;
    }),
  );
}

/** A process that is there for a moment; it has not settled when it goes. */
async function visit(
  t: Test,
  { nats, renewedAt, leavesBy }: { nats: NatsServer; renewedAt: ReadonlyMap<string, number>; leavesBy: NodeJS.Signals },
): Promise<void> {
  const since = Date.now();
  const guest = new Program({
    script: new URL('../../gateway/main.js', import.meta.url),
    args: ['engine', '--data-dir', join(temporaryDir(t), 'guest'), '--port', '0'],
    env: { ESCAPEMENT_CLUSTER: 'true', ESCAPEMENT_NATS_URL: nats.url, ESCAPEMENT_NODE_ID: 'guest' },
    nodeFlags: shippedFlags,
  });
  await until('the guest has a session', () => (renewedAt.get('guest') ?? 0) > since);
  await pause(visitMs);
  guest.signal(leavesBy);
  await within('the guest ends', guest.exited);
}

t.test(
  'nodes that do not see each other claim everything at once, and a session that is not seen, or not ended, is not taken for gone',
  { ...needsNats, timeout },
  async (t) => {
    const nats = await startNats(t);
    const connection = await connectNats(t, nats.url);
    const ways = new Map<string, VeiledWay>();
    for (const name of nodes) ways.set(name, await VeiledWay.open(t, nats));
    const wayOf = (name: string): VeiledWay => ways.get(name)!;
    const envOf = Object.fromEntries(nodes.map((name) => [name, { ESCAPEMENT_NATS_URL: wayOf(name).url }]));
    const cluster = new Cluster([nats], { nodes: [], partitions, envOf });
    t.teardown(() => cluster.close());

    // However long one needs to start: only when all of them claim in vain are claims passed on, and then all together.
    for (const [name, way] of ways) {
      for (const other of nodes) if (other !== name) way.hidden.add(other);
      way.claims = 'refused';
    }
    await Promise.all(nodes.map((name) => cluster.join(name, name === blind ? 'engine' : 'serve')));
    const allClaim = (count: number) => [...ways.values()].every(({ claimed }) => claimed.size >= count);
    await until('each of them claims everything', () => allClaim(partitions), 60_000);
    t.equal((await markersOf(connection)).all.length, 0, 'and has nothing yet');
    for (const way of ways.values()) {
      way.claims = 'held';
      way.claimed.clear();
    }
    // The others are claimed when there is room, without waiting for anybody.
    await until('each of them claims as much as it may', () => allClaim(Math.min(partitions, claimsInFlightMax)));
    for (const way of ways.values()) way.passAll();
    const raced = await until('everything has an owner', async () => {
      const found = await markersOf(connection);
      return found.markers.size === partitions && found;
    });
    t.same(raced.faults, [], `of ${nodes.length} claims for each of ${partitions} partitions one was heard`);

    // From here on all are seen, but for one by one.
    for (const [name, { hidden }] of ways) {
      hidden.clear();
      if (name === blind) hidden.add(unseen);
    }
    wayOf(unseen).outlasts = true;
    const seenSince = Date.now();
    const blindSince = performance.now();
    const haveAll = async () => {
      const view = await cluster.view('b');
      const isServed = view.partitions.every(({ last_takeover_ms }) => last_takeover_ms !== null);
      return isServed && nodes.every((name) => view.nodes.some((node) => node.id === name && node.partitions.length > 0));
    };
    await until('all own something, and the cluster says so', haveAll, sharedMsMax);
    const renewedAt = watchSessions(connection);
    const before = await untilNothingMoves(connection, memberSettledMs + 1_000);

    for (const leavesBy of visits) await visit(t, { nats, renewedAt, leavesBy });
    await pause(blindSince + 2 * sessionTtlMs + memberSettledMs - performance.now());
    const visited = await markersOf(connection);
    t.equal(visited.all.length, before.all.length, `nothing has moved, though somebody came and went ${visits.length} times`);
    t.same(
      taken(visited.markers, seenSince).filter(({ node }) => node === blind),
      [],
      `${blind} has taken nothing of ${unseen}, which it does not see`,
    );
    t.same(await unknownTo(cluster, 'b'), [], 'which the others see');

    t.ok(wayOf(unseen).outlasted > 0, 'its session is to outlast it');
    const lost = [...visited.markers.values()].filter((written) => written.at(-1)!.node === unseen).length;
    t.ok(lost > 0, `${unseen} owns ${lost} partitions`);
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.node('b').client, receiver, source: 'unseen' });
    await load.beside(() => until('its events come', () => receiver.arrivals.length > 5));
    await cluster.kill(unseen);
    const killedAt = Date.now();
    const lastRenewedAt = renewedAt.get(unseen)!;
    await cluster.shared(
      nodes.filter((name) => name !== unseen),
      sharedMsMax,
    );
    const after = await markersOf(connection);
    const heirs = taken(after.markers, killedAt);
    t.equal(heirs.length, lost, 'all of them were taken over');
    const early = heirs.filter(({ writtenAtMs }) => writtenAtMs < lastRenewedAt + sessionTtlMs - clockMs);
    t.same(early, [], 'none before its time was over');
    t.same(after.faults, []);

    await load.stop();
    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(came), [], 'each came under one id');
    const again = [...came.values()].filter(({ arrivedAtMs: [first, next] }) => next !== undefined && first! < killedAt - 1_000);
    t.same(again, [], 'what came twice was under way at the kill');
    const took = Math.max(...heirs.map(({ writtenAtMs }) => writtenAtMs)) - killedAt;
    t.comment(`${came.size} accepted, taken over ${took} ms after the kill, ${after.all.length} markers`);
  },
);

/** Of one machine, but read by two programs. */
const clockMs = 50;

/** Nodes that own something and do not live, as one of them says. */
async function unknownTo(cluster: Cluster, name: string): Promise<readonly string[]> {
  const { nodes } = await cluster.view(name);
  return nodes.filter(({ alive, partitions }) => !alive && partitions.length > 0).map(({ id }) => id);
}
