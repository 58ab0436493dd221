/** Snapshots on a real log: taken by the pool task, chosen by the reader, and of no consequence when they are damaged (F5). */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { LogRecord } from '../../engine/event/record.js';
import { listIndexes, listSegments, listSnapshots } from '../../engine/log/segment/segment-files.js';
import { verifySegment } from '../../engine/log/verify-task.js';
import { sectionsOf, snapshotForm } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { Journal, partition, readBack, seq, TestLog } from './log-fixture.js';
import { damageIn, removeRecords } from './stored-records.js';

type Tap = ConstructorParameters<typeof TestLog>[0];

/** Three segments, the last one open; some events are pending, some have finished. */
function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  const events: LogRecord[] = [];
  for (let segment = 0; segment < 3; segment++) {
    const from = journal.records.length;
    for (let count = 0; count < 20; count++) events.push(journal.accepted({ externalJobId: `job-${events.length}` }));
    for (const event of events.slice(-25, -10)) journal.dispatched(event);
    for (const event of events.slice(-25, -15)) journal.delivered(event);
    log.append(...journal.records.slice(from));
    log.clock.now += 86_400_000;
    if (segment < 2) log.tick();
  }
  return { log, journal, events };
}

async function take(log: TestLog, upTo: number): Promise<string | null> {
  log.reader.handle({ op: 'snapshot', tag: 77, partition, upTo: seq(upTo) });
  const replies = await log.runTasks();
  const taken = replies.find((reply) => reply.op === 'snapshot-taken');
  return taken?.op === 'snapshot-taken' ? taken.detail : 'no answer';
}

/** What a start makes of a directory: the memory in the end, and how many records it had to read for it. */
function startFrom(dataDir: string) {
  const { begun, records, damaged, end, failure } = readBack(dataDir);
  const state = begun ?? new PartitionState(partition);
  state.layOut(listSegments(dirOf(dataDir)).map(({ first }) => ({ first, next: null, filter: null })));
  for (const record of records) state.apply(record);
  return {
    bytes: Buffer.concat([...sectionsOf(state, seq(lastSegmentOf(dataDir)))]),
    read: records.length,
    damaged,
    end,
    failure,
    state,
  };
}

const dirOf = (dataDir: string) => join(dataDir, 'partitions', '0003');
const lastSegmentOf = (dataDir: string) => listSegments(dirOf(dataDir)).at(-1)!.first;
const withoutPages = (state: PartitionState) =>
  [state.lastSeq, state.pending, JSON.stringify(state.byStatus), state.origins.size].join(' ');

t.test('a replay begins with the newest snapshot and reads only what is behind it', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  const last = journal.records.length;
  t.equal(await take(log, last - 30), null);
  t.equal(await take(log, last - 7), null);
  const whole = new PartitionState(partition);
  for (const record of journal.records) whole.apply(record);
  const { read, end, state } = startFrom(log.options.dataDir);
  t.equal(read, 7);
  t.match(end, { op: 'replay-done', last });
  t.equal(withoutPages(state), withoutPages(whole));
  for (const { event } of journal.records) t.equal(state.handleOf(event) === null, whole.handleOf(event) === null);
});

t.test('a snapshot made from the one before it is byte for byte that made from the beginning', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  const copy = log.copy(t);
  for (const upTo of [10, 37, 60, 61, journal.records.length]) t.equal(await take(log, upTo), null);
  const alone = new TestLog(t, { dataDir: copy });
  t.equal(await take(alone, journal.records.length), null);
  const [one, other] = [log, alone].map(({ dir }) => readFileSync(listSnapshots(dir)[0]!.path));
  t.ok(one!.equals(other!));
});

t.test(
  'damaged at any byte, the newest snapshot gives way to the one before it, and both to the log: never a loss',
  async (t) => {
    const { log, journal } = setup(t);
    await log.runTasks();
    const last = journal.records.length;
    await take(log, last - 30);
    await take(log, last - 7);
    log.close();
    const { dataDir } = log.options;
    const truth = startFrom(dataDir).bytes;
    const [newest, before] = listSnapshots(dirOf(dataDir)).map(({ path }) => path);
    const whole = readFileSync(newest!);
    for (let at = 0; at < whole.length; at += at < 64 || at > whole.length - 32 ? 1 : 97) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      writeFileSync(newest!, at % 3 === 0 ? whole.subarray(0, at) : flipped);
      const { read, bytes, damaged } = startFrom(dataDir);
      if (read !== 30 || !bytes.equals(truth)) t.fail(`byte ${at}: ${read} records read`);
      if (damaged.length !== 1 || !damaged[0]!.includes(newest!)) t.fail(`byte ${at}: told is ${damaged.join(', ')}`);
    }
    writeFileSync(before!, 'nothing of use');
    t.match(startFrom(dataDir), { read: last, damaged: [newest, before] }, 'both are named');
    rmSync(before!);
    rmSync(newest!);
    t.match(startFrom(dataDir), { read: last, damaged: [] });
    t.ok(startFrom(dataDir).bytes.equals(truth), 'also the pages of finished events');
  },
);

