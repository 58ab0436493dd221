/** Retention on a real log: which segment goes, what is bundled out of it, and what a crash between any two steps leaves. */
import { cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeCarried, recordsIn } from '../../../engine/event/carried-codec.js';
import { carriedKind, type LogRecord, type StoredRecord } from '../../../engine/event/record.js';
import { decodeSpec } from '../../../engine/event/spec-codec.js';
import { historyOf, viewOf } from '../../../engine/event/view.js';
import type { Sequence, WallMs } from '../../../engine/kernel/brand.js';
import { eventIdBytes } from '../../../engine/kernel/event-id.js';
import { indexSegment } from '../../../engine/log/index-task.js';
import { beginningPath, readBeginning, unlessRemoved, writeBeginning } from '../../../engine/log/segment/log-beginning.js';
import { listIndexes, listSegments } from '../../../engine/log/segment/segment-files.js';
import { DamageError } from '../../../engine/log/damage.js';
import { HandleCache } from '../../../engine/log/reading/handle-cache.js';
import { PartitionSegments } from '../../../engine/log/reading/partition-segments.js';
import type { SegmentIndex } from '../../../engine/log/index/segment-index.js';
import type { SegmentReader } from '../../../engine/log/segment/segment-reader.js';
import { verifySegment } from '../../../engine/log/verify-task.js';
import { PartitionState } from '../../../engine/partition/state.js';
import { Journal, partition, plain, readBack, seq, TestLog, tempDir } from '../log-fixture.js';

type Tap = ConstructorParameters<typeof TestLog>[0];
const day = 86_400_000;
const beforeAll = new Uint8Array(eventIdBytes);

/** Events of all kinds in a first segment; a second one, and an open one. */
async function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  const began = log.clock.now;
  let written = 0;
  const rotate = () => {
    log.append(...journal.records.slice(written));
    written = journal.records.length;
    log.clock.now += day;
    log.tick();
  };
  const over = journal.accepted({ externalJobId: 'over' });
  const pending = journal.accepted({ externalJobId: 'pending', payload: Buffer.from('{"p":1}') });
  const later = journal.accepted({ externalJobId: 'later' });
  const cancelled = journal.accepted({ externalJobId: 'cancelled' });
  journal.dispatched(over);
  journal.delivered(over);
  journal.dispatched(later);
  journal.cancelled(cancelled);
  rotate();
  const next = (journal.records.length + 1) as Sequence;
  journal.delivered(later);
  journal.accepted();
  rotate();
  journal.accepted();
  log.append(...journal.records.slice(written));
  await log.runTasks();
  return { log, journal, began, next, over, pending, later, cancelled };
}

const ask = (log: TestLog, request: Parameters<TestLog['ask']>[0]) => log.ask(request);

t.test('the oldest segment is outdated when the one behind it is older than the retention', async (t) => {
  const { log, began, next } = await setup(t);
  const outdated = (endedBefore: number) => ask(log, { op: 'outdated', tag: 1, partition, endedBefore: endedBefore as WallMs });
  t.match(outdated(began + day - 1), { op: 'outdated', segment: null });
  t.match(outdated(began + day), { segment: { first: 1, next } });
});

t.test('a segment without an index stays', async (t) => {
  const log = new TestLog(t);
  log.replay();
  log.append(new Journal().accepted());
  log.clock.now += day;
  log.tick();
  t.match(ask(log, { op: 'outdated', tag: 1, partition, endedBefore: Number.MAX_SAFE_INTEGER as WallMs }), { segment: null });
});

t.test('its index names the events that were not over, or that an operator could put back', async (t) => {
  const { log, pending, later, cancelled } = await setup(t);
  const named = (after: Uint8Array, limit: number) => {
    const reply = ask(log, { op: 'not-over', tag: 1, partition, first: seq(1), after, limit });
    return reply.op === 'not-over' ? reply.events.map((event) => Buffer.from(event).toString('hex')) : [];
  };
  const expected = [pending, later, cancelled].map(({ event }) => Buffer.from(event).toString('hex')).sort();
  t.same(named(beforeAll, 10), expected);
  t.same(named(beforeAll, 2), expected.slice(0, 2));
  t.same(named(Buffer.from(expected[1]!, 'hex'), 2), expected.slice(2));
});

t.test('a bundle holds the whole history; one that does not reach back so far, or has not gone on, is none', async (t) => {
  const { log, journal, next, pending, later, cancelled } = await setup(t);
  const events = [
    { event: pending.event, newest: pending.seq },
    { event: later.event, newest: null },
    { event: cancelled.event, newest: null },
    { event: journal.records.at(-1)!.event, newest: journal.records.at(-1)!.seq },
  ];
  const reply = ask(log, { op: 'bundle', tag: 1, partition, events, before: next });
  const bundles = reply.op === 'bundles' ? reply.bundles : [];
  t.same(
    bundles.map((bundle) => bundle?.newest ?? null),
    [pending.seq, journal.newest(later), null, null],
  );
  const carried = { seq: seq(99), event: later.event, body: bundles[1]!.body };
  const own = journal.records.filter(({ event }) => event === later.event);
  t.same(historyOf(recordsIn(carried)), historyOf(own));
  t.same(viewOf(recordsIn(carried), partition), viewOf(own, partition));
});

