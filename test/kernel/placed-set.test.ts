import t from 'tap';
import { type Placed, PlacedSet } from '../../engine/kernel/placed-set.js';
import { mostGrownOld } from '../support/old-generation.js';
import { Random } from '../wheel/random.js';

interface Member extends Placed {
  readonly name: number;
}

const member = (name: number): Member => ({ name, place: -1 });

t.test('it has what was added and not deleted, each at its place', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const set = new PlacedSet<Member>();
    const model = new Set<Member>();
    for (let step = 0; step < 1_000; step++) {
      if (model.size === 0 || random.below(100) < 50) {
        const added = member(step);
        set.add(added);
        model.add(added);
      } else {
        const left = random.pick([...model]);
        set.delete(left);
        model.delete(left);
        if (left.place !== -1) t.fail(`seed ${seed}: ${left.name} has left and knows a place`);
      }
    }
    t.equal(set.size, model.size, `seed ${seed}`);
    const names = (members: Iterable<Member>): number[] => [...members].map(({ name }) => name).sort((a, b) => a - b);
    t.same(names(set), names(model), `seed ${seed}: its members`);
  }
});

t.test('what has left dies young', async (t) => {
  const set = new PlacedSet<Member & { readonly at: number }>();
  const grownBytes = await mostGrownOld(30_000, (turn) => {
    const members = Array.from({ length: 50 }, (_, at) => ({ name: at, at: turn + 0.5, place: -1 }));
    for (const each of members) set.add(each);
    for (const each of members) set.delete(each);
  });
  t.ok(grownBytes < 4_000_000, `${grownBytes} bytes`);
});
