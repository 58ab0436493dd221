/** The body of an operator's retry: when, and until when. Without one: now, and as before. */
import type { FieldError, RetryTimes, WallMs } from '../../engine/index.js';
import { type EventBytes, formErrors, parseFields } from './event-fields.js';
import { retryTimesForm } from './event-schema.js';
import { readExpiry, readTime } from './fields/event-time.js';
import { readJson } from './bytes/json-body.js';
import { isRefusal, type Refusal, refuseFields } from './refusal.js';

/** `nowMs`: what a delay is counted from. */
export function readRetryTimes(body: Buffer, nowMs: number): RetryTimes | Refusal {
  if (body.length === 0) return { scheduledAtMs: nowMs as WallMs, delayMs: null };
  return readJson(body, (bytes) => readFields(bytes, nowMs));
}

function readFields(bytes: EventBytes, nowMs: number): RetryTimes | Refusal {
  const parsed = parseFields(bytes, 'a retry');
  if (isRefusal(parsed)) return parsed;
  const { fields } = parsed;
  if (!retryTimesForm.fits(fields)) return refuseFields(formErrors(retryTimesForm, fields));
  const errors: FieldError[] = [];
  const { scheduledAtMs, delayMs } = readTime(fields, nowMs, errors);
  const { expires_at: expiresAt } = fields;
  const expiry = expiresAt === undefined ? {} : { expiresAtMs: readExpiry(expiresAt ?? undefined, errors) as WallMs | null };
  return errors.length > 0 ? refuseFields(errors) : { scheduledAtMs: scheduledAtMs as WallMs, delayMs, ...expiry };
}
