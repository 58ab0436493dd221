import t from 'tap';
import { ChangeFeed } from '../../../engine/actor/ledger/change-feed.js';
import { labelsOf } from '../../../engine/event/status-change.js';
import { Reads } from '../../../engine/actor/reads.js';
import { emptyBody, encodeOutcome } from '../../../engine/event/outcome-codec.js';
import { type LogRecord, recordKinds } from '../../../engine/event/record.js';
import type { StatusChange } from '../../../engine/event/status-change.js';
import type { PartitionId, Sequence, WallMs } from '../../../engine/kernel/brand.js';
import { changesHeldMax, labelsReadMax } from '../../../engine/kernel/limits.js';
import type { ReaderRequest } from '../../../engine/log/protocol.js';
import { bodyOf, newId, start } from '../host-fixture.js';

type Bodies = Extract<ReaderRequest, { op: 'bodies' }>;
const seq = (value: number) => value as Sequence;

function setup() {
  const out: StatusChange[] = [];
  const asked: Bodies[] = [];
  const reads = new Reads((request) => asked.push(request as Bodies));
  const left: number[] = [];
  const feed = new ChangeFeed({
    partition: 2 as PartitionId,
    reads,
    out: (change) => out.push(change),
    leftToLog: (upTo) => left.push(upTo),
  });
  const record = (at: number, kind: LogRecord['kind'], body: Uint8Array = emptyBody): LogRecord => ({
    seq: seq(at),
    kind,
    event: newId(),
    prev: seq(at - 1),
    at: start,
    body,
  });
  return {
    feed,
    out,
    left,
    asked,
    addCancelled: (at: number, source: string | null) =>
      feed.add(record(at, recordKinds.cancelled), {
        status: 'CANCELLED',
        version: 2,
        attempts: 0,
        labels: source === null ? null : { externalJobId: null, source, type: null },
        bodySeq: seq(100 + at),
      }),
    record,
    answer: (index: number, sources: readonly (string | null)[]) => {
      const bodies = sources.map((source) => (source === null ? new Uint8Array(0) : bodyOf({ source })));
      const damaged = asked[index]!.seqs.filter((_, at) => sources[at] === null);
      reads.answered({ op: 'bodies', tag: asked[index]!.tag, bodies, damaged });
    },
    fail: (index: number) => reads.answered({ op: 'failed', tag: asked[index]!.tag, failure: 'io', detail: '' }),
  };
}

const shown = (changes: readonly StatusChange[]) => changes.map(({ seq, source }) => `${seq} ${source}`);

t.test('a change leaves when it is durable', async (t) => {
  const { feed, out, addCancelled } = setup();
  addCancelled(1, 'a');
  addCancelled(2, 'b');
  t.same(out, []);
  feed.release(seq(1));
  t.same(shown(out), ['1 a']);
  feed.release(seq(2));
  t.same(shown(out), ['1 a', '2 b']);
});

t.test('missing labels are read in one question, and hold up what follows', async (t) => {
  const { feed, out, asked, addCancelled, answer } = setup();
  addCancelled(1, null);
  addCancelled(2, 'b');
  addCancelled(3, null);
  addCancelled(4, null);
  feed.release(seq(3));
  t.same(
    asked.map((request) => request.seqs),
    [[101, 103]],
    'not of what is not durable: the reader would not see it',
  );
  feed.release(seq(3));
  t.equal(asked.length, 1, 'asked once');
  t.same(out, []);
  answer(0, ['read', 'read']);
  t.same(shown(out), ['1 read', '2 b', '3 read']);
  feed.release(seq(4));
  answer(1, ['last']);
  t.same(shown(out), ['1 read', '2 b', '3 read', '4 last']);
});

t.test('a change whose body cannot be read is left to the log; the others are not held up', async (t) => {
  const { feed, out, left, addCancelled, answer, fail } = setup();
  addCancelled(1, null);
  addCancelled(2, null);
  feed.release(seq(2));
  answer(0, [null, 'good']);
  t.same(shown(out), ['2 good']);
  t.same(left, [1]);
  addCancelled(3, null);
  addCancelled(4, 'd');
  feed.release(seq(4));
  fail(1);
  t.same(shown(out), ['2 good', '4 d']);
  t.same(left, [1, 3]);
});

t.test('labels are read a few at a time', async (t) => {
  const { feed, out, asked, addCancelled, answer } = setup();
  for (let at = 1; at <= labelsReadMax + 10; at++) addCancelled(at, null);
  feed.release(seq(labelsReadMax + 10));
  t.equal(asked.length, 1);
  answer(
    0,
    Array.from({ length: labelsReadMax }, () => 'a'),
  );
  t.equal(out.length, labelsReadMax);
  answer(
    1,
    Array.from({ length: 10 }, () => 'a'),
  );
  t.equal(out.length, labelsReadMax + 10);
});

t.test('changes that wait in too large a number are left to the log, and those behind them are sent', async (t) => {
  const { feed, out, left, addCancelled } = setup();
  for (let at = 1; at <= changesHeldMax; at++) addCancelled(at, 'flood');
  addCancelled(changesHeldMax + 1, 'b');
  feed.release(seq(changesHeldMax - 1));
  t.same(out, []);
  t.same(left, [], 'not before it is durable');
  feed.release(seq(changesHeldMax + 1));
  t.same(left, [changesHeldMax]);
  t.same(shown(out), [`${changesHeldMax + 1} b`]);
});

t.test("after clearing, an answer that comes late is nobody's news", async (t) => {
  const { feed, out, addCancelled, answer } = setup();
  addCancelled(1, null);
  feed.release(seq(1));
  feed.clear();
  answer(0, ['late']);
  t.same(out, []);
});

t.test('an accepted event shows when it is due, an outcome what came of it', async (t) => {
  const { feed, out, record } = setup();
  const labels = { externalJobId: 'x', source: 's', type: 't' };
  feed.add(record(1, recordKinds.accepted, bodyOf({ scheduledAtMs: (start + 5) as WallMs })), {
    status: 'SCHEDULED',
    version: 1,
    attempts: 0,
    labels,
    bodySeq: seq(1),
  });
  const outcome = {
    attempt: 1,
    statusCode: 503,
    durationMs: 2,
    lagMs: 0.25,
    error: 'HTTP 503',
    responseBody: null,
    nextAttemptAtMs: (start + 9) as WallMs,
  };
  feed.add(record(2, recordKinds.retrying, encodeOutcome(outcome)), {
    status: 'RETRYING',
    version: 3,
    attempts: 1,
    labels,
    bodySeq: seq(1),
  });
  feed.release(seq(2));
  t.match(out, [
    {
      ...labels,
      partition: 2,
      seq: 1,
      status: 'SCHEDULED',
      version: 1,
      attempt: 0,
      nextAttemptAtMs: start + 5,
      statusCode: null,
    },
    {
      ...labels,
      seq: 2,
      status: 'RETRYING',
      version: 3,
      attempt: 1,
      nextAttemptAtMs: start + 9,
      statusCode: 503,
      error: 'HTTP 503',
      fireLagMs: 0.25,
    },
  ]);
});

t.test('labels are what the body says', async (t) => {
  t.same(labelsOf(bodyOf({ externalJobId: 'x', source: 's', type: null })), { externalJobId: 'x', source: 's', type: null });
});
