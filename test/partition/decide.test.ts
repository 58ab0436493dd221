import t from 'tap';
import { tagOfKey } from '../../engine/event/content.js';
import { decodeDispatched, decodeOutcome } from '../../engine/event/outcome-codec.js';
import { recordKinds } from '../../engine/event/record.js';
import { defaultRetry } from '../../engine/event/spec.js';
import type { EventStatus } from '../../engine/event/status.js';
import type { Handle, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { type EventId, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { idempotencyKeyMs } from '../../engine/kernel/limits.js';
import { SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { now, specOf } from '../event/specs.js';
import { bodyOf, failedOutcome, outcomeOf, partition, TestPartition } from './partition-fixture.js';

const newId = () => mintEventId(partition as number as Slot, now);

/** An event in each state, brought there by what brings events there. */
const ways: Readonly<Record<EventStatus, (test: TestPartition) => EventId>> = {
  SCHEDULED: (test) => test.schedule(),
  DISPATCHED: (test) => {
    const event = test.schedule();
    test.dispatch(event);
    return event;
  },
  DELIVERED: (test) => {
    const event = ways.DISPATCHED(test);
    test.end(event);
    return event;
  },
  RETRYING: (test) => {
    const event = ways.DISPATCHED(test);
    test.end(event, failedOutcome);
    return event;
  },
  DEAD: (test) => {
    const event = ways.DISPATCHED(test);
    test.end(event, { kind: 'gone', statusCode: 410, error: 'HTTP 410' });
    return event;
  },
  CANCELLED: (test) => {
    const event = test.schedule();
    test.do({ op: 'cancel', event });
    return event;
  },
  EXPIRED: (test) => {
    const event = test.schedule({ expiresAtMs: now });
    test.expire(event);
    return event;
  },
};

/** Every command in every state: what is written (a kind of record, or nothing) and what is answered. */
const table: Readonly<Record<EventStatus, { readonly cancel: string; readonly delivered: string; readonly failed: string }>> = {
  SCHEDULED: { cancel: 'cancelled, event', delivered: 'nothing', failed: 'nothing' },
  DISPATCHED: { cancel: 'nothing, in-flight', delivered: 'delivered', failed: 'retrying' },
  RETRYING: { cancel: 'cancelled, event', delivered: 'nothing', failed: 'nothing' },
  DELIVERED: { cancel: 'nothing, already-finished', delivered: 'nothing', failed: 'nothing' },
  DEAD: { cancel: 'nothing, already-finished', delivered: 'nothing', failed: 'nothing' },
  CANCELLED: { cancel: 'nothing, event', delivered: 'nothing', failed: 'nothing' },
  EXPIRED: { cancel: 'nothing, already-finished', delivered: 'nothing', failed: 'nothing' },
};

function worded({ records, answer }: ReturnType<TestPartition['do']>): string {
  const kinds = records.map((record) => Object.entries(recordKinds).find(([, kind]) => kind === record.kind)![0]);
  const said = answer === null ? [] : [answer.op === 'refused' ? answer.code : answer.op];
  return [...(kinds.length === 0 ? ['nothing'] : kinds), ...said].join(', ');
}

for (const [status, expected] of Object.entries(table) as [EventStatus, (typeof table)[EventStatus]][]) {
  const setup = () => {
    const test = new TestPartition();
    const event = ways[status](test);
    return { test, event, newest: test.state.lastSeq };
  };

  t.test(`a cancel of an event that is ${status}: ${expected.cancel}`, async (t) => {
    const { test, event } = setup();
    t.equal(worded(test.doWithFacts({ op: 'cancel', event })), expected.cancel);
  });

  t.test(`a success of an event that is ${status}: ${expected.delivered}`, async (t) => {
    const { test, event } = setup();
    t.equal(worded(test.end(event)), expected.delivered);
  });

  t.test(`a failure of an event that is ${status}: ${expected.failed}`, async (t) => {
    const { test, event } = setup();
    t.equal(worded(test.end(event, failedOutcome)), expected.failed);
  });

  t.test(`a look at an event that is ${status} shows its newest record and changes nothing`, async (t) => {
    const { test, event, newest } = setup();
    for (const op of ['get', 'history'] as const) {
      const { records, answer } = test.doWithFacts({ op, event });
      t.same(records, []);
      t.same(answer, { op: op === 'get' ? 'event' : 'history', newest });
    }
  });
}

t.test('what is asked of an event that never was is refused as not found', async (t) => {
  const test = new TestPartition();
  const event = newId();
  for (const op of ['get', 'history', 'cancel'] as const) {
    t.match(test.do({ op, event }), { records: [], answer: { op: 'refused', code: 'not-found', event: null }, needs: null });
  }
  t.match(test.end(event), { records: [], answer: null });
});

t.test('an accepted record holds the body as it came, at a whole millisecond', async (t) => {
  const test = new TestPartition();
  test.now += 0.75;
  const event = newId();
  const body = bodyOf(specOf());
  const { records, answer } = test.do({ op: 'schedule', event, body });
  t.same(answer, { op: 'accepted' });
  t.same(records, [{ seq: 1, kind: recordKinds.accepted, event, prev: 0, at: now, body }]);
});

t.test('each record points to the one before it of the same event', async (t) => {
  const test = new TestPartition();
  const one = test.schedule();
  const other = test.schedule();
  test.dispatch(one);
  test.dispatch(other);
  test.end(one, failedOutcome);
  t.same(
    test.log.map(({ seq, prev }) => [seq, prev]),
    [
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 2],
      [5, 3],
    ],
  );
});

t.test('attempts count up, and each dispatch carries its number', async (t) => {
  const test = new TestPartition();
  const event = test.schedule({ maxRetries: 2 });
  for (const attempt of [1, 2, 3]) {
    test.dispatch(event);
    t.same(decodeDispatched(test.log.at(-1)!.body), { attempt });
    test.end(event, { ...failedOutcome, attempt });
  }
  t.equal(test.log.at(-1)!.kind, recordKinds.dead, 'retries + 1 attempts, then no more');
  t.equal(test.state.pending, 0);
});

t.test('without retries the first failure is the end', async (t) => {
  const test = new TestPartition();
  const event = test.schedule({ maxRetries: 0 });
  test.dispatch(event);
  t.equal(worded(test.end(event, failedOutcome)), 'dead');
});

t.test('a receiver that is gone is not asked again, whatever is left of the budget', async (t) => {
  const test = new TestPartition();
  const event = ways.DISPATCHED(test);
  const { records } = test.end(event, { kind: 'gone', statusCode: 410, error: 'HTTP 410' });
  t.equal(records[0]!.kind, recordKinds.dead);
  t.equal(decodeOutcome(records[0]!.body).nextAttemptAtMs, null);
});

t.test('the next attempt comes after the longer of back-off and Retry-After, at a whole millisecond', async (t) => {
  const wait = (retryAfterMs: number | null, nowMs: number) => {
    const test = new TestPartition();
    const event = ways.DISPATCHED(test);
    test.now = nowMs;
    const { records } = test.end(event, { ...failedOutcome, retryAfterMs });
    return decodeOutcome(records[0]!.body).nextAttemptAtMs!;
  };
  t.equal(wait(null, now), now + 1_000);
  t.equal(wait(400, now), now + 1_000);
  t.equal(wait(5_000, now), now + 5_000);
  t.equal(wait(null, now + 0.25), now + 1_001, 'rounded up: never early');
});

t.test('the random number spreads the back-off', async (t) => {
  const test = new TestPartition();
  const event = ways.DISPATCHED(test);
  const { records } = test.end(event, failedOutcome, { retry: defaultRetry, random: 0.75 });
  t.equal(decodeOutcome(records[0]!.body).nextAttemptAtMs, now + 250);
});

t.test('an outcome is written down as the courier told it', async (t) => {
  const test = new TestPartition();
  const event = ways.DISPATCHED(test);
  const told = { statusCode: 503, durationMs: 12.5, lagMs: 0.75, error: 'HTTP 503', responseBody: Buffer.from('busy') };
  const { records } = test.end(event, { ...failedOutcome, ...told });
  t.match(decodeOutcome(records[0]!.body), { attempt: 1, ...told });
});

t.test('the first outcome of an attempt counts, a second one and one of another attempt change nothing', async (t) => {
  const test = new TestPartition();
  const event = ways.DISPATCHED(test);
  t.equal(worded(test.end(event, { ...failedOutcome, attempt: 2 })), 'nothing', 'an attempt that was never made');
  t.equal(worded(test.end(event, failedOutcome)), 'retrying');
  t.equal(worded(test.end(event)), 'nothing');
  test.dispatch(event);
  t.equal(worded(test.end(event)), 'nothing', 'attempt 1, while attempt 2 is running');
  t.equal(worded(test.end(event, { attempt: 2 })), 'delivered');
});

t.test('an expiry or a dispatch of a row that is free is a bug and says so', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  const handle = test.handleOf(event);
  test.do({ op: 'cancel', event });
  t.throws(() => test.ask({ op: 'dispatch', handle }), InvariantError);
  t.throws(() => test.ask({ op: 'expire', handle }), InvariantError);
});

t.test('a cancel while an attempt runs names the attempt', async (t) => {
  const test = new TestPartition();
  const event = ways.DISPATCHED(test);
  t.match(test.do({ op: 'cancel', event }).answer, {
    code: 'in-flight',
    detail: `attempt 1 of event ${formatEventId(event)} is running`,
    event,
    status: 'DISPATCHED',
  });
});

// ---- repeated requests ----

const keyed = { externalJobId: 'order-1', source: 'orders' };
const schedule = (fields: Parameters<typeof specOf>[0], event = newId()) =>
  ({ op: 'schedule', event, body: bodyOf(specOf(fields)) }) as const;

t.test('a key that was never seen is accepted without reading anything', async (t) => {
  const test = new TestPartition();
  t.equal(worded(test.do(schedule(keyed))), 'accepted, accepted');
  t.equal(worded(test.do(schedule({ ...keyed, externalJobId: 'order-2' }))), 'accepted, accepted');
});

t.test('events without a key repeat nothing, however equal they are', async (t) => {
  const test = new TestPartition();
  for (let count = 0; count < 3; count++) t.equal(worded(test.do(schedule({}))), 'accepted, accepted');
});

t.test('a repeated key needs to know who has it, pending and finished', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  const asked = test.do(schedule(keyed));
  t.match(asked, {
    records: [],
    answer: null,
    needs: { about: 'key', pending: [test.handleOf(event)], finished: [], askIndex: false },
  });
  test.do({ op: 'cancel', event });
  t.match(test.do(schedule(keyed)).needs, { about: 'key', pending: [], finished: [2], askIndex: false });
});

