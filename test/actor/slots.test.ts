/** Which payloads are read with the one that a granted slot waits for. */
import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { readAheadPerMomentMax } from '../../engine/kernel/limits.js';
import { acceptedRecords, start, TestHost } from './host-fixture.js';

const origin = 'https://example.org';

/** Each `bodies` question that the reader is asked from here on, by its size. */
function readsOf(test: TestHost): number[] {
  return test.questions.flatMap((question) => (question.op === 'bodies' ? [question.seqs.length] : []));
}

t.test('of a flood only the head is read ahead; where a payload is missing those next in line are read with it', async (t) => {
  const count = 2_000;
  const due = (start + 10_000) as WallMs;
  const test = TestHost.ready({ logs: new Map([[0, acceptedRecords(count, () => ({ scheduledAtMs: due }))]]) });
  test.advance(10_000);
  const head = readAheadPerMomentMax + 1;
  test.grant(origin, head);
  test.turn();
  t.equal(test.starts().length, head, 'all of the head start at once');
  test.grant(origin, 1);
  test.turn();
  t.ok(readsOf(test).includes(1), 'the one that waits is read by itself');
  t.ok(
    readsOf(test).some((size) => size > 50),
    'and others with it',
  );
  test.settle();
  t.equal(test.starts().length, head + 1);
  for (let next = 1; next <= 100; next++) {
    test.grant(origin, 1);
    test.turn();
  }
  t.equal(test.starts().length, head + 101, 'they start without a read');
  t.same(readsOf(test), []);
});
