import t from 'tap';
import { NumberMap } from '../../engine/kernel/number-map.js';
import { mostGrownOld } from '../support/old-generation.js';
import { Random } from '../wheel/random.js';

t.test('it answers as a Map does, whatever comes and goes', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const of = 1 + random.below(400);
    const far = random.pick([1, 1 << 18, 2 ** 33]);
    const map = new NumberMap<number, number>();
    const model = new Map<number, number>();
    const wrong: string[] = [];
    for (let step = 0; step < 3_000; step++) {
      const key = random.below(of) * far;
      const kind = random.below(1_000);
      if (kind < 450) {
        map.set(key, step);
        model.set(key, step);
      } else if (kind < 900) {
        if (map.delete(key) !== model.delete(key)) wrong.push(`step ${step}: delete ${key}`);
      } else if (kind < 901) {
        map.clear();
        model.clear();
      }
      if (map.get(key) !== model.get(key) || map.has(key) !== model.has(key)) wrong.push(`step ${step}: get ${key}`);
      if (map.size !== model.size) wrong.push(`step ${step}: size`);
    }
    for (let key = 0; key < of * far; key += far) if (map.get(key) !== model.get(key)) wrong.push(`at the end: get ${key}`);
    t.same(wrong, [], `seed ${seed}`);
    t.same([...map.values()].sort(), [...model.values()].sort(), `seed ${seed}: its values`);
  }
});

t.test('0 is one like others', async (t) => {
  const map = new NumberMap<number, string>();
  t.equal(map.has(0), false);
  map.set(0, 'first');
  t.equal(map.get(0), 'first');
  t.equal(map.delete(0), true);
  t.equal(map.delete(0), false);
  t.equal(map.get(0), undefined);
});

t.test('what has left dies young', async (t) => {
  const map = new NumberMap<number, { readonly at: number }>();
  const grownBytes = await mostGrownOld(30_000, (turn) => {
    for (let at = 0; at < 50; at++) map.set(turn * 50 + at, { at: turn + 0.5 });
    for (let at = 0; at < 50; at++) map.delete(turn * 50 + at);
  });
  t.ok(grownBytes < 4_000_000, `${grownBytes} bytes`);
});
