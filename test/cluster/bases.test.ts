/** Copies made from bases and what the journal has behind them, against a real server: also of damaged ones, and while things are removed. */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Base } from '../../engine/cluster/journal/base-shelf.js';
import { baseSubject } from '../../engine/cluster/journal/log-streams.js';
import { listSegments, partitionDir } from '../../engine/log/segment/segment-files.js';
import { until } from '../support/deadline.js';
import { connectNats, needsNats, type NatsServer, startNats } from '../support/nats-server.js';
import { damageBase } from './damaged-base.js';
import { batchOf, History, makeStreams, partition, plain, readBack, stream, subject, TestReplica } from './journal-fixture.js';

t.setTimeout(120_000);

const small = { segmentBytesMax: 20_000 };

interface Setup {
  readonly nats: NatsServer;
  readonly manager: Awaited<ReturnType<typeof makeStreams>>;
  readonly owner: TestReplica;
  readonly history: History;
  readonly bases: readonly Base[];
}

/** An owner with several sealed segments, and bases of them. */
async function setup(t: Test, rounds = 20): Promise<Setup> {
  const nats = await startNats(t);
  const manager = await makeStreams(t, nats);
  const owner = new TestReplica(t, nats.url, small);
  const history = new History();
  await owner.own(1);
  await write(owner, history, rounds);
  await owner.replica.keepBases();
  const bases = await owner.bases.list();
  t.ok(bases.length >= 4, `${bases.length} bases`);
  return { nats, manager, owner, history, bases };
}

async function write(owner: TestReplica, history: History, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await owner.append(Array.from({ length: 20 }, () => history.accepted()));
    owner.replica.tick();
    await until('what is full is sealed', () => !owner.copy.wantsSeal);
  }
}

async function recordsOf(test: TestReplica) {
  await test.close();
  const { records, failure } = readBack(test.dataDir);
  if (failure !== null) throw new Error(failure);
  return plain(records);
}

const segmentsOf = (test: TestReplica) => listSegments(partitionDir(test.dataDir, partition)).map(({ first }) => first);
const sameSegments = (one: TestReplica, other: TestReplica) =>
  until('both have the same segments', () => `${segmentsOf(one)}` === `${segmentsOf(other)}`);
const lastOf = ({ records }: History) => records.length;

async function damage(t: Test, { nats }: Setup, base: Base): Promise<void> {
  await damageBase(await connectNats(t, nats.url), baseSubject(partition, base));
}

t.test(
  'a copy is made from bases and the journal behind them; the journal keeps the newest two segments',
  needsNats,
  async (t) => {
    const { nats, manager, owner, history, bases } = await setup(t);
    const segments = segmentsOf(owner);
    t.same(
      bases.map(({ first }) => first),
      segments.slice(0, -1),
      'a base for each sealed segment',
    );
    const oldest = await owner.journal.from(0);
    t.equal(oldest!.first, segments.at(-3));
    t.match(await owner.journal.newest(), { kind: 'purge' }, 'how far it goes is in the journal');
    await write(owner, history, 2);
    const fresh = new TestReplica(t, nats.url);
    fresh.replica.follow(true);
    await fresh.reaches(lastOf(history));
    await sameSegments(fresh, owner);
    t.same(await recordsOf(fresh), plain(history.records));
    const { state } = await manager.streams.info(stream, { subjects_filter: subject });
    t.ok(state.subjects![subject]! < 20, 'the journal is short');
  },
);

t.test('the next owner goes on where the bases of the one before end, also in the middle of a segment', needsNats, async (t) => {
  const { nats, owner, history, bases } = await setup(t);
  const next = new TestReplica(t, nats.url, small);
  await next.own(2);
  const late = new History(lastOf(history) + 1).accepted();
  t.same(await next.bases.list(), bases);
  await write(next, history, 10);
  await next.replica.keepBases();
  const all = await next.bases.list();
  t.same(all.slice(0, bases.length), bases, 'what is there stays as it is');
  t.ok(all.length > bases.length);
  for (const [at, base] of all.slice(1).entries()) t.equal(base.first, all[at]!.last + 1);
  t.equal(owner.replica.mode, 'owning', 'the one before has not heard of it yet');
  owner.replica.append(batchOf([late]));
  t.match(await owner.said('lost'), { hasShrunk: false });
  const fresh = new TestReplica(t, nats.url);
  fresh.replica.follow(true);
  await fresh.reaches(lastOf(history));
  t.same(await recordsOf(fresh), plain(history.records));
});

