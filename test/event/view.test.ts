import t from 'tap';
import { emptyBody, encodeDispatched, encodeOutcome, type OutcomeBody } from '../../engine/event/outcome-codec.js';
import { type LogRecord, type RecordKind, recordKinds } from '../../engine/event/record.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { historyOf, viewOf } from '../../engine/event/view.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { now, specOf } from './specs.js';

const partition = 3 as PartitionId;
const event = mintEventId(3 as Slot, now);
const scheduledAtMs = (now + 1_000) as WallMs;

type Step = readonly [kind: keyof typeof recordKinds, body?: Partial<OutcomeBody>];

/** The records of one event, a second apart, with other events' records between them. */
function recordsOf(...steps: readonly Step[]): LogRecord[] {
  let attempt = 0;
  return steps.map(([name, fields], index) => {
    const kind: RecordKind = recordKinds[name];
    if (name === 'dispatched') attempt++;
    const outcome = {
      attempt,
      statusCode: null,
      durationMs: 5,
      lagMs: 0.5,
      error: null,
      responseBody: null,
      nextAttemptAtMs: null,
    };
    const body =
      name === 'accepted'
        ? encodeSpec(specOf({ scheduledAtMs, externalJobId: 'x' }), new Uint8Array(16))
        : name === 'dispatched'
          ? encodeDispatched({ attempt })
          : name === 'cancelled' || name === 'expired'
            ? emptyBody
            : encodeOutcome({ ...outcome, ...fields });
    return {
      seq: (index * 10 + 1) as Sequence,
      kind,
      event,
      prev: (index === 0 ? 0 : (index - 1) * 10 + 1) as Sequence,
      at: (now + index * 1_000) as WallMs,
      body,
    };
  });
}

const failed = { statusCode: 503, error: 'HTTP 503', responseBody: Buffer.from('busy'), lagMs: 0.8 };
const nextAt = (now + 9_000) as WallMs;

t.test('an accepted event waits for its time', async (t) => {
  const view = viewOf(recordsOf(['accepted']), partition);
  t.match(view, {
    partition,
    status: 'SCHEDULED',
    version: 1,
    waitingFor: null,
    attempts: 0,
    nextAttemptAtMs: scheduledAtMs,
    updatedAtMs: now,
    finishedAtMs: null,
    lastStatusCode: null,
    lastError: null,
    fireLagMs: null,
  });
  t.same(view.id, event);
  t.equal(view.spec.externalJobId, 'x');
});

t.test('a dispatched event has an attempt and no next one', async (t) => {
  t.match(viewOf(recordsOf(['accepted'], ['dispatched']), partition), {
    status: 'DISPATCHED',
    version: 2,
    attempts: 1,
    nextAttemptAtMs: null,
    updatedAtMs: now + 1_000,
    finishedAtMs: null,
    fireLagMs: null,
  });
});

t.test('a delivered event is finished and keeps the answer', async (t) => {
  t.match(viewOf(recordsOf(['accepted'], ['dispatched'], ['delivered', { statusCode: 204 }]), partition), {
    status: 'DELIVERED',
    version: 3,
    attempts: 1,
    nextAttemptAtMs: null,
    finishedAtMs: now + 2_000,
    lastStatusCode: 204,
    lastError: null,
    fireLagMs: 0.5,
  });
});

t.test('a retrying event says when and why', async (t) => {
  t.match(viewOf(recordsOf(['accepted'], ['dispatched'], ['retrying', { ...failed, nextAttemptAtMs: nextAt }]), partition), {
    status: 'RETRYING',
    version: 3,
    attempts: 1,
    nextAttemptAtMs: nextAt,
    finishedAtMs: null,
    lastStatusCode: 503,
    lastError: 'HTTP 503',
    fireLagMs: 0.8,
  });
});

