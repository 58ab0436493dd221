import { statSync } from 'node:fs';
import t from 'tap';
import type { LogRecord } from '../../engine/event/record.js';
import { type SegmentStorage, segmentStorage } from '../../engine/log/segment/partition-log.js';
import { readMark } from '../../engine/log/segment/mark.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { WriterReply } from '../../engine/log/protocol.js';
import type { Segment } from '../../engine/log/segment/segment.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { openDatabase } from '../../engine/log/sqlite.js';
import { StripInsert } from '../../engine/log/segment/strip-insert.js';
import { Journal, TestLog, batchOf, partition, plain, seq } from './log-fixture.js';

const durable = (replies: readonly WriterReply[]) => replies.flatMap((reply) => (reply.op === 'durable' ? [reply.seq] : []));
const ops = (replies: readonly WriterReply[]) => replies.map((reply) => reply.op);

/** Files that fail when they are told to: the commit may have reached the file or not. */
class FaultyStorage implements SegmentStorage {
  /** What the next append does. */
  next: 'works' | 'fails-before' | 'fails-after' = 'works';
  opened = 0;

  create: SegmentStorage['create'] = (name, content) => this.#wrap(segmentStorage.create(name, content));
  open: SegmentStorage['open'] = (name, options) => this.#wrap(segmentStorage.open(name, options));

  #wrap(segment: Segment): Segment {
    this.opened++;
    const append = segment.append.bind(segment);
    segment.append = (batches) => {
      const fault = this.next;
      this.next = 'works';
      if (fault === 'fails-before') throw inputOutputError();
      if (fault === 'fails-after') {
        // As an fsync that fails: the frames are in the file, and the process has been told that they are not.
        const { last } = segment;
        append(batches);
        Object.defineProperty(segment, 'last', { value: last });
        throw inputOutputError();
      }
      append(batches);
    };
    return segment;
  }
}

const walBytes = (log: TestLog) => statSync(`${listSegments(log.dir)[0]!.path}-wal`).size;

function inputOutputError(): Error {
  return Object.assign(new Error('disk I/O error'), { syscall: 'fsync', code: 'EIO' });
}

t.test('all that has arrived is durable with one commit', (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  for (let count = 0; count < 50; count++) log.submit(journal.accepted());
  t.same(durable(log.commit()), [50]);
  log.submit(journal.accepted());
  t.same(durable(log.commit()), [51]);
  t.same(plain(log.replay().records), plain(journal.records));
  t.end();
});

t.test('partitions take turns in the order in which they began to wait', (t) => {
  const [one, other] = [3 as PartitionId, 4 as PartitionId];
  const log = new TestLog(t, { partitions: [one, other] });
  const journals = [new Journal(), new Journal()] as const;
  const submit = (to: PartitionId, record: LogRecord) =>
    log.writer.submit({ op: 'append', partition: to, batch: batchOf([record]) });
  submit(other, journals[1].accepted());
  submit(one, journals[0].accepted());
  submit(other, journals[1].accepted());
  const replies = log.commit();
  t.same(
    replies.map((reply) => (reply.op === 'durable' ? [reply.partition, reply.seq] : reply.op)),
    [
      [other, 2],
      [one, 1],
    ],
  );
  t.end();
});

t.test('a commit is bounded: what is more goes into the next one', (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  for (let count = 0; count < 100; count++) log.submit(journal.accepted({ payload: Buffer.alloc(256 * 1024) }));
  const seqs = durable(log.commit());
  t.equal(seqs.length, 2);
  t.equal(seqs[1], 100);
  t.end();
});

t.test('the mark follows each commit and never runs ahead of it', (t) => {
  const storage = new FaultyStorage();
  const log = new TestLog(t, { storage });
  const journal = new Journal();
  log.append(journal.accepted());
  t.equal(readMark(log.dir, partition).seq, 1);
  log.submit(journal.accepted());
  t.equal(readMark(log.dir, partition).seq, 1, 'submitted is not committed');
  log.commit();
  t.equal(readMark(log.dir, partition).seq, 2);
  storage.next = 'fails-after';
  t.same(ops(log.append(journal.accepted())), ['failed']);
  t.equal(readMark(log.dir, partition).seq, 2, 'a commit that failed has no mark, whatever is in the file');
  t.end();
});

t.test('with durability os the mark waits until the file was synced', (t) => {
  const log = new TestLog(t, { durability: 'os' });
  log.append(new Journal().accepted());
  t.equal(readMark(log.dir, partition).seq, 0);
  log.tick();
  t.equal(readMark(log.dir, partition).seq, 1);
  t.end();
});

