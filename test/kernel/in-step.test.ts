import t from 'tap';
import { beatMs, inStep } from '../../engine/kernel/in-step.js';
import { pause, until } from '../support/deadline.js';

t.test('what comes in step comes together, each as often as it should', async (t) => {
  const beats: number[] = [];
  const seconds: number[] = [];
  const rounds: string[] = [];
  const endAll = [
    inStep(beatMs, () => beats.push(performance.now())),
    inStep(4 * beatMs, () => seconds.push(performance.now())),
    inStep(2 * beatMs, () => rounds.push('second')),
    inStep(2 * beatMs, () => rounds.push('first'), { isFirst: true }),
  ];
  t.teardown(() => endAll.forEach((end) => end()));
  await until('three of the slowest', () => seconds.length === 3);
  const apart = beats.length / seconds.length;
  t.ok(apart > 3 && apart < 6, `${beats.length} beats`);
  for (const at of seconds)
    t.ok(
      beats.some((beat) => Math.abs(beat - at) < 20),
      'at a beat',
    );
  t.same(rounds.slice(0, 2), ['first', 'second']);
});

t.test('what was ended comes no more, also when it is ended by what comes before it', async (t) => {
  let times = 0;
  const endOther = inStep(beatMs, () => times++);
  const end = inStep(beatMs, () => endOther(), { isFirst: true });
  t.teardown(end);
  await pause(2.5 * beatMs);
  t.equal(times, 0);
  end();
  inStep(beatMs, () => times++)();
  await pause(1.5 * beatMs);
  t.equal(times, 0);
});

t.test('a period that is no multiple of a beat is kept as well', async (t) => {
  let times = 0;
  const end = inStep(40, () => times++);
  await until('it comes', () => times >= 3);
  end();
  const before = times;
  await pause(100);
  t.equal(times, before);
});