t.test('while the second attempt runs the first one is still the last that is known', async (t) => {
  const records = recordsOf(['accepted'], ['dispatched'], ['retrying', { ...failed, nextAttemptAtMs: nextAt }], ['dispatched']);
  t.match(viewOf(records, partition), {
    status: 'DISPATCHED',
    attempts: 2,
    nextAttemptAtMs: null,
    lastStatusCode: 503,
    lastError: 'HTTP 503',
  });
});

t.test('a success after a failure leaves no error behind', async (t) => {
  const retrying = ['retrying', { ...failed, nextAttemptAtMs: nextAt }] as const;
  const records = recordsOf(['accepted'], ['dispatched'], retrying, ['dispatched'], ['delivered', { statusCode: 200 }]);
  t.match(viewOf(records, partition), { status: 'DELIVERED', version: 5, attempts: 2, lastStatusCode: 200, lastError: null });
});

t.test('a dead event keeps its last failure', async (t) => {
  t.match(viewOf(recordsOf(['accepted'], ['dispatched'], ['dead', failed]), partition), {
    status: 'DEAD',
    attempts: 1,
    finishedAtMs: now + 2_000,
    lastStatusCode: 503,
    lastError: 'HTTP 503',
  });
});

for (const [kind, status] of [
  ['cancelled', 'CANCELLED'],
  ['expired', 'EXPIRED'],
] as const) {
  t.test(`an event that was ${kind} before its time has made no attempt`, async (t) => {
    const view = viewOf(recordsOf(['accepted'], [kind]), partition);
    t.match(view, { status, version: 2, attempts: 0, nextAttemptAtMs: null, finishedAtMs: now + 1_000, lastError: null });
  });

  t.test(`an event that was ${kind} between two attempts keeps their count and the last failure`, async (t) => {
    const records = recordsOf(['accepted'], ['dispatched'], ['retrying', { ...failed, nextAttemptAtMs: nextAt }], [kind]);
    t.match(viewOf(records, partition), {
      status,
      version: 4,
      attempts: 1,
      nextAttemptAtMs: null,
      finishedAtMs: now + 3_000,
      lastStatusCode: 503,
      lastError: 'HTTP 503',
      fireLagMs: 0.8,
    });
  });
}

t.test('a history has an entry for each record, oldest first', async (t) => {
  const retrying = ['retrying', { ...failed, nextAttemptAtMs: nextAt }] as const;
  const history = historyOf(recordsOf(['accepted'], ['dispatched'], retrying, ['dispatched'], ['dead', failed]));
  const none = { statusCode: null, durationMs: null, error: null, responseBody: null, nextAttemptAtMs: null };
  const end = { statusCode: 503, durationMs: 5, error: 'HTTP 503' };
  t.match(history, [
    { version: 1, at: now, status: 'SCHEDULED', attempt: 0, ...none, nextAttemptAtMs: scheduledAtMs },
    { version: 2, at: now + 1_000, status: 'DISPATCHED', attempt: 1, ...none },
    { version: 3, at: now + 2_000, status: 'RETRYING', attempt: 1, ...end, nextAttemptAtMs: nextAt },
    { version: 4, at: now + 3_000, status: 'DISPATCHED', attempt: 2, ...none },
    { version: 5, at: now + 4_000, status: 'DEAD', attempt: 2, ...end, nextAttemptAtMs: null },
  ]);
  t.equal(history.length, 5);
  t.equal(Buffer.from(history[2]!.responseBody!).toString(), 'busy');
});

t.test('a cancel after a failed attempt shows that attempt in the history', async (t) => {
  const records = recordsOf(['accepted'], ['dispatched'], ['retrying', { ...failed, nextAttemptAtMs: nextAt }], ['cancelled']);
  t.match(historyOf(records).at(-1), { version: 4, status: 'CANCELLED', attempt: 1, statusCode: null, error: null });
});

t.test('records that do not open with an accepted one are no event', async (t) => {
  t.throws(() => viewOf([], partition), InvariantError);
  t.throws(() => viewOf(recordsOf(['accepted'], ['dispatched']).slice(1), partition), InvariantError);
});
