import t from 'tap';
import { backOffMs } from '../../engine/event/back-off.js';
import { defaultRetry, type RetryPolicy } from '../../engine/event/spec.js';
import { Random } from '../wheel/random.js';

const exact: RetryPolicy = { ...defaultRetry, jitter: 'none' };
const waits = (policy: RetryPolicy, attempts: number, random = 0) =>
  Array.from({ length: attempts }, (_, index) => backOffMs(policy, { attempt: index + 1, random }));

t.test('exponential waits multiply', async (t) => {
  t.same(waits(exact, 6), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
  t.same(waits({ ...exact, initialMs: 100, multiplier: 1.5 }, 4), [100, 150, 225, 338]);
  t.same(waits({ ...exact, multiplier: 1 }, 3), [1_000, 1_000, 1_000]);
});

t.test('linear waits add', async (t) => {
  t.same(waits({ ...exact, strategy: 'linear', initialMs: 250 }, 5), [250, 500, 750, 1_000, 1_250]);
});

t.test('fixed waits stay', async (t) => {
  t.same(waits({ ...exact, strategy: 'fixed', initialMs: 700 }, 4), [700, 700, 700, 700]);
});

t.test('no wait is longer than the longest allowed, at any number of attempts', async (t) => {
  for (const strategy of ['exponential', 'linear', 'fixed'] as const) {
    const policy = { ...exact, strategy, maxMs: 5_000, multiplier: 1_000 };
    for (const attempt of [1, 2, 10, 101, 1_000, 65_535]) {
      const wait = backOffMs(policy, { attempt, random: 0 });
      t.ok(wait >= 1_000 && wait <= 5_000, `${strategy} ${attempt}: ${wait}`);
    }
  }
});

t.test('a first wait of nothing stays nothing, however often it is multiplied', async (t) => {
  for (const attempt of [1, 2, 101]) {
    t.equal(backOffMs({ ...exact, initialMs: 0, multiplier: 1_000 }, { attempt, random: 0 }), 0, `attempt ${attempt}`);
  }
});

t.test('full jitter spreads evenly between nothing and the whole wait', async (t) => {
  const random = new Random(1);
  const drawn = Array.from({ length: 20_000 }, () => backOffMs(defaultRetry, { attempt: 3, random: random.next() }));
  t.ok(Math.min(...drawn) >= 0 && Math.max(...drawn) <= 4_000);
  const quarters = [0, 0, 0, 0];
  for (const wait of drawn) quarters[Math.min(3, Math.floor(wait / 1_000))]!++;
  for (const [quarter, count] of quarters.entries()) t.ok(Math.abs(count / 5_000 - 1) < 0.1, `quarter ${quarter}: ${count}`);
});

t.test('jitter at its ends: the whole wait, and almost none of it', async (t) => {
  t.equal(backOffMs(defaultRetry, { attempt: 1, random: 0 }), 1_000);
  t.equal(backOffMs(defaultRetry, { attempt: 1, random: 1 - 2 ** -53 }), 0);
});

t.test('waits are whole milliseconds', async (t) => {
  const random = new Random(2);
  for (let attempt = 1; attempt <= 200; attempt++) {
    const wait = backOffMs({ ...defaultRetry, multiplier: 1.37 }, { attempt, random: random.next() });
    if (!Number.isInteger(wait)) t.fail(`attempt ${attempt}: ${wait}`);
  }
});
