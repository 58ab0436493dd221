/** Copies that are thousands of entries behind, against a real server: how often they ask, and what else may happen while entries come in bulk. */
import t, { type Test } from 'tap';
import type { BulkReading } from '../../engine/cluster/journal/bulk-reading.js';
import type { Entry, StoredEntry } from '../../engine/cluster/journal/journal-entry.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { logStart } from '../../engine/log/segment/mark.js';
import { until } from '../support/deadline.js';
import { needsNats, type NatsServer, startNats, startNatsCluster } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import {
  endOf,
  entriesOf,
  History,
  makeStreams,
  openEntry,
  plain,
  readBack,
  recordsEntry,
  storeAll,
  stream,
  subject,
  TestReplica,
} from './journal-fixture.js';

t.setTimeout(120_000);

const entries = 1_200;
/** One by one until it is known that there are many, and while a consumer is made on a busy machine. Each question for one entry would be `entries`. */
const questionsMax = entries / 2;

interface Setup {
  readonly nats: NatsServer;
  readonly manager: Awaited<ReturnType<typeof makeStreams>>;
  readonly history: History;
}

/** A journal of an owner that is gone. */
async function setup(t: Test, servers: readonly NatsServer[] = []): Promise<Setup> {
  const nats = servers[0] ?? (await startNats(t));
  const manager = await makeStreams(t, nats);
  const history = new History();
  await storeAll(t, nats.url, [openEntry(1), ...entriesOf(history, logStart, entries)]);
  return { nats, manager, history };
}

/** One for all tests that add nothing to it but the openings of owners. */
let shared: Promise<Setup> | null = null;
const sharedJournal = () => (shared ??= setup(t as unknown as Test));
let epoch = 1;

/** Pulls take their turn one at a time, when they are let. */
class Gate {
  came = 0;
  #open: () => void = () => undefined;
  #closed: Promise<void> | null = null;
  readonly #passes: number;

  /** So many pulls pass before it is closed. */
  constructor(passes: number) {
    this.#passes = passes;
  }

  async inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (++this.came > this.#passes) {
      this.#closed ??= new Promise((resolve) => {
        this.#open = resolve;
      });
      await this.#closed;
    }
    return work();
  }

  open(): void {
    this.#open();
  }

  /** A pull waits. */
  async holds(): Promise<void> {
    await until('a pull is held back', () => this.#closed !== null);
  }
}

async function logOf(test: TestReplica) {
  await test.close();
  const { records, failure } = readBack(test.dataDir);
  if (failure !== null) throw new Error(failure);
  return plain(records);
}

t.test('whoever follows has them with few questions, and each floor is told', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  const copy = new TestReplica(t, nats.url);
  copy.replica.follow(true);
  await copy.said('following', ({ lag }) => lag === 0);
  t.equal(copy.copy.last.seq, history.records.length);
  t.ok(copy.sent < questionsMax, `${copy.sent} questions`);
  t.equal(copy.replies.filter(({ op }) => op === 'floor').length, entries / 100);
  t.same(await logOf(copy), plain(history.records));
});

t.test('so has a next owner, and leaves no consumer behind', needsNats, async (t) => {
  const { nats, manager, history } = await sharedJournal();
  const consumers = await consumersOf(manager);
  const next = new TestReplica(t, nats.url);
  await next.own(++epoch);
  t.ok(next.sent < questionsMax, `${next.sent} questions`);
  await until('the consumer is gone', async () => (await consumersOf(manager)) <= consumers);
  t.same(await logOf(next), plain(history.records));
});

t.test('so has a next owner where three servers have the journal', needsNats, async (t) => {
  const { nats, history } = await setup(t, await startNatsCluster(t));
  const next = new TestReplica(t, nats.url);
  await next.own(2);
  // A consumer takes three servers as long as they like.
  t.ok(next.sent < entries, `${next.sent} questions`);
  t.same(await logOf(next), plain(history.records));
});

