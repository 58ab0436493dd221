import t from 'tap';
import { everyEvent } from '../../../engine/event/event-filter.js';
import { settingsKind } from '../../../engine/event/record.js';
import type { PartitionId, Sequence, WallMs } from '../../../engine/kernel/brand.js';
import { bulkWorkMs } from '../../../engine/kernel/limits.js';
import type { ReaderRequest } from '../../../engine/log/protocol.js';
import { start, TestHost } from '../host-fixture.js';

const partition = 0 as PartitionId;
const retentionMs = 5_000;

/** A finished event in the first segment, which is outdated when the test says so. */
function setup() {
  const test = TestHost.ready({ retentionMs });
  const finished = test.accepted({ scheduledAtMs: (start + 3_600_000) as WallMs });
  test.about('cancel', finished);
  test.settle();
  const asked: ReaderRequest['op'][] = [];
  const outdate = () => {
    const next = (test.durableOf(0).length + 1) as Sequence;
    test.host.fromWriter({ op: 'sealed', partition, first: 1 as Sequence, next });
    test.readInstead = (question) => {
      asked.push(question.op);
      const isOutdated = question.op === 'outdated' && !asked.includes('remove');
      return isOutdated ? { op: 'outdated', tag: question.tag, segment: { first: 1 as Sequence, next } } : null;
    };
  };
  /** Time goes on, and the reader answers all but one kind of question. */
  const goOn = (unanswered: ReaderRequest['op'] | null = null) => {
    for (let turns = 0; turns < 200; turns++) {
      test.clock.now += 100;
      test.turn();
      test.commit();
      const held = test.questions.filter(({ op }) => op === unanswered);
      test.questions = test.questions.filter(({ op }) => op !== unanswered);
      test.read();
      test.questions.push(...held);
    }
  };
  return { test, finished, asked, outdate, goOn };
}

t.test('a segment goes when nothing in it is needed', (t) => {
  const { asked, outdate, goOn } = setup();
  outdate();
  goOn();
  t.ok(asked.includes('remove'));
  t.end();
});

t.test('not while a request waits for facts, which may be in it', (t) => {
  const { test, finished, asked, outdate, goOn } = setup();
  outdate();
  const times = { scheduledAtMs: (start + 3_600_000) as WallMs, delayMs: null };
  test.host.fromRouter([{ op: 'retry', request: 9_000, partition, event: finished, times }]);
  goOn('view');
  t.ok(asked.includes('not-over'), 'a round has been made');
  t.notOk(asked.includes('remove'));
  test.readInstead = (question) => {
    asked.push(question.op);
    return question.op === 'outdated' ? { op: 'outdated', tag: question.tag, segment: null } : null;
  };
  test.settle();
  t.match(test.replyTo(9_000), { op: 'event' });
  t.end();
});

t.test('not while a bulk change has found events where they stand', (t) => {
  const { test, asked, outdate, goOn } = setup();
  const filter = { ...everyEvent, source: ['many'] };
  outdate();
  test.accepted({ scheduledAtMs: (start + 7_200_000) as WallMs, source: 'many' });
  test.host.fromRouter([
    { op: 'change-many', request: 9_000, partition, change: { op: 'cancel' }, filter, limit: 10, workMs: bulkWorkMs },
  ]);
  goOn('match');
  t.ok(asked.includes('not-over'), 'a round has been made');
  t.notOk(asked.includes('remove'));
  goOn();
  t.match(test.replyTo(9_000), { op: 'changed-many', matched: 1, changed: 1 });
  t.ok(asked.includes('remove'));
  t.end();
});

t.test('what is set for an origin is written once more before its record goes', (t) => {
  const { test, asked, outdate, goOn } = setup();
  test.configure('https://example.org', { paused: true });
  test.settle();
  const before = test.durableOf(0).length;
  outdate();
  goOn();
  t.ok(asked.includes('remove'));
  const carried = test.durableOf(0).slice(before);
  t.equal(carried.filter(({ kind }) => kind === settingsKind).length, 1);
  t.end();
});
