import t from 'tap';
import { listOf, placeOf, ringSlots } from '../../engine/wheel/geometry.js';
import { Occupancy } from '../../engine/wheel/occupancy.js';
import { Random } from './random.js';

t.test('the next slot that is found is the one that a walk along the ring meets first', (t) => {
  const random = new Random(3);
  const block = 8;
  for (let round = 0; round < 300; round++) {
    const occupancy = new Occupancy();
    const full = new Set<number>();
    const changes = random.below(12);
    for (let change = 0; change < changes; change++) {
      const slot = random.below(ringSlots);
      const list = listOf(placeOf(block, slot), random.below(10));
      if (random.next() < 0.7) {
        occupancy.add(list);
        full.add(list);
      } else {
        occupancy.delete(list);
        full.delete(list);
      }
    }
    const slots = new Set([...full].map((list) => list % ringSlots));
    for (let from = 0; from < ringSlots; from++) {
      let steps = 0;
      while (steps < ringSlots && !slots.has((from + steps) % ringSlots)) steps++;
      const expected = steps === ringSlots ? -1 : steps;
      if (occupancy.stepsToNext(block, from) !== expected) t.fail(`round ${round}: from ${from} expected ${expected}`);
    }
    t.equal(occupancy.stepsToNext(block - 1, 0), -1, 'another block is not touched');
  }
  t.end();
});

t.test('a place stays occupied until its last rank has gone', (t) => {
  const occupancy = new Occupancy();
  const place = placeOf(1, 77);
  occupancy.add(listOf(place, 0));
  occupancy.add(listOf(place, 9));
  t.equal(occupancy.ranksAt(place), 0b10_0000_0001);
  occupancy.delete(listOf(place, 0));
  t.equal(occupancy.stepsToNext(1, 70), 7);
  t.notOk(occupancy.has(listOf(place, 0)));
  t.ok(occupancy.has(listOf(place, 9)));
  occupancy.delete(listOf(place, 9));
  t.equal(occupancy.stepsToNext(1, 70), -1);
  t.end();
});

t.test('clear empties every block', (t) => {
  const occupancy = new Occupancy();
  occupancy.add(listOf(placeOf(3, 5), 4));
  occupancy.clear();
  t.equal(occupancy.stepsToNext(3, 0), -1);
  t.notOk(occupancy.has(listOf(placeOf(3, 5), 4)));
  t.end();
});
