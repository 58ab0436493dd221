/** Replicas of one partition against a real server: owners, followers, takeovers, servers that are killed (F14), and journals that are not what they were (F15). */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EntryTurns } from '../../../engine/cluster/journal/entry-turns.js';
import { followedBytesMax } from '../../../engine/kernel/limits.js';
import { readMark } from '../../../engine/log/segment/mark.js';
import { listSegments, partitionDir } from '../../../engine/log/segment/segment-files.js';
import { SegmentReader } from '../../../engine/log/segment/segment-reader.js';
import { pause, until } from '../../support/deadline.js';
import { needsNats, type NatsServer, startNats } from '../../support/nats-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { batchOf, History, makeStreams, partition, plain, readBack, stream, TestReplica } from '../journal-fixture.js';

t.setTimeout(120_000);

async function setup(t: Test): Promise<NatsServer> {
  const nats = await startNats(t);
  await makeStreams(t, nats);
  return nats;
}

/** Records of a log on disk, which nobody has open. */
async function recordsOf(test: TestReplica) {
  await test.close();
  const { records, failure } = readBack(test.dataDir);
  if (failure !== null) throw new Error(failure);
  return plain(records);
}

/** The last sequence on disk of a log that somebody has open. */
function writtenOf(test: TestReplica): number {
  const reader = new SegmentReader(listSegments(partitionDir(test.dataDir, partition)).at(-1)!);
  try {
    return reader.lastBefore(Number.MAX_SAFE_INTEGER).seq;
  } finally {
    reader.close();
  }
}

const segmentsOf = (test: TestReplica) => listSegments(partitionDir(test.dataDir, partition)).map(({ first }) => first);

t.test('a follower has the same records and the same segments as the owner', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url, { segmentBytesMax: 20_000 });
  const follower = new TestReplica(t, nats.url);
  const late = new TestReplica(t, nats.url);
  follower.replica.follow(true);
  await owner.own(1);
  const history = new History();
  for (let round = 0; round < 30; round++) {
    await owner.append(Array.from({ length: 20 }, () => history.accepted()));
    owner.replica.tick();
  }
  await follower.reaches(600);
  late.replica.follow(true);
  await late.reaches(600);
  t.ok(segmentsOf(owner).length > 2, 'there are several segments');
  for (const copy of [follower, late]) {
    // The newest one begins with an entry of its own, behind the last record.
    await until('the newest segment has begun', () => segmentsOf(copy).length >= segmentsOf(owner).length);
    t.same(segmentsOf(copy), segmentsOf(owner));
  }
  t.same(follower.copy.last, owner.copy.last);
  const expected = plain(history.records);
  for (const test of [owner, follower, late]) t.same(await recordsOf(test), expected);
});

t.test(
  'what a follower hears is written together: with the next tick, when there is much of it, and before it takes over',
  needsNats,
  async (t) => {
    const nats = await setup(t);
    const owner = new TestReplica(t, nats.url);
    const follower = new TestReplica(t, nats.url);
    follower.replica.follow(true);
    await owner.own(1);
    const history = new History();
    const hears = async (payload?: Buffer) => {
      await owner.append([history.accepted(payload === undefined ? {} : { payload })]);
      await follower.reaches(history.records.length);
    };
    await hears();
    await hears();
    t.equal(writtenOf(owner), 2, 'an owner has written what is durable');
    t.equal(writtenOf(follower), 0);
    follower.replica.tick();
    t.equal(writtenOf(follower), 2);
    const large = Buffer.from(JSON.stringify('x'.repeat(followedBytesMax / 2)));
    await hears(large);
    t.equal(writtenOf(follower), 2);
    await hears(large);
    t.equal(writtenOf(follower), 4);
    await hears();
    await follower.own(2);
    t.equal(writtenOf(follower), 5);
    t.same(await recordsOf(follower), plain(history.records));
  },
);

t.test(
  'a batch that is too large for one message comes in several, all of them or none behind the last',
  needsNats,
  async (t) => {
    const nats = await setup(t);
    const owner = new TestReplica(t, nats.url);
    await owner.own(1);
    const history = new History();
    const payload = Buffer.alloc(200 * 1024, 'x');
    await owner.append(Array.from({ length: 9 }, () => history.accepted({ payload })));
    t.ok(owner.replies.filter(({ op }) => op === 'durable').length > 3);
    const follower = new TestReplica(t, nats.url);
    follower.replica.follow(true);
    await follower.reaches(9);
    t.same(await recordsOf(follower), plain(history.records));
  },
);

