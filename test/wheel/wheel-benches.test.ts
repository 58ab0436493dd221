/** Each bench runs at a small size, so that none rots. Figures are not judged here. */
import t from 'tap';
import { run as runBoundary } from '../../bench/micro/wheel-boundary.bench.js';
import { run as runFire } from '../../bench/micro/wheel-fire.bench.js';
import { run as runInsert } from '../../bench/micro/wheel-insert.bench.js';

const size = 5_000;

t.test('wheel-insert measures every horizon', (t) => {
  for (const result of runInsert({ size })) {
    t.ok(result.insertsPerSecond > 0 && result.cancelsPerSecond > 0 && result.randomCancelsPerSecond > 0, result.horizon);
  }
  t.end();
});

t.test('wheel-fire fires everything and sees an idle turn', (t) => {
  const { fired, idleTurnNs } = runFire({ size });
  for (const result of fired) t.ok(result.firedPerSecond > 0 && result.turns > 0, result.horizon);
  t.ok(idleTurnNs > 0);
  t.end();
});

t.test('wheel-boundary moves every entry of the slot and never more than its budget at once', (t) => {
  for (const result of runBoundary({ size })) {
    t.ok(result.turns >= size / result.budget && result.nsPerMove > 0, `${result.handles}, ${result.budget}`);
  }
  t.end();
});