t.test('whoever is only a little behind has no consumer made', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  const before = new TestReplica(t, nats.url);
  before.replica.follow(true);
  await before.said('following', ({ lag }) => lag === 0);
  await before.close();
  const gate = new Gate(0);
  const next = new TestReplica(t, nats.url, { dataDir: before.dataDir, pulls: gate });
  const { journal } = next;
  journal.inBulk = () => {
    throw new InvariantError('nothing is read in bulk');
  };
  await next.own(++epoch);
  t.same(await logOf(next), plain(history.records));
});

t.test('what comes after the task has changed is not taken', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  const gate = new Gate(1);
  const copy = new TestReplica(t, nats.url, { pulls: gate });
  copy.replica.own(++epoch);
  await gate.holds();
  const { seq } = copy.copy.last;
  t.ok(seq > 32 && seq < entries / 2, `${seq} records by then`);
  copy.replica.drop();
  copy.replica.follow(true);
  gate.open();
  await copy.said('following', ({ lag }) => lag === 0);
  t.same(
    copy.replies.filter(({ op }) => op === 'stuck' || op === 'owned'),
    [],
  );
  t.same(await logOf(copy), plain(history.records));
});

t.test('whoever is dropped in between is silent, and its files are as they were', needsNats, async (t) => {
  const { nats, manager } = await sharedJournal();
  const consumers = await consumersOf(manager);
  const gate = new Gate(1);
  const copy = new TestReplica(t, nats.url, { pulls: gate });
  copy.replica.own(++epoch);
  await gate.holds();
  const { seq } = copy.copy.last;
  copy.replica.drop();
  gate.open();
  await until('the consumer is gone', async () => (await consumersOf(manager)) <= consumers);
  t.same(
    copy.replies.filter(({ op }) => op !== 'floor'),
    [],
  );
  t.equal((await logOf(copy)).length, seq);
});

t.test('a connection that is lost, a consumer that is removed, a server that is killed: it goes on', needsNats, async (t) => {
  const { nats, manager, history } = await sharedJournal();
  const proxy = await TcpProxy.start(t, nats.port);
  const disasters = [
    async () => proxy.cut(),
    async () => {
      for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name);
    },
    async () => {
      await nats.kill();
      await nats.restart();
    },
  ];
  for (const disaster of disasters) {
    const gate = new Gate(2);
    const copy = new TestReplica(t, proxy.url, { pulls: gate });
    copy.replica.follow(true);
    await gate.holds();
    await disaster();
    gate.open();
    await copy.said('following', ({ lag }) => lag === 0, 30_000);
    t.ok(copy.sent < questionsMax, `${copy.sent} questions`);
    t.same(
      copy.replies.filter(({ op }) => op === 'stuck' || op === 'regressed'),
      [],
    );
    t.same(await logOf(copy), plain(history.records));
  }
});

t.test('a server from which nothing comes in bulk holds up nobody for long', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  const proxy = await TcpProxy.start(t, nats.port);
  // What is pulled goes to where nobody listens.
  proxy.interpret((text) => text.replaceAll(/(CONSUMER[.]MSG[.]NEXT[.]\S+) _INBOX/g, '$1 _INBUX'));
  const copy = new TestReplica(t, proxy.url);
  copy.replica.follow(true);
  await until('some have come one by one', () => copy.copy.isOpen && copy.copy.last.seq > 100, 30_000);
  t.same(
    copy.replies.filter(({ op }) => op === 'stuck'),
    [],
  );
  proxy.interpret((text) => text);
  await copy.said('following', ({ lag }) => lag === 0);
  t.same(await logOf(copy), plain(history.records));
});

t.test('an entry that does not fit is asked of the leader, whose word counts', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  for (const spoil of [
    (entry: StoredEntry): StoredEntry => ({ ...entry, chain: entry.chain ^ 1 }),
    (entry: StoredEntry): StoredEntry => ({ ...entry, first: (entry.first + 1) as Sequence, last: (entry.last + 1) as Sequence }),
    (entry: StoredEntry): StoredEntry => ({ ...entry, place: entry.place + 2 * entries }),
  ]) {
    const copy = new TestReplica(t, nats.url);
    const bulk = spoilBulk(copy, (entry, at) => (at === 40 ? spoil(entry) : entry));
    await copy.own(++epoch);
    t.ok(bulk.came > 40, 'one was spoilt');
    t.notOk(copy.replies.some(({ op }) => op === 'regressed'));
    t.same(await logOf(copy), plain(history.records));
  }
});