t.test('a bundle keeps the fingerprint of the first spec and the payload of the newest', async (t) => {
  const journal = new Journal();
  const accepted = journal.accepted({ externalJobId: 'x', payload: Buffer.from('{"a":1}') });
  const [record] = recordsIn({ seq: seq(9), event: accepted.event, body: encodeCarried([accepted]) });
  t.same(plain([record!]), plain([{ ...accepted, seq: seq(9) }]));
  t.same(Buffer.from(decodeSpec(record!.body).payload!), Buffer.from('{"a":1}'));
});

t.test('a removed segment is gone with its files; what was carried is read as before', async (t) => {
  const { log, journal, next, over, pending } = await setup(t);
  const carried = carry(log, journal, { event: pending, before: next });
  t.match(ask(log, { op: 'remove', tag: 1, partition, first: next }), { op: 'removed' });
  t.same(
    listSegments(log.dir).map(({ first }) => first),
    listSegments(log.dir)
      .map(({ first }) => first)
      .filter((first) => first >= next),
  );
  t.notOk(listIndexes(log.dir).some(({ first }) => first < next));
  t.match(ask(log, { op: 'view', tag: 1, partition, newest: journal.newest(over) }), { op: 'failed', failure: 'gone' });
  t.match(ask(log, { op: 'view', tag: 1, partition, newest: carried.seq }), {
    op: 'view',
    view: { status: 'SCHEDULED', version: 1, spec: { externalJobId: 'pending' } },
  });
  const bodies = ask(log, { op: 'bodies', tag: 1, partition, seqs: [carried.seq] });
  t.same(bodies.op === 'bodies' && Buffer.from(bodies.bodies[0]!).toString('hex'), Buffer.from(pending.body).toString('hex'));
});

t.test('a replay of what is left makes the memory that was there before', async (t) => {
  const { log, journal, next, pending, later } = await setup(t);
  const carriedPending = carry(log, journal, { event: pending, before: next });
  const carriedLater = carry(log, journal, { event: later, before: next });
  ask(log, { op: 'remove', tag: 1, partition, first: next });
  log.close();
  const { records, failure } = readBack(log.options.dataDir);
  t.equal(failure, null);
  const state = new PartitionState(partition);
  state.layOut(listSegments(log.dir).map(({ first }) => ({ first, next: null, filter: null })));
  for (const record of records) state.apply(record);
  t.ok(state.isWhole);
  t.equal(state.columns.bodySeq(state.handleOf(pending.event)!), carriedPending.seq);
  t.equal(state.finished.seqOf(later.event), carriedLater.seq);
  t.match(state.byStatus, { SCHEDULED: 3, DELIVERED: 1, CANCELLED: 0 });
});

t.test(
  'a snapshot that was asked for before a removal, and is taken behind it, is of where everything was carried to',
  async (t) => {
    for (const isGone of [false, true]) {
      const { log, journal, next, pending, later } = await setup(t);
      const asked = seq(isGone ? next - 1 : journal.records.length);
      carry(log, journal, { event: pending, before: next });
      const carried = carry(log, journal, { event: later, before: next });
      const behind = { ...journal.accepted(), seq: seq(carried.seq + 1) };
      log.append(behind);
      ask(log, { op: 'remove', tag: 1, partition, first: next });
      log.reader.handle({ op: 'snapshot', tag: 2, partition, upTo: asked });
      t.match(await log.runTasks(), [{ op: 'snapshot-taken', detail: null }]);
      log.close();
      const { begun, records, failure } = readBack(log.options.dataDir);
      t.equal(failure, null);
      t.equal(begun?.lastSeq, carried.seq, 'not of what was asked for, which lacks two events, nor of more');
      t.same(
        records.map((record) => record.seq),
        [behind.seq],
      );
    }
  },
);

t.test('a segment of little more than what was carried has its index', async (t) => {
  const { log, journal, next, pending, later, cancelled } = await setup(t);
  for (const event of [pending, cancelled]) carry(log, journal, { event, before: next });
  const carried = carry(log, journal, { event: later, before: next });
  log.clock.now += day;
  log.tick();
  const first = listSegments(log.dir).at(-1)!.first;
  log.append({ ...journal.accepted(), seq: seq(carried.seq + 1) });
  t.same(
    (await log.runTasks()).filter((reply) => reply.op === 'failed'),
    [],
  );
  t.ok(
    listIndexes(log.dir).some((index) => index.first < first && index.first > next),
    'of the segment with what was carried',
  );
  ask(log, { op: 'remove', tag: 1, partition, first: next });
  t.match(ask(log, { op: 'view', tag: 1, partition, newest: carried.seq }), { op: 'view', view: { status: 'DELIVERED' } });
});

