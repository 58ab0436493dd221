/**
 * F36: what a later version may have left in a data directory. What is only for speed is done without; a log that cannot be understood
 * is refused by name and left as it is; a single record costs its own read, never the thread.
 */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import t from 'tap';
import { emptyBody, encodeDispatched } from '../../engine/event/outcome-codec.js';
import type { LogRecord, RecordKind } from '../../engine/event/record.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { crcOf } from '../../engine/log/checksum.js';
import { indexSegment } from '../../engine/log/index-task.js';
import { markPath } from '../../engine/log/segment/mark.js';
import { indexPath, listIndexes, listSegments, listSnapshots } from '../../engine/log/segment/segment-files.js';
import { writeSnapshot } from '../../engine/log/snapshot/snapshot-file.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { snapshotForm } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { makeMarkLater, makeSegmentLater } from './later-version.js';
import { Journal, partition, readBack, seq, TestLog } from './log-fixture.js';

type Tap = ConstructorParameters<typeof TestLog>[0];

/** Two segments: what is in the first has finished but for one event. */
function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  const events = Array.from({ length: 5 }, () => journal.accepted());
  for (const event of events.slice(1)) journal.cancelled(event);
  log.append(...journal.records);
  log.clock.now += 86_400_000;
  log.tick();
  log.append(journal.accepted());
  return { log, journal, events };
}

/** The next record of `event`, as a version might write it that knows more. */
function later(journal: Journal, event: LogRecord, { kind, body }: { kind: number; body: Uint8Array }): LogRecord {
  const [last] = journal.records.slice(-1);
  return { ...event, seq: seq(last!.seq + 1), prev: journal.newest(event), kind: kind as RecordKind, body };
}

function replayInto(records: readonly LogRecord[]): PartitionState {
  const state = new PartitionState(partition);
  for (const record of records) state.apply(record);
  return state;
}

t.test('a segment of a newer format is refused by its format, to read and to write, and stays as it is', async (t) => {
  const { log } = setup(t);
  log.close();
  const name = listSegments(log.dir).at(-1)!;
  makeSegmentLater(name);
  const before = readFileSync(name.path);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  const expected = /expected format 2, found 3/;
  t.match(again.writerReplies, [{ op: 'failed', failure: 'io', detail: expected }]);
  t.match(again.replay().end, { op: 'failed', failure: 'broken', detail: expected });
  again.close();
  t.ok(readFileSync(name.path).equals(before));
});

t.test('a mark of a newer format is refused by its format, and stays as it is', async (t) => {
  const { log } = setup(t);
  log.close();
  const path = markPath(log.dir);
  makeMarkLater(log.dir);
  const bytes = readFileSync(path);
  const expected = /expected a mark of format ESM1, found ESM2/;
  t.match(readBack(log.options.dataDir).failure, expected);
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  t.match(again.writerReplies, [{ op: 'failed', detail: expected }]);
  again.close();
  t.ok(readFileSync(path).equals(bytes));
});

t.test('a record of an unknown kind stops the replay of its partition, whatever it is about', async (t) => {
  const { log, journal, events } = setup(t);
  const expected = new InvariantError('record 11 is of kind 17, which this version does not know: use the version that wrote it');
  for (const about of [events[0]!, events[1]!, { ...events[0]!, event: new Uint8Array(16) }]) {
    const records = [...journal.records, later(journal, about, { kind: 17, body: emptyBody })];
    t.throws(() => replayInto(records), expected);
  }
  log.append(later(journal, events[0]!, { kind: 17, body: emptyBody }));
  t.match(log.ask({ op: 'history', tag: 1, partition, newest: seq(11) }), {
    op: 'failed',
    failure: 'damaged',
    detail: expected.message,
  });
  t.match(log.ask({ op: 'history', tag: 2, partition, newest: seq(6) }), { op: 'history' }, 'the thread goes on');
});

t.test('a segment with a record of an unknown kind gets no index: it would lack what that record says', async (t) => {
  const { log, journal, events } = setup(t);
  await log.runTasks();
  log.append(later(journal, events[0]!, { kind: 17, body: emptyBody }));
  log.clock.now += 86_400_000;
  log.tick();
  const [task] = log.indexTasks;
  await t.rejects(indexSegment(task!), { message: /record 11 is of kind 17/ });
  t.same(
    listIndexes(log.dir).map(({ first }) => first),
    [1],
  );
});

t.test('a body of a newer format fails its own read, and a replay that needs it', async (t) => {
  const { log, journal, events } = setup(t);
  const body = encodeDispatched({ attempt: 1 });
  body[1] = 7;
  log.append(later(journal, events[0]!, { kind: 2, body }));
  t.match(log.ask({ op: 'view', tag: 1, partition, newest: seq(11) }), {
    op: 'failed',
    failure: 'damaged',
    detail: 'record body: expected format 1, found 7',
  });
  t.match(log.ask({ op: 'view', tag: 2, partition, newest: seq(6) }), { op: 'view' }, 'the thread goes on');
  const accepted = journal.records[0]!;
  t.throws(() => replayInto([{ ...accepted, body: Buffer.concat([Buffer.of(9), accepted.body.subarray(1)]) }]), {
    message: /expected format \d, found 9/,
  });
});

t.test('an index of another format is built again', async (t) => {
  const { log } = setup(t);
  await log.runTasks();
  const { path, first } = listIndexes(log.dir)[0]!;
  log.close();
  const whole = readFileSync(path);
  const database = openDatabase(path, { mode: 'write' });
  database.exec('UPDATE header SET format = 9999');
  database.close();
  const changed = readFileSync(path);
  // As that version would have named it: with the sum of what is in it.
  renameSync(path, indexPath(log.dir, { first, crc: crcOf(changed) }));
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  t.same(again.replay().indexed, []);
  t.match(await again.runTasks(), [{ op: 'indexed' }]);
  t.ok(listIndexes(log.dir).some((index) => readFileSync(index.path).equals(whole)));
});

t.test('a snapshot of another form, or of another format, is done without', async (t) => {
  const { log, journal } = setup(t);
  await log.runTasks();
  log.reader.handle({ op: 'snapshot', tag: 77, partition, upTo: seq(10) });
  await log.runTasks();
  const { dataDir } = log.options;
  t.equal(readBack(dataDir).records.length, 0, 'a snapshot of ours is used');
  const { path } = listSnapshots(log.dir)[0]!;
  const whole = readFileSync(path);
  const position = { seq: seq(10), chain: whole.readUInt32LE(20) };
  const header = { form: snapshotForm + 1, partition, position, finalsFrom: seq(whole.readDoubleLE(24)) };
  writeSnapshot(log.dir, { header, sections: [Buffer.from('what nobody knows yet')] });
  t.equal(readBack(dataDir).records.length, journal.records.length);
  writeFileSync(path, whole);
  t.equal(readBack(dataDir).records.length, 0);
  const file = openSync(path, 'r+');
  writeSync(file, 'ESS2', 0, 'latin1');
  closeSync(file);
  t.match(readBack(dataDir), { failure: null, records: { length: journal.records.length } });
});
