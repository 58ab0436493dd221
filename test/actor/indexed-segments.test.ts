import t from 'tap';
import { IndexedSegments } from '../../engine/actor/indexed-segments.js';
import { noSequence, type Sequence } from '../../engine/kernel/brand.js';

const seq = (value: number) => value as Sequence;
const segment = (first: number, next: number) => ({ first: seq(first), next: seq(next) });

t.test('segments that are indexed in order move the border one by one', async (t) => {
  const indexed = new IndexedSegments(noSequence);
  t.equal(indexed.add(segment(1, 10)), 10);
  t.equal(indexed.add(segment(10, 25)), 25);
});

t.test('a later segment waits for the one before it', async (t) => {
  const indexed = new IndexedSegments(noSequence);
  t.equal(indexed.add(segment(25, 30)), 1);
  t.equal(indexed.add(segment(10, 25)), 1);
  t.equal(indexed.add(segment(1, 10)), 30);
});

t.test('it goes on where the log stood when it was opened', async (t) => {
  const indexed = new IndexedSegments(seq(10));
  t.equal(indexed.add(segment(25, 30)), 10);
  t.equal(indexed.add(segment(10, 25)), 30);
});

t.test('a segment that was known already changes nothing', async (t) => {
  const indexed = new IndexedSegments(seq(10));
  t.equal(indexed.add(segment(1, 10)), 10);
  t.equal(indexed.add(segment(10, 20)), 20);
  t.equal(indexed.add(segment(10, 20)), 20);
});
