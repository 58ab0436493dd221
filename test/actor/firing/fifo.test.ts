import t from 'tap';
import { Fifo } from '../../../engine/actor/firing/fifo.js';
import { Random } from '../../wheel/random.js';

t.test('what comes first leaves first, whatever the length of the queue', async (t) => {
  const queue = new Fifo();
  t.equal(queue.first(), null);
  for (let entry = 0; entry < 10_000; entry++) queue.push(entry);
  t.equal(queue.size, 10_000);
  let expected = 0;
  for (let entry = queue.first(); entry !== null; entry = queue.first()) {
    if (entry !== expected++) t.fail(`expected ${expected - 1}, found ${entry}`);
    queue.shift();
  }
  t.equal(expected, 10_000);
  t.equal(queue.size, 0);
});

t.test('the first ones can be looked at without taking them, over the bounds of chunks', async (t) => {
  const queue = new Fifo();
  for (let entry = 0; entry < 3_000; entry++) queue.push(entry);
  for (let taken = 0; taken < 5; taken++) queue.shift();
  const seen: number[] = [];
  t.equal(
    queue.forEachFirst(100, (entry) => seen.push(entry)),
    100,
  );
  t.same(
    seen,
    Array.from({ length: 100 }, (_, at) => at + 5),
  );
  t.equal(
    queue.forEachFirst(5_000, () => undefined),
    2_995,
  );
  t.equal(queue.size, 2_995);
});

t.test('a sweep looks at a bounded number of entries, and going round it finds all that does not stand', async (t) => {
  const queue = new Fifo();
  for (let entry = 0; entry < 50_000; entry++) queue.push(entry);
  let most = 0;
  for (let round = 0; round < 60; round++) {
    let asked = 0;
    queue.sweep((entry) => {
      asked++;
      return entry % 100 === 0;
    });
    most = Math.max(most, asked);
  }
  t.equal(queue.size, 500);
  t.ok(most <= 1_024, `a sweep asked about ${most} entries`);
  t.equal(queue.first(), 0);
});

t.test('it agrees with an array over random comings, goings and sweeps', async (t) => {
  const wrong: string[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const queue = new Fifo();
    let model: number[] = [];
    const fallen = new Set<number>();
    for (let step = 0; step < 5_000; step++) {
      const dice = random.below(10);
      if (dice < 5) {
        queue.push(step);
        model.push(step);
      } else if (dice < 8) {
        if (queue.first() !== null) queue.shift();
        model.shift();
      } else if (model.length > 0) {
        fallen.add(random.pick(model));
        model = model.filter((entry) => !fallen.has(entry));
        // Round until they are gone, and on for a while: what stands is to stay.
        for (let round = 0; round < 400 && (round < 20 || queue.size > model.length); round++)
          queue.sweep((entry) => !fallen.has(entry));
      }
      if (queue.first() !== (model[0] ?? null) || queue.size !== model.length) {
        wrong.push(
          `seed ${seed}, step ${step}: found ${queue.first()} of ${queue.size}, expected ${model[0]} of ${model.length}`,
        );
      }
    }
  }
  t.same(wrong.slice(0, 3), []);
});
