import t from 'tap';
import { placeNames, Places } from '../../engine/actor/places.js';
import type { Handle } from '../../engine/kernel/brand.js';
import { Random } from '../wheel/random.js';

t.test('a row is where it was put, also beyond the first chunk; one that was never put is only decided', async (t) => {
  const places = new Places();
  const handles = [0, 1, 65_535, 65_536, 200_000] as Handle[];
  for (const handle of handles) t.equal(places.of(handle), 'decided');
  for (const [at, handle] of handles.entries()) places.put(handle, placeNames[at % placeNames.length]!);
  for (const [at, handle] of handles.entries()) t.equal(places.of(handle), placeNames[at % placeNames.length]);
  t.equal(places.of(2 as Handle), 'decided');
  t.equal(places.of(10_000_000 as Handle), 'decided');
});

t.test('the mark of one that is paced stays from place to place, and goes with the next decision', async (t) => {
  const places = new Places();
  const handle = 70_000 as Handle;
  t.notOk(places.isPaced(handle));
  places.pace(handle);
  for (const place of placeNames) {
    places.put(handle, place);
    t.equal(places.of(handle), place);
    t.ok(places.isPaced(handle));
  }
  t.notOk(places.isPaced(70_001 as Handle));
  places.decide(handle);
  t.equal(places.of(handle), 'decided');
  t.notOk(places.isPaced(handle));
});

t.test('those that wait are found, whatever place the others are in, and none beyond the end', async (t) => {
  const random = new Random(3);
  const places = new Places();
  const rows = 140_000;
  const waiting: number[] = [];
  for (let row = 0; row < rows; row++) {
    // Long stretches without any, and some where they are many.
    const place = random.pick(row % 40_000 < 100 ? placeNames : (['decided', 'armed', 'loading', 'running'] as const));
    places.put(row as Handle, place);
    if (random.below(3) === 0) places.pace(row as Handle);
    if (place === 'waiting' || place === 'overdue') waiting.push(row);
  }
  const found = (from: number, end: number) => {
    const all: number[] = [];
    for (let next = places.nextWaiting(from as Handle, end); next !== null; next = places.nextWaiting((next + 1) as Handle, end))
      all.push(next);
    return all;
  };
  t.same(found(0, rows), waiting);
  t.same(found(0, 10_000_000), waiting);
  for (const [from, end] of [
    [1, 50],
    [39_999, 40_003],
    [65_530, 80_001],
    [7, 7],
  ] as const)
    t.same(
      found(from, end),
      waiting.filter((row) => row >= from && row < end),
    );
});
