/**
 * The fields of an event as a producer sends them: static type, validator and JSON Schema from this one definition.
 *
 * A `description` completes the sentence "must be …": it is the message of a refusal and the text of the schema. What a
 * schema cannot say (does the date exist, which of three times was given) is checked in `event-input.ts`, `patch-input.ts` and `retry-input.ts`.
 */
import { aheadMsMax, deliveryTypes, httpMethods, namedPriorities, retryStrategies } from '../../engine/index.js';
import { destinationCharsMax, retryInitialMsMax, retryMaxMsMax, retryMultiplierMax } from '../limits.js';
import { text } from '../characters.js';
import { Form, type Sent, type TypeBuilder } from '../form.js';
import { grouped } from './grouped.js';
import type { TSchema } from '../typebox.js';

/** No control characters, no separators of lines: what can be shown can be searched for. */
const printable = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$';
const label = '^[A-Za-z0-9._:-]+$';

/** A union of texts; the builder alone would widen their static type to `string`. */
function oneOf<const Values extends readonly string[]>(type: TypeBuilder, values: Values) {
  const union = type.Union(
    values.map((value) => type.Literal(value)),
    { description: `one of ${values.join(', ')}` },
  );
  return type.Unsafe<Values[number]>(union);
}

const priorityNames = Object.keys(namedPriorities) as (keyof typeof namedPriorities)[];
const closed = { additionalProperties: false };

const retryForm = new Form((Type) =>
  Type.Object(
    {
      strategy: Type.Optional(oneOf(Type, retryStrategies)),
      initial_ms: Type.Optional(
        Type.Integer({ minimum: 0, maximum: retryInitialMsMax, description: `an integer from 0 to ${retryInitialMsMax}` }),
      ),
      max_ms: Type.Optional(
        Type.Integer({ minimum: 1, maximum: retryMaxMsMax, description: `an integer from 1 to ${retryMaxMsMax}` }),
      ),
      multiplier: Type.Optional(
        Type.Number({ minimum: 1, maximum: retryMultiplierMax, description: `a number from 1 to ${retryMultiplierMax}` }),
      ),
      jitter: Type.Optional(oneOf(Type, ['full', 'none'])),
    },
    { ...closed, description: 'an object with strategy, initial_ms, max_ms, multiplier, jitter' },
  ),
);

export const eventForm = new Form((Type) =>
  Type.Object(
    {
      external_job_id: Type.Optional(
        text(Type, {
          minLength: 1,
          maxLength: 255,
          pattern: printable,
          description: 'a string of 1 to 255 printable characters',
        }),
      ),
      source: Type.Optional(
        Type.String({ minLength: 1, maxLength: 128, pattern: label, description: 'a string of 1 to 128 of A-Z a-z 0-9 . _ : -' }),
      ),
      type: Type.Optional(
        Type.String({ minLength: 1, maxLength: 128, pattern: label, description: 'a string of 1 to 128 of A-Z a-z 0-9 . _ : -' }),
      ),
      description: Type.Optional(text(Type, { maxLength: 1_000, description: 'a string of at most 1,000 characters' })),
      scheduled_at: Type.Optional(Type.String({ description: 'an RFC 3339 instant with an offset, as a string' })),
      delay: Type.Optional(Type.String({ description: 'a duration such as PT1H30M or 1h30m, as a string' })),
      delay_ms: Type.Optional(
        Type.Integer({ minimum: 0, maximum: aheadMsMax, description: `an integer from 0 to ${aheadMsMax} (10 years)` }),
      ),
      delivery_type: Type.Optional(oneOf(Type, deliveryTypes)),
      destination: text(Type, {
        minLength: 1,
        maxLength: destinationCharsMax,
        description: `a string of 1 to ${grouped(destinationCharsMax)} characters`,
      }),
      method: Type.Optional(oneOf(Type, httpMethods)),
      headers: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'an object of strings' })),
      payload: Type.Optional(Type.Unknown({ description: 'any JSON value' })),
      priority: Type.Optional(
        Type.Union([Type.Integer({ minimum: 0, maximum: 9 }), ...priorityNames.map((name) => Type.Literal(name))], {
          description: `an integer from 0 to 9 or one of ${priorityNames.join(', ')}`,
        }),
      ),
      max_retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'an integer from 0 to 100' })),
      retry: Type.Optional(retryForm.schema),
      timeout_ms: Type.Optional(
        Type.Integer({ minimum: 100, maximum: 1_800_000, description: 'an integer from 100 to 1800000' }),
      ),
      expires_at: Type.Optional(Type.String({ description: 'an RFC 3339 instant with an offset, as a string' })),
      tags: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'an object of strings' })),
    },
    { ...closed, description: 'an object' },
  ),
);

/** The body of a PATCH: what is left out stays. Null takes away what an event can be without. */
export const patchForm = new Form((Type) =>
  Type.Object(
    {
      scheduled_at: eventForm.schema.properties.scheduled_at,
      delay: eventForm.schema.properties.delay,
      delay_ms: eventForm.schema.properties.delay_ms,
      payload: eventForm.schema.properties.payload,
      priority: eventForm.schema.properties.priority,
      max_retries: eventForm.schema.properties.max_retries,
      expires_at: orNull(Type, eventForm.schema.properties.expires_at),
      tags: orNull(Type, eventForm.schema.properties.tags),
      description: orNull(Type, eventForm.schema.properties.description),
    },
    { ...closed, description: 'an object' },
  ),
);

/** The body of an operator's retry; it may be left out. */
export const retryTimesForm = new Form((Type) =>
  Type.Object(
    {
      scheduled_at: eventForm.schema.properties.scheduled_at,
      delay: eventForm.schema.properties.delay,
      delay_ms: eventForm.schema.properties.delay_ms,
      expires_at: orNull(Type, eventForm.schema.properties.expires_at),
    },
    { ...closed, description: 'an object' },
  ),
);

function orNull<Property extends TSchema>(type: TypeBuilder, property: Property) {
  return type.Optional(type.Union([property, type.Null()], { description: `${property.description}, or null for none` }));
}

export type EventFields = Sent<typeof eventForm>;
export type PatchFields = Sent<typeof patchForm>;
export type RetryTimesFields = Sent<typeof retryTimesForm>;
