import t from 'tap';
import { AttemptWindow } from '../../engine/dispatch/attempt-window.js';
import type { MonoMs } from '../../engine/kernel/brand.js';

const windowMs = 10_000;
const newWindow = () => new AttemptWindow({ windowMs, steps: 20 });
const at = (ms: number) => ms as MonoMs;

t.test('the window counts what ended within its ten seconds', (t) => {
  const window = newWindow();
  for (let second = 0; second < 30; second++) {
    window.record(at(second * 1_000), second % 2 === 0);
    t.equal(window.ended, Math.min(second + 1, 10), `after ${second} s`);
    t.equal(window.failed, second === 0 ? 1 : Math.min(Math.ceil((second + 1) / 2), 5), `after ${second} s`);
  }
  t.end();
});

t.test('nothing from before a quiet time is counted after it', (t) => {
  for (const quietMs of [windowMs, windowMs + 1, 11_000, 3_600_000]) {
    const window = newWindow();
    for (let ms = 0; ms < 9_000; ms += 10) window.record(at(ms), true);
    window.record(at(9_000 + quietMs), false);
    t.same([window.ended, window.failed], [1, 0], `${quietMs} ms of quiet`);
  }
  t.end();
});

t.test('the totals are those of a list of all ends, to half a second', (t) => {
  const wrong: string[] = [];
  const window = newWindow();
  const ends: { at: number; failed: boolean }[] = [];
  let now = 12_345;
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  for (let count = 0; count < 5_000; count++) {
    now += random() < 0.01 ? random() * 30_000 : random() * 40;
    const failed = random() < 0.3;
    window.record(at(now), failed);
    ends.push({ at: now, failed });
    const most = ends.filter((end) => end.at > now - windowMs);
    const least = ends.filter((end) => end.at >= now - windowMs + 500);
    const exact = window.ended >= least.length && window.ended <= most.length;
    const exactFailed =
      window.failed >= least.filter((end) => end.failed).length && window.failed <= most.filter((end) => end.failed).length;
    if (!exact || !exactFailed)
      wrong.push(`at ${now}: ${window.ended} ended, ${window.failed} failed, expected ${least.length} to ${most.length}`);
  }
  t.same(wrong.slice(0, 3), []);
  t.end();
});
