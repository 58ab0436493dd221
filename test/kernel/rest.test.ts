import t from 'tap';
import { Rest } from '../../engine/kernel/rest.js';

t.test('what happens is told at the next look, and where nothing happens every fourth look tells the same again', async (t) => {
  const rest = new Rest();
  const told = [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3].map((happened) => rest.isOver(happened));
  t.same(told, [true, true, true, false, false, false, true, false, false, false, true, false]);
});