t.test('the same content is replayed as the event is now, in every state', async (t) => {
  for (const [status, end] of [
    ['SCHEDULED', () => undefined],
    ['CANCELLED', (test: TestPartition, event: EventId) => test.do({ op: 'cancel', event })],
    [
      'DELIVERED',
      (test: TestPartition, event: EventId) => {
        test.dispatch(event);
        test.end(event);
      },
    ],
  ] as const) {
    const test = new TestPartition();
    end(test, test.schedule(keyed));
    const { records, answer } = test.doWithFacts(schedule(keyed));
    t.same(records, [], status);
    t.same(answer, { op: 'replayed', newest: test.state.lastSeq }, status);
    const brief = test.doWithFacts({ ...schedule(keyed), brief: true });
    t.match(brief, { records: [], answer: { op: 'duplicate', status } });
  }
});

t.test('other content under the same external id is a conflict that names the event', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  t.match(test.doWithFacts(schedule({ ...keyed, priority: 9 })), {
    records: [],
    answer: { op: 'refused', code: 'external-job-id-conflict', event, status: 'SCHEDULED' },
  });
});

t.test('other content under the same idempotency key is refused under a code of its own', async (t) => {
  const test = new TestPartition();
  const event = test.schedule({ idempotencyKey: 'k' });
  t.match(test.doWithFacts(schedule({ idempotencyKey: 'k', priority: 9 })).answer, {
    op: 'refused',
    code: 'idempotency-key-reused',
    event,
  });
  t.match(test.doWithFacts(schedule({ idempotencyKey: 'k' })).answer, { op: 'replayed' });
});

