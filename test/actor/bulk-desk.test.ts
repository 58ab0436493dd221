import t from 'tap';
import { everyEvent } from '../../engine/event/event-filter.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import { bulkWorkMs } from '../../engine/kernel/limits.js';
import { start, TestHost } from './host-fixture.js';

t.test('a bulk retry that has only the indexes left asks for no turn before they are read', (t) => {
  const test = TestHost.ready();
  // Each look at the clock takes a moment: a turn that had something to do until its time is over would come to its end.
  test.clock.lookMs = 0.01;
  const partition = 0 as PartitionId;
  const change = { op: 'retry', times: { scheduledAtMs: start as WallMs, delayMs: null } } as const;
  test.host.fromRouter([
    { op: 'change-many', request: 1_000, partition, change, filter: everyEvent, limit: 10, workMs: bulkWorkMs },
  ]);
  for (let turns = 0; test.questions.length === 0; turns++) {
    if (turns === 10) throw new Error('the reader is not asked');
    test.turn();
  }
  t.same(
    test.questions.map(({ op }) => op),
    ['list'],
  );
  t.equal(test.turn(), null, 'the answer will wake it');
  test.read();
  test.settle();
  t.same(test.replyTo(1_000), { op: 'changed-many', request: 1_000, matched: 0, changed: 0, hasMore: false });
  t.end();
});
