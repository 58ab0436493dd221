import t from 'tap';
import { InvariantError } from '../../engine/kernel/errors.js';
import { OriginTable } from '../../engine/partition/origins.js';
import { Random } from '../wheel/random.js';

t.test('one origin has one number as long as any event has it', async (t) => {
  const origins = new OriginTable();
  const number = origins.enter('https://a.test');
  t.equal(origins.enter('https://a.test'), number);
  t.not(origins.enter('https://b.test'), number);
  t.equal(origins.name(number), 'https://a.test');
  t.equal(origins.size, 2);
  origins.leave(number);
  t.equal(origins.name(number), 'https://a.test');
  origins.leave(number);
  t.equal(origins.size, 1);
});

t.test('a number that is free again goes to the next origin', async (t) => {
  const origins = new OriginTable();
  const number = origins.enter('https://a.test');
  origins.leave(number);
  t.equal(origins.enter('https://b.test'), number);
  t.equal(origins.name(number), 'https://b.test');
});

t.test('leaving more often than entering is a bug and says so', async (t) => {
  const origins = new OriginTable();
  const number = origins.enter('https://a.test');
  origins.leave(number);
  t.throws(() => origins.leave(number), InvariantError);
});

t.test('it remembers no more than there are origins of pending events', async (t) => {
  const random = new Random(1);
  const origins = new OriginTable();
  const pending: { origin: string; number: number }[] = [];
  let highest = 0;
  for (let step = 0; step < 20_000; step++) {
    if (pending.length < 50 || random.below(2) === 0) {
      const origin = `https://host-${random.below(5_000)}.test`;
      const number = origins.enter(origin);
      highest = Math.max(highest, number);
      pending.push({ origin, number });
    } else {
      const [gone] = pending.splice(random.below(pending.length), 1);
      origins.leave(gone!.number);
    }
    if (pending.length > 100) origins.leave(pending.pop()!.number);
    if (step % 500 !== 0) continue;
    t.equal(origins.size, new Set(pending.map(({ origin }) => origin)).size);
    t.ok(pending.every(({ origin, number }) => origins.name(number) === origin));
  }
  t.ok(highest <= 101, `numbers up to ${highest} for at most 101 events`);
});
