import t from 'tap';
import { grouped } from '../../../gateway/input/grouped.js';

t.test('numbers are grouped as English readers expect', async (t) => {
  for (const number of [0, 7, 999, 1_000, 10_000, 999_999, 1_000_000, 1_234_567_890]) {
    t.equal(grouped(number), number.toLocaleString('en'));
  }
});
