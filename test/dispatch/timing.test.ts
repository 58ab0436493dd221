import t from 'tap';
import { SystemTiming } from '../../engine/dispatch/timing.js';

t.test('wall time has a fraction and is never in another millisecond than Date.now()', (t) => {
  const timing = new SystemTiming();
  let fractions = 0;
  for (let count = 0; count < 100_000; count++) {
    const before = Date.now();
    const wall = timing.wallMs();
    const after = Date.now();
    if (wall < before || Math.floor(wall) > after) t.fail(`${wall} between ${before} and ${after}`);
    if (wall % 1 !== 0) fractions += 1;
  }
  t.ok(fractions > 0);
  t.end();
});

t.test('a timer of more than 24 days is not one of a millisecond', (t) => {
  const timing = new SystemTiming();
  const cancel = timing.after(2 ** 40, () => t.fail('too early'));
  timing.after(1, () => {
    cancel();
    t.end();
  });
});
