import { rmSync } from 'node:fs';
import t from 'tap';
import type { LogRecord } from '../../engine/event/record.js';
import { noSequence } from '../../engine/kernel/brand.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { readBatch } from '../../engine/log/record-batch.js';
import { Journal, TestLog, partition, plain, seq } from './log-fixture.js';
import { damageIn, damages, removeRecords, type Stored } from './stored-records.js';

/** A log of several segments: some events begin in one and end in another. */
function setup(t: Tap) {
  const log = new TestLog(t);
  log.replay();
  const journal = new Journal();
  const events: LogRecord[] = [];
  for (let segment = 0; segment < 3; segment++) {
    const first = journal.records.length;
    for (let count = 0; count < 10; count++) events.push(journal.accepted({ externalJobId: `job-${events.length}` }));
    for (const event of events.slice(-15, -5)) journal.dispatched(event);
    for (const event of events.slice(-15, -10)) journal.delivered(event);
    log.append(...journal.records.slice(first));
    log.clock.now += 86_400_000;
    if (segment < 2) log.tick();
  }
  return { log, journal, events };
}
type Tap = ConstructorParameters<typeof TestLog>[0];

t.test('an empty log replays to nothing', (t) => {
  const log = new TestLog(t);
  const { end, ...rest } = log.replay();
  t.same(rest, { records: [], indexed: [], begun: null, damaged: [] });
  t.match(end, { op: 'replay-done', last: noSequence });
  t.end();
});

t.test('a replay gives every record in order, across segments', (t) => {
  const { log, journal } = setup(t);
  const { records, end } = log.replay();
  t.same(plain(records), plain(journal.records));
  const segments = listSegments(log.dir);
  t.equal(segments.length, 3);
  t.match(end, { op: 'replay-done', last: journal.records.length });
  t.end();
});

t.test('a replay sends about a mebibyte at a time and only one batch ahead', (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  for (let count = 0; count < 50; count++) journal.accepted({ payload: Buffer.alloc(200_000) });
  log.append(...journal.records);
  log.reader.handle({ op: 'replay', tag: 9, partition, snapshotForm: 0 });
  t.equal(log.readerReplies.shift()!.op, 'replay-start');
  t.equal(log.readerReplies.length, 2);
  let done = 0;
  for (let taken = 0; ; taken++) {
    const reply = log.readerReplies.shift()!;
    if (reply.op !== 'replay-batch') {
      t.equal(taken, 9);
      t.match(reply, { op: 'replay-done', tag: 9, last: 50 });
      break;
    }
    t.ok(reply.batch.length < 1_300_000);
    t.ok(reply.done > done && reply.done <= 1);
    done = reply.done;
    log.reader.handle({ op: 'replay-next', tag: 9 });
    t.ok(log.readerReplies.length <= 2);
  }
  t.end();
});

t.test('a new replay of a partition ends the one before', (t) => {
  const { log, journal } = setup(t);
  log.reader.handle({ op: 'replay', tag: 50, partition, snapshotForm: 0 });
  const { records } = log.replay();
  t.same(plain(records), plain(journal.records));
  log.readerReplies.length = 0;
  log.reader.handle({ op: 'replay-next', tag: 50 });
  t.same(log.readerReplies, []);
  t.end();
});

t.test('bodies come in the order asked', (t) => {
  const { log, events } = setup(t);
  const asked = [events[25]!, events[3]!, events[14]!, events[3]!];
  const reply = log.ask({ op: 'bodies', tag: 7, partition, seqs: asked.map(({ seq }) => seq) });
  t.match(reply, { op: 'bodies', tag: 7, damaged: [] });
  t.same(
    reply.op === 'bodies' && reply.bodies.map((body) => Buffer.from(body).toString('hex')),
    asked.map(({ body }) => Buffer.from(body).toString('hex')),
  );
  t.end();
});

t.test('a damaged body fails no other', (t) => {
  const { log, events } = setup(t);
  const asked = events.slice(0, 3).map(({ seq }) => seq);
  damageIn(log, asked[1]!);
  const reply = log.ask({ op: 'bodies', tag: 7, partition, seqs: asked });
  t.match(reply, { op: 'bodies', damaged: [asked[1]] });
  t.same(reply.op === 'bodies' && reply.bodies.map(({ length }) => length > 0), [true, false, true]);
  t.end();
});

