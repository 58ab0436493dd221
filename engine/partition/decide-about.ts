/**
 * Decisions about one event by its id, wherever it is: in memory, finished a moment ago, or long ago.
 *
 * Each change is answered with exactly one of: changed, already finished (or not yet), in flight. Records are decided in the
 * order in which they are applied, so whether an attempt has started is a matter of fact here and never of luck: what is
 * DISPATCHED cannot be changed any more, and what is changed is taken out of wheel and queue before it could become so.
 *
 * A new spec is made of the whole old one, which memory does not hold: it is among the facts.
 */
import { emptyBody } from '../event/outcome-codec.js';
import { type LogRecord, recordKinds } from '../event/record.js';
import { encodeRenewal } from '../event/renewal-codec.js';
import { encodeSpec, type StoredSpec } from '../event/spec-codec.js';
import { faultOfPatched, patched } from '../event/spec-patch.js';
import { isFinished } from '../event/status.js';
import type { Handle, WallMs } from '../kernel/brand.js';
import type { About, Answer, Change, Decision, Facts, KnownEvent, RetryTimes } from './command.js';
import { retried } from './decide-retry.js';
import { answered, changed, type NewRecord, needing, nextRecord, nothing, notFound, refused, wholeMs } from './decision.js';
import { alreadyFinished, inFlight, mismatchOf, notFinished, versionMismatch } from './refusals.js';
import type { PartitionState } from './state.js';

interface Circumstances {
  readonly now: WallMs;
  readonly facts: Facts | null;
}

export function decideAbout(state: PartitionState, command: About, circumstances: Circumstances): Decision {
  const handle = state.handleOf(command.event);
  return handle === null
    ? decideFinished(state, command, circumstances)
    : decidePending(state, command, { handle, ...circumstances });
}

// ---- pending ----

function decidePending(
  state: PartitionState,
  command: About,
  { handle, now, facts }: Circumstances & { readonly handle: Handle },
): Decision {
  const { columns } = state;
  if (isQuestion(command)) return answered(answerTo(command, columns.newestSeq(handle)));
  if (command.op === 'retry') return notFinished(state, handle);
  const stopsRetries = command.op === 'cancel' && command.stopRetries === true;
  if (columns.status(handle) === 'DISPATCHED' && !stopsRetries) return inFlight(state, handle);
  const mismatch = versionMismatch(state, handle, command.versions);
  if (mismatch !== null) return mismatch;
  switch (command.op) {
    case 'cancel':
      return columns.status(handle) === 'DISPATCHED' ? stopRetries(state, handle, now) : cancelled(state, handle, now);
    case 'fire':
      return columns.dueAtMs(handle) <= now
        ? asItIs(state, handle)
        : changed(state, handle, { kind: recordKinds.hastened, now, body: emptyBody });
    case 'patch':
      return patch(state, command, { handle, now, facts });
  }
}

/** Of a pending event whose attempts do not run. */
function cancelled(state: PartitionState, handle: Handle, now: WallMs): Decision {
  return changed(state, handle, cancelledBy(now));
}

function cancelledBy(now: WallMs): NewRecord {
  return { kind: recordKinds.cancelled, now, body: emptyBody };
}

/** One of many that are to be cancelled. Null: its attempt runs, so it is left as it is. */
export function decideCancelOfMany(state: PartitionState, handle: Handle, now: WallMs): LogRecord | null {
  const { columns } = state;
  if (columns.status(handle) === 'DISPATCHED') return null;
  state.expect(handle);
  return nextRecord(state, handle, cancelledBy(now));
}

/** The attempt that runs is the last one already when no retry is left: then there is nothing to stop. */
function stopRetries(state: PartitionState, handle: Handle, now: WallMs): Decision {
  const { columns } = state;
  if (columns.attemptsInRun(handle) > columns.maxRetries(handle)) return asItIs(state, handle);
  return changed(state, handle, { kind: recordKinds.retriesStopped, now, body: emptyBody });
}

function patch(
  state: PartitionState,
  command: Extract<Change, { op: 'patch' }>,
  { handle, now, facts }: Circumstances & { readonly handle: Handle },
): Decision {
  const { columns } = state;
  const known = facts?.[0];
  // Read now, or once more: while the facts were on their way it may have been given another spec.
  if (known?.bodySeq !== columns.bodySeq(handle)) return needing({ about: 'spec', pending: [handle] });
  const { time } = command.patch;
  const spec = patched(known.spec, command.patch);
  const fault = faultOfPatched(spec);
  if (fault !== null) {
    const { event, status } = known;
    return refused({ code: 'invalid', detail: fault.detail, event, status, errors: [fault] });
  }
  const body = encodeRenewal({
    from: columns.status(handle),
    version: columns.version(handle) + 1,
    attempts: columns.attempts(handle),
    // What is due already is due anew: lag is counted from the change.
    dueAtMs: notBefore(time === undefined ? columns.dueAtMs(handle) : time.scheduledAtMs, now),
    spec: encoded(spec),
  });
  return changed(state, handle, { kind: recordKinds.changed, now, body });
}

function asItIs({ columns }: PartitionState, handle: Handle): Decision {
  return answered({ op: 'event', newest: columns.newestSeq(handle) });
}

// ---- finished ----

function decideFinished(state: PartitionState, command: About, { now, facts }: Circumstances): Decision {
  const { event } = command;
  const finished = state.finished.seqOf(event);
  if (finished !== null && isQuestion(command)) return answered(answerTo(command, finished));
  const ask = needing({ about: 'id', event, finished });
  if (facts === null) return finished === null && !state.finished.mayBeIndexedId(event) ? notFound(event) : ask;
  const known = facts[0];
  if (known === undefined) return notFound(event);
  // It has finished, perhaps once more, while the facts were on their way.
  if (!isFinished(known.status) || (finished ?? known.newest) !== known.newest) return ask;
  if (isQuestion(command)) return answered(answerTo(command, known.newest));
  if (command.op === 'cancel' && known.status === 'CANCELLED') return answered({ op: 'event', newest: known.newest });
  if (command.op !== 'retry' || known.status === 'DELIVERED') return alreadyFinished({ ...known, verb: pastOf[command.op] });
  return mismatchOf(known, command.versions) ?? putBack(state, command.times, { known, now });
}

const pastOf = { cancel: 'cancelled', patch: 'changed', fire: 'fired', retry: 'retried' } as const;

function putBack(
  state: PartitionState,
  times: RetryTimes,
  { known, now }: { readonly known: KnownEvent; readonly now: WallMs },
): Decision {
  const record = retried(state, times, { known, now });
  return { ...nothing, records: [record], answer: { op: 'event', newest: record.seq } };
}

// ---- both ----

type Asked = Extract<About, { op: 'get' | 'history' }>;

function isQuestion(command: About): command is Asked {
  return command.op === 'get' || command.op === 'history';
}

function answerTo(command: Asked, newest: KnownEvent['newest']): Answer {
  return { op: command.op === 'history' ? 'history' : 'event', newest };
}

function notBefore(scheduledAtMs: WallMs, now: WallMs): WallMs {
  return Math.max(scheduledAtMs, wholeMs(now)) as WallMs;
}

/** With the fingerprint of the content that was accepted first: that is what a repeated request is compared with. */
function encoded(spec: StoredSpec): Uint8Array {
  return encodeSpec(spec, spec.fingerprint);
}
