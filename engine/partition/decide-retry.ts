/**
 * An operator's retry of a finished event: its whole spec written anew with other times, for a run with a fresh budget.
 *
 * Of one event the spec is at hand decoded. Of very many it is bytes, and stays so: what changes stands at fixed places, unless the
 * time was or is asked for as a delay. Both ways write the same record (`decide-retry.test.ts`).
 */
import { recordKinds, type LogRecord } from '../event/record.js';
import { encodeRenewal, type Renewal, specIn } from '../event/renewal-codec.js';
import { decodeSpec, encodeSpec, reschedule, SpecHead, type StoredSpec } from '../event/spec-codec.js';
import { hasDelay } from '../event/spec-texts.js';
import type { Sequence, WallMs } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import type { EventStatus } from '../event/status.js';
import type { KnownEvent, RetryTimes } from './command.js';
import { recordOf, wholeMs } from './decision.js';
import type { PartitionState } from './state.js';

/** A finished event with its spec as `spec-codec.ts` lays it out. */
export interface FinishedEvent {
  readonly event: EventId;
  /** Its final record. */
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
  readonly spec: Uint8Array;
}

export function retried(
  state: PartitionState,
  times: RetryTimes,
  { known, now }: { readonly known: KnownEvent; readonly now: WallMs },
): LogRecord {
  const { dueAtMs, scheduledAtMs } = dueOf(times, now);
  const expiresAtMs = expiryOf(times, { before: known.spec.expiresAtMs, dueAtMs });
  const spec: StoredSpec = { ...known.spec, scheduledAtMs, delayMs: times.delayMs, expiresAtMs };
  // With the fingerprint of the content that was accepted first: that is what a repeated request is compared with.
  return recordOfRetry(state, known, { dueAtMs, now, spec: encodeSpec(spec, spec.fingerprint) });
}

const head = new SpecHead();

/** Null: since it was read it has been put back, or has finished once more. */
export function decideRetryOfMany(
  state: PartitionState,
  times: RetryTimes,
  { known, now }: { readonly known: FinishedEvent; readonly now: WallMs },
): LogRecord | null {
  const { event, newest, spec } = known;
  if (state.handleOf(event) !== null || (state.finished.seqOf(event) ?? newest) !== newest) return null;
  if (times.delayMs !== null || hasDelay(spec)) {
    return retried(state, times, { known: { ...known, spec: decodeSpec(spec), bodySeq: null }, now });
  }
  const { dueAtMs, scheduledAtMs } = dueOf(times, now);
  const { expiresAtMs: before } = head.at(spec);
  const expiresAtMs = expiryOf(times, { before: before === 0 ? null : (before as WallMs), dueAtMs });
  const record = recordOfRetry(state, known, { dueAtMs, now, spec });
  reschedule(specIn(record)!, { scheduledAtMs, expiresAtMs });
  return record;
}

function dueOf({ scheduledAtMs }: RetryTimes, now: WallMs): { readonly dueAtMs: WallMs; readonly scheduledAtMs: WallMs } {
  return { scheduledAtMs, dueAtMs: Math.max(scheduledAtMs, wholeMs(now)) as WallMs };
}

/** An expiry that would be over before the retry is due was meant for the first run. */
function expiryOf(
  { expiresAtMs }: RetryTimes,
  { before, dueAtMs }: { readonly before: WallMs | null; readonly dueAtMs: WallMs },
): WallMs | null {
  if (expiresAtMs !== undefined) return expiresAtMs;
  return before !== null && before > dueAtMs ? before : null;
}

function recordOfRetry(
  state: PartitionState,
  { event, newest, status, version, attempts }: Omit<FinishedEvent, 'spec'>,
  { dueAtMs, now, spec }: Pick<Renewal, 'dueAtMs' | 'spec'> & { readonly now: WallMs },
): LogRecord {
  const body = encodeRenewal({ from: status, version: version + 1, attempts, dueAtMs, spec });
  return recordOf(state, { event, prev: newest, kind: recordKinds.retried, now, body });
}
