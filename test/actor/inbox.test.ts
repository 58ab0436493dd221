import t from 'tap';
import { Inbox } from '../../engine/actor/inbox.js';

t.test('what has come is read in order, in steps, until the time is over', async (t) => {
  const inbox = new Inbox<number>(4);
  for (let item = 0; item < 10; item++) inbox.push(item);
  const taken: number[] = [];
  inbox.read(
    (item) => taken.push(item),
    () => true,
  );
  t.same(taken, [0, 1, 2, 3], 'one step always');
  inbox.push(10);
  let looks = 0;
  inbox.read(
    (item) => taken.push(item),
    () => ++looks === 2,
  );
  t.same(taken.length, 10 + 1);
  t.same(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  t.ok(inbox.isEmpty);
});

t.test('what comes while it is read is read as well', async (t) => {
  const inbox = new Inbox<number>(2);
  inbox.push(3);
  const taken: number[] = [];
  inbox.read(
    (item) => {
      taken.push(item);
      if (item > 0) inbox.push(item - 1);
    },
    () => false,
  );
  t.same(taken, [3, 2, 1, 0]);
});
