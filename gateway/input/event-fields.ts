/**
 * The fields around a payload, of a new event or of a change: parsed once, and what their schema and their form do not allow as
 * sentences.
 */
import { type FieldError, payloadBytesMax, payloadDepthMax } from '../../engine/index.js';
import { fieldErrorsMax } from '../limits.js';
import type { Form } from '../form.js';
import { type ValueError, valueErrorTypes } from '../typebox.js';
import { type EventSpan, repeatedKey } from './bytes/event-span.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';

/** `latin1` when the body is pure ASCII, which is read faster. */
export interface EventBytes {
  readonly body: Buffer;
  readonly encoding: 'latin1' | 'utf8';
  readonly span: EventSpan;
}

/** `what` they are of: `an event`. */
export function parseFields(bytes: EventBytes, what: string): { readonly fields: object } | Refusal {
  const { body, span } = bytes;
  if (span.members === -1) return refuseFields([{ pointer: '', detail: `${what} must be a JSON object` }]);
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
  return { fields };
}

/** As it came; null when there is none. */
export function payloadIn({ body, span }: EventBytes): Buffer | null {
  return span.payloadAt === -1 ? null : body.subarray(span.payloadAt, span.payloadEnd);
}

/** The fields, with `null` where the payload was. The bytes have been walked, so this cannot fail. */
function parseAround({ body, encoding, span }: EventBytes): object {
  const text =
    span.payloadAt === -1
      ? body.toString(encoding, span.at, span.end)
      : `${body.toString(encoding, span.at, span.payloadAt)}null${body.toString(encoding, span.payloadEnd, span.end)}`;
  return JSON.parse(text) as object;
}

export function refuseDeepPayload(depth: number, errors: FieldError[]): void {
  if (depth > payloadDepthMax) {
    errors.push({ pointer: '/payload', detail: `must be at most ${payloadDepthMax} levels deep, it has ${depth}` });
  }
}

const halfPair = /\p{Surrogate}/u;

/** Half of a surrogate pair cannot be written as UTF-8: it would silently become another character. */
export function refuseHalfPair(
  { pointer, text }: { readonly pointer: string; readonly text: string | null | undefined },
  errors: FieldError[],
): void {
  if (typeof text === 'string' && halfPair.test(text)) errors.push({ pointer, detail: 'must be well-formed Unicode' });
}

/** The schema's complaints as sentences, one for each field. */
export function formErrors(form: Pick<Form, 'errors'>, fields: object): FieldError[] {
  const errors = new Map<string, FieldError>();
  for (const error of form.errors(fields)) {
    if (!errors.has(error.path)) errors.set(error.path, { pointer: error.path, detail: sentenceOf(error) });
    if (errors.size === fieldErrorsMax) break;
  }
  return [...errors.values()];
}

function sentenceOf(error: ValueError): string {
  const kinds = valueErrorTypes();
  switch (error.type) {
    case kinds.ObjectAdditionalProperties:
      return 'is not a known field';
    case kinds.ObjectRequiredProperty:
      return 'is required';
    default:
      return error.value === null
        ? `must be ${error.schema.description}, not null: leave the field out`
        : `must be ${error.schema.description}`;
  }
}
