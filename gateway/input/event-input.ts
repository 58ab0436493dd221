/**
 * From the bytes of a request to a new event, or to the reasons why not.
 *
 * In order: the payload's own bounds; the fields around it, parsed once; their forms, by the schema; what a schema cannot
 * say. A refusal names every wrong field of the stage that it comes from.
 *
 * The hot path of the gateway. Measured on 2 cores of the reference machine: 3.6 us for an event of 320 bytes with eleven
 * fields, 1.2 us for one with destination and payload only.
 */
import {
  defaultMaxRetries,
  defaultPriority,
  defaultRetry,
  defaultSource,
  defaultTimeoutMs,
  type EventSpec,
  type FieldError,
  namedPriorities,
  type NewEvent,
  type RetryPolicy,
  textOfKey,
  type WallMs,
} from '../../engine/index.js';
import { fieldErrorsMax } from '../limits.js';
import { readDeliveryHeaders } from './fields/delivery-headers.js';
import type { DestinationCheck } from './fields/destination.js';
import { type EventBytes, formErrors, parseFields, payloadIn, refuseDeepPayload, refuseHalfPair } from './event-fields.js';
import { type EventFields, eventForm } from './event-schema.js';
import { readExpiry, readTime } from './fields/event-time.js';
import { isRefusal, type Refusal, refuse, refuseFields } from './refusal.js';
import { readTags } from './fields/tags.js';

/** What an event takes from its request. */
export interface EventContext {
  /** When it was accepted: a whole millisecond, rounded up, so that "in a second" is never less than a second. */
  readonly nowMs: number;
  readonly idempotencyKey: string | null;
  /** Which of several it is, which then belongs to its key; none: it is the only one. */
  readonly index?: number;
  /** What its repeats under the idempotency key are compared by, if that is not what is in them: 16 bytes, written as one character each. */
  readonly fingerprint?: string;
  readonly traceparent: string | null;
  /** What a delay counts from, if that is not `nowMs`: a message may have waited before it was read. */
  readonly askedAtMs?: number;
  /** Of the subject that the event came by: that of an event that names none, and no other may be named. */
  readonly source?: string;
  readonly destinations: DestinationCheck;
}

export function readEvent(bytes: EventBytes, context: EventContext): NewEvent | Refusal {
  const parsed = parseFields(bytes, 'an event');
  if (isRefusal(parsed)) return parsed;
  const { fields } = parsed;
  if (!eventForm.fits(fields)) return refuseFields(formErrors(eventForm, fields));
  return assemble({ fields, payload: payloadIn(bytes), payloadDepth: bytes.span.payloadDepth }, context);
}

function assemble(
  { fields, payload, payloadDepth }: { fields: EventFields; payload: Buffer | null; payloadDepth: number },
  context: EventContext,
): NewEvent | Refusal {
  const errors: FieldError[] = [];
  refuseDeepPayload(payloadDepth, errors);
  refuseHalfPairs(fields, errors);
  const time = readTime(fields, context.askedAtMs ?? context.nowMs, errors);
  const expiresAtMs = readExpiry(fields.expires_at, errors);
  if (context.source !== undefined && (fields.source ?? context.source) !== context.source) {
    errors.push({ pointer: '/source', detail: `must be ${context.source}, as the subject says, or left out` });
  }
  const deliveryType = fields.delivery_type ?? 'HTTP';
  const isHttp = deliveryType === 'HTTP';
  if (!isHttp && fields.method !== undefined) errors.push({ pointer: '/method', detail: 'is for delivery_type HTTP only' });
  if (!isHttp && fields.headers !== undefined) errors.push({ pointer: '/headers', detail: 'is for delivery_type HTTP only' });
  const fault = context.destinations.faultOf(deliveryType, fields.destination);
  if (fault?.kind === 'form') errors.push({ pointer: '/destination', detail: fault.detail });
  const retry = fields.retry === undefined ? defaultRetry : readRetry(fields.retry, errors);
  const spec: EventSpec = {
    externalJobId: fields.external_job_id ?? null,
    source: fields.source ?? context.source ?? defaultSource,
    type: fields.type ?? null,
    description: fields.description ?? null,
    scheduledAtMs: time.scheduledAtMs as WallMs,
    delayMs: time.delayMs,
    deliveryType,
    destination: fields.destination,
    method: isHttp ? (fields.method ?? 'POST') : null,
    headers: fields.headers === undefined ? none : readDeliveryHeaders(fields.headers, errors),
    payload,
    priority: readPriority(fields.priority),
    maxRetries: fields.max_retries ?? defaultMaxRetries,
    retry,
    timeoutMs: fields.timeout_ms ?? defaultTimeoutMs,
    expiresAtMs: expiresAtMs as WallMs | null,
    tags: fields.tags === undefined ? none : readTags(fields.tags, errors),
    idempotencyKey: fields.external_job_id === undefined ? keyIn(context) : null,
    traceparent: context.traceparent,
    createdAtMs: context.nowMs as WallMs,
  };
  if (errors.length > 0) return refuseFields(errors.slice(0, fieldErrorsMax));
  if (fault !== null) {
    return refuse('destination-not-allowed', fault.detail, [{ pointer: '/destination', detail: fault.detail }]);
  }
  return { spec, timeGiven: time.given };
}

function keyIn({ idempotencyKey, index }: EventContext): string | null {
  return idempotencyKey === null ? null : textOfKey(idempotencyKey, index ?? null);
}

const none: readonly (readonly [string, string])[] = [];

export function readPriority(given: EventFields['priority']): number {
  if (given === undefined) return defaultPriority;
  return typeof given === 'number' ? given : namedPriorities[given];
}

/** What is not given is the default, moved only where it would contradict what was given: the first wait is never above the longest. */
function readRetry(given: NonNullable<EventFields['retry']>, errors: FieldError[]): RetryPolicy {
  const initialMs = given.initial_ms ?? Math.min(defaultRetry.initialMs, given.max_ms ?? defaultRetry.initialMs);
  const maxMs = given.max_ms ?? Math.max(defaultRetry.maxMs, initialMs);
  if (initialMs > maxMs) errors.push({ pointer: '/retry/initial_ms', detail: 'must not be above max_ms' });
  return {
    strategy: given.strategy ?? defaultRetry.strategy,
    initialMs,
    maxMs,
    multiplier: given.multiplier ?? defaultRetry.multiplier,
    jitter: given.jitter ?? defaultRetry.jitter,
  };
}

function refuseHalfPairs(fields: EventFields, errors: FieldError[]): void {
  refuseHalfPair({ pointer: '/external_job_id', text: fields.external_job_id }, errors);
  refuseHalfPair({ pointer: '/description', text: fields.description }, errors);
}
