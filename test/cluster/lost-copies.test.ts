/**
 * What nodes make their copies of, lost and damaged piece by piece, with real processes whose segments are small.
 *
 *     a alone     fills segments; bases have them, and the journal no longer does
 *     b joins     over a slow line, while a goes on sealing and purging (P7)
 *     a is deaf   while an entry is stored, and is cut off then: it publishes that entry again, once while the stream knows it
 *                 by its message id, and once when only the fence is left (F17)
 *     a is empty  and in partition 0 the newest base is damaged, in 1 the newest two are: it has them all the same (P5);
 *                 in 2 an older one is, which the journal does not have: it refuses, and says why (P15);
 *                 in 3 a bit of the journal is flipped in the files of NATS: it says so, and takes nothing behind it (F16)
 *     b is back   with its whole copy: it writes again what was damaged, and both have everything
 *     all is gone but bases, of partition 3: markers, journal and every copy. What is in bases is served, and the loss is told (P5)
 */
import t, { type Test } from 'tap';
import { logStreamOf } from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { listSegments, partitionDir } from '../../engine/log/segment/segment-files.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import type { Client } from '../support/http.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Archive, few, type Stored } from './archive.js';
import { damageBase } from './damaged-base.js';
import { HeardEntries } from './heard-entries.js';
import { auditJournals } from './journal-audit.js';
import { auditMarkers } from './marker-audit.js';
import { flip, NatsStore } from './nats-store.js';

t.setTimeout(175_000);

const partitions = 4;
const streams = 4;
const shape = { partitions, streams };
const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
const [newestDamaged, bothDamaged, holed, flipped] = all as [PartitionId, PartitionId, PartitionId, PartitionId];
const segmentKiB = 16;
const slowMs = 200;
/** The least for which a stream knows the messages that it was sent. */
const forgetfulMs = 100;
/** What an owner has it answers in a hundredth of that. */
const unansweredMs = 2_000;

/**
 * One that is in the middle of the journal and will be nowhere else for a while: the newest segment is nearly empty, in each partition, so no other one is about to be
 * sealed, and nothing to go out of a journal.
 */
async function untilOnlyInJournal({
  archive,
  store,
  client,
  partition,
}: {
  readonly archive: Archive;
  readonly store: NatsStore;
  readonly client: Client;
  readonly partition: PartitionId;
}): Promise<Stored> {
  return until('the journal has an event that no base has', async () => {
    await archive.add(client, few);
    const unsealed = await Promise.all(all.map((each) => store.unsealed(each)));
    const areNearlyEmpty = unsealed.every((entries) => bytesOf(entries) < (segmentKiB * 1024) / 4);
    // The newest entry a server would drop, and its owner write again.
    const bodies = unsealed[partition]!.slice(0, -1).map(({ body }) => Buffer.from(body));
    return areNearlyEmpty && archive.stored.find(({ text }) => bodies.some((body) => body.includes(text)));
  });
}

function bytesOf(entries: readonly { readonly body: Uint8Array }[]): number {
  return entries.reduce((sum, { body }) => sum + body.length, 0);
}

/** What a node has said of a partition that failed on it. */
function failures(cluster: Cluster, name: string, partition: number): readonly string[] {
  return cluster
    .node(name)
    .logs()
    .filter((line) => line['partition'] === partition && /failed here/.test(String(line['msg'])))
    .map(({ detail }) => String(detail));
}

/** What a node has said of a journal that was not what it knew. */
function regressions(cluster: Cluster, name: string, partition: number): readonly string[] {
  const lines = cluster.node(name).logs();
  return lines.filter((line) => line['partition'] === partition).map(({ detail }) => String(detail));
}

async function losses({ cluster, through }: { cluster: Cluster; through: string }): Promise<readonly (number | null)[]> {
  const view = await cluster.view(through);
  return view.partitions.map(({ data_loss_count }) => data_loss_count);
}