t.test('P5: the newest base, or both of the newest two, are damaged: the journal has what is in them', needsNats, async (t) => {
  const parts = await setup(t);
  const { nats, history, bases } = parts;
  for (const base of [bases.at(-1)!, bases.at(-2)!]) {
    await damage(t, parts, base);
    const fresh = new TestReplica(t, nats.url);
    fresh.replica.follow(true);
    await fresh.reaches(lastOf(history));
    t.same(await recordsOf(fresh), plain(history.records));
  }
});

t.test(
  'P5: the local file is lost, and the journal: bases give what they have, and the loss is counted',
  needsNats,
  async (t) => {
    const { nats, manager, owner, bases, history } = await setup(t);
    await owner.close();
    rmSync(owner.dataDir, { recursive: true });
    await manager.streams.purge(stream, { filter: subject });
    const next = new TestReplica(t, nats.url, small);
    await next.own(2);
    t.match(await next.said('regressed'), { detail: /the journal is gone/ });
    t.match(await next.said('owned'), { losses: 1 });
    t.equal(next.copy.last.seq, bases.at(-1)!.last);
    const { last } = bases.at(-1)!;
    const after = new History(last + 1);
    await next.append([after.accepted()]);
    t.same(await recordsOf(next), plain([...history.records.slice(0, last), ...after.records]));
  },
);

t.test(
  'P15: bases that do not reach from where the log begins to the journal are refused; a whole copy can own',
  needsNats,
  async (t) => {
    const parts = await setup(t);
    const { nats, owner, history, bases } = parts;
    await damage(t, parts, bases[1]!);
    const fresh = new TestReplica(t, nats.url);
    fresh.replica.own(2);
    t.match(await fresh.said('stuck'), { detail: /no row of sound bases/ });
    t.equal(fresh.replica.mode, 'idle');
    t.notOk(fresh.replies.some(({ op }) => op === 'owned'));
    // Whoever has it all writes the damaged one again, and then the cluster has it all.
    owner.replica.drop();
    await owner.own(3);
    await owner.replica.keepBases();
    const late = new TestReplica(t, nats.url);
    late.replica.follow(true);
    await late.reaches(lastOf(history));
    t.same(await recordsOf(late), plain(history.records));
  },
);

t.test('P15: a copy that ends before the log begins now is set aside, and made anew', needsNats, async (t) => {
  const { nats, owner, history, bases } = await setup(t);
  const dataDir = t.testdir();
  const elsewhere = await startNats(t);
  await makeStreams(t, elsewhere);
  const early = new TestReplica(t, elsewhere.url, { dataDir });
  await early.own(1);
  await early.append(history.records.slice(0, 10));
  await early.close();
  const begins = bases[2]!.first;
  owner.replica.floor(begins);
  await until('the journal says where it begins', async () => (await owner.journal.newest())?.begins === begins);
  // It hears a moment later than others may read it that the journal has its word.
  await until('bases of what is gone are gone', async () => {
    await owner.replica.keepBases();
    return (await owner.bases.list())[0]!.first === begins;
  });
  const again = new TestReplica(t, nats.url, { dataDir });
  again.replica.follow(true);
  t.match(await again.said('copy-note'), { detail: /set-aside/ });
  await again.reaches(lastOf(history));
  t.same(segmentsOf(again)[0], begins);
  t.same(await recordsOf(again), plain(history.records.slice(begins - 1)));
});

t.test('a follower does not say that it is close before it has what the journal no longer has', needsNats, async (t) => {
  const { nats, history } = await setup(t);
  const fresh = new TestReplica(t, nats.url);
  const list = fresh.bases.list.bind(fresh.bases);
  let isAsked = false;
  let goOn = (): void => undefined;
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  fresh.bases.list = async () => {
    isAsked = true;
    await mayGoOn;
    return list();
  };
  fresh.replica.follow(true);
  await until('it asks for bases', () => isAsked);
  fresh.replica.tick();
  t.same(fresh.replies, []);
  goOn();
  await fresh.reaches(lastOf(history));
  t.match(await fresh.said('following'), { lag: 0, last: lastOf(history) });
});

