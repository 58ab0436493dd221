import t from 'tap';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { decodeCursor } from '../../engine/status/cursor.js';
import { Positions } from '../../engine/status/positions.js';

const p = (partition: number) => partition as PartitionId;
const s = (seq: number) => seq as Sequence;

t.test('changes of a partition that was not announced are passed over', async (t) => {
  const positions = new Positions(2);
  t.equal(positions.advance(p(0), s(1)), false);
  t.same(decodeCursor(positions.cursor(), 2), [null, null]);
});

t.test('a change is shown once, and none at or before the announced position', async (t) => {
  const positions = new Positions(1);
  positions.announce(p(0), s(5));
  t.same(
    [4, 5, 6, 6, 9, 7].map((seq) => positions.advance(p(0), s(seq))),
    [false, false, true, false, true, false],
  );
  t.same(decodeCursor(positions.cursor(), 1), [9]);
});

t.test('an announcement that differs from our position says that something is missing', async (t) => {
  const positions = new Positions(1);
  t.equal(positions.announce(p(0), s(5)), 'first');
  positions.advance(p(0), s(6));
  t.equal(positions.announce(p(0), s(6)), 'as-known');
  t.equal(positions.announce(p(0), s(8)), 'differs');
  t.equal(positions.announce(p(0), s(7)), 'differs');
  t.equal(positions.advance(p(0), s(8)), true, 'changes go on behind the announced position');
});

t.test('after forgetting, all is unknown again', async (t) => {
  const positions = new Positions(1);
  positions.announce(p(0), s(5));
  positions.forget();
  t.equal(positions.advance(p(0), s(6)), false);
  t.equal(positions.announce(p(0), s(9)), 'first');
});

t.test('a partition that does not exist is our bug', async (t) => {
  t.throws(() => new Positions(2).advance(p(2), s(1)), InvariantError);
});
