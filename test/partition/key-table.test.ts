import t from 'tap';
import type { Handle } from '../../engine/kernel/brand.js';
import { KeyTable } from '../../engine/partition/key-table.js';
import { Random } from '../wheel/random.js';

function setup() {
  const rows = new Map<number, { tagHigh: number; tagLow: number }>();
  const table = new KeyTable({ tagHigh: (row) => rows.get(row)!.tagHigh, tagLow: (row) => rows.get(row)!.tagLow });
  const add = (row: number, tagHigh: number, tagLow: number) => {
    rows.set(row, { tagHigh, tagLow });
    table.add(row as Handle);
  };
  const remove = (row: number) => {
    table.remove(row as Handle);
    rows.delete(row);
  };
  return { rows, table, add, remove };
}

const sorted = (handles: readonly number[] | null) => (handles === null ? null : [...handles].sort((one, other) => one - other));

t.test('a text that many have does not make adding slow, and its keys are still found', async (t) => {
  const { table, add, remove } = setup();
  const count = 100_000;
  const began = performance.now();
  for (let row = 0; row < count; row++) add(row, row + 1, 7);
  // Walking past all of them would take minutes.
  t.ok(performance.now() - began < 20_000);
  t.equal(table.withText(7), null, 'to be scanned for');
  for (const row of [0, 63, 64, 5_000, count - 1]) {
    t.same(table.tagged({ tagHigh: row + 1, tagLow: 7 }), [row]);
    t.equal(table.has({ tagHigh: row + 1, tagLow: 7 }), true);
  }
  t.equal(table.has({ tagHigh: count + 1, tagLow: 7 }), false);
  t.same(table.withText(8), []);
  for (let row = 10; row < count; row++) remove(row);
  t.same(sorted(table.withText(7)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'no longer crowded');
});

t.test('under random operations it knows what a plain list knows', async (t) => {
  const { rows, table, add, remove } = setup();
  const random = new Random(11);
  for (let step = 0; step < 20_000; step++) {
    const row = random.below(400);
    if (rows.has(row)) remove(row);
    else add(row, random.below(40), 1 + random.below(3));
    const tagHigh = random.below(40);
    const tagLow = 1 + random.below(3);
    const withText = [...rows].filter(([, tag]) => tag.tagLow === tagLow);
    const tagged = withText.filter(([, tag]) => tag.tagHigh === tagHigh).map(([each]) => each);
    const found = sorted(table.tagged({ tagHigh, tagLow }));
    if (JSON.stringify(found) !== JSON.stringify(sorted(tagged))) t.same(found, sorted(tagged), `step ${step}`);
    if (table.has({ tagHigh, tagLow }) !== tagged.length > 0) t.fail(`step ${step}: whether there is any with this tag`);
    const byText = sorted(table.withText(tagLow));
    const expected = sorted(withText.map(([each]) => each));
    if (byText !== null && JSON.stringify(byText) !== JSON.stringify(expected)) t.same(byText, expected, `step ${step}`);
    if (byText === null && withText.length <= 2) t.fail(`step ${step}: a text of ${withText.length} rows is crowded`);
  }
});

t.test('a table that is asked for nothing counts its rows, and refuses to be asked', async (t) => {
  const table = new KeyTable({ tagHigh: () => 1, tagLow: () => 2 }, { isAsked: false });
  for (const row of [0, 1, 2]) table.add(row as Handle);
  table.remove(1 as Handle);
  t.equal(table.size, 2);
  for (const ask of [() => table.has({ tagHigh: 1, tagLow: 2 }), () => table.withText(2)]) t.throws(ask, /is asked for one/);
});
