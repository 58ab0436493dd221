/** The files of a nats-server are damaged (F16), or older ones (F15, P6), when it comes back: no copy is wrong, and somebody is told. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../support/deadline.js';
import { needsNats, startNats } from '../support/nats-server.js';
import { History, makeStreams, plain, readBack, stream, TestReplica } from './journal-fixture.js';

t.setTimeout(150_000);

const small = { segmentBytesMax: 20_000 };

/** What is full is sealed, and bases have what they should. */
async function writeSealed(owner: TestReplica, history: History, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await owner.append(Array.from({ length: 20 }, () => history.accepted()));
    owner.replica.tick();
    await until('what is full is sealed', () => !owner.copy.wantsSeal);
  }
  await owner.replica.keepBases();
}

/** Files of messages of one stream. */
function blocksOf(storeDir: string, name: string): string[] {
  const all = readdirSync(storeDir, { recursive: true, encoding: 'utf8' });
  return all.filter((path) => path.includes(`/${name}/`) && path.endsWith('.blk')).map((path) => join(storeDir, path));
}

function flip(path: string, share: number): void {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length * share);
  bytes[at]! ^= 0x10;
  writeFileSync(path, bytes);
}

for (const where of [0.1, 0.6, 0.95]) {
  const title = `a flipped bit at ${where * 100} % of the journal's file is told by whoever reads it, and passes when bases have what was there`;
  t.test(title, needsNats, async (t) => {
    const nats = await startNats(t);
    await makeStreams(t, nats);
    const owner = new TestReplica(t, nats.url, small);
    const history = new History();
    await owner.own(1);
    for (let round = 0; round < 40; round++) await owner.append(Array.from({ length: 5 }, () => history.accepted()));
    await nats.stop();
    flip(blocksOf(nats.storeDir, stream)[0]!, where);
    await nats.restart();
    const fresh = new TestReplica(t, nats.url);
    fresh.replica.follow(true);
    t.match(await fresh.said('stuck'), { detail: /expected sequence \d+ next|fails its checksum/ });
    await fresh.close();
    const { records } = readBack(fresh.dataDir);
    t.same(plain(records), plain(history.records.slice(0, records.length)), 'what it has is right');
    // The owner has it all, and goes on.
    await writeSealed(owner, history, 6);
    const late = new TestReplica(t, nats.url);
    late.replica.follow(true);
    await late.reaches(history.records.length);
    await late.close();
    t.same(plain(readBack(late.dataDir).records), plain(history.records));
  });
}

t.test('P6: after an older copy of the store each owner tells that something was lost', needsNats, async (t) => {
  const nats = await startNats(t);
  await makeStreams(t, nats);
  const owner = new TestReplica(t, nats.url, small);
  const history = new History();
  const write = (rounds: number) => writeSealed(owner, history, rounds);
  await owner.own(1);
  await write(10);
  await nats.stop();
  const backup = t.testdir();
  cpSync(nats.storeDir, backup, { recursive: true });
  await nats.restart();
  await write(10);
  owner.replica.drop();
  await nats.stop();
  rmSync(nats.storeDir, { recursive: true });
  cpSync(backup, nats.storeDir, { recursive: true });
  await nats.restart();
  await owner.own(2);
  t.match(await owner.said('regressed'), { detail: /written again/ });
  t.match(await owner.said('owned', ({ epoch }) => epoch === 2), { losses: 1 });
  // Bases and the journal have lost the same; both are whole again.
  await write(1);
  const next = new TestReplica(t, nats.url);
  await next.own(3);
  t.match(await next.said('owned'), { losses: 1 }, 'who comes later knows it as well');
  await next.close();
  const { records, failure } = readBack(next.dataDir);
  t.equal(failure, null);
  t.same(plain(records), plain(history.records));
});
