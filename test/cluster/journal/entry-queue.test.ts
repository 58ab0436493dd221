import t from 'tap';
import { type Bunch, EntryQueue } from '../../../engine/cluster/journal/entry-queue.js';
import { InvariantError } from '../../../engine/kernel/errors.js';
import { chainOf } from '../../../engine/log/checksum.js';
import { type LogPosition, logStart } from '../../../engine/log/segment/mark.js';
import { readBatch } from '../../../engine/log/record-batch.js';
import { crcOfRecord } from '../../log/log-fixture.js';
import { batchOf, History, plain } from '../journal-fixture.js';

function allOf(queue: EntryQueue): Bunch[] {
  const bunches: Bunch[] = [];
  let after: LogPosition = logStart;
  for (let bunch = queue.next(after); bunch !== null; bunch = queue.next(after)) {
    bunches.push(bunch);
    after = { seq: bunch.last, chain: bunch.chain };
  }
  return bunches;
}

t.test('however batches come and are cut, entries hold the same records and end with the same chain', async (t) => {
  const history = new History();
  const records = Array.from({ length: 30 }, () => history.accepted());
  let { chain } = logStart;
  for (const record of records) chain = chainOf(chain, crcOfRecord(record));
  const bytes = batchOf(records).length;
  for (const [sizes, bytesMax, entries] of [
    [[30], bytes, 1],
    [[10, 20], bytes, 1],
    [[30], bytes - 1, 2],
    [[1, 28, 1], bytes / 2, 3],
  ] as const) {
    const queue = new EntryQueue(bytesMax);
    let from = 0;
    for (const size of sizes) {
      queue.push(batchOf(records.slice(from, from + size)));
      from += size;
    }
    const bunches = allOf(queue);
    t.equal(bunches.length, entries, `${sizes} by ${bytesMax}`);
    t.same(plain(bunches.flatMap(({ body }) => [...readBatch(body)])), plain(records));
    t.same([bunches[0]!.first, bunches.at(-1)!.last, bunches.at(-1)!.chain], [1, 30, chain]);
    t.ok(queue.isEmpty);
    t.equal(queue.bytes, 0);
  }
});

t.test('a batch that does not follow the log is a bug, alone or among others', async (t) => {
  const history = new History();
  history.accepted();
  const later = batchOf([history.accepted()]);
  for (const behind of [[], [batchOf([history.accepted()])]]) {
    const queue = new EntryQueue();
    for (const batch of [later, ...behind]) queue.push(batch);
    t.throws(() => queue.next(logStart), InvariantError);
  }
});

t.test('the memory of a batch is let go of when all of it is in an entry, and not before', async (t) => {
  const history = new History();
  const batch = batchOf(Array.from({ length: 100 }, () => history.accepted()));
  const queue = new EntryQueue(batch.length - 100);
  queue.push(batch);
  const first = queue.next(logStart)!;
  t.not(batch.length, 0, 'the last record is still in it');
  const second = queue.next({ seq: first.last, chain: first.chain })!;
  t.equal(batch.length, 0);
  t.same([first.last, second.last], [99, 100]);
});
