import t from 'tap';
import { noEvent, settingsKind, type StoredRecord } from '../../../engine/event/record.js';
import type { ChangeSlice, StatusChange } from '../../../engine/event/status-change.js';
import { noSequence } from '../../../engine/kernel/brand.js';
import { changeSliceRecordsMax, changeSliceRowsMax, knownStandingsMax } from '../../../engine/kernel/limits.js';
import { decodeMessages } from '../../../engine/kernel/message-codec.js';
import { ChangeSlices, type RecordSource } from '../../../engine/log/reading/change-slices.js';
import { listSegments } from '../../../engine/log/segment/segment-files.js';
import { Journal, partition, seq, TestLog } from '../log-fixture.js';
import { damageIn } from '../stored-records.js';

class Unreadable extends Error {}

/** A log in memory that counts what is read of it. */
function logOf(records: readonly StoredRecord[], { first = 1, damaged = [] as readonly number[] } = {}) {
  const reads: number[] = [];
  const source: RecordSource = {
    partition,
    first: seq(first),
    record: (at) => {
      reads.push(at);
      if (damaged.includes(at) || at < first) throw new Unreadable();
      return records[at - 1]!;
    },
    isDamage: (error) => error instanceof Unreadable,
  };
  return { source, reads };
}

const told = ({ changes }: ChangeSlice) => changes.map(({ seq, status, version, attempt }) => [seq, status, version, attempt]);

/** Three events, their records mixed. */
function story() {
  const journal = new Journal();
  const one = journal.accepted({ externalJobId: 'one', source: 'shop', type: 'order' });
  const two = journal.accepted({ source: 'bank' });
  journal.dispatched(one);
  journal.delivered(one);
  journal.cancelled(two);
  return journal.records;
}

t.test('records are told as changes, with the version, the attempt and the labels that earlier ones give them', async (t) => {
  const { source } = logOf(story());
  const slice = new ChangeSlices().read(source, { after: seq(0), upTo: seq(5) });
  t.same(told(slice), [
    [1, 'SCHEDULED', 1, 0],
    [2, 'SCHEDULED', 1, 0],
    [3, 'DISPATCHED', 2, 1],
    [4, 'DELIVERED', 3, 1],
    [5, 'CANCELLED', 2, 0],
  ]);
  t.match(slice, { after: 0, through: 5 });
  t.match(slice.changes[3], { partition, externalJobId: 'one', source: 'shop', type: 'order', statusCode: 204, fireLagMs: 0.5 });
  t.match(slice.changes[4], { source: 'bank', externalJobId: null, statusCode: null });
});

t.test('wherever a slice begins, its changes are the same', async (t) => {
  const records = story();
  const whole = new ChangeSlices().read(logOf(records).source, { after: seq(0), upTo: seq(5) });
  for (let after = 0; after <= 5; after++) {
    const slice = new ChangeSlices().read(logOf(records).source, { after: seq(after), upTo: seq(5) });
    t.same(slice.changes, whole.changes.slice(after));
    t.match(slice, { after, through: 5 });
  }
});

t.test('nothing behind the last durable record is looked at', async (t) => {
  const { source, reads } = logOf(story());
  const slice = new ChangeSlices().read(source, { after: seq(2), upTo: seq(3) });
  t.same(told(slice), [[3, 'DISPATCHED', 2, 1]]);
  t.ok(reads.every((at) => at <= 3));
  t.match(new ChangeSlices().read(source, { after: seq(3), upTo: seq(3) }), { after: 3, through: 3, changes: [] });
});

t.test('a slice is bounded in records, and the next one goes on behind it', async (t) => {
  const journal = new Journal();
  for (let count = 0; count < changeSliceRecordsMax + 5; count++) journal.accepted();
  const { source } = logOf(journal.records);
  const slices = new ChangeSlices();
  const upTo = seq(journal.records.length);
  const first = slices.read(source, { after: seq(0), upTo });
  t.equal(first.through, changeSliceRecordsMax);
  const second = slices.read(source, { after: first.through, upTo });
  t.match(second, { after: changeSliceRecordsMax, through: upTo });
});

t.test('a slice is bounded in rows: long histories and large bodies make it shorter', async (t) => {
  const journal = new Journal();
  const events = Array.from({ length: 20 }, () => journal.accepted());
  for (let attempt = 1; attempt <= 100; attempt++) for (const event of events) journal.dispatched(event, attempt);
  const begin = journal.records.length;
  for (const event of events) journal.delivered(event, 100);
  const { source, reads } = logOf(journal.records);
  const slice = new ChangeSlices().read(source, { after: seq(begin), upTo: seq(journal.records.length) });
  t.ok(slice.through > begin && slice.through < journal.records.length);
  t.ok(reads.length <= changeSliceRowsMax + 102, `${reads.length} rows`);
  t.same(told(slice)[0], [begin + 1, 'DELIVERED', 102, 100]);

  const heavy = new Journal();
  for (let count = 0; count < 50; count++) heavy.accepted({ payload: Buffer.alloc(250_000) });
  const { through } = new ChangeSlices().read(logOf(heavy.records).source, { after: seq(0), upTo: seq(50) });
  t.ok(through >= 1 && through <= 6, `${through} records of 250 kB`);
});