t.test('the same id under another source, or the same text as another kind of key, is another key', async (t) => {
  const test = new TestPartition();
  test.schedule({ externalJobId: 'x', source: 'a' });
  t.equal(worded(test.doWithFacts(schedule({ externalJobId: 'x', source: 'b' }))), 'accepted, accepted');
  t.equal(worded(test.doWithFacts(schedule({ idempotencyKey: 'x', source: 'a' }))), 'accepted, accepted');
});

t.test('an idempotency key is forgotten after a day, an external id never', async (t) => {
  for (const [fields, code] of [
    [{ idempotencyKey: 'k' }, 'accepted'],
    [{ externalJobId: 'x' }, 'replayed'],
  ] as const) {
    const test = new TestPartition();
    const createdAtMs = (test.now + idempotencyKeyMs) as WallMs;
    test.schedule({ ...fields, createdAtMs: test.now as WallMs });
    t.equal(test.doWithFacts(schedule({ ...fields, createdAtMs: (createdAtMs - 1) as WallMs })).answer?.op, 'replayed');
    t.equal(test.doWithFacts(schedule({ ...fields, createdAtMs })).answer?.op, code);
  }
});

t.test('a tag that collides costs a read and nothing else', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  const other = schedule({ ...keyed, externalJobId: 'order-2' });
  // The other event's body with the tag of the first: as a collision would have it.
  other.body.set(bodyOf(specOf(keyed)).subarray(4, 12), 4);
  const { needs } = test.do(other);
  t.match(needs, { about: 'key', pending: [test.handleOf(event)] });
  t.equal(worded(test.do(other, test.factsFor(needs!))), 'accepted, accepted');
});

