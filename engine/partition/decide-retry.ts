/**
 * An operator's retry of a finished event: its whole spec written anew with other times, for a run with a fresh budget.
 *
 * Of one event the spec is at hand decoded. Of very many the reader has laid out the records (`log/retry-sheaf.ts`), and what is decided
 * is filled in where it stands. Both ways give the same record (`decide-retry.test.ts`).
 */
import { recordKinds, type LogRecord } from '../event/record.js';
import { encodeRenewal, RenewalHead, reschedule } from '../event/renewal-codec.js';
import { encodeSpec, SpecHead, type StoredSpec } from '../event/spec-codec.js';
import type { Sequence, WallMs } from '../kernel/brand.js';
import type { RecordCursor } from '../log/record-batch.js';
import type { KnownEvent, RetryTimes } from './command.js';
import { recordOf, wholeMs } from './decision.js';
import type { PartitionState } from './state.js';

export function retried(
  state: PartitionState,
  times: RetryTimes,
  { known, now }: { readonly known: KnownEvent; readonly now: WallMs },
): LogRecord {
  const { dueAtMs, scheduledAtMs } = dueOf(times, now);
  const expiresAtMs = expiryOf(times, { before: known.spec.expiresAtMs, dueAtMs });
  const spec: StoredSpec = { ...known.spec, scheduledAtMs, delayMs: times.delayMs, expiresAtMs };
  // With the fingerprint of the content that was accepted first: that is what a repeated request is compared with.
  const { event, newest, status, version, attempts } = known;
  const renewal = { from: status, version: version + 1, attempts, dueAtMs, spec: encodeSpec(spec, spec.fingerprint) };
  return recordOf(state, { event, prev: newest, kind: recordKinds.retried, now, body: encodeRenewal(renewal) });
}

const renewal = new RenewalHead();
const head = new SpecHead();

/**
 * Whether the retry under the cursor may be: its event is finished still, and has not finished once more since it was read. If it has
 * been carried forward since, it is as it was.
 */
export function mayBePutBack(state: PartitionState, cursor: RecordCursor): boolean {
  const { view, bodyAt, event, prev } = cursor;
  if (!RenewalHead.isReadableIn(view, { start: bodyAt, length: cursor.endAt - bodyAt })) return false;
  if (state.handleOf(event) !== null) return false;
  const newest = state.finished.seqOf(event) ?? prev;
  return newest === prev || state.finished.versionAt(newest, event) === renewal.inside(view, bodyAt).version - 1;
}

/**
 * The retry under the cursor, which may be, takes its place in the log, behind the newest record of its event: due at the time that is
 * asked for, and now at the earliest.
 */
export function retryInPlace(
  state: PartitionState,
  cursor: RecordCursor,
  { scheduledAtMs, now }: { readonly scheduledAtMs: WallMs; readonly now: WallMs },
): void {
  const { view, bodyAt } = cursor;
  const times: RetryTimes = { scheduledAtMs, delayMs: null };
  const { dueAtMs } = dueOf(times, now);
  const { expiresAtMs: before } = head.inside(view, renewal.inside(view, bodyAt).specAt);
  const expiresAtMs = expiryOf(times, { before: before === 0 ? null : (before as WallMs), dueAtMs });
  reschedule(view, bodyAt, { dueAtMs, scheduledAtMs, expiresAtMs });
  cursor.at = wholeMs(now);
  cursor.prev = state.finished.seqOf(cursor.event) ?? cursor.prev;
  cursor.seq = (state.lastSeq + 1) as Sequence;
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
