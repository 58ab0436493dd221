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
