import t from 'tap';
import type { MonoMs } from '../../engine/kernel/brand.js';
import { Rates } from '../../engine/observe/rates.js';

function setup() {
  const rates = new Rates(['accepted', 'fired']);
  let [now, accepted] = [5_000, 0];
  const second = (more: number, ms = 1_000) => {
    now += ms;
    accepted += more;
    rates.sample(now as MonoMs, { accepted, fired: 2 * accepted });
  };
  return { rates, second };
}

t.test('before two samples there is no rate', async (t) => {
  const { rates, second } = setup();
  const none = { '1m': 0, '5m': 0, '15m': 0 };
  t.same(rates.rates(), { accepted: none, fired: none });
  second(1_000_000);
  t.same(rates.rates(), { accepted: none, fired: none });
});

t.test('a young engine shows the rate since its first sample', async (t) => {
  const { rates, second } = setup();
  second(0);
  for (let at = 0; at < 10; at++) second(7);
  t.same(rates.rates().accepted, { '1m': 7, '5m': 7, '15m': 7 });
  t.same(rates.rates().fired, { '1m': 14, '5m': 14, '15m': 14 });
});

t.test('each window forgets what lies before it, also after the ring has gone round', async (t) => {
  const { rates, second } = setup();
  second(0);
  for (let at = 0; at < 2_000; at++) second(1_000);
  for (let at = 0; at < 240; at++) second(10);
  for (let at = 0; at < 60; at++) second(1);
  t.same(rates.rates().accepted, { '1m': 1, '5m': (240 * 10 + 60) / 300, '15m': Math.round((600_000 + 2_460) / 0.9) / 1_000 });
});

t.test('samples that come late count with their own time', async (t) => {
  const { rates, second } = setup();
  second(0);
  second(100, 4_000);
  t.equal(rates.rates().accepted['1m'], 25);
});

t.test('two samples at the same moment give no rate rather than an infinite one', async (t) => {
  const { rates, second } = setup();
  second(0);
  second(5, 0);
  t.equal(rates.rates().accepted['1m'], 0);
});
