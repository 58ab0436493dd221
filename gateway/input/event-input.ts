/**
 * From the bytes of a request to a new event, or to the reasons why not.
 *
 * In order: the payload's own bounds; the fields around it, parsed once; their forms, by the schema; what a schema cannot
 * say. A refusal names every wrong field of the stage that it comes from.
 *
 * The hot path of the gateway. Measured on 2 cores of the reference machine: 3.6 us for an event of 320 bytes with eleven
 * fields, 1.2 us for one with destination and payload only.
 */
import { type ValueError, ValueErrorType } from '@sinclair/typebox/errors';
import {
  aheadMsMax,
  defaultMaxRetries,
  defaultPriority,
  defaultRetry,
  defaultSource,
  defaultTimeoutMs,
  type EventSpec,
  type FieldError,
  namedPriorities,
  type NewEvent,
  payloadBytesMax,
  payloadDepthMax,
  type RetryPolicy,
  type WallMs,
} from '../../engine/index.js';
import { fieldErrorsMax } from '../limits.js';
import { parseDelay } from './delay.js';
import { readDeliveryHeaders } from './delivery-headers.js';
import type { DestinationCheck } from './destination.js';
import { type EventFields, eventCheck } from './event-schema.js';
import { type EventSpan, repeatedKey } from './event-span.js';
import { parseInstant } from './instant.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';
import { readTags } from './tags.js';

/** What an event takes from its request. */
export interface EventContext {
  /** When it was accepted: a whole millisecond, rounded up, so that "in a second" is never less than a second. */
  readonly nowMs: number;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly destinations: DestinationCheck;
}

/** `latin1` when the body is pure ASCII, which is read faster. */
export interface EventBytes {
  readonly body: Buffer;
  readonly encoding: 'latin1' | 'utf8';
  readonly span: EventSpan;
}

export function readEvent(bytes: EventBytes, context: EventContext): NewEvent | Refusal {
  const { body, span } = bytes;
  if (span.members === -1) return refuseFields([{ pointer: '', detail: 'an event must be a JSON object' }]);
  const fields = parseAround(bytes);
  // The parser keeps one of two equal keys, so the counts differ exactly when a key was written twice.
  if (span.payloadTwice || Object.keys(fields).length !== span.members) {
    return refuse('malformed-json', `the key ${JSON.stringify(repeatedKey(body, span))} is given twice`);
  }
  if (span.payloadEnd - span.payloadAt > payloadBytesMax) {
    return refuse(
      'too-large',
      `the payload has ${span.payloadEnd - span.payloadAt} bytes, at most ${payloadBytesMax} are accepted`,
    );
  }
  if (!eventCheck.Check(fields)) return refuseFields(formErrors(fields));
  const payload = span.payloadAt === -1 ? null : body.subarray(span.payloadAt, span.payloadEnd);
  return assemble({ fields, payload, payloadDepth: span.payloadDepth }, context);
}

/** The fields, with `null` where the payload was. The bytes have been walked, so this cannot fail. */
function parseAround({ body, encoding, span }: EventBytes): object {
  const text =
    span.payloadAt === -1
      ? body.toString(encoding, span.at, span.end)
      : `${body.toString(encoding, span.at, span.payloadAt)}null${body.toString(encoding, span.payloadEnd, span.end)}`;
  return JSON.parse(text) as object;
}

function assemble(
  { fields, payload, payloadDepth }: { fields: EventFields; payload: Buffer | null; payloadDepth: number },
  context: EventContext,
): NewEvent | Refusal {
  const errors: FieldError[] = [];
  if (payloadDepth > payloadDepthMax) {
    errors.push({ pointer: '/payload', detail: `must be at most ${payloadDepthMax} levels deep, it has ${payloadDepth}` });
  }
  refuseHalfPairs(fields, errors);
  const time = readTime(fields, context.nowMs, errors);
  const expiresAtMs = fields.expires_at === undefined ? null : readInstant('/expires_at', fields.expires_at, errors);
  if (expiresAtMs === 0) errors.push({ pointer: '/expires_at', detail: 'must be after 1970-01-01T00:00:00Z' });
  const deliveryType = fields.delivery_type ?? 'HTTP';
  const isHttp = deliveryType === 'HTTP';
  if (!isHttp && fields.method !== undefined) errors.push({ pointer: '/method', detail: 'is for delivery_type HTTP only' });
  if (!isHttp && fields.headers !== undefined) errors.push({ pointer: '/headers', detail: 'is for delivery_type HTTP only' });
  const fault = context.destinations.faultOf(deliveryType, fields.destination);
  if (fault?.kind === 'form') errors.push({ pointer: '/destination', detail: fault.detail });
  const retry = fields.retry === undefined ? defaultRetry : readRetry(fields.retry, errors);
  const spec: EventSpec = {
    externalJobId: fields.external_job_id ?? null,
    source: fields.source ?? defaultSource,
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
    idempotencyKey: fields.external_job_id === undefined ? context.idempotencyKey : null,
    traceparent: context.traceparent,
    createdAtMs: context.nowMs as WallMs,
  };
  if (errors.length > 0) return refuseFields(errors.slice(0, fieldErrorsMax));
  if (fault !== null) {
    return refuse('destination-not-allowed', fault.detail, [{ pointer: '/destination', detail: fault.detail }]);
  }
  return { spec, timeGiven: time.given };
}

