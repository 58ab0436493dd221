import t from 'tap';
import type { Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { type DeliveryType, deliveryTypes } from '../../engine/event/spec.js';
import { emptyTally, type LabelHashes, tallyPlace } from '../../engine/event/label-filter.js';
import { type EventStatus, eventStatuses } from '../../engine/event/status.js';
import { segmentLabelPairsMax } from '../../engine/kernel/limits.js';
import { FinishedEvents, type PageOutline } from '../../engine/partition/finished.js';
import { FinishedPage } from '../../engine/partition/finished-page.js';
import type { ListedRows } from '../../engine/partition/row-filter.js';
import { Random } from '../wheel/random.js';

const now = 1_763_632_800_000 as WallMs;
const newId = () => mintEventId(1 as Slot, now);
const seq = (value: number) => value as Sequence;

interface FinishedRow {
  readonly id: EventId;
  readonly tagHigh: number;
  readonly tagLow: number;
  readonly seq: Sequence;
  readonly status: EventStatus;
  readonly deliveryType: DeliveryType;
  readonly source: number;
  readonly type: number;
}

/** One row, filled anew for each that is added. */
const room = {
  source: new Uint32Array(1),
  type: new Uint32Array(1),
  destination: Uint32Array.of(2),
  signatureHigh: Uint32Array.of(0),
  signatureLow: Uint32Array.of(0),
  changes: Uint32Array.of(2),
  attempts: Uint32Array.of(1),
  tagHigh: new Uint32Array(1),
  tagLow: new Uint32Array(1),
  priority: Uint8Array.of(5),
  status: new Uint8Array(1),
  deliveryType: new Uint8Array(1),
  newestSeq: new Float64Array(1),
  scheduledAt: Float64Array.of(now),
  bodyBehind: new Float64Array(1),
};

function add(
  finished: Pick<FinishedEvents | FinishedPage, 'add'>,
  { id, tagHigh, tagLow, seq: at, status, deliveryType, source, type }: FinishedRow,
): void {
  room.source[0] = source;
  room.type[0] = type;
  room.tagHigh[0] = tagHigh;
  room.tagLow[0] = tagLow;
  room.status[0] = eventStatuses.indexOf(status);
  room.deliveryType[0] = deliveryTypes.indexOf(deliveryType);
  room.newestSeq[0] = at;
  room.bodyBehind[0] = at - 1;
  finished.add({ ...room, id } as unknown as ListedRows, 0);
}

function rowOf(at: number, fields: Partial<FinishedRow> = {}): FinishedRow {
  return {
    id: newId(),
    tagHigh: 0,
    tagLow: 0,
    seq: seq(at),
    status: 'DELIVERED',
    deliveryType: 'HTTP',
    source: 1,
    type: 0,
    ...fields,
  };
}

t.test('the final record of an id is found, that of another is not', async (t) => {
  const finished = new FinishedEvents();
  const row = rowOf(7);
  add(finished, row);
  t.equal(finished.seqOf(row.id), 7);
  t.equal(finished.seqOf(newId()), null);
});

t.test('of several final records of one event the newest counts, in one page and over pages', async (t) => {
  const finished = new FinishedEvents();
  const id = newId();
  add(finished, rowOf(3, { id }));
  add(finished, rowOf(9, { id }));
  t.equal(finished.seqOf(id), 9);
  finished.openPage(seq(10));
  t.equal(finished.seqOf(id), 9);
  add(finished, rowOf(12, { id }));
  t.equal(finished.seqOf(id), 12);
});

t.test('all events with a tag are found, newest first, over pages; half a tag is no tag', async (t) => {
  const finished = new FinishedEvents();
  const tag = { tagHigh: 5, tagLow: 6 };
  add(finished, rowOf(1, tag));
  add(finished, rowOf(2, { tagHigh: 4, tagLow: 6 }));
  add(finished, rowOf(3, { tagHigh: 5, tagLow: 7 }));
  finished.openPage(seq(4));
  add(finished, rowOf(5, tag));
  add(finished, rowOf(6));
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
  for (const row of rows) add(finished, row);
  finished.openPage(seq(3));
  const later = rowOf(4, { tagHigh: 1, tagLow: 1 });
  add(finished, later);
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
  add(finished, before);
  add(finished, ahead);
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
    add(finished, row);
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
  add(finished, row);
  finished.openPage(seq(10));
  add(finished, rowOf(11, { status: 'CANCELLED' }));
  t.same([finished.counts[2], finished.counts[5]], [1, 1]);
  finished.supersede(seq(5), row);
  t.equal(finished.seqOf(row.id), null);
  add(finished, { ...row, seq: seq(12) });
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
  add(finished, rowOf(1));
  finished.removeBefore(seq(1_000));
  t.equal(finished.size, 1);
});

t.test('it agrees with a list of rows over random histories of segments', async (t) => {
  const wrong: string[] = [];
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
        add(finished, row);
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
        if (!gone.every(({ id }) => finished.mayBeIndexedId(id))) wrong.push(`seed ${seed}: forgotten before ${before}`);
        indexedBefore = before;
        all += gone.length;
      }
      if (finished.counts[2] !== rows.length + all) wrong.push(`seed ${seed}, step ${step}: ${finished.counts[2]} are counted`);
      if (finished.size !== rows.length) wrong.push(`seed ${seed}, step ${step}: ${finished.size} rows, expected ${rows.length}`);
    }
    for (const id of ids) {
      const own = rows.filter((row) => row.id === id).map((row) => row.seq);
      const expected = own.length === 0 ? null : Math.max(...own);
      if (finished.seqOf(id) !== expected)
        wrong.push(`seed ${seed}: ${formatEventId(id)} at ${finished.seqOf(id)}, expected ${expected}`);
    }
    for (const tag of [
      { tagHigh: 0, tagLow: 1 },
      { tagHigh: 1, tagLow: 0 },
      { tagHigh: 1, tagLow: 2 },
    ]) {
      const expected = rows.filter((row) => row.tagHigh === tag.tagHigh && row.tagLow === tag.tagLow).map((row) => row.seq);
      if (finished.tagged(tag).join() !== expected.sort((one, other) => other - one).join()) wrong.push(`seed ${seed}: tag`);
      if (finished.hasTag(tag) !== expected.length > 0) wrong.push(`seed ${seed}: whether there is any with a tag`);
    }
  }
  t.same(wrong.slice(0, 3), []);
});

