import t from 'tap';
import type { Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { SegmentFilter } from '../../engine/log/segment-filter.js';
import { FinishedEvents, type FinishedRow } from '../../engine/partition/finished.js';
import { Random } from '../wheel/random.js';

const now = 1_763_632_800_000 as WallMs;
const newId = () => mintEventId(1 as Slot, now);
const seq = (value: number) => value as Sequence;

function rowOf(at: number, fields: Partial<FinishedRow> = {}): FinishedRow {
  return {
    id: newId(),
    tagHigh: 0,
    tagLow: 0,
    seq: seq(at),
    scheduledAtMs: now,
    labels: { source: 1, type: 0, destination: 2, signatureHigh: 0, signatureLow: 0 },
    status: 'DELIVERED',
    priority: 5,
    deliveryType: 'HTTP',
    ...fields,
  };
}

t.test('the final record of an id is found, that of another is not', async (t) => {
  const finished = new FinishedEvents();
  const row = rowOf(7);
  finished.add(row);
  t.equal(finished.seqOf(row.id), 7);
  t.equal(finished.seqOf(newId()), null);
});

t.test('of several final records of one event the newest counts, in one page and over pages', async (t) => {
  const finished = new FinishedEvents();
  const id = newId();
  finished.add(rowOf(3, { id }));
  finished.add(rowOf(9, { id }));
  t.equal(finished.seqOf(id), 9);
  finished.openPage(seq(10));
  t.equal(finished.seqOf(id), 9);
  finished.add(rowOf(12, { id }));
  t.equal(finished.seqOf(id), 12);
});

t.test('all events with a tag are found, newest first, over pages; half a tag is no tag', async (t) => {
  const finished = new FinishedEvents();
  const tag = { tagHigh: 5, tagLow: 6 };
  finished.add(rowOf(1, tag));
  finished.add(rowOf(2, { tagHigh: 4, tagLow: 6 }));
  finished.add(rowOf(3, { tagHigh: 5, tagLow: 7 }));
  finished.openPage(seq(4));
  finished.add(rowOf(5, tag));
  finished.add(rowOf(6));
  t.same(finished.tagged(tag), [5, 1]);
  t.same(finished.tagged({ tagHigh: 9, tagLow: 6 }), []);
});

const filterOf = (...rows: readonly FinishedRow[]) => {
  const filter = SegmentFilter.for({ ids: rows.length, keys: rows.length });
  for (const row of rows) {
    filter.addId(row.id);
    filter.addKey(row);
  }
  return filter;
};

t.test('of an indexed segment the filter is left, later pages stay', async (t) => {
  const finished = new FinishedEvents();
  const rows = [rowOf(1, { tagHigh: 1, tagLow: 1 }), rowOf(2)];
  for (const row of rows) finished.add(row);
  finished.openPage(seq(3));
  const later = rowOf(4, { tagHigh: 1, tagLow: 1 });
  finished.add(later);
  finished.indexed({ first: seq(1), next: seq(3), filter: filterOf(...rows) });
  t.equal(finished.size, 1);
  t.equal(finished.seqOf(rows[0]!.id), null);
  t.ok(finished.mayBeIndexedId(rows[0]!.id));
  t.notOk(finished.mayBeIndexedId(later.id));
  t.ok(finished.mayBeIndexedKey({ tagHigh: 1, tagLow: 1 }));
  t.equal(finished.seqOf(later.id), 4);
  t.same(finished.tagged({ tagHigh: 1, tagLow: 1 }), [4]);
  t.ok(finished.filterBytes > 0);
});

t.test('finals decided before the end of their segment was known move to the page where they belong', async (t) => {
  const finished = new FinishedEvents();
  // Decided while the log writer was still sealing: it is in the new segment, whose page was not open yet.
  const ahead = rowOf(12, { tagHigh: 1, tagLow: 2 });
  const before = rowOf(9);
  finished.add(before);
  finished.add(ahead);
  // Word of the index may come before that of the seal.
  finished.indexed({ first: seq(1), next: seq(10), filter: filterOf(before) });
  t.equal(finished.seqOf(before.id), null);
  t.equal(finished.seqOf(ahead.id), 12);
  t.same(finished.tagged({ tagHigh: 1, tagLow: 2 }), [12]);
  finished.openPage(seq(10));
  t.same(
    finished.outline.map(({ first, counts }) => [first, counts[2]]),
    [
      [1, 1],
      [10, 1],
    ],
  );
});

t.test('segments are indexed in any order', async (t) => {
  const finished = new FinishedEvents();
  const rows = [5, 15, 25].map((at) => rowOf(at));
  for (const row of rows) {
    finished.add(row);
    finished.openPage(seq(row.seq + 5));
  }
  finished.indexed({ first: seq(10), next: seq(20), filter: filterOf(rows[1]!) });
  t.same(
    rows.map(({ id }) => finished.seqOf(id)),
    [5, null, 25],
  );
});

t.test('counts go with their pages, and an event counts where its newest final record is', async (t) => {
  const finished = new FinishedEvents();
  const row = rowOf(5);
  finished.add(row);
  finished.openPage(seq(10));
  finished.add(rowOf(11, { status: 'CANCELLED' }));
  t.same([finished.counts[2], finished.counts[5]], [1, 1]);
  finished.supersede(seq(5), row);
  t.equal(finished.seqOf(row.id), null);
  finished.add({ ...row, seq: seq(12) });
  t.same([finished.counts[2], finished.counts[5]], [1, 1]);
  t.equal(finished.removeBefore(seq(10))[2], 0);
  t.equal(finished.first, 10);
  t.same([finished.counts[2], finished.counts[5]], [1, 1]);
  finished.supersede(seq(5), row);
  t.equal(finished.counts[2], 1, 'what was removed is not counted any more');
  t.equal(finished.seqOf(row.id), 12);
});

t.test('the page of the open segment is never removed', async (t) => {
  const finished = new FinishedEvents();
  finished.add(rowOf(1));
  finished.removeBefore(seq(1_000));
  t.equal(finished.size, 1);
});

t.test('it agrees with a list of rows over random histories of segments', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const finished = new FinishedEvents();
    let rows: FinishedRow[] = [];
    const ids: EventId[] = Array.from({ length: 60 }, newId);
    let next = 1;
    let indexedBefore = 1;
    let all = 0;
    const firsts: number[] = [];
    for (let step = 0; step < 400; step++) {
      const dice = random.next();
      if (dice < 0.9) {
        next += 1 + random.below(3);
        const row = rowOf(next, { id: random.pick(ids), tagHigh: random.below(2), tagLow: random.below(3) });
        finished.add(row);
        rows.push(row);
      } else if (dice < 0.96) {
        // The actor is up to five records ahead of the segment that was sealed.
        const first = Math.max(next - random.below(5), (firsts.at(-1) ?? 1) + 1);
        firsts.push(first);
        finished.openPage(seq(first));
      } else if (firsts.length > 0) {
        const before = firsts.shift()!;
        const gone = rows.filter((row) => row.seq < before);
        rows = rows.filter((row) => row.seq >= before);
        finished.indexed({ first: seq(indexedBefore), next: seq(before), filter: filterOf(...gone) });
        if (!gone.every(({ id }) => finished.mayBeIndexedId(id))) t.fail(`seed ${seed}: forgotten before ${before}`);
        indexedBefore = before;
        all += gone.length;
      }
      if (finished.counts[2] !== rows.length + all) t.fail(`seed ${seed}, step ${step}: ${finished.counts[2]} are counted`);
      if (finished.size !== rows.length) t.fail(`seed ${seed}, step ${step}: ${finished.size} rows, expected ${rows.length}`);
    }
    for (const id of ids) {
      const own = rows.filter((row) => row.id === id).map((row) => row.seq);
      const expected = own.length === 0 ? null : Math.max(...own);
      if (finished.seqOf(id) !== expected)
        t.fail(`seed ${seed}: ${formatEventId(id)} at ${finished.seqOf(id)}, expected ${expected}`);
    }
    for (const tag of [
      { tagHigh: 0, tagLow: 1 },
      { tagHigh: 1, tagLow: 0 },
      { tagHigh: 1, tagLow: 2 },
    ]) {
      const expected = rows.filter((row) => row.tagHigh === tag.tagHigh && row.tagLow === tag.tagLow).map((row) => row.seq);
      if (finished.tagged(tag).join() !== expected.sort((one, other) => other - one).join()) t.fail(`seed ${seed}: tag`);
    }
  }
  t.pass('20 seeds');
});

t.test('a page holds more than one chunk of rows', async (t) => {
  const finished = new FinishedEvents();
  const rows = Array.from({ length: 40_000 }, (_, index) => rowOf(index + 1, { tagHigh: 1, tagLow: index + 1 }));
  for (const row of rows) finished.add(row);
  let wrong = 0;
  for (const row of rows) if (finished.seqOf(row.id) !== row.seq || finished.tagged(row)[0] !== row.seq) wrong++;
  t.equal(wrong, 0);
});