t.test('a segment is sealed when it is large enough, and the log goes on in the next', (t) => {
  const log = new TestLog(t, { segmentBytesMax: 20_000 });
  const journal = new Journal();
  const sealed: WriterReply[] = [];
  for (let count = 0; count < 200; count++) {
    log.append(journal.accepted());
    sealed.push(...log.tick().filter((reply) => reply.op === 'sealed'));
  }
  t.ok(sealed.length >= 2);
  const firsts = listSegments(log.dir).map(({ first }) => first);
  t.same(firsts, [1, ...sealed.map((reply) => (reply.op === 'sealed' ? reply.next : 0))]);
  t.same(plain(log.replay().records), plain(journal.records));
  log.close();
  const again = new TestLog(t, { dataDir: log.options.dataDir });
  again.append(journal.accepted());
  t.same(plain(again.replay().records), plain(journal.records), 'also after a restart');
  t.end();
});

t.test('a segment is sealed when it is old, unless it is empty', (t) => {
  const log = new TestLog(t);
  log.clock.now += 86_400_000;
  t.match(log.tick(), [{ op: 'space', level: 'ok' }], 'empty');
  log.append(new Journal().accepted());
  t.same(log.tick(), [{ op: 'sealed', partition, first: 1, next: 2 }]);
  t.same(log.notices, [{ op: 'opened', partition, first: 2 }]);
  log.clock.now += 86_400_000 - 1;
  t.same(log.tick(), []);
  t.end();
});

t.test('F6: a full disk rolls the commit back whole, small commits still work, and it recovers when there is room', (t) => {
  let freeBytes = 1e9;
  const log = new TestLog(t, { pagesMax: 60, freeBytesMin: 0, ballastBytes: 100_000, freeBytesOf: () => freeBytes });
  const journal = new Journal();
  log.tick();
  const accepted: LogRecord[] = [];
  const large = () => journal.accepted({ payload: Buffer.alloc(20_000) });
  let failed: WriterReply[] = [];
  for (let count = 0; count < 100 && failed.length === 0; count++) {
    const [one, other] = [large(), large()];
    const replies = log.append(one, other);
    if (durable(replies).length > 0) accepted.push(one, other);
    else failed = replies;
  }
  const last = accepted.at(-1)!.seq;
  t.match(failed, [
    { op: 'failed', partition, durable: last, failure: 'disk-full', detail: /full/ },
    { op: 'space', level: 'refuse' },
  ]);
  t.same(log.append(large()), [], 'dropped until the partition was replayed');

  t.same(plain(log.replay().records), plain(accepted), 'nothing of the failed commit is there');
  log.writer.submit({ op: 'reopen', partition, after: last });
  t.same(ops(log.commit()), ['reopened']);
  t.equal(listSegments(log.dir).length, 1, 'in the same segment');
  const after = new Journal(last + 1);
  const small = after.accepted();
  t.same(durable(log.append(small)), [small.seq], 'a small commit fits');
  accepted.push(small);

  const tooLarge = after.accepted({ payload: Buffer.alloc(250_000) });
  t.match(
    log.append(tooLarge),
    [
      { op: 'failed', failure: 'disk-full' },
      { op: 'space', level: 'stop' },
    ],
    'the ballast is used up',
  );
  log.writer.setPagesMax(10_000);
  freeBytes = 2e9;
  t.match(log.tick(), [{ op: 'space', level: 'refuse' }], 'room again, half of it proved');
  t.match(log.tick(), [{ op: 'space', level: 'ok' }]);
  log.writer.submit({ op: 'reopen', partition, after: small.seq });
  log.commit();
  const goesOn = { ...tooLarge, seq: seq(small.seq + 1) };
  t.same(durable(log.append(goesOn)), [goesOn.seq]);
  t.same(plain(log.replay().records), plain([...accepted, goesOn]));
  t.end();
});

for (const fault of ['fails-before', 'fails-after'] as const) {
  t.test(`after an I/O error the handle is not used again, and the log goes on in a new segment (${fault})`, (t) => {
    const storage = new FaultyStorage();
    const log = new TestLog(t, { storage });
    const journal = new Journal();
    log.append(journal.accepted(), journal.accepted());
    storage.next = fault;
    const lost = journal.accepted();
    t.match(log.append(lost), [{ op: 'failed', partition, durable: 2, failure: 'io', detail: 'disk I/O error' }]);
    t.same(log.append(journal.accepted()), [], 'dropped until the partition was replayed');
    t.equal(storage.opened, 1);

    const seen = log.replay().records;
    t.equal(seen.length, fault === 'fails-before' ? 2 : 3, 'what replay sees');
    log.writer.submit({ op: 'reopen', partition, after: seen.at(-1)!.seq });
    t.same(ops(log.commit()), ['reopened']);
    t.same(
      listSegments(log.dir).map(({ first }) => first),
      [1, 3],
      'the new segment opens behind what was answered',
    );
    t.equal(readMark(log.dir, partition).seq, seen.length, 'what was replayed is durable now');
    const more = new Journal(seen.length + 1).accepted();
    t.same(durable(log.append(more)), [more.seq]);
    t.same(plain(log.replay().records), plain([...seen, more]));
    t.end();
  });
}