t.test('from the opening on nothing of the owner before comes in', needsNats, async (t) => {
  const nats = await setup(t);
  const [before, next] = [new TestReplica(t, nats.url), new TestReplica(t, nats.url)];
  const history = new History();
  await before.own(1);
  await before.append([history.accepted()]);
  await next.own(2);
  before.replica.append(batchOf([new History(2).accepted()]));
  const { epoch } = await before.said('lost');
  t.equal(epoch, 1);
  t.equal(before.replica.mode, 'idle');
  await next.append([history.accepted()]);
  t.same(await recordsOf(next), plain(history.records));
});

t.test(
  'two owners that write as fast as they can: one log, and each record in it was acknowledged or is in doubt',
  needsNats,
  async (t) => {
    const nats = await setup(t);
    const [before, next] = [new TestReplica(t, nats.url), new TestReplica(t, nats.url)];
    await before.own(1);
    const history = new History();
    while (!before.replies.some(({ op }) => op === 'lost')) {
      before.replica.append(batchOf([history.accepted()]));
      if (history.records.length === 100) next.replica.own(2);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await next.said('owned');
    const acknowledged = Math.max(0, ...before.replies.map((reply) => (reply.op === 'durable' ? reply.seq : 0)));
    const taken = next.copy.last.seq;
    t.ok(taken >= acknowledged && taken < history.records.length, `${acknowledged} acknowledged, ${taken} taken over`);
    const after = new History(taken + 1);
    await next.append([after.accepted(), after.accepted()]);
    t.same(await recordsOf(next), plain([...history.records.slice(0, taken), ...after.records]));
  },
);

t.test('an owner of a later epoch is not undone by a claim of an earlier one', needsNats, async (t) => {
  const nats = await setup(t);
  const [late, early] = [new TestReplica(t, nats.url), new TestReplica(t, nats.url)];
  await late.own(7);
  early.replica.own(6);
  t.match(await early.said('lost'), { epoch: 6 });
  await late.append([new History().accepted()]);
});

t.test('what was acknowledged is there after the owner and its disk are gone', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  await owner.append(Array.from({ length: 50 }, () => history.accepted()));
  await owner.close();
  rmSync(owner.dataDir, { recursive: true });
  const next = new TestReplica(t, nats.url);
  await next.own(2);
  t.equal(next.copy.last.seq, 50);
  t.same(await recordsOf(next), plain(history.records));
});

t.test('a copy that was killed in between goes on where it was', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const follower = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  follower.replica.follow(true);
  await owner.append(Array.from({ length: 10 }, () => history.accepted()));
  await follower.reaches(10);
  // What a kill leaves: the files as they are.
  const dataDir = t.testdir();
  cpSync(follower.dataDir, dataDir, { recursive: true });
  await owner.append(Array.from({ length: 10 }, () => history.accepted()));
  const again = new TestReplica(t, nats.url, { dataDir });
  again.replica.follow(true);
  await again.reaches(20);
  t.same(await recordsOf(again), plain(history.records));
});

t.test('release writes the end behind everything that has come', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(3);
  for (let count = 0; count < 20; count++) owner.replica.append(batchOf([history.accepted()]));
  owner.replica.release();
  await owner.said('released');
  t.match(await owner.journal.newest(), { kind: 'release', epoch: 3, last: 20 });
  t.same(await recordsOf(owner), plain(history.records));
});

t.test('what a dropped owner has not written yet stays unwritten', needsNats, async (t) => {
  const nats = await setup(t);
  const proxy = await TcpProxy.start(t, nats.port);
  const owner = new TestReplica(t, proxy.url);
  const history = new History();
  await owner.own(1);
  await owner.append([history.accepted()]);
  proxy.refuse();
  for (let count = 0; count < 20; count++) owner.replica.append(batchOf([history.accepted()]));
  owner.replica.drop();
  proxy.flow();
  const next = new TestReplica(t, nats.url);
  await next.own(2);
  t.equal(next.copy.last.seq, 1);
});

t.test('what comes while an entry waits for its turn is one entry; one that is large does not wait', needsNats, async (t) => {
  const nats = await setup(t);
  const turns = new EntryTurns({ places: 1, waitMsMax: 2 ** 30 });
  const owner = new TestReplica(t, nats.url, { turns });
  const history = new History();
  await owner.own(1);
  const other = takePlace(turns);
  for (let count = 0; count < 5; count++) owner.replica.append(batchOf([history.accepted()]));
  other.free();
  await owner.said('durable', ({ seq }) => seq === 5);
  t.match(await owner.journal.newest(), { first: 1, last: 5 });
  takePlace(turns);
  await owner.append([history.accepted({ payload: Buffer.alloc(64 * 1024, 'x') })]);
  t.match(await owner.journal.newest(), { first: 6, last: 6 });
});

