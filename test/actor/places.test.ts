import t from 'tap';
import { placeNames, Places } from '../../engine/actor/places.js';
import type { Handle } from '../../engine/kernel/brand.js';

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