t.test('a tail that nobody answered for does not come back from the failed file', (t) => {
  const storage = new FaultyStorage();
  const log = new TestLog(t, { storage });
  const journal = new Journal();
  log.append(journal.accepted());
  storage.next = 'fails-before';
  log.append(journal.accepted());
  log.replay();
  log.writer.submit({ op: 'reopen', partition, after: seq(1) });
  const second = new Journal(2).accepted();
  log.append(second);
  // As if the failed commit had reached the disk after all, as another event at the same place.
  const failed = openDatabase(listSegments(log.dir)[0]!.path, { mode: 'write' });
  const ghost = new Journal(2).accepted();
  new StripInsert(failed).insert([{ batch: batchOf([ghost]) }], { seq: seq(1), chain: 0 });
  failed.close();
  t.same(plain(log.replay().records.slice(1)), plain([second]));
  t.end();
});

t.test('a segment that fails while it is empty is opened again under another name', (t) => {
  const storage = new FaultyStorage();
  const log = new TestLog(t, { storage });
  for (const opening of [2, 3]) {
    storage.next = 'fails-after';
    log.append(new Journal().accepted());
    t.same(log.replay().records.length, 1);
    log.writer.submit({ op: 'reopen', partition, after: seq(0) });
    log.commit();
    t.same(
      listSegments(log.dir).map((name) => [name.first, name.opening]),
      [[1, opening]],
    );
    t.same(log.replay().records, [], 'what was in the failed one is void');
  }
  const record = new Journal().accepted();
  log.append(record);
  t.same(plain(log.replay().records), plain([record]));
  t.end();
});

t.test('a replay that ends before what was durable is refused', (t) => {
  const storage = new FaultyStorage();
  const log = new TestLog(t, { storage });
  const journal = new Journal();
  log.append(journal.accepted(), journal.accepted());
  storage.next = 'fails-before';
  log.append(journal.accepted());
  log.writer.submit({ op: 'reopen', partition, after: seq(1) });
  t.match(log.commit(), [{ op: 'failed', durable: 2, failure: 'io', detail: /replay ends at sequence 1, but 2 was durable/ }]);
  t.end();
});

t.test('records that do not follow stop their partition and no other', (t) => {
  const [one, other] = [3 as PartitionId, 4 as PartitionId];
  const log = new TestLog(t, { partitions: [one, other] });
  log.writer.submit({ op: 'append', partition: one, batch: batchOf([new Journal(5).accepted()]) });
  log.writer.submit({ op: 'append', partition: other, batch: batchOf([new Journal().accepted()]) });
  t.match(log.commit(), [
    { op: 'failed', partition: one, durable: 0, failure: 'io', detail: /expected sequence 1 to append, found 5/ },
    { op: 'durable', partition: other, seq: 1 },
  ]);
  t.end();
});

t.test('the reader is asked for checkpoints, and without it the writer keeps the -wal file small by itself', (t) => {
  for (const readerHelps of [true, false]) {
    const log = new TestLog(t, { durability: 'os' });
    if (readerHelps) log.replay();
    const journal = new Journal();
    let largest = 0;
    for (let count = 0; count < 250; count++) {
      log.append(journal.accepted({ payload: Buffer.alloc(250_000) }));
      largest = Math.max(largest, walBytes(log));
    }
    t.ok(log.notices.filter(({ op }) => op === 'checkpoint').length >= 12);
    t.ok(largest < (readerHelps ? 8 : 40) * 1024 * 1024, `${largest} bytes of 62,500,000`);
  }
  t.end();
});

t.test('F38: a read that is held open lets the -wal file grow, and no further when it ends', (t) => {
  const log = new TestLog(t, { durability: 'os' });
  const journal = new Journal();
  const append = (count: number) => {
    for (let at = 0; at < count; at++) log.append(journal.accepted({ payload: Buffer.alloc(250_000) }));
  };
  append(1);
  const held = openDatabase(listSegments(log.dir)[0]!.path, { mode: 'read' });
  t.teardown(() => held.close());
  held.exec('BEGIN');
  held.prepare('SELECT count(*) FROM strip').get();
  append(200);
  const grown = walBytes(log);
  t.ok(grown > 50_000_000, 'nobody waits for the reader yet');
  held.exec('COMMIT');
  append(200);
  t.ok(walBytes(log) < grown + 8 * 1024 * 1024, 'the file begins anew');
  t.end();
});

t.test('a closed log leaves no -wal file behind', (t) => {
  const log = new TestLog(t);
  log.append(new Journal().accepted());
  log.close();
  t.same(statSync(`${listSegments(log.dir)[0]!.path}-wal`, { throwIfNoEntry: false }), undefined);
  t.end();
});