t.test('a snapshot keeps the sums by label of a page, and a page with too many says that it has none', async (t) => {
  const finished = new FinishedEvents();
  for (let place = 0; place < 10; place++) add(finished, rowOf(1 + place, { source: place & 1, type: place % 3 }));
  finished.openPage(seq(20));
  for (let place = 0; place <= segmentLabelPairsMax; place++) add(finished, rowOf(20 + place, { source: place }));
  t.notOk(finished.isSummed);
  const again = new FinishedEvents();
  again.layOut(JSON.parse(JSON.stringify(finished.outline)) as PageOutline[]);
  t.same(again.outline[0], finished.outline[0]);
  t.equal(again.outline[1]!.labels, null);
  t.notOk(again.isSummed);
  const gone = again.removeBefore(seq(20));
  t.equal(gone[eventStatuses.indexOf('DELIVERED')], 10);
  finished.removeBefore(seq(20));
  finished.openPage(seq(1_000));
  finished.removeBefore(seq(1_000));
  t.ok(finished.isSummed, 'with its page goes what was left out');
});

t.test('counts fit whatever is put back, finishes again, and is known of late', async (t) => {
  const wrong: string[] = [];
  const countsOf = (rows: Iterable<FinishedRow>) => {
    const counts = new Array<number>(eventStatuses.length + deliveryTypes.length).fill(0);
    for (const { status, deliveryType } of rows) {
      counts[eventStatuses.indexOf(status)]!++;
      counts[eventStatuses.length + deliveryTypes.indexOf(deliveryType)]!++;
    }
    return counts;
  };
  const tallyOf = (rows: Iterable<FinishedRow>, labels: LabelHashes) => {
    const tally = emptyTally();
    for (const { status, deliveryType, source, type } of rows) {
      if ((labels.source ?? source) !== source || (labels.type ?? type) !== type) continue;
      tally[tallyPlace(eventStatuses.indexOf(status), deliveryTypes.indexOf(deliveryType))]!++;
    }
    return tally;
  };
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const finished = new FinishedEvents();
    const ids = Array.from({ length: 30 }, newId);
    const ended = new Map<EventId, FinishedRow>();
    /** Where segments open: told of in order, but late. */
    const untold: number[] = [];
    let [next, removedBefore, indexedBefore] = [1, 1, 1];
    const told = [1];
    for (let step = 0; step < 500; step++) {
      const dice = random.next();
      const id = random.pick(ids);
      const row = ended.get(id);
      next++;
      if (dice < 0.8 && row === undefined) {
        const status = random.pick(['DELIVERED', 'DEAD', 'CANCELLED'] as const);
        const labels = { source: random.below(3), type: random.below(2) };
        const tag = { tagHigh: 1, tagLow: random.below(3) };
        const ends = rowOf(next, { id, status, deliveryType: random.pick(deliveryTypes), ...tag, ...labels });
        add(finished, ends);
        ended.set(id, ends);
      } else if (dice < 0.8 && row !== undefined) {
        finished.supersede(row.seq, row);
        ended.delete(id);
      } else if (dice < 0.88) untold.push(next);
      else if (dice < 0.94 && untold.length > 0) {
        told.push(untold.shift()!);
        finished.openPage(seq(told.at(-1)!));
      } else if (dice < 0.97 && untold.length > 0 && told.at(-1)! > indexedBefore) {
        // Word of the index of the last segment that was told of comes before that of its seal.
        const [first, behind] = [told.at(-1)!, untold.shift()!];
        const own = [...ended.values()].filter((each) => each.seq >= first && each.seq < behind);
        finished.indexed({ first: seq(first), next: seq(behind), filter: filterOf(...own) });
        told.push(behind);
        indexedBefore = behind;
      } else if (told.length > 2) {
        removedBefore = told.splice(0, 1 + random.below(told.length - 2)).length > 0 ? told[0]! : removedBefore;
        finished.removeBefore(seq(removedBefore));
        for (const [gone, { seq: at }] of ended) if (at < removedBefore) ended.delete(gone);
      }
      const expected = countsOf(ended.values());
      if (expected.join() !== [...finished.counts].join())
        wrong.push(`seed ${seed}, step ${step}: ${finished.counts}, expected ${expected}`);
      const labels = random.pick([
        { source: 1, type: null },
        { source: null, type: 1 },
        { source: 2, type: 0 },
      ]);
      const tally = emptyTally();
      finished.addTo(tally, labels);
      if (!finished.isSummed || tally.join() !== tallyOf(ended.values(), labels).join())
        wrong.push(`seed ${seed}, step ${step}: ${tally} of ${JSON.stringify(labels)}`);
      const { outline } = finished;
      for (const [place, { first, counts }] of outline.entries()) {
        const end = outline[place + 1]?.first ?? Number.POSITIVE_INFINITY;
        const own = countsOf([...ended.values()].filter((each) => each.seq >= first && each.seq < end));
        if (own.join() !== counts.join())
          wrong.push(`seed ${seed}, step ${step}: page ${first} counts ${counts}, expected ${own}`);
      }
    }
  }
  t.same(wrong.slice(0, 3), []);
});

