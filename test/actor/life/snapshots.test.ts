/** When snapshots are asked for. How they are made is in `test/partition/snapshot-task.test.ts` and `test/engine/retention.test.ts`. */
import t from 'tap';
import { snapshotRecordsOf } from '../../../engine/actor/life/snapshots.js';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { acceptedRecords, start, TestHost } from '../host-fixture.js';

const snapshotRecords = 100;
/** Of new events: those that are pending count for two fifths. */
const enough = 250;
const later = { scheduledAtMs: (start + 86_400_000) as WallMs };

/** Asked for and not answered. */
function asked(test: TestHost): number {
  return test.questions.filter(({ op }) => op === 'snapshot').length;
}

/** Its reader takes so long. */
function take(test: TestHost, tookMs: number): void {
  test.clock.now += tookMs;
  test.read();
}

function accept(test: TestHost, count: number): void {
  for (let left = count; left > 0; left--) test.schedule(later);
  test.turn();
  test.commit();
}

t.test('a snapshot is taken when enough is durable', async (t) => {
  const test = TestHost.ready({ snapshotRecords });
  accept(test, enough - 1);
  test.turn();
  t.equal(asked(test), 0);
  accept(test, 1);
  test.turn();
  t.equal(asked(test), 1);
});

t.test('a record by which no more events are pending counts whole', async (t) => {
  const test = TestHost.ready({ snapshotRecords });
  for (let left = snapshotRecords / 2; left > 0; left--) test.about('cancel', test.accepted(later));
  test.turn();
  test.commit();
  test.turn();
  t.equal(asked(test), 1);
});

t.test('with many pending a quarter of them is enough, also of new events', async (t) => {
  const test = TestHost.ready({ snapshotRecords });
  accept(test, 600);
  test.turn();
  take(test, 0);
  accept(test, 199);
  test.turn();
  t.equal(asked(test), 0);
  accept(test, 1);
  test.turn();
  t.equal(asked(test), 1);
});

t.test('the next one comes when its pause is over, though nothing else happens', async (t) => {
  const test = TestHost.ready({ snapshotRecords });
  accept(test, enough);
  test.turn();
  accept(test, enough);
  take(test, 1_000);
  const waitMs = test.turn();
  t.equal(asked(test), 0);
  t.equal(waitMs, 2_000, 'it asks for a turn then');
  test.clock.now += 2_000;
  test.turn();
  t.equal(asked(test), 1);
});

for (const { what, passesMs, turns, thenMs } of [
  { what: 'until it has been over for a while', passesMs: 1, turns: 30, thenMs: 1_000 },
  { what: 'but not for ever', passesMs: 61_000, turns: 1, thenMs: 0 },
]) {
  t.test(`while more is due than a turn takes it is held back, ${what}`, async (t) => {
    const count = 20_000;
    const due = (start + 10_000) as WallMs;
    const fields = { scheduledAtMs: due };
    const logs = new Map([[0, acceptedRecords(count, () => fields)]]);
    const test = TestHost.ready({ snapshotRecords, logs });
    test.advance(9_999);
    test.clock.now = due;
    test.turn();
    accept(test, count / 2);
    test.turn();
    test.commit();
    test.questions = [];
    test.turn();
    t.ok(test.host.actors[0]!.wheel!.hasDue, 'a flood');
    t.equal(asked(test), 0);
    test.clock.now += passesMs;
    for (let turn = 0; turn < turns; turn++) test.turn();
    t.equal(asked(test), thenMs === 0 ? 1 : 0);
    test.clock.now += thenMs;
    test.turn();
    t.equal(asked(test), 1);
  });
}

t.test('the partitions of a host have theirs taken one after the other', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1], snapshotRecords });
  const taken: number[] = [];
  for (const partition of [0, 1]) for (let left = enough; left > 0; left--) test.schedule(later, { partition });
  test.turn();
  test.commit();
  test.turn();
  for (let round = 0; round < 2; round++) {
    t.equal(asked(test), 1);
    for (const question of test.questions) if (question.op === 'snapshot') taken.push(question.partition);
    take(test, 1_000);
    test.turn();
  }
  t.same(taken.sort(), [0, 1]);
  t.equal(asked(test), 0);
});

t.test('while another partition of the host is not ready it is held back, as it would take a core from it', async (t) => {
  const test = TestHost.ready({ partitions: [0, 1], snapshotRecords });
  let read = 0;
  test.readInstead = ({ op }) => {
    if (op === 'snapshot') read++;
    return null;
  };
  test.schedule(later, { partition: 1 });
  test.turn();
  test.failCommit(1);
  accept(test, enough);
  test.turn();
  t.equal(test.phases(1).at(-1), 'recovering');
  t.equal(asked(test), 0);
  test.clock.now += 10_000;
  test.settle();
  t.equal(test.phases(1).at(-1), 'ready');
  test.turn();
  test.clock.now += 1_000;
  test.turn();
  t.equal(asked(test) + read, 1);
});

t.test('the partitions of a host share what a replay may have to read, but none takes one for a few records', async (t) => {
  t.equal(snapshotRecordsOf(1), 800_000);
  t.equal(snapshotRecordsOf(4), 200_000);
  t.equal(snapshotRecordsOf(1_024), 25_000);
});
