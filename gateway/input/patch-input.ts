/** The body of a PATCH: which fields of an event change, and to what. */
import type { FieldError, SpecPatch, WallMs } from '../../engine/index.js';
import { fieldErrorsMax } from '../limits.js';
import { type EventBytes, formErrors, parseFields, payloadIn, refuseDeepPayload, refuseHalfPair } from './event-fields.js';
import { readPriority } from './event-input.js';
import { type PatchFields, patchForm } from './event-schema.js';
import { readExpiry, readTime } from './fields/event-time.js';
import { readJson } from './bytes/json-body.js';
import { isRefusal, type Refusal, refuseFields } from './refusal.js';
import { readTagChanges } from './fields/tags.js';

/** `nowMs`: what a delay is counted from. */
export function readPatch(body: Buffer, nowMs: number): SpecPatch | Refusal {
  return readJson(body, (bytes) => readFields(bytes, nowMs));
}

function readFields(bytes: EventBytes, nowMs: number): SpecPatch | Refusal {
  const parsed = parseFields(bytes, 'a change');
  if (isRefusal(parsed)) return parsed;
  const { fields } = parsed;
  if (!patchForm.fits(fields)) return refuseFields(formErrors(patchForm, fields));
  if (bytes.span.members === 0) return refuseFields([{ pointer: '', detail: 'must name at least one field to change' }]);
  const errors: FieldError[] = [];
  refuseDeepPayload(bytes.span.payloadDepth, errors);
  refuseHalfPair({ pointer: '/description', text: fields.description }, errors);
  const patch = patchOf(fields, { nowMs, payload: payloadIn(bytes), errors });
  return errors.length > 0 ? refuseFields(errors.slice(0, fieldErrorsMax)) : patch;
}

function patchOf(
  fields: PatchFields,
  { nowMs, payload, errors }: { nowMs: number; payload: Buffer | null; errors: FieldError[] },
): SpecPatch {
  const { priority, max_retries: maxRetries, expires_at: expiresAt, tags, description } = fields;
  const { given, scheduledAtMs, delayMs } = readTime(fields, nowMs, errors);
  return {
    ...(given && { time: { scheduledAtMs: scheduledAtMs as WallMs, delayMs } }),
    ...(payload !== null && { payload }),
    ...(priority !== undefined && { priority: readPriority(priority) }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(expiresAt !== undefined && { expiresAtMs: readExpiry(expiresAt ?? undefined, errors) as WallMs | null }),
    ...(tags !== undefined && { tags: tags === null ? null : readTagChanges(tags, errors) }),
    ...(description !== undefined && { description }),
  };
}
