import t from 'tap';
import { InvariantError } from '../../engine/kernel/errors.js';
import { RecordBatchBuilder, RecordCursor, batchSpan, readBatch } from '../../engine/log/record-batch.js';
import { Journal, batchOf, plain, seq } from './log-fixture.js';

t.test('what goes into a batch comes out of it', (t) => {
  const journal = new Journal(41);
  const one = journal.accepted({ payload: Buffer.alloc(100_000, 7) });
  const other = journal.accepted({ payload: null });
  journal.dispatched(one);
  journal.cancelled(other);
  const batch = batchOf(journal.records);
  t.same(plain([...readBatch(batch)]), plain(journal.records));
  t.same(batchSpan(batch), { count: 4, first: 41 });
  const cursor = new RecordCursor(batch);
  let count = 0;
  while (cursor.next()) t.equal(cursor.seq, seq(41 + count++));
  t.equal(count, 4);
  t.end();
});

t.test('a batch can be moved, and the builder goes on with the next one', (t) => {
  const builder = new RecordBatchBuilder();
  const journal = new Journal();
  for (const payload of [10, 50_000, 500_000, 10]) {
    const record = journal.accepted({ payload: Buffer.alloc(payload) });
    builder.append(record);
    const moved = structuredClone(builder.take(), { transfer: [] });
    t.same(plain([...readBatch(moved)]), plain([record]));
    t.same([builder.count, builder.bytes], [0, 12]);
  }
  const first = new RecordBatchBuilder();
  first.append(journal.accepted());
  const batch = first.take();
  const copy = structuredClone(batch, { transfer: [batch.buffer] });
  t.equal(batch.length, 0, 'moved');
  t.equal([...readBatch(copy)].length, 1);
  t.end();
});

t.test('records with a gap between them are no batch', (t) => {
  const journal = new Journal();
  const [first, , third] = [journal.accepted(), journal.accepted(), journal.accepted()];
  t.throws(() => batchOf([first, third]), InvariantError);
  t.end();
});
