import t from 'tap';
import { parseDelay } from '../../../../gateway/input/fields/delay.js';

t.test('both forms give whole milliseconds', async (t) => {
  for (const [text, ms] of [
    ['PT1H30M', 5_400_000],
    ['1h30m', 5_400_000],
    ['P1D', 86_400_000],
    ['1d', 86_400_000],
    ['P2W', 1_209_600_000],
    ['2w', 1_209_600_000],
    ['P1DT12H', 129_600_000],
    ['1d12h', 129_600_000],
    ['PT0S', 0],
    ['0s', 0],
    ['250ms', 250],
    ['1s250ms', 1_250],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['PT0.25S', 250],
    ['PT0,25S', 250],
    ['1.1s', 1_100],
    ['PT1.1S', 1_100],
    ['0.1ms', 1],
    ['0.000000001s', 1],
    ['1w2d3h4m5s6ms', 788_645_006],
  ] as const) {
    t.equal(parseDelay(text), ms, text);
  }
});

t.test('what is ambiguous or malformed is refused with its reason', async (t) => {
  for (const [text, reason] of [
    ['P1Y', /years or months/],
    ['P1M', /years or months/],
    ['P1Y2M3D', /years or months/],
    ['90', /unit/],
    ['1.5', /unit/],
    ['1.5h30m', /smallest unit/],
    ['', /duration/],
    ['P', /duration/],
    ['PT', /duration/],
    ['P1DT', /duration/],
    ['P1H', /duration/],
    ['-5s', /duration/],
    ['-PT5S', /duration/],
    ['+5s', /duration/],
    ['30m1h', /duration/],
    ['1h1h', /duration/],
    ['1H', /duration/],
    ['pt1h', /duration/],
    ['PT1h', /duration/],
    ['1 h', /duration/],
    [' 1h', /duration/],
    ['1e3s', /duration/],
    ['1,5h', /duration/],
    ['PT1,5,5S', /duration/],
    ['1h ', /duration/],
    ['ms', /duration/],
    ['.5s', /duration/],
    ['5.s', /duration/],
    ['Infinitys', /duration/],
    ['0x5s', /duration/],
  ] as const) {
    t.match(parseDelay(text), reason, text);
  }
});

t.test('an absurd delay stays a number, for the bound on it to refuse', async (t) => {
  t.ok((parseDelay('999999999999999w') as number) > 1e20);
});
