/**
 * The decisions of a partition: a command and the state in, records and an answer out.
 *
 * Nothing is read, written, timed or drawn by lot in here; `now` and randomness are values. Records are decided in the order
 * in which the actor applies them, so each decision sees the outcome of the one before it: that is what makes "cancelled"
 * or "in flight" certain.
 */
import { backOffMs } from '../event/back-off.js';
import { type EventKey, keyOf } from '../event/content.js';
import { emptyBody, encodeDispatched, encodeOutcome } from '../event/outcome-codec.js';
import { type LogRecord, type RecordKind, recordKinds } from '../event/record.js';
import { decodeSpec, SpecHead } from '../event/spec-codec.js';
import { isFinished } from '../event/status.js';
import { type Handle, noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import { idempotencyKeyMs } from '../kernel/limits.js';
import type { Answer, Command, Decision, Facts, KnownEvent, Request } from './command.js';
import type { PartitionState } from './state.js';

const nothing: Decision = { records: [], answer: null, needs: null };
const head = new SpecHead();

/** `facts`: what an earlier call asked for with `needs`, else null. */
export function decide(state: PartitionState, command: Command, { now, facts }: { now: WallMs; facts: Facts | null }): Decision {
  switch (command.op) {
    case 'schedule':
      return decideSchedule(state, command, { now, facts });
    case 'cancel':
    case 'get':
    case 'history':
      return decideAbout(state, command, { now, facts });
    case 'expire':
      return written(state, command.handle, { kind: recordKinds.expired, now, body: emptyBody });
    case 'dispatch':
      return written(state, command.handle, {
        kind: recordKinds.dispatched,
        now,
        body: encodeDispatched({ attempt: state.columns.attempts(command.handle) + 1 }),
      });
    case 'outcome':
      return decideOutcome(state, command, now);
  }
}

type Schedule = Extract<Request, { op: 'schedule' }>;

function decideSchedule(
  state: PartitionState,
  command: Schedule,
  { now, facts }: { now: WallMs; facts: Facts | null },
): Decision {
  const { tagHigh, tagLow } = head.at(command.body);
  if (tagHigh === 0 && tagLow === 0) return accepted(state, command);
  if (facts === null) {
    const pending = state.tagged({ tagHigh, tagLow });
    const finished = state.finished.tagged({ tagHigh, tagLow });
    const askIndex = state.finished.mayBeIndexedKey({ tagHigh, tagLow });
    if (pending.length === 0 && finished.length === 0 && !askIndex) return accepted(state, command);
    return { ...nothing, needs: { about: 'key', tagHigh, tagLow, pending, finished, askIndex } };
  }
  const asked = decodeSpec(command.body);
  const key = keyOf(asked);
  const known = facts.find((fact) => sameKey(fact.key, key) && stillRemembered(fact, asked.createdAtMs));
  if (known === undefined) return accepted(state, command);
  const current = asItIsNow(state, known);
  // It finished while the facts were on their way: how it ended must be read first.
  if (current === null) return decideSchedule(state, command, { now, facts: null });
  if (sameBytes(known.fingerprint, asked.fingerprint)) return answered({ op: 'replayed', newest: current.newest });
  const isExternal = known.key?.kind === 'external';
  return refused({
    code: isExternal ? 'external-job-id-conflict' : 'idempotency-key-reused',
    detail: isExternal
      ? `external_job_id "${asked.externalJobId}" of source "${asked.source}" belongs to event ${formatEventId(known.event)}, which has other content`
      : `this Idempotency-Key was used for event ${formatEventId(known.event)}, which has other content`,
    event: known.event,
    status: current.status,
  });
}

type About = Exclude<Request, Schedule>;

/** Commands about one event by its id, wherever it is: in memory, finished a moment ago, or long ago. */
function decideAbout(state: PartitionState, command: About, { now, facts }: { now: WallMs; facts: Facts | null }): Decision {
  const handle = state.handleOf(command.event);
  if (handle !== null) return decidePending(state, command, { handle, now });
  const finished = state.finished.seqOf(command.event);
  if (finished !== null && command.op !== 'cancel') return answered({ op: answerOf(command), newest: finished });
  if (facts === null) {
    if (finished === null && !state.finished.mayBeIndexedId(command.event)) return notFound(command.event);
    return { ...nothing, needs: { about: 'id', event: command.event, finished } };
  }
  const known = facts[0];
  if (known === undefined) return notFound(command.event);
  if (command.op !== 'cancel' || known.status === 'CANCELLED') return answered({ op: answerOf(command), newest: known.newest });
  return refused({
    code: 'already-finished',
    detail: `event ${formatEventId(command.event)} is ${known.status} and can no longer be cancelled`,
    event: command.event,
    status: known.status,
  });
}

function decidePending(state: PartitionState, command: About, { handle, now }: { handle: Handle; now: WallMs }): Decision {
  if (command.op !== 'cancel') return answered({ op: answerOf(command), newest: state.columns.newestSeq(handle) });
  const status = state.columns.status(handle);
  if (status === 'DISPATCHED') {
    return refused({
      code: 'in-flight',
      detail: `attempt ${state.columns.attempts(handle)} of event ${formatEventId(command.event)} is running`,
      event: command.event,
      status,
    });
  }
  const decision = written(state, handle, { kind: recordKinds.cancelled, now, body: emptyBody });
  return { ...decision, answer: { op: 'event', newest: decision.records[0]!.seq } };
}

type OutcomeCommand = Extract<Command, { op: 'outcome' }>;

function decideOutcome(state: PartitionState, { outcome, retry, random }: OutcomeCommand, now: WallMs): Decision {
  const handle = state.handleOf(outcome.event);
  // A courier may report an attempt that a reload has restarted, and both end: the first outcome counts.
  if (handle === null || state.columns.status(handle) !== 'DISPATCHED' || state.columns.attempts(handle) !== outcome.attempt)
    return nothing;
  const again = outcome.kind === 'failed' && outcome.attempt <= state.columns.maxRetries(handle);
  const waitMs = again ? Math.max(backOffMs(retry, { attempt: outcome.attempt, random }), outcome.retryAfterMs ?? 0) : 0;
  const body = encodeOutcome({
    attempt: outcome.attempt,
    statusCode: outcome.statusCode,
    durationMs: outcome.durationMs,
    lagMs: outcome.lagMs,
    error: outcome.error,
    responseBody: outcome.responseBody,
    nextAttemptAtMs: again ? (Math.ceil(now + waitMs) as WallMs) : null,
  });
  const kind = outcome.kind === 'delivered' ? recordKinds.delivered : again ? recordKinds.retrying : recordKinds.dead;
  return written(state, handle, { kind, now, body });
}

/** The record bears the time at which the event was created, not when its turn came: the first answer names that one too. */
function accepted(state: PartitionState, command: Schedule): Decision {
  const record: LogRecord = {
    seq: (state.lastSeq + 1) as Sequence,
    kind: recordKinds.accepted,
    event: command.event,
    prev: noSequence,
    at: head.at(command.body).createdAtMs,
    body: command.body,
  };
  return { records: [record], answer: { op: 'accepted' }, needs: null };
}

/** The next record of a pending event. */
function written(
  state: PartitionState,
  handle: Handle,
  { kind, now, body }: { kind: RecordKind; now: WallMs; body: Uint8Array },
): Decision {
  const { columns } = state;
  invariant(
    columns.isLive(handle),
    () => `partition ${state.partition}: a record of kind ${kind} for row ${handle}, which is free`,
  );
  const record: LogRecord = {
    seq: (state.lastSeq + 1) as Sequence,
    kind,
    event: columns.id(handle),
    prev: columns.newestSeq(handle),
    at: wholeMs(now),
    body,
  };
  return { records: [record], answer: null, needs: null };
}

/** The status that facts told of an event, brought up to date; null when only the log knows it. */
function asItIsNow(state: PartitionState, known: KnownEvent): Pick<KnownEvent, 'newest' | 'status'> | null {
  const handle = state.handleOf(known.event);
  if (handle !== null) return { newest: state.columns.newestSeq(handle), status: state.columns.status(handle) };
  return isFinished(known.status) ? known : null;
}

/** External ids are remembered as long as their event, idempotency keys for a day. */
function stillRemembered(known: KnownEvent, askedAtMs: WallMs): boolean {
  return known.key?.kind === 'external' || askedAtMs - known.createdAtMs < idempotencyKeyMs;
}

function sameKey(one: EventKey | null, other: EventKey | null): boolean {
  return one !== null && other !== null && one.kind === other.kind && one.source === other.source && one.text === other.text;
}

function sameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one !== null && other !== null && Buffer.compare(one, other) === 0;
}

function answerOf(command: About): 'event' | 'history' {
  return command.op === 'history' ? 'history' : 'event';
}

function answered(answer: Answer): Decision {
  return { records: [], answer, needs: null };
}

function refused(refusal: Omit<Extract<Answer, { op: 'refused' }>, 'op'>): Decision {
  return answered({ op: 'refused', ...refusal });
}

function notFound(event: EventId): Decision {
  return refused({ code: 'not-found', detail: `there is no event ${formatEventId(event)}`, event: null, status: null });
}

function wholeMs(now: WallMs): WallMs {
  return Math.floor(now) as WallMs;
}