t.test('a page holds more than one chunk of rows', async (t) => {
  const finished = new FinishedEvents();
  const rows = Array.from({ length: 40_000 }, (_, index) => rowOf(index + 1, { tagHigh: 1, tagLow: index + 1 }));
  for (const row of rows) add(finished, row);
  let wrong = 0;
  for (const row of rows) if (finished.seqOf(row.id) !== row.seq || finished.tagged(row)[0] !== row.seq) wrong++;
  t.equal(wrong, 0);
});

t.test('gathered rows are those that are left, whatever is missing between them and wherever a chunk ends', async (t) => {
  const [page, copy] = [new FinishedPage(seq(1)), new FinishedPage(seq(1))];
  const rows = Array.from({ length: 33_000 }, (_, place) => rowOf(place + 1));
  for (const row of rows) add(page, row);
  const isGone = (place: number) =>
    place < 3 || place % 16_384 === 5_000 || (place >= 16_380 && place < 16_390) || place % 2_999 === 1;
  for (const [place, { id, seq: at }] of rows.entries()) if (isGone(place)) page.remove(id, at);
  const live = page.liveRows();
  for (const some of [live.slice(0, 20_000), live.slice(20_000)]) copy.scatter(page.gather(some));
  t.equal(copy.size, rows.filter((_, place) => !isGone(place)).length);
  const found = rows.map(({ id }) => copy.seqOf(id));
  t.same(
    found,
    rows.map(({ seq: at }, place) => (isGone(place) ? null : at)),
  );
});