t.test('an event that finished while its facts were being read is read once more', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  const repeat = schedule(keyed);
  const stale = test.factsFor(test.do(repeat).needs!);
  t.equal(stale[0]!.status, 'SCHEDULED');
  test.do({ op: 'cancel', event });
  const again = test.do(repeat, stale);
  t.match(again, { records: [], answer: null, needs: { about: 'key', finished: [2] } });
  t.same(test.do(repeat, test.factsFor(again.needs!)).answer, { op: 'replayed', newest: 2 });
});

t.test('facts that are older than the state are brought up to date', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  const stale = test.factsFor(test.do(schedule(keyed)).needs!);
  test.dispatch(event);
  t.same(test.do(schedule(keyed), stale).answer, { op: 'replayed', newest: 2 });
  t.match(test.do(schedule({ ...keyed, priority: 1 }), stale).answer, { code: 'external-job-id-conflict', status: 'DISPATCHED' });
});

t.test('of several events under a key the newest counts', async (t) => {
  const test = new TestPartition();
  test.schedule({ idempotencyKey: 'k', priority: 1 });
  test.now += idempotencyKeyMs;
  test.schedule({ idempotencyKey: 'k', priority: 2, createdAtMs: test.now as WallMs });
  t.match(test.doWithFacts(schedule({ idempotencyKey: 'k', priority: 2 })).answer, { op: 'replayed', newest: 2 });
});

t.test('an event of an indexed segment is looked for where the index is', async (t) => {
  const test = new TestPartition();
  const event = test.schedule(keyed);
  test.do({ op: 'cancel', event });
  const filter = SegmentFilter.for({ ids: 1, keys: 1 });
  filter.addId(event);
  const { high, low } = tagOfKey({ kind: 'external', source: keyed.source, text: keyed.externalJobId });
  filter.addKey({ tagHigh: high, tagLow: low });
  test.state.finished.indexed({ first: 1 as Sequence, next: (test.state.lastSeq + 1) as Sequence, filter });
  t.match(test.do({ op: 'get', event }).needs, { about: 'id', event, finished: null });
  t.match(test.do(schedule(keyed)).needs, { about: 'key', pending: [], finished: [], askIndex: true });
  t.match(test.doWithFacts({ op: 'cancel', event }).answer, { op: 'event', newest: 2 });
  t.match(test.doWithFacts(schedule(keyed)).answer, { op: 'replayed', newest: 2 });
  t.match(test.do({ op: 'get', event }, []).answer, { code: 'not-found' }, 'the filter was wrong');
});

t.test('a body that cannot be read is an error of the one request', async (t) => {
  const test = new TestPartition();
  const body = bodyOf(specOf());
  body[0] = 99;
  t.throws(() => test.ask({ op: 'schedule', event: newId(), body }), InvariantError);
  t.equal(test.state.lastSeq, 0);
});