t.test('an owner that is dropped while it waits for its turn writes nothing, and others have theirs', needsNats, async (t) => {
  const nats = await setup(t);
  const turns = new EntryTurns({ places: 1, waitMsMax: 2 ** 30 });
  const owner = new TestReplica(t, nats.url, { turns });
  const history = new History();
  await owner.own(1);
  const other = takePlace(turns);
  owner.replica.append(batchOf([history.accepted()]));
  owner.replica.drop();
  await owner.own(2);
  other.free();
  await owner.append([new History().accepted()]);
  t.match(await owner.journal.newest(), { epoch: 2, first: 1, last: 1 });
});

function takePlace(turns: EntryTurns): { free(): void } {
  let free: () => void = () => undefined;
  void turns.inTurn(() => new Promise<void>((resolve) => (free = resolve)));
  return { free: () => free() };
}

t.test('a copy is made to survive a power cut now and then, whether anything comes or not', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  await owner.own(1);
  await owner.append([new History().accepted()]);
  const mark = () => readMark(partitionDir(owner.dataDir, partition), partition).seq;
  t.equal(mark(), 0);
  for (let tick = 0; tick < 10; tick++) owner.writer.tick();
  t.equal(mark(), 1);
});

t.test('a server that is killed and started again under load loses nothing and doubles nothing', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const follower = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  follower.replica.follow(true);
  for (let round = 0; round < 5; round++) {
    for (let count = 0; count < 200; count++) owner.replica.append(batchOf([history.accepted()]));
    await (round % 2 === 0 ? nats.kill() : nats.stop());
    await nats.restart();
    await owner.said('durable', ({ seq }) => seq >= history.records.length);
  }
  await follower.reaches(history.records.length);
  t.equal(owner.replies.filter(({ op }) => op === 'lost' || op === 'stuck').length, 0);
  const expected = plain(history.records);
  t.same(await recordsOf(owner), expected);
  t.same(await recordsOf(follower), expected);
});

t.test('an older copy of the store: what only the nodes have is written again, and told', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const follower = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  follower.replica.follow(true);
  await owner.append(Array.from({ length: 10 }, () => history.accepted()));
  await nats.stop();
  const backup = t.testdir();
  cpSync(nats.storeDir, backup, { recursive: true });
  await nats.restart();
  await owner.append(Array.from({ length: 10 }, () => history.accepted()));
  await follower.reaches(20);
  await nats.stop();
  rmSync(nats.storeDir, { recursive: true });
  cpSync(backup, nats.storeDir, { recursive: true });
  await nats.restart();
  owner.replica.append(batchOf([history.accepted()]));
  t.match(await owner.said('lost'), { hasShrunk: true });
  // The record that was under way is gone with its owner's memory; the next one is another.
  const after = new History(21);
  await owner.own(2);
  t.match(await owner.said('regressed'), { detail: /ended at sequence 10, this node had records up to 20/ });
  await owner.append([after.accepted()]);
  await follower.reaches(21);
  const expected = plain([...history.records.slice(0, 20), ...after.records]);
  t.same(await recordsOf(owner), expected);
  t.same(await recordsOf(follower), expected);
});

t.test('a copy that the journal contradicts is set aside whole, and made anew', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  await owner.append(Array.from({ length: 5 }, () => history.accepted()));
  await nats.stop();
  const backup = t.testdir();
  cpSync(nats.storeDir, backup, { recursive: true });
  await nats.restart();
  await owner.append(Array.from({ length: 5 }, () => history.accepted()));
  owner.replica.drop();
  await nats.stop();
  rmSync(nats.storeDir, { recursive: true });
  cpSync(backup, nats.storeDir, { recursive: true });
  await nats.restart();
  // Somebody who has less goes on with it.
  const other = new TestReplica(t, nats.url);
  const elsewise = new History(6);
  await other.own(2);
  await other.append(Array.from({ length: 9 }, () => elsewise.accepted()));
  owner.replica.follow(true);
  await owner.said('regressed');
  await owner.reaches(14);
  const aside = join(owner.dataDir, 'set-aside');
  t.ok(
    readdirSync(aside).some((name) => existsSync(join(aside, name, 'mark'))),
    'its files are kept',
  );
  t.ok(owner.notices.some(({ op }) => op === 'replaced'));
  t.same(await recordsOf(owner), plain([...history.records.slice(0, 5), ...elsewise.records]));
});