t.test('a snapshot of another log, or ahead of this one, is not used', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  const last = journal.records.length;
  const copy = log.copy(t);
  log.append(journal.accepted());
  await take(log, last + 1);
  cpSync(listSnapshots(log.dir)[0]!.path, join(dirOf(copy), `${String(last + 1).padStart(16, '0')}.snapshot`));
  t.equal(startFrom(copy).read, last, 'its position is not in the log');
  const other = new TestLog(t, { dataDir: copy });
  other.append(new Journal(last + 1).accepted({ priority: 9 }));
  other.close();
  t.equal(startFrom(copy).read, last + 1, 'there stands another record');
});

t.test('a snapshot waits for the index of a segment whose finals it does not hold', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  const last = journal.records.length;
  await take(log, last - 5);
  log.close();
  for (const { path } of listIndexes(log.dir)) rmSync(path);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  again.readerReplies.length = 0;
  again.reader.handle({ op: 'replay', tag: 1, partition, snapshotForm: snapshotForm });
  t.same(again.readerReplies, [], 'building an index is faster than going through the whole log');
  const replies = await again.runTasks();
  t.match(replies[0], { op: 'replay-start', segments: [{ filter: {} }, { filter: {} }, { filter: null }] });
  t.equal(replies[1]!.op, 'replay-section');
});

t.test('when that index cannot be built, the replay tells why', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  await take(log, journal.records.length - 5);
  log.close();
  for (const { path } of listIndexes(log.dir)) rmSync(path);
  damageIn(log, 7);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  again.readerReplies.length = 0;
  again.reader.handle({ op: 'replay', tag: 1, partition, snapshotForm: snapshotForm });
  t.match((await again.runTasks()).at(-1), { op: 'failed', failure: 'broken' });
});

t.test('records that a snapshot stands for are not read at the start; whoever asks for a damaged one hears of it', async (t) => {
  const { log, journal, events } = setup(t);
  await log.runTasks();
  await take(log, journal.records.length - 5);
  log.close();
  damageIn(log, events[3]!.seq);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  t.match(again.replay().end, { op: 'replay-done' });
  t.match(again.ask({ op: 'bodies', tag: 1, partition, seqs: [events[3]!.seq] }), { damaged: [events[3]!.seq] });
});

t.test('what a start has passed over is gone through behind it, one segment after the other', async (t) => {
  const { log, journal, events } = setup(t);
  await log.runTasks();
  await take(log, journal.records.length - 5);
  log.close();
  const segments = listSegments(log.dir);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  again.replay();
  const asked = () => again.poolRequests.map(({ op, task }) => [op, 'first' in task ? task.first : null]);
  t.same(asked(), [['verify', segments[0]!.first]]);
  await again.runTasks();
  t.same(asked(), [['verify', segments[1]!.first]]);
  await again.runTasks();
  t.same(asked(), []);
  const task = { dataDir: log.options.dataDir, partition, first: segments[0]!.first, next: segments[1]!.first };
  await t.resolves(verifySegment(task));
  damageIn(log, events[3]!.seq);
  await t.rejects(verifySegment(task), /fails its checksum/);
  await t.rejects(
    verifySegment({ ...task, first: segments[1]!.first, next: (segments[2]!.first + 1) as typeof task.next }),
    /ends at sequence/,
  );
});

t.test('nothing is gone through while there is a replay', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  await take(log, journal.records.length - 5);
  log.close();
  const [first] = listSegments(log.dir);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  again.replay();
  again.readerReplies.length = 0;
  again.reader.handle({ op: 'replay', tag: 9, partition, snapshotForm });
  await again.runTasks();
  t.same(again.poolRequests, []);
  while (!again.readerReplies.some(({ op }) => op === 'replay-done')) again.reader.handle({ op: 'replay-next', tag: 9 });
  t.match(again.poolRequests, [{ op: 'verify', task: { first: first!.first } }]);
});

t.test('a snapshot is not taken of a damaged log', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  damageIn(log, listSegments(log.dir)[2]!.first - 1);
  t.match(await take(log, journal.records.length), /fails its checksum/);
  t.same(listSnapshots(log.dir), []);
});

t.test('a log that is shorter than its mark is noticed behind a snapshot as well', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  await take(log, journal.records.length - 5);
  log.close();
  const end = journal.records.length;
  removeRecords(listSegments(log.dir).at(-1)!.path, end - 1, end);
  t.match(startFrom(log.options.dataDir).failure, /shorter than its mark/);
});
