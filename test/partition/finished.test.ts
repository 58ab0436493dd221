import t from 'tap';
import type { Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { FinishedOverlay, type FinishedRow } from '../../engine/partition/finished.js';
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
    labels: { source: 1, type: 2, destination: 3, signatureHigh: 4, signatureLow: 5 },
    status: 'DELIVERED',
    priority: 5,
    deliveryType: 'HTTP',
    ...fields,
  };
}

t.test('the final record of an id is found, that of another is not', async (t) => {
  const overlay = new FinishedOverlay();
  const row = rowOf(7);
  overlay.add(row);
  t.equal(overlay.seqOf(row.id), 7);
  t.equal(overlay.seqOf(newId()), null);
});

t.test('of several final records of one event the newest counts, in one page and over pages', async (t) => {
  const overlay = new FinishedOverlay();
  const id = newId();
  overlay.add(rowOf(3, { id }));
  overlay.add(rowOf(9, { id }));
  t.equal(overlay.seqOf(id), 9);
  overlay.openPage(seq(10));
  t.equal(overlay.seqOf(id), 9);
  overlay.add(rowOf(12, { id }));
  t.equal(overlay.seqOf(id), 12);
});

t.test('all events with a tag are found, newest first, over pages; half a tag is no tag', async (t) => {
  const overlay = new FinishedOverlay();
  const tag = { tagHigh: 5, tagLow: 6 };
  overlay.add(rowOf(1, tag));
  overlay.add(rowOf(2, { tagHigh: 4, tagLow: 6 }));
  overlay.add(rowOf(3, { tagHigh: 5, tagLow: 7 }));
  overlay.openPage(seq(4));
  overlay.add(rowOf(5, tag));
  overlay.add(rowOf(6));
  t.same(overlay.tagged(tag), [5, 1]);
  t.same(overlay.tagged({ tagHigh: 9, tagLow: 6 }), []);
});

t.test('a page of an indexed segment is handed over and forgotten, later ones stay', async (t) => {
  const overlay = new FinishedOverlay();
  const rows = [rowOf(1, { tagHigh: 1, tagLow: 1 }), rowOf(2)];
  for (const row of rows) overlay.add(row);
  overlay.openPage(seq(3));
  const later = rowOf(4, { tagHigh: 1, tagLow: 1 });
  overlay.add(later);
  const left: FinishedRow[] = [];
  overlay.dropBefore(seq(3), (row) => left.push({ ...row, id: row.id.slice() }));
  t.same(left, rows);
  t.equal(overlay.size, 1);
  t.equal(overlay.seqOf(rows[0]!.id), null);
  t.equal(overlay.seqOf(later.id), 4);
  t.same(overlay.tagged({ tagHigh: 1, tagLow: 1 }), [4]);
});

t.test('a final record of the following segment that stands in an earlier page is kept', async (t) => {
  const overlay = new FinishedOverlay();
  // Decided while the log writer was still sealing: it is in the new segment, whose page was not open yet.
  const ahead = rowOf(12, { tagHigh: 1, tagLow: 2 });
  overlay.add(rowOf(9));
  overlay.add(ahead);
  overlay.openPage(seq(10));
  const left: number[] = [];
  overlay.dropBefore(seq(10), (row) => left.push(row.seq));
  t.same(left, [9]);
  t.equal(overlay.seqOf(ahead.id), 12);
  t.same(overlay.tagged({ tagHigh: 1, tagLow: 2 }), [12]);
  overlay.openPage(seq(20));
  overlay.dropBefore(seq(20), (row) => left.push(row.seq));
  t.same(left, [9, 12]);
  t.equal(overlay.size, 0);
});

t.test('the page of the open segment is never dropped', async (t) => {
  const overlay = new FinishedOverlay();
  overlay.add(rowOf(1));
  overlay.dropBefore(seq(1_000), () => t.fail('handed over'));
  t.equal(overlay.size, 1);
});

t.test('an index that is behind an unindexed segment drops nothing before its turn', async (t) => {
  const overlay = new FinishedOverlay();
  for (const first of [10, 20, 30]) {
    overlay.add(rowOf(first - 5));
    overlay.openPage(seq(first));
  }
  overlay.dropBefore(seq(9), () => t.fail('handed over'));
  t.equal(overlay.size, 3);
  const left: number[] = [];
  overlay.dropBefore(seq(20), (row) => left.push(row.seq));
  t.same(left, [5, 15]);
  t.equal(overlay.size, 1);
});

t.test('it agrees with a list of rows over random histories of segments', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const overlay = new FinishedOverlay();
    let rows: FinishedRow[] = [];
    const ids: EventId[] = Array.from({ length: 60 }, newId);
    const handedOver = new Set<number>();
    let next = 1;
    const firsts: number[] = [];
    for (let step = 0; step < 400; step++) {
      const dice = random.next();
      if (dice < 0.9) {
        next += 1 + random.below(3);
        const row = rowOf(next, { id: random.pick(ids), tagHigh: random.below(2), tagLow: random.below(3) });
        overlay.add(row);
        rows.push(row);
      } else if (dice < 0.96) {
        // The actor is up to five records ahead of the segment that was sealed.
        const first = Math.max(next - random.below(5), (firsts.at(-1) ?? 1) + 1);
        firsts.push(first);
        overlay.openPage(seq(first));
      } else if (firsts.length > 0) {
        const before = firsts.shift()!;
        overlay.dropBefore(seq(before), (row) => handedOver.add(row.seq));
        const gone = rows.filter((row) => row.seq < before);
        rows = rows.filter((row) => row.seq >= before);
        if (!gone.every((row) => handedOver.has(row.seq))) t.fail(`seed ${seed}: not handed over before ${before}`);
      }
      if (overlay.size !== rows.length) t.fail(`seed ${seed}, step ${step}: ${overlay.size} rows, expected ${rows.length}`);
    }
    for (const id of ids) {
      const own = rows.filter((row) => row.id === id).map((row) => row.seq);
      const expected = own.length === 0 ? null : Math.max(...own);
      if (overlay.seqOf(id) !== expected)
        t.fail(`seed ${seed}: ${formatEventId(id)} at ${overlay.seqOf(id)}, expected ${expected}`);
    }
    for (const tag of [
      { tagHigh: 0, tagLow: 1 },
      { tagHigh: 1, tagLow: 0 },
      { tagHigh: 1, tagLow: 2 },
    ]) {
      const expected = rows.filter((row) => row.tagHigh === tag.tagHigh && row.tagLow === tag.tagLow).map((row) => row.seq);
      if (overlay.tagged(tag).join() !== expected.sort((one, other) => other - one).join()) t.fail(`seed ${seed}: tag`);
    }
  }
  t.pass('20 seeds');
});

t.test('a page holds more than one chunk of rows', async (t) => {
  const overlay = new FinishedOverlay();
  const rows = Array.from({ length: 40_000 }, (_, index) => rowOf(index + 1, { tagHigh: 1, tagLow: index + 1 }));
  for (const row of rows) overlay.add(row);
  let wrong = 0;
  for (const row of rows) if (overlay.seqOf(row.id) !== row.seq || overlay.tagged(row)[0] !== row.seq) wrong++;
  t.equal(wrong, 0);
});
