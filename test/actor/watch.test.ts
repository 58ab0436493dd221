import t from 'tap';
import { TestHost } from './host-fixture.js';

const told = (test: TestHost) =>
  test.notices.flatMap((notice) =>
    notice.op === 'watching' ? [`${notice.round}: ${notice.positions.map(String).join(' ')}`] : [],
  );
const watch = (test: TestHost, round: number) => test.host.fromRouter([{ op: 'watch', on: true, round }]);

t.test('whoever begins to watch is told at once what is durable, and again when what was under way is', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1] });
  test.accepted();
  test.schedule();
  test.turn();
  watch(test, 7);
  t.same(told(test), ['7: 0,1 1,0']);
  test.settle();
  t.same(told(test), ['7: 0,1 1,0', '7: 0,2']);
  t.same(test.changes, [], 'what was decided before is in the log');
  test.accepted();
  t.same(
    test.changes.map(({ seq }) => seq),
    [3],
  );
});

t.test('a partition that is replayed is named by what was durable before, and again when it works', async (t) => {
  const test = TestHost.ready();
  test.accepted();
  test.schedule();
  test.turn();
  test.failCommit(0);
  watch(test, 3);
  t.same(told(test), ['3: 0,1']);
  test.advance(1_000);
  t.same(told(test), ['3: 0,1', '3: 0,1']);
});

t.test('one that was never read is not named before it has been', async (t) => {
  const test = new TestHost();
  test.host.start();
  watch(test, 1);
  t.same(told(test), []);
  test.settle();
  t.same(told(test), ['1: 0,0']);
});
