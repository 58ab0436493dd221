import t from 'tap';
import { TokenBucket } from '../../engine/dispatch/token-bucket.js';
import type { MonoMs } from '../../engine/kernel/brand.js';

/** Takes whatever there is, at each of these moments. Returns when. */
function takenAt(bucket: TokenBucket, moments: readonly number[]): number[] {
  const taken: number[] = [];
  for (const now of moments as readonly MonoMs[]) {
    while (bucket.has(now)) {
      bucket.take(now);
      taken.push(now);
    }
  }
  return taken;
}

/** The most that were taken within any span of so many milliseconds. */
function mostWithin(spanMs: number, taken: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < taken.length; last++) {
    while (taken[last]! - taken[first]! >= spanMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const everyMs = (stepMs: number, untilMs: number) => Array.from({ length: Math.floor(untilMs / stepMs) }, (_, at) => at * stepMs);

t.test('no span of time sees more than the rate and what the bucket holds, and no token is lost', async (t) => {
  for (const rate of [0.5, 1, 3, 10, 64, 333.3, 1_000, 20_000]) {
    const taken = takenAt(new TokenBucket(rate), everyMs(1, 60_000));
    const holds = Math.max(1, Math.floor(rate * 0.05));
    for (const spanMs of [10, 100, 1_000, 7_000, 30_000]) {
      const most = mostWithin(spanMs, taken);
      t.ok(most <= (rate * spanMs) / 1_000 + holds + 1e-6, `${most} of ${rate}/s within ${spanMs} ms`);
    }
    t.ok(taken.length >= Math.floor(rate * 60) - holds, `${taken.length} of ${rate}/s in a minute`);
  }
});

t.test('a slow rate is evenly spaced, also after a quiet hour', async (t) => {
  const bucket = new TokenBucket(4);
  t.same(takenAt(bucket, everyMs(1, 1_001)), [0, 250, 500, 750, 1_000]);
  const later = everyMs(1, 600).map((ms) => ms + 3_600_000);
  t.same(takenAt(bucket, later), [3_600_000, 3_600_250, 3_600_500]);
});

t.test('a thread that is a little late catches up, one that slept does not', async (t) => {
  const taken = takenAt(new TokenBucket(1_000), [0, 10, 40, 500]);
  t.same(
    [0, 10, 40, 500].map((at) => taken.filter((each) => each === at).length),
    [50, 10, 30, 50],
  );
});

t.test('it says when to look again', async (t) => {
  const bucket = new TokenBucket(4);
  const at = (ms: number) => ms as MonoMs;
  t.equal(bucket.waitMs(at(0)), 0);
  bucket.take(at(0));
  t.equal(bucket.waitMs(at(0)), 250);
  t.equal(bucket.waitMs(at(100)), 150);
  const fast = new TokenBucket(10_000);
  takenAt(fast, [0]);
  t.ok(fast.waitMs(at(0)) > 0.05, 'of a fast rate several come at a time');
});

t.test('a token that was not used is there again', async (t) => {
  const bucket = new TokenBucket(1);
  bucket.take(0 as MonoMs);
  t.notOk(bucket.has(0 as MonoMs));
  bucket.giveBack();
  t.ok(bucket.has(0 as MonoMs));
});
