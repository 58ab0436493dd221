import t from 'tap';
import { RateWindow } from '../../../gateway/access/rate-window.js';

t.test('a window grants its quota, says what is left and until when, and then begins anew', async (t) => {
  const window = new RateWindow({ requests: 2, windowS: 10 });
  t.same(window.take(5_000), { granted: true, left: 1, resetS: 10 });
  t.same(window.take(9_500), { granted: true, left: 0, resetS: 6 });
  t.same(window.take(14_999), { granted: false, left: 0, resetS: 1 });
  t.same(window.take(15_000), { granted: true, left: 1, resetS: 10 });
});

t.test('who waits for as long as was said is served', async (t) => {
  const window = new RateWindow({ requests: 1, windowS: 3 });
  window.take(100.25);
  for (let nowMs = 100.25; nowMs < 3_100; nowMs += 333) {
    const { granted, resetS } = window.take(nowMs);
    t.notOk(granted);
    t.ok(nowMs + resetS * 1_000 >= 3_100.25, `${resetS} s from ${nowMs} is late enough`);
  }
  t.ok(window.take(3_100.25).granted);
});

t.test('the headers are structured fields of the draft', async (t) => {
  const window = new RateWindow({ requests: 100, windowS: 60 });
  t.same(window.headers({ granted: true, left: 99, resetS: 42 }), [
    ['RateLimit-Policy', '"default";q=100;w=60'],
    ['RateLimit', '"default";r=99;t=42'],
  ]);
});