async function setup(t: Test) {
  const nats = await startNats(t);
  const proxies = { a: await TcpProxy.start(t, nats.port), b: await TcpProxy.start(t, nats.port) };
  const cluster = await startCluster(t, {
    nats: [nats],
    nodes: ['a'],
    partitions,
    script: new URL('./small-segments-node.js', import.meta.url),
    env: { SEGMENT_KIB: String(segmentKiB) },
    envOf: { a: { ESCAPEMENT_NATS_URL: proxies.a.url }, b: { ESCAPEMENT_NATS_URL: proxies.b.url } },
  });
  const connection = await connectNats(t, nats.url);
  const heard = new HeardEntries(proxies.a);
  return { nats, proxies, heard, cluster, connection, store: new NatsStore(connection, shape), archive: new Archive() };
}

t.test(
  'a copy is made of what is left of journal and bases, or is refused; nothing that was accepted is lost or served with a hole',
  { ...needsNats, timeout: 170_000 },
  async (t) => {
    const { nats, proxies, heard, cluster, connection, store, archive } = await setup(t);
    const a = cluster.node('a').client;
    const every = async (isSo: (partition: PartitionId) => Promise<boolean>) => (await Promise.all(all.map(isSo))).every(Boolean);
    const purged = async (before: readonly number[]): Promise<boolean> =>
      every(async (partition) => (await store.journal(partition)).oldest > before[partition]!);
    const oldest = async () => Promise.all(all.map(async (partition) => (await store.journal(partition)).oldest));

    const began = await oldest();
    await archive.fill(
      a,
      'each has bases, and a journal that was purged',
      async () => (await every(async (partition) => (await store.bases(partition)).length >= 4)) && purged(began),
    );

    proxies.b.delay(slowMs);
    const b = (await cluster.join('b')).client;
    const isBegun = (partition: PartitionId): boolean => listSegments(partitionDir(cluster.dataDirOf('b'), partition)).length > 1;
    await until('b is about to make its copies', () => all.every(isBegun));
    const found = await oldest();
    await archive.fill(a, 'journals are purged meanwhile', () => purged(found));
    proxies.b.flow();
    const shared = await cluster.shared(['a', 'b']);
    t.same(await losses({ cluster, through: 'b' }), [0, 0, 0, 0], 'b has joined, and nothing was lost on its way');
    t.same(
      all.flatMap((partition) => failures(cluster, 'b', partition)),
      [],
      'nor did it have to give anything up',
    );

    const own = shared.partitions.find(({ owner }) => owner === 'a')!.partition as PartitionId;
    for (const isKnown of [true, false]) {
      await store.rememberIds(own, isKnown ? null : forgetfulMs);
      const before = heard.again(own);
      await until(`an entry is published again whose id is ${isKnown ? 'known' : 'forgotten'}`, async () => {
        // An owner at rest asks the stream first what was kept for it, which would not be answered.
        await archive.add(a);
        proxies.a.hold('down');
        // From here on no acknowledgement comes through.
        const { newest } = await store.journal(own);
        const adding = archive.add(a);
        await until('an entry is stored', async () => (await store.journal(own)).newest > newest);
        if (!isKnown) await pause(5 * forgetfulMs);
        proxies.a.cut();
        proxies.a.flow();
        await adding;
        // But where it all took so long that its lease was over.
        return heard.again(own) > before;
      });
    }
    await store.rememberIds(own, null);
    const audit = await auditJournals(connection, shape);
    t.same(audit.faults, [], `each of ${audit.entries} entries is in its journal once`);
    const taken = cluster
      .node('a')
      .logs()
      .filter(({ msg }) => msg === 'partition lost to another node');
    t.same(taken, [], 'and none was taken for somebody else’s');

    await cluster.stop('a');
    await cluster.shared(['b']);
    t.same(await archive.missing(b), [], 'b, which has made its copy while it was purged, has everything');
    const { text } = await untilOnlyInJournal({ archive, store, client: b, partition: flipped });
    const bases = await Promise.all(all.map((partition) => store.bases(partition)));
    await damageBase(connection, bases[newestDamaged]!.at(-1)!);
    for (const base of bases[bothDamaged]!.slice(-2)) await damageBase(connection, base);
    await damageBase(connection, bases[holed]![1]!);
    await nats.stop();
    t.ok(flip(nats, { stream: logStreamOf(flipped, streams), text }) > 0, 'a bit is flipped');
    await nats.restart();

    await cluster.restart('a', { emptied: true });
    await until('it says of what it can make no copy', () =>
      [holed, flipped].every((partition) => failures(cluster, 'a', partition).length > 0),
    );
    t.match(failures(cluster, 'a', holed)[0], /no row of sound bases/, 'bases that do not reach the journal are refused');
    t.match(failures(cluster, 'a', flipped)[0], /expected sequence \d+ next|fails its checksum/, 'what was flipped is told');
    const whole = [newestDamaged, bothDamaged];
    await until('it has all of the others', async () => {
      const { partitions } = await cluster.view('a');
      return whole.every((partition) => partitions[partition]!.owner === 'a' || partitions[partition]!.standby_lag === 0);
    });
    await cluster.stop('b');
    await until('it serves them', async () => {
      const { partitions } = await cluster.view('a');
      return whole.every((partition) => partitions[partition]!.owner === 'a' && partitions[partition]!.last_takeover_ms !== null);
    });
    const alone = cluster.node('a').client;
    t.same(await archive.missing(alone, archive.in(whole)), [], 'from older bases and the journal it has made whole copies');
    const others = [holed, flipped].map((partition) => archive.stored.find((each) => each.partition === partition)!);
    let answered = 0;
    // They wait for an owner, for some time.
    const asked = others.map(({ id }) => alone.event(id).finally(() => answered++));
    await pause(unansweredMs);
    t.equal(answered, 0, 'and nothing of the others is served by it');

    await cluster.restart('b');
    for (const [at, { status, body }] of (await Promise.all(asked)).entries()) {
      if (status !== 503) t.match(body, { payload: { text: others[at]!.text } }, 'who asked for it is told when b has it again');
    }
    const again = await oldest();
    const complete = cluster.node('b').client;
    const isSound = async (): Promise<boolean> => {
      const { oldest } = await store.journal(flipped);
      const first = bases[holed]![1]!.split('.').at(-1);
      const rewritten = (await store.bases(holed)).filter((base) => base.split('.').at(-1) === first);
      return oldest > again[flipped]! && rewritten.length === 2;
    };
    await archive.fill(complete, 'the damaged base was written again, and what was flipped is out of the journal', isSound);
    t.same(await archive.missing(complete), [], 'everything is there in the end');
    t.same(await losses({ cluster, through: 'b' }), [0, 0, 0, 0], 'and nothing was lost');
    t.same((await auditMarkers(connection, { streams })).faults, []);

    await cluster.stop('a');
    await cluster.stop('b');
    const isInBases = await store.hasInBases(flipped);
    await store.loseLog(flipped);
    await cluster.restart('a', { emptied: true });
    await cluster.shared(['a']);
    t.same(await losses({ cluster, through: 'a' }), [0, 0, 0, 1], 'where the journal is lost with every copy, it is told');
    t.match(regressions(cluster, 'a', flipped)[0], /the journal is gone; the bases of the partition go as far as/);
    const last = cluster.node('a').client;
    t.same(await archive.missing(last, archive.in([newestDamaged, bothDamaged, holed])), [], 'the others have everything');
    const left = archive.in([flipped]).filter(({ text }) => isInBases(text));
    t.ok(left.length > 0);
    t.same(await archive.missing(last, left), [], `and what bases have is there: ${left.length} events`);
    await archive.add(last, few);
    t.comment(`${archive.stored.length} accepted; bases ${bases.map(({ length }) => length).join(', ')}`);
  },
);
