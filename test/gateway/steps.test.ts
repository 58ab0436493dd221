import t from 'tap';
import { stepping, takeSteps } from '../../gateway/steps.js';

function* countTo(last: number, seen: number[]): Generator<void, string> {
  for (let step = 1; step <= last; step++) {
    seen.push(step);
    if (step < last) yield;
  }
  return 'counted';
}

t.test('work of one step is over before takeSteps returns', async (t) => {
  const results: string[] = [];
  takeSteps(countTo(1, []), { done: (result) => results.push(result), failed: (error) => t.fail(String(error)) });
  t.same(results, ['counted']);
});

t.test('others have their turn between two steps', async (t) => {
  const seen: number[] = [];
  const ended = new Promise<string>((done, failed) => takeSteps(countTo(3, seen), { done, failed }));
  t.same(seen, [1]);
  let turns = 0;
  const watch = setInterval(() => turns++, 0);
  t.equal(await ended, 'counted');
  clearInterval(watch);
  t.same(seen, [1, 2, 3]);
  t.equal(await stepping(countTo(3, [])), 'counted');
});

t.test('what is thrown in a step, or by whoever hears of the end, is told once', async (t) => {
  function* failing(): Generator<void, never> {
    yield;
    throw new Error('in the second step');
  }
  const failure = (steps: Generator<void, unknown>, done: () => void = () => undefined) =>
    new Promise<unknown>((failed) => takeSteps(steps, { done, failed }));
  t.match(await failure(failing()), { message: 'in the second step' });
  const thrower = () => {
    throw new Error('in done');
  };
  t.match(await failure(countTo(2, []), thrower), { message: 'in done' });
  await t.rejects(stepping(failing()), { message: 'in the second step' });
});