const none: readonly (readonly [string, string])[] = [];

interface TimeAsked {
  readonly given: boolean;
  readonly scheduledAtMs: number;
  readonly delayMs: number | null;
}

function readTime(fields: EventFields, nowMs: number, errors: FieldError[]): TimeAsked {
  const { scheduled_at: instant, delay, delay_ms: delayMs } = fields;
  if (instant === undefined && delay === undefined && delayMs === undefined)
    return { given: false, scheduledAtMs: nowMs, delayMs: null };
  if (delay !== undefined && instant !== undefined)
    errors.push({ pointer: '/delay', detail: 'cannot be combined with scheduled_at' });
  if (delayMs !== undefined && (instant ?? delay) !== undefined) {
    errors.push({ pointer: '/delay_ms', detail: `cannot be combined with ${instant === undefined ? 'delay' : 'scheduled_at'}` });
  }
  if (instant !== undefined) {
    const scheduledAtMs = readInstant('/scheduled_at', instant, errors);
    refuseTooFar({ pointer: '/scheduled_at', aheadMs: scheduledAtMs - nowMs }, errors);
    return { given: true, scheduledAtMs, delayMs: null };
  }
  const waitMs = delayMs ?? parseDelay(delay!);
  if (typeof waitMs === 'string') {
    errors.push({ pointer: '/delay', detail: `must ${waitMs}` });
    return { given: true, scheduledAtMs: nowMs, delayMs: null };
  }
  refuseTooFar({ pointer: '/delay', aheadMs: waitMs }, errors);
  return { given: true, scheduledAtMs: nowMs + waitMs, delayMs: waitMs };
}

function refuseTooFar({ pointer, aheadMs }: { pointer: string; aheadMs: number }, errors: FieldError[]): void {
  if (aheadMs > aheadMsMax) errors.push({ pointer, detail: 'must be at most 10 years ahead' });
}

function readInstant(pointer: string, text: string, errors: FieldError[]): number {
  const instant = parseInstant(text);
  if (typeof instant === 'number') return instant;
  errors.push({ pointer, detail: `must ${instant}` });
  return 1;
}

function readPriority(given: EventFields['priority']): number {
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

const halfPair = /\p{Surrogate}/u;

/** Half of a surrogate pair cannot be written as UTF-8: it would silently become another character. */
function refuseHalfPairs(fields: EventFields, errors: FieldError[]): void {
  if (fields.external_job_id !== undefined && halfPair.test(fields.external_job_id)) {
    errors.push({ pointer: '/external_job_id', detail: 'must be well-formed Unicode' });
  }
  if (fields.description !== undefined && halfPair.test(fields.description)) {
    errors.push({ pointer: '/description', detail: 'must be well-formed Unicode' });
  }
}

/** The schema's complaints as sentences, one for each field. */
function formErrors(fields: object): FieldError[] {
  const errors = new Map<string, FieldError>();
  for (const error of eventCheck.Errors(fields)) {
    if (!errors.has(error.path)) errors.set(error.path, { pointer: error.path, detail: sentenceOf(error) });
    if (errors.size === fieldErrorsMax) break;
  }
  return [...errors.values()];
}

function sentenceOf(error: ValueError): string {
  switch (error.type) {
    case ValueErrorType.ObjectAdditionalProperties:
      return 'is not a known field';
    case ValueErrorType.ObjectRequiredProperty:
      return 'is required';
    default:
      return error.value === null
        ? `must be ${error.schema.description}, not null: leave the field out`
        : `must be ${error.schema.description}`;
  }
}