t.test('a view and a history are folded along the records of an event, across segments', (t) => {
  const { log, journal, events } = setup(t);
  const event = events[7]!;
  const newest = journal.newest(event);
  t.ok(newest > events[10]!.seq, 'it goes over a border');
  const reply = log.ask({ op: 'view', tag: 1, partition, newest });
  t.match(reply, {
    op: 'view',
    tag: 1,
    view: { partition, status: 'DELIVERED', version: 3, attempts: 1, spec: { externalJobId: 'job-7' } },
  });
  t.match(log.ask({ op: 'history', tag: 2, partition, newest }), {
    op: 'history',
    tag: 2,
    entries: [
      { version: 1, status: 'SCHEDULED' },
      { version: 2, status: 'DISPATCHED', attempt: 1 },
      { version: 3, status: 'DELIVERED', attempt: 1, statusCode: 204 },
    ],
  });
  t.match(log.ask({ op: 'view', tag: 3, partition, newest: event.seq }), { view: { status: 'SCHEDULED', version: 1 } });
  t.end();
});

const withByteAt =
  (at: number) =>
  ({ record }: Stored): void => {
    record[at < 0 ? record.length + at : at]! ^= 1;
  };

for (const [what, change] of [
  ['length', withByteAt(0)],
  ['kind', withByteAt(4)],
  ['sequence', withByteAt(5)],
  ['event', damages.event],
  ['previous record', withByteAt(13)],
  ['time', withByteAt(21)],
  ['last byte', withByteAt(-1)],
  ['size', damages.longer],
  ['checksum', damages.crc],
] as const) {
  t.test(`a record whose ${what} was changed fails its own read only, and a replay`, (t) => {
    const { log, journal, events } = setup(t);
    const newest = journal.newest(events[7]!);
    damageIn(log, newest, change);
    t.match(log.ask({ op: 'view', tag: 1, partition, newest }), {
      op: 'failed',
      tag: 1,
      failure: 'damaged',
      detail: new RegExp(`sequence ${newest}`),
    });
    t.match(log.ask({ op: 'view', tag: 1, partition, newest: journal.newest(events[6]!) }), { op: 'view' });
    t.match(log.replay().end, { op: 'failed', failure: 'broken', detail: new RegExp(`sequence ${newest}`) });
    t.end();
  });
}

t.test('a chain that does not fit stops the replay', (t) => {
  const { log } = setup(t);
  damageIn(log, 12, damages.chain);
  t.match(log.replay().end, {
    op: 'failed',
    failure: 'broken',
    detail: /expected the record with sequence 12 .* found another chain value/,
  });
  t.end();
});

t.test('records that were taken out and closed up with good checksums still break the chain', (t) => {
  const { log } = setup(t);
  removeRecords(listSegments(log.dir)[0]!.path, 5);
  t.match(log.replay().end, { op: 'failed', failure: 'broken', detail: /sequence 5/ });
  t.match(log.ask({ op: 'view', tag: 1, partition, newest: seq(5) }), {
    op: 'failed',
    failure: 'damaged',
    detail: /5 is missing/,
  });
  t.end();
});

t.test('a segment that is missing in the middle, or at the end, breaks the log', (t) => {
  for (const missing of [1, 2]) {
    const { log } = setup(t);
    const copy = log.copy(t);
    log.close();
    const reading = new TestLog(t, { dataDir: copy });
    const { path } = listSegments(reading.dir)[missing]!;
    reading.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    const again = new TestLog(t, { dataDir: copy });
    t.match(again.replay().end, { op: 'failed', failure: 'broken' });
    if (missing === 2) t.match(again.writerReplies, [{ op: 'failed', failure: 'io', detail: /shorter than its mark/ }]);
  }
  t.end();
});

t.test('a record that was announced is found even if word of its segment is still on its way', (t) => {
  const { log, journal } = setup(t);
  const late = new TestLog(t, { dataDir: log.copy(t) });
  late.ask({ op: 'view', tag: 1, partition, newest: seq(1) });
  late.reader.notice = () => undefined;
  late.clock.now = log.clock.now + 86_400_000;
  late.tick();
  const record = new Journal(journal.records.length + 1).accepted();
  late.append(record);
  t.match(late.ask({ op: 'view', tag: 1, partition, newest: record.seq }), { op: 'view', view: { version: 1 } });
  t.end();
});

t.test('a batch of a replay is bytes of its own', (t) => {
  const { log, journal } = setup(t);
  log.readerReplies.length = 0;
  log.reader.handle({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  const batches = log.readerReplies.flatMap((reply) => (reply.op === 'replay-batch' ? [reply.batch] : []));
  t.not(batches[0]!.buffer, batches[1]!.buffer);
  const moved = structuredClone(batches[0]!, { transfer: [batches[0]!.buffer] });
  const records = [moved, batches[1]!].flatMap((batch) => [...readBatch(batch)]);
  t.same(plain(records), plain(journal.records.slice(0, records.length)));
  t.end();
});
