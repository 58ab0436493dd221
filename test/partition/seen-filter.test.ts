import t from 'tap';
import { SeenFilter } from '../../engine/partition/seen-filter.js';
import { Random } from '../wheel/random.js';

const pairs = (seed: number, count: number) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => [random.below(2 ** 32), random.below(2 ** 32)] as const);
};

t.test('an empty filter has seen nothing', async (t) => {
  const filter = new SeenFilter();
  t.ok(pairs(1, 1_000).every(([one, two]) => !filter.mayContain(one, two)));
});

t.test('what was added is always found, also when one filter was full and another followed', async (t) => {
  const filter = new SeenFilter();
  const added = pairs(2, 1_050_000);
  for (const [one, two] of added) filter.add(one, two);
  let missed = 0;
  for (const [one, two] of added) if (!filter.mayContain(one, two)) missed++;
  t.equal(missed, 0);
});

t.test('a full filter takes what is new for known about once in 120 times', async (t) => {
  const filter = new SeenFilter();
  for (const [one, two] of pairs(3, 1_000_000)) filter.add(one, two);
  const others = pairs(4, 200_000);
  const wrong = others.filter(([one, two]) => filter.mayContain(one, two)).length;
  t.ok(wrong / others.length < 0.01, `${wrong} of ${others.length}`);
  t.ok(wrong > 0, 'a filter that is never wrong is larger than it needs to be');
});

t.test('hashes at the ends of their range are found', async (t) => {
  const filter = new SeenFilter();
  const ends = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  for (const one of ends) for (const two of ends) filter.add(one, two);
  t.ok(ends.every((one) => ends.every((two) => filter.mayContain(one, two))));
});