t.test(
  'who has looked at the directory before a removal is told that a record has gone, not that a file is missing',
  async (t) => {
    const { log, next } = await setup(t);
    const { dataDir } = log.options;
    const readers = new HandleCache<SegmentReader>(2);
    const indexes = new HandleCache<SegmentIndex>(2);
    t.teardown(() => [readers, indexes].map((handles) => handles.close()));
    const late = new PartitionSegments({ dataDir, partition, readers, indexes });
    ask(log, { op: 'remove', tag: 1, partition, first: next });
    t.throws(() => late.record(seq(1)), new DamageError('gone', 'sequence 1 of partition 3 has outlived the retention'));
    t.equal(late.record(next).seq, next);
  },
);

t.test(
  'a segment that is removed while tasks in the background look at it is in order, one that is just missing is not',
  async (t) => {
    const { log, next } = await setup(t);
    const task = { dataDir: log.options.dataDir, partition, first: seq(1), next };
    const remove = (): void => rmSync(listSegments(log.dir)[0]!.path);
    await t.resolves(verifySegment(task));
    t.throws(
      () =>
        unlessRemoved(log.dir, seq(1), () => {
          remove();
          throw new Error('cannot be opened');
        }),
      /cannot be opened/,
    );
    await t.rejects(indexSegment(task), /no segment that opens with 1/);
    unlessRemoved(log.dir, seq(1), () => {
      writeBeginning(log.dir, next);
      throw new Error('cannot be opened');
    });
    await t.resolves(indexSegment(task));
    await t.resolves(verifySegment(task));
  },
);

t.test('an event that lost its beginning and was not carried is noticed', async (t) => {
  const { log, next } = await setup(t);
  ask(log, { op: 'remove', tag: 1, partition, first: next });
  const { records } = readBack(log.options.dataDir);
  const state = new PartitionState(partition);
  state.layOut(listSegments(log.dir).map(({ first }) => ({ first, next: null, filter: null })));
  for (const record of records) state.apply(record);
  t.notOk(state.isWhole);
});

t.test('cut off behind any step of a removal, the log is the one before or the one after', async (t) => {
  const { log, journal, next, pending, later } = await setup(t);
  carry(log, journal, { event: pending, before: next });
  carry(log, journal, { event: later, before: next });
  log.close();
  const before = readBack(log.options.dataDir).records.length;
  const removedFiles = readdirSync(log.dir).filter((name) => Number(/^\d{16}/.exec(name)?.[0] ?? next) < next);
  t.ok(removedFiles.length >= 2);
  for (let step = 0; step <= removedFiles.length + 1; step++) {
    const dataDir = tempDir(t);
    cpSync(log.options.dataDir, dataDir, { recursive: true });
    const dir = join(dataDir, 'partitions', '0003');
    if (step === 0) writeFileSync(`${beginningPath(dir)}.new`, 'half');
    if (step > 0) writeBeginning(dir, next);
    for (const name of removedFiles.slice(0, Math.max(0, step - 1))) renameSync(join(dir, name), join(dataDir, name));
    const { records, failure } = readBack(dataDir);
    t.equal(failure, null, `step ${step}`);
    t.equal(records.length, step === 0 ? before : before - (next - 1), `step ${step}`);
    if (step > 0) t.notOk(existsSync(join(dir, removedFiles[0]!)), 'what was left behind is swept');
  }
});

t.test('a log that begins elsewhere than it says has lost a segment, and stops', async (t) => {
  const { log, next } = await setup(t);
  log.close();
  const [oldest] = listSegments(log.dir);
  renameSync(oldest!.path, `${oldest!.path}.away`);
  t.match(readBack(log.options.dataDir).failure, /expected sequence 1 next/);
  writeBeginning(log.dir, (next + 1) as Sequence);
  t.match(readBack(log.options.dataDir).failure, /expected sequence/);
});

t.test('where a log begins is believed only as it was written', async (t) => {
  const { log, next } = await setup(t);
  log.close();
  writeBeginning(log.dir, next);
  t.equal(readBeginning(log.dir), next);
  const whole = readFileSync(beginningPath(log.dir));
  const believed: number[] = [];
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 1;
    writeFileSync(beginningPath(log.dir), flipped);
    if (readBack(log.options.dataDir).failure === null) believed.push(at);
  }
  t.same(believed, []);
});

/** What the actor does with a bundle. */
function carry(
  log: TestLog,
  journal: Journal,
  { event, before }: { readonly event: LogRecord; readonly before: Sequence },
): StoredRecord {
  const events = [{ event: event.event, newest: journal.newest(event) }];
  const reply = ask(log, { op: 'bundle', tag: 1, partition, events, before });
  const bundle = reply.op === 'bundles' ? reply.bundles[0]! : null;
  const last = Math.max(...journal.records.map((record) => record.seq)) + carriedCount(log);
  const record = {
    seq: seq(last + 1),
    kind: carriedKind,
    event: event.event,
    prev: bundle!.newest,
    at: 5 as WallMs,
    body: bundle!.body,
  } as const;
  counts.set(log, carriedCount(log) + 1);
  log.append(record as unknown as LogRecord);
  return record;
}

const counts = new Map<TestLog, number>();
const carriedCount = (log: TestLog) => counts.get(log) ?? 0;