t.test('records that the leader does not have do not outlive its last entry', needsNats, async (t) => {
  const { nats, history } = await sharedJournal();
  const copy = new TestReplica(t, nats.url);
  const bulk = spoilBulk(copy, (entry) => {
    if (copy.replies.some(({ op }) => op === 'regressed')) return entry;
    const { last } = copy.copy;
    const others = new History(last.seq + 1);
    return { ...recordsEntry(others, { epoch: 1, after: last, payload: Buffer.from('another') }), place: entry.place };
  });
  await copy.own(++epoch);
  t.ok(bulk.came > 100);
  t.match(await copy.said('regressed'), { detail: /the copy is now in/ });
  t.same(await logOf(copy), plain(history.records));
});

t.test('what was purged underneath is met as a hole, and nothing is skipped', needsNats, async (t) => {
  const { nats, manager, history } = await setup(t);
  const gate = new Gate(1);
  const copy = new TestReplica(t, nats.url, { pulls: gate });
  copy.replica.own(2);
  await gate.holds();
  await manager.streams.purge(stream, { filter: subject, seq: entries - 200 });
  gate.open();
  t.match(await copy.said('stuck'), { detail: /no row of sound bases/ });
  t.notOk(copy.replies.some(({ op }) => op === 'owned'));
  const log = await logOf(copy);
  t.ok(log.length < entries - 500);
  t.same(log, plain(history.records.slice(0, log.length)));
});

t.test('a journal that has lost its tail meanwhile is looked at anew', needsNats, async (t) => {
  const { nats, manager, history } = await setup(t);
  const gate = new Gate(1);
  const copy = new TestReplica(t, nats.url, { pulls: gate });
  copy.replica.own(2);
  await gate.holds();
  for (let place = entries - 50; place <= entries + 1; place++) await manager.streams.deleteMessage(stream, place);
  gate.open();
  t.match(await copy.said('stuck'), { detail: /is gone/ });
  await copy.own(3);
  const left = copy.copy.last.seq;
  t.ok(left > entries - 100 && left < entries - 50, `${left} records`);
  t.same(await logOf(copy), plain(history.records.slice(0, left)));
});

t.test('a pull brings a bounded number of bytes, and an entry that is larger comes by itself', needsNats, async (t) => {
  const nats = await startNats(t, { config: 'max_payload: 4MB' });
  await makeStreams(t, nats);
  const history = new History();
  let end = logStart;
  const large = (bytes: number, count: number): Entry[] =>
    Array.from({ length: count }, () => {
      const entry = recordsEntry(history, { epoch: 1, after: end, payload: Buffer.alloc(bytes, 'x') });
      end = endOf(entry);
      return entry;
    });
  await storeAll(t, nats.url, [
    openEntry(1),
    ...large(100, 100),
    ...large(300 * 1024, 40),
    ...large(2 * 1024 * 1024, 2),
    ...large(100, 300),
  ]);
  const gate = new Gate(Number.POSITIVE_INFINITY);
  const next = new TestReplica(t, nats.url, { pulls: gate });
  await next.own(2);
  t.ok(gate.came > 10, `${gate.came} pulls: some four of the large ones in each`);
  t.same(await logOf(next), plain(history.records));
});

/** What comes in bulk is something else: of a server whose store is not what the leader has. */
function spoilBulk(test: TestReplica, spoil: (entry: StoredEntry, at: number) => StoredEntry): { came: number } {
  const { journal } = test;
  const bulk = { came: 0 };
  const inBulk = journal.inBulk.bind(journal);
  journal.inBulk = (after): BulkReading => {
    const reading = inBulk(after);
    const pull = reading.pull.bind(reading);
    reading.pull = (entriesMax, take) => pull(entriesMax, (entry) => take(spoil(entry, bulk.came++)));
    return reading;
  };
  return bulk;
}

async function consumersOf(manager: Setup['manager']): Promise<number> {
  return (await manager.streams.info(stream)).state.consumer_count;
}