t.test('deciding alone changes nothing', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  const before = { seq: test.state.lastSeq, status: test.state.columns.status(0 as Handle), pending: test.state.pending };
  test.ask({ op: 'cancel', event });
  test.ask({ op: 'dispatch', handle: 0 as Handle });
  test.ask({ op: 'outcome', outcome: outcomeOf(event), retry: defaultRetry, random: 0 });
  test.ask(schedule({}));
  t.same({ seq: test.state.lastSeq, status: test.state.columns.status(0 as Handle), pending: test.state.pending }, before);
});

/** What an operator may ask for, by the state that the event is in. */
const changes: Readonly<Record<EventStatus, Readonly<Record<'patch' | 'fire' | 'retry' | 'stop', string>>>> = {
  SCHEDULED: { patch: 'changed, event', fire: 'hastened, event', retry: 'nothing, not-finished', stop: 'cancelled, event' },
  DISPATCHED: {
    patch: 'nothing, in-flight',
    fire: 'nothing, in-flight',
    retry: 'nothing, not-finished',
    stop: 'retriesStopped, event',
  },
  RETRYING: { patch: 'changed, event', fire: 'hastened, event', retry: 'nothing, not-finished', stop: 'cancelled, event' },
  DELIVERED: finishedAnswers('nothing, already-finished', 'nothing, already-finished'),
  DEAD: finishedAnswers('retried, event', 'nothing, already-finished'),
  CANCELLED: finishedAnswers('retried, event', 'nothing, event'),
  EXPIRED: finishedAnswers('retried, event', 'nothing, already-finished'),
};

function finishedAnswers(retry: string, stop: string) {
  return { patch: 'nothing, already-finished', fire: 'nothing, already-finished', retry, stop };
}

for (const [status, expected] of Object.entries(changes) as [EventStatus, (typeof changes)[EventStatus]][]) {
  t.test(`of an event that is ${status} an operator gets one of the answers that there are`, async (t) => {
    const later = 1_000_000_000;
    for (const [name, answer] of Object.entries(expected)) {
      const test = new TestPartition();
      const event = ways[status](test);
      const handle = test.state.handleOf(event);
      // What is due already needs no hastening.
      if (handle !== null && status !== 'DISPATCHED') {
        const scheduledAtMs = (test.now + later) as WallMs;
        test.doWithFacts({ op: 'patch', event, patch: { time: { scheduledAtMs, delayMs: null } } });
      }
      const commands = {
        patch: { op: 'patch', event, patch: { priority: 9 } },
        fire: { op: 'fire', event },
        retry: { op: 'retry', event, times: { scheduledAtMs: test.now as WallMs, delayMs: null } },
        stop: { op: 'cancel', event, stopRetries: true },
      } as const;
      t.equal(worded(test.doWithFacts(commands[name as keyof typeof commands])), answer, name);
    }
  });
}

t.test('facts that were overtaken are asked for again, and nothing is written with them', async (t) => {
  const test = new TestPartition();
  const event = test.schedule();
  const patch = (priority: number) => ({ op: 'patch', event, patch: { priority } }) as const;
  const facts = test.factsFor(test.ask(patch(1)).needs!);
  test.doWithFacts(patch(2));
  const { records, needs } = test.ask(patch(1), facts);
  t.same(records, []);
  t.match(needs, { about: 'spec' });
  test.do({ op: 'cancel', event });
  t.match(test.ask(patch(1), facts), { records: [], needs: { about: 'id' } });
  t.equal(worded(test.doWithFacts(patch(1))), 'nothing, already-finished');
});

t.test('a retried event has its whole budget again, and attempts go on counting', async (t) => {
  const test = new TestPartition();
  const event = test.schedule({ maxRetries: 0 });
  for (const attempt of [1, 2, 3]) {
    test.dispatch(event);
    t.equal(worded(test.end(event, { ...failedOutcome, attempt })), 'dead');
    test.doWithFacts({ op: 'retry', event, times: { scheduledAtMs: test.now as WallMs, delayMs: null } });
    const handle = test.handleOf(event);
    t.match([test.state.columns.attempts(handle), test.state.columns.attemptsInRun(handle)], [attempt, 0]);
  }
});
