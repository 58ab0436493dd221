/** Every bench is found and can be run; the load benches at their smallest size, so that none rots. Figures are not judged here. */
import t from 'tap';
import { type Bench, sizeNames } from '../../bench/lib/bench.js';
import { findBenches } from '../../bench/lib/find.js';
import { bench as filterWalk } from '../../bench/load/filter-walk.load.js';
import { bench as batch } from '../../bench/load/http-schedule-batch.load.js';
import { bench as single } from '../../bench/load/http-schedule-single.load.js';
import { bench as localFire } from '../../bench/load/local-fire.load.js';
import { bench as retentionSoak } from '../../bench/load/retention-soak.load.js';
import { bench as start } from '../../bench/load/start.load.js';

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

for (const bench of [single, batch] satisfies Bench[]) {
  t.test(`${bench.name}: both servers accept everything`, { timeout: 120_000 }, async (t) => {
    for (const row of await bench.measure(bench.sizes.small)) t.match(row, { refused: 0 }, `${row['server']}`);
  });
}

t.test('local-fire: everything arrives, nothing early', { timeout: 120_000 }, async (t) => {
  for (const row of await localFire.measure(localFire.sizes.small)) t.match(row, { early: 0 });
});

t.test('start: every event is there again', { timeout: 120_000 }, async (t) => {
  t.match(await start.measure(start.sizes.small), [{ pending: start.sizes.small / 6 }]);
});

t.test('retention-soak: it runs to its end', { timeout: 120_000 }, async (t) => {
  t.equal((await retentionSoak.measure(retentionSoak.sizes.small)).length, 10);
});

t.test('filter-walk: lists come to their end, everything is cancelled, some is put back', { timeout: 120_000 }, async (t) => {
  const [, lists, cancel, retry] = await filterWalk.measure(filterWalk.sizes.small);
  t.ok(Number(lists?.['done']) > 0);
  t.ok(Number(cancel?.['done']) > 0 && Number(retry?.['done']) > 0);
});