t.test('P7: a follower that lags behind a purge takes bases and goes on', needsNats, async (t) => {
  const { nats, owner, history } = await setup(t);
  const lagging = new TestReplica(t, nats.url);
  lagging.replica.follow(true);
  await lagging.reaches(lastOf(history));
  // What a node has that was stopped in between.
  const dataDir = t.testdir();
  await lagging.close();
  cpSync(lagging.dataDir, dataDir, { recursive: true });
  await write(owner, history, 20);
  await owner.replica.keepBases();
  const again = new TestReplica(t, nats.url, { dataDir });
  again.replica.follow(true);
  await again.reaches(lastOf(history));
  await sameSegments(again, owner);
  t.same(await recordsOf(again), plain(history.records));
});

t.test('P7: restores, an owner that writes, purges and moves the beginning, all at once', needsNats, async (t) => {
  const { nats, owner, history } = await setup(t, 30);
  const copies: TestReplica[] = [];
  for (let round = 0; round < 6; round++) {
    const copy = new TestReplica(t, nats.url);
    copy.replica.follow(true);
    copies.push(copy);
    await write(owner, history, 4);
    const [, , begins] = await owner.bases.list();
    owner.replica.floor(begins!.first);
    await owner.replica.keepBases();
  }
  for (const copy of copies) {
    await copy.reaches(lastOf(history));
    t.same(copy.copy.last, owner.copy.last);
    t.notOk(copy.replies.some(({ op }) => op === 'stuck' || op === 'regressed'));
    const records = (await recordsOf(copy)) as [seq: number][];
    t.same(records, plain(history.records).slice(-records.length));
  }
});

t.test('a damaged copy is set aside and made anew from the cluster', needsNats, async (t) => {
  const { nats, owner, history } = await setup(t);
  await owner.append([history.accepted()]);
  const follower = new TestReplica(t, nats.url);
  follower.replica.follow(true);
  await follower.reaches(lastOf(history));
  await follower.close();
  const dir = partitionDir(follower.dataDir, partition);
  const spoil: readonly (readonly [string, () => void])[] = [
    ['its open segment is no database', () => writeFileSync(listSegments(dir).at(-1)!.path, Buffer.alloc(8_192, 7))],
    ['its mark is gone', () => rmSync(join(dir, 'mark'))],
    ['its open segment is gone', () => rmSync(listSegments(dir).at(-1)!.path)],
  ];
  for (const [what, work] of spoil) {
    work();
    const again = new TestReplica(t, nats.url, { dataDir: follower.dataDir });
    again.replica.follow(true);
    t.match(await again.said('copy-note'), { detail: /set-aside/ }, what);
    await again.reaches(lastOf(history));
    t.same(await recordsOf(again), plain(history.records), what);
    t.ok(again.notices.some(({ op }) => op === 'replaced'));
  }
  t.equal(owner.replica.mode, 'owning');
  // A disk that does this again and again is not filled with copies.
  spoil[0]![1]();
  const again = new TestReplica(t, nats.url, { dataDir: follower.dataDir });
  again.replica.follow(true);
  t.match(await again.said('stuck'), { detail: /look at the disk/ });
});

t.test('a copy with a segment missing in the middle is set aside when a replay has found it', needsNats, async (t) => {
  const { owner, history } = await setup(t);
  owner.replica.drop();
  rmSync(listSegments(partitionDir(owner.dataDir, partition))[2]!.path);
  await owner.own(2);
  const { failure } = readBack(owner.dataDir);
  t.match(failure, /expected sequence/);
  owner.replica.discard(failure!);
  t.match(await owner.said('copy-note'), { detail: /set-aside/ });
  await owner.own(3);
  t.equal(owner.copy.last.seq, lastOf(history));
  t.match(await owner.said('owned', ({ epoch }) => epoch === 3), { losses: 0 }, 'nothing was lost');
  t.same(await recordsOf(owner), plain(history.records));
});

t.test('while nothing is sealed a round looks at no file', needsNats, async (t) => {
  const { owner, history } = await setup(t);
  const { copy, replica } = owner;
  const sealedRun = copy.sealedRun.bind(copy);
  let looks = 0;
  copy.sealedRun = (...args) => {
    looks++;
    return sealedRun(...args);
  };
  await replica.keepBases();
  await owner.append([history.accepted()]);
  await replica.keepBases();
  t.equal(looks, 0);
  const before = await owner.bases.list();
  await write(owner, history, 10);
  await replica.keepBases();
  t.ok(looks > 0 && (await owner.bases.list()).length > before.length, 'what was sealed since is in bases');
});