t.test('whoever reads on does not read the past of an event again', async (t) => {
  const journal = new Journal();
  const events = Array.from({ length: 10 }, () => journal.accepted());
  for (const event of events) journal.dispatched(event);
  for (const event of events) journal.delivered(event);
  const { source, reads } = logOf(journal.records);
  const slices = new ChangeSlices();
  for (let after = 0; after < 30; after += 10) slices.read(source, { after: seq(after), upTo: seq(after + 10) });
  t.equal(reads.length, 30);
});

t.test('of how many events it remembers the past is bounded', async (t) => {
  const journal = new Journal();
  const slices = new ChangeSlices();
  for (let count = 0; count < knownStandingsMax + 100; count++) journal.accepted();
  const { source, reads } = logOf(journal.records);
  const last = seq(journal.records.length);
  for (let after = seq(0); after < last; ) after = slices.read(source, { after, upTo: last }).through;
  journal.dispatched(journal.records[0]!);
  journal.dispatched(journal.records[1_000]!);
  reads.length = 0;
  slices.read(source, { after: last, upTo: seq(last + 2) });
  t.same(reads, [last + 1, 1, last + 2], 'the first one was forgotten');
});

t.test('what cannot be read is passed over, and the slice behind it says where it begins', async (t) => {
  const { source } = logOf(story(), { damaged: [1] });
  const slices = new ChangeSlices();
  const upTo = seq(5);
  t.match(slices.read(source, { after: seq(0), upTo }), { after: 1, through: 1, changes: [] });
  const next = slices.read(source, { after: seq(1), upTo });
  t.same(told(next), [[2, 'SCHEDULED', 1, 0]], 'its event cannot be told at the next record either');
  t.match(slices.read(source, { after: seq(2), upTo }), { after: 3, through: 3, changes: [] });
  t.match(slices.read(source, { after: seq(3), upTo }), { after: 4, through: 4, changes: [] });
  t.same(told(slices.read(source, { after: seq(4), upTo })), [[5, 'CANCELLED', 2, 0]]);
});

t.test('a record that is about no event is no change', async (t) => {
  const [first, ...rest] = story();
  const settings: StoredRecord = { ...rest[0]!, kind: settingsKind, event: noEvent, prev: noSequence };
  const { source } = logOf([first!, settings, ...rest.slice(1)]);
  const slice = new ChangeSlices().read(source, { after: seq(0), upTo: seq(3) });
  t.match(slice, { after: 0, through: 3 });
  t.same(told(slice), [
    [1, 'SCHEDULED', 1, 0],
    [3, 'DISPATCHED', 2, 1],
  ]);
});

t.test('what has been removed with its segment is not told', async (t) => {
  const { source } = logOf(story(), { first: 2 });
  t.match(new ChangeSlices().read(source, { after: seq(0), upTo: seq(2) }), { after: 1, through: 2 });
  t.match(new ChangeSlices().read(logOf(story(), { first: 6 }).source, { after: seq(0), upTo: seq(5) }), {
    after: 5,
    through: 5,
  });
});

t.test('an error that says nothing about the record ends the read', async (t) => {
  const source: RecordSource = {
    ...logOf(story()).source,
    record: () => {
      throw new Error('the disk is away');
    },
  };
  t.throws(() => new ChangeSlices().read(source, { after: seq(0), upTo: seq(1) }), /away/);
});

t.test('the reader tells changes across segments, and passes over a damaged record', async (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  const one = journal.accepted({ source: 'shop' });
  const two = journal.accepted({ source: 'bank' });
  log.append(...journal.records);
  log.clock.now += 86_400_000;
  log.tick();
  log.append(journal.dispatched(one), journal.cancelled(two), journal.delivered(one));
  t.equal(listSegments(log.dir).length, 2);
  const ask = (after: number, of = log) => {
    const reply = of.ask({ op: 'changes', tag: 4, partition, after: seq(after), upTo: seq(5) });
    if (reply.op !== 'changes') throw new Error(reply.op);
    return { ...reply, changes: decodeMessages<StatusChange>(reply.changes) };
  };
  t.match(ask(1), { tag: 4, after: 1, through: 5 });
  t.same(
    ask(1).changes.map(({ seq, status, version, source }) => [seq, status, version, source]),
    [
      [2, 'SCHEDULED', 1, 'bank'],
      [3, 'DISPATCHED', 2, 'shop'],
      [4, 'CANCELLED', 2, 'bank'],
      [5, 'DELIVERED', 3, 'shop'],
    ],
  );
  log.close();
  damageIn(log, seq(4));
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  t.match(ask(2, again), { after: 2, through: 3 });
  t.match(ask(3, again), { after: 4, through: 4 });
  t.match(ask(4, again), { after: 4, through: 5 });
});