t.test('a hole in the journal stops the node that meets it, and says where', needsNats, async (t) => {
  const nats = await setup(t);
  const manager = await makeStreams(t, nats);
  const owner = new TestReplica(t, nats.url);
  const history = new History();
  await owner.own(1);
  for (let count = 0; count < 5; count++) await owner.append([history.accepted()]);
  await manager.streams.deleteMessage('ESCAPEMENT_LOG_0', 4);
  const next = new TestReplica(t, nats.url);
  next.replica.follow(true);
  t.match(await next.said('stuck'), { detail: /expected sequence 3 next, entry 5 of its journal has 4/ });
  t.equal(next.replica.mode, 'idle');
});

t.test('a floor is told to whoever follows', needsNats, async (t) => {
  const nats = await setup(t);
  const [owner, follower] = [new TestReplica(t, nats.url), new TestReplica(t, nats.url)];
  const history = new History();
  await owner.own(1);
  follower.replica.follow(true);
  await owner.append([history.accepted(), history.accepted()]);
  owner.replica.floor(2 as never);
  t.match(await follower.said('floor'), { first: 2 });
});

t.test('an open segment that has had its time is closed on every node, also when nothing comes', needsNats, async (t) => {
  const nats = await setup(t);
  const owner = new TestReplica(t, nats.url, { segmentBytesMax: 1 });
  const follower = new TestReplica(t, nats.url);
  follower.replica.follow(true);
  await owner.own(1);
  await owner.append([new History().accepted()]);
  owner.replica.tick();
  await until('the follower has begun a segment', () => segmentsOf(follower).length === 2);
  t.same(segmentsOf(follower), segmentsOf(owner));
});

t.test(
  'a follower whose consumer is gone says that it does not know how far behind it is, and comes after at once',
  needsNats,
  async (t) => {
    const nats = await startNats(t);
    const { consumers } = await makeStreams(t, nats);
    const [owner, follower] = [new TestReplica(t, nats.url), new TestReplica(t, nats.url)];
    const history = new History();
    await owner.own(1);
    await owner.append([history.accepted()]);
    follower.replica.follow(true);
    await follower.said('following', ({ lag }) => lag === 0);
    const [consumer] = await until('it has a consumer', async () => {
      const found = await consumers.list(stream).next();
      return found.length > 0 && found;
    });
    await consumers.delete(stream, consumer!.name);
    await follower.said('following', ({ lag }) => lag === null);
    await owner.append([history.accepted()]);
    await follower.reaches(2);
    t.same(await recordsOf(follower), plain(history.records));
  },
);

t.test('a follower to whom nothing comes any more does not say that it is close behind', needsNats, async (t) => {
  const nats = await setup(t);
  const proxy = await TcpProxy.start(t, nats.port);
  const follower = new TestReplica(t, proxy.url);
  const owner = new TestReplica(t, nats.url);
  await owner.own(1);
  follower.replica.follow(true);
  await follower.said('following', ({ lag }) => lag === 0);
  proxy.hold('down');
  await follower.said('following', ({ lag }) => lag === null);
  await owner.append([new History().accepted()]);
  proxy.cut();
  proxy.flow();
  await follower.reaches(1);
  t.match(follower.replies.filter(({ op }) => op === 'following').at(-1), { lag: 0 });
});

t.test('an owner that was slow to open its journal says what has taken so long', needsNats, async (t) => {
  const nats = await setup(t);
  const proxy = await TcpProxy.start(t, nats.port);
  const owner = new TestReplica(t, proxy.url);
  await owner.own(1);
  proxy.hold('down');
  const owned = owner.own(2);
  await pause(1_200);
  proxy.flow();
  await owned;
  const { detail } = await owner.said('copy-note');
  t.match(detail, /owned late: its place \d{4,} ms, .* the opening \d+ ms/);
});

t.test('a follower behind a network that stands still comes after', needsNats, async (t) => {
  const nats = await setup(t);
  const proxy = await TcpProxy.start(t, nats.port);
  const [owner, follower] = [new TestReplica(t, nats.url), new TestReplica(t, proxy.url)];
  const history = new History();
  await owner.own(1);
  follower.replica.follow(true);
  await owner.append([history.accepted()]);
  await follower.reaches(1);
  proxy.hold('down');
  await owner.append(Array.from({ length: 50 }, () => history.accepted()));
  proxy.cut();
  proxy.flow();
  await follower.reaches(51);
  proxy.delay(50);
  await owner.append([history.accepted()]);
  await follower.reaches(52);
  t.same(await recordsOf(follower), plain(history.records));
});
