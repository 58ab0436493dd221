/** Every bench is found and can be run; the load benches at their smallest size, so that none rots. Figures are not judged here. */
import t from 'tap';
import { sizeNames } from '../../bench/lib/bench.js';
import { findBenches } from '../../bench/lib/find.js';

t.setTimeout(240_000);

t.test('every bench has a name of its own, a question and sizes', async (t) => {
  const found = await findBenches([]);
  t.ok(found.length >= 15, `${found.length} benches`);
  for (const { bench, file } of found) {
    t.ok(file.pathname.includes(`/${bench.name}.`), `${bench.name} is the name of its file`);
    t.match(bench.question, /\?$/);
    for (const size of sizeNames) t.ok(bench.sizes[size] > 0);
  }
  t.same(
    (await findBenches(['wheel-insert', 'decide'])).map(({ bench }) => bench.name),
    ['decide', 'wheel-insert'],
  );
});

t.test('each load bench runs at its smallest size', { timeout: 240_000 }, async (t) => {
  for (const { bench } of (await findBenches([])).filter(({ file }) => file.pathname.includes('/load/'))) {
    const began = performance.now();
    const { rows, curves } = await bench.measure(bench.sizes.small);
    t.ok(
      rows.length > 0 &&
        rows.every((row) => Object.values(row).every((value) => typeof value === 'string' || Number.isFinite(value))),
      bench.name,
    );
    for (const name of ['refused', 'early', 'repeated', 'missing'])
      t.notOk(
        rows.some((row) => Number(row[name]) > 0),
        name,
      );
    t.comment(`${bench.name} ${Math.round(performance.now() - began)} ms`, curves.length);
  }
});
