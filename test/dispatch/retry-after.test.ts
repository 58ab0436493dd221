import t from 'tap';
import { retryAfterMs } from '../../engine/dispatch/retry-after.js';
import type { WallMs } from '../../engine/kernel/brand.js';

const now = Date.UTC(1994, 10, 6, 8, 49, 30, 250) as WallMs;

t.test('seconds, dates in each of the three forms, and what is neither', (t) => {
  const day = 86_400_000;
  const expected: [string, number | null][] = [
    ['0', 0],
    ['3', 3_000],
    [' 120 ', 120_000],
    ['86400', day],
    ['86401', day],
    ['999999999999999', day],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 6_750],
    ['Sun, 06 Nov 1994 08:49:29 GMT', 0],
    ['Sun, 06 Nov 1994 08:49:30 GMT', 0],
    ['Tue, 06 Nov 2035 08:49:37 GMT', day],
    ['', null],
    ['soon', null],
    ['-1', null],
    ['1.5', null],
    ['1e3', null],
    ['9999999999999999999999', null],
    ['Sun, 06 Foo 1994 08:49:37 GMT', null],
    ['Sun, 99 Nov 1994 08:49:37 GMT', null],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 6_750],
    ['Sunday, 06-Nov-44 08:49:37 GMT', day],
    ['Monday, 06-Nov-45 08:49:37 GMT', 0],
    ['Sunday, 06-Foo-94 08:49:37 GMT', null],
    ['Sun Nov  6 08:49:37 1994', 6_750],
    ['Thu Nov 10 08:49:37 1994', day],
    ['Sun Nov 6 08:49:37 1994', null],
    ['Sun Nov  6 08:49:37 1994 GMT', null],
    ['1994-11-06T08:49:37Z', null],
  ];
  for (const [value, ms] of expected) t.equal(retryAfterMs(value, now), ms, JSON.stringify(value));
  t.end();
});
