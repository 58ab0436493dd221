/** Every bench is found and has what it needs. */
import t from 'tap';
import { sizeNames } from '../../bench/lib/bench.js';
import { findBenches } from '../../bench/lib/find.js';

t.test('every bench has a name of its own, a question and sizes', async (t) => {
  const found = await findBenches([]);
  t.ok(found.length >= 15, `${found.length} benches`);
  for (const { bench, file } of found) {
    t.ok(file.pathname.includes(`/${bench.name}.`), `${bench.name} is the name of its file`);
    t.match(bench.question, /\?$/);
    for (const size of sizeNames) t.ok(bench.sizes[size] > 0);
  }
  const namesOf = async (words: readonly string[]) => (await findBenches(words)).map(({ bench }) => bench.name);
  t.same(await namesOf(['wheel-insert', 'decide']), ['decide', 'wheel-insert']);
  t.same(await namesOf(['local-fire']), ['local-fire'], 'a name is itself alone');
  t.ok((await namesOf(['local-'])).length >= 3);
});
