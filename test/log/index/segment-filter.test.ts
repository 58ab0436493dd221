import t from 'tap';
import type { Slot, WallMs } from '../../../engine/kernel/brand.js';
import { mintEventId } from '../../../engine/kernel/event-id.js';
import { BloomFilter, SegmentFilter } from '../../../engine/log/index/segment-filter.js';
import { Random } from '../../wheel/random.js';

const pairs = (seed: number, count: number) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => [random.below(2 ** 32), random.below(2 ** 32)] as const);
};

t.test('a filter of nothing has seen nothing', async (t) => {
  const filter = BloomFilter.for(0);
  t.ok(pairs(1, 1_000).every(([one, two]) => !filter.mayContain(one, two)));
});

t.test('what was added is always found, also by a filter made of its words', async (t) => {
  const filter = BloomFilter.for(300_000);
  const added = pairs(2, 300_000);
  for (const [one, two] of added) filter.add(one, two);
  const copy = new BloomFilter(filter.words.slice());
  t.equal(added.filter(([one, two]) => !copy.mayContain(one, two)).length, 0);
});

t.test('a full filter takes what is new for known about once in 1,700 times', async (t) => {
  const filter = BloomFilter.for(200_000);
  for (const [one, two] of pairs(3, 200_000)) filter.add(one, two);
  const others = pairs(4, 400_000);
  const wrong = others.filter(([one, two]) => filter.mayContain(one, two)).length;
  t.ok(wrong / others.length < 0.001, `${wrong} of ${others.length}`);
  t.ok(wrong > 0, 'a filter that is never wrong is larger than it needs to be');
});

t.test('hashes at the ends of their range are found', async (t) => {
  const ends = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  const filter = BloomFilter.for(ends.length ** 2);
  for (const one of ends) for (const two of ends) filter.add(one, two);
  t.ok(ends.every((one) => ends.every((two) => filter.mayContain(one, two))));
});

t.test('ids and keys are told apart', async (t) => {
  const filter = SegmentFilter.for({ ids: 10, keys: 10 });
  const id = mintEventId(1 as Slot, 1_700_000_000_000 as WallMs);
  filter.addId(id);
  filter.addKey({ tagHigh: 1, tagLow: 2 });
  t.ok(filter.mayHaveId(id));
  t.notOk(filter.mayHaveId(mintEventId(1 as Slot, 1_700_000_000_000 as WallMs)));
  t.ok(filter.mayHaveKey({ tagHigh: 1, tagLow: 2 }));
  t.notOk(filter.mayHaveKey({ tagHigh: 2, tagLow: 1 }));
});

t.test('a key is found by its text alone, and few other texts are taken for known', async (t) => {
  const count = 50_000;
  const filter = SegmentFilter.for({ ids: 0, keys: count });
  const keys = pairs(5, count);
  for (const [tagHigh, tagLow] of keys) filter.addKey({ tagHigh, tagLow });
  t.ok(keys.every(([, tagLow]) => filter.mayHaveText(tagLow)));
  const others = pairs(6, 100_000);
  const wrong = others.filter(([, tagLow]) => filter.mayHaveText(tagLow)).length / others.length;
  t.ok(wrong < 0.035, `${wrong} of the texts`);
  const wrongKeys = others.filter(([tagHigh, tagLow]) => filter.mayHaveKey({ tagHigh, tagLow })).length / others.length;
  t.ok(wrongKeys < 0.001, `${wrongKeys} of the keys: as rarely as without texts`);
});

t.test('a known text under another source is taken for a known key about once in 40 times', async (t) => {
  const count = 50_000;
  const filter = SegmentFilter.for({ ids: 0, keys: count });
  const keys = pairs(7, count);
  for (const [tagHigh, tagLow] of keys) filter.addKey({ tagHigh, tagLow });
  const wrong = keys.filter(([tagHigh, tagLow]) => filter.mayHaveKey({ tagHigh: tagHigh ^ 0x5bd1e995, tagLow })).length / count;
  t.ok(wrong < 0.035, `${wrong} of the keys`);
});
