/**
 * The forms of answers. Nothing is validated with them on the way out; a test compares them with what a running server
 * answers. Every field is always there, `null` when unset.
 */
import { deliveryTypes, eventStatuses, httpMethods, retryStrategies } from '../../engine/index.js';
import { type TSchema, typeBuilder } from '../typebox.js';

const Type = typeBuilder();

export function oneOf(values: readonly string[], description?: string) {
  const union = values.map((value) => Type.Literal(value));
  return Type.Union(union, description === undefined ? {} : { description });
}

export function nullable(schema: TSchema) {
  return Type.Union([schema, Type.Null()]);
}

const closed = { additionalProperties: false };
export const instant = Type.String({ format: 'date-time', description: 'UTC with milliseconds' });
const count = Type.Integer({ minimum: 0 });
const waitReason = oneOf(['concurrency', 'breaker', 'paused', 'recovery']);

/** Without headers and payload, as in lists. */
const eventFields = {
  id: Type.String({ format: 'uuid' }),
  external_job_id: nullable(Type.String()),
  source: Type.String(),
  type: nullable(Type.String()),
  description: nullable(Type.String()),
  status: oneOf(eventStatuses),
  version: Type.Integer({ minimum: 1, description: 'grows with every change' }),
  waiting_for: nullable(waitReason),
  scheduled_at: instant,
  delivery_type: oneOf(deliveryTypes),
  destination: Type.String(),
  method: nullable(oneOf(httpMethods)),
  priority: Type.Integer({ minimum: 0, maximum: 9 }),
  max_retries: count,
  retry: Type.Object(
    {
      strategy: oneOf(retryStrategies),
      initial_ms: count,
      max_ms: count,
      multiplier: Type.Number(),
      jitter: oneOf(['full', 'none']),
    },
    closed,
  ),
  timeout_ms: count,
  expires_at: nullable(instant),
  tags: nullable(Type.Record(Type.String(), Type.String())),
  attempts: count,
  next_attempt_at: nullable(instant),
  created_at: instant,
  updated_at: instant,
  finished_at: nullable(instant),
  last_status_code: nullable(Type.Integer()),
  last_error: nullable(Type.String()),
  fire_lag_ms: nullable(Type.Number()),
  partition: count,
  schedule_id: Type.Null(),
};

export const listedEvent = Type.Object(eventFields, closed);

export const event = Type.Object(
  {
    ...eventFields,
    headers: nullable(Type.Record(Type.String(), Type.String())),
    payload: Type.Unknown({ description: 'the JSON that was sent, byte for byte' }),
  },
  closed,
);

export const history = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          version: Type.Integer({ minimum: 1 }),
          at: instant,
          status: oneOf(eventStatuses),
          attempt: count,
          status_code: nullable(Type.Integer()),
          duration_ms: nullable(count),
          error: nullable(Type.String()),
          response_body: nullable(Type.String({ description: 'its first KiB' })),
          next_attempt_at: nullable(instant),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const destination = Type.Object(
  {
    origin: Type.String(),
    in_flight: count,
    waiting: count,
    breaker: oneOf(['closed', 'open', 'half_open']),
    opens_until: nullable(instant),
    paused: Type.Boolean(),
    concurrency: Type.Integer({ minimum: 1 }),
    rate_per_second: nullable(Type.Number()),
    success_1m: count,
    failure_1m: count,
  },
  closed,
);

export function pageOf(row: TSchema) {
  return Type.Object(
    {
      data: Type.Array(row),
      next_cursor: nullable(Type.String({ description: 'opaque' })),
      has_more: Type.Boolean({ description: 'a page may hold fewer rows than asked for, even none, while this is true' }),
    },
    closed,
  );
}

const fieldErrors = Type.Array(
  Type.Object({ pointer: Type.String({ description: 'JSON pointer into the body' }), detail: Type.String() }, closed),
);

export const keptEvent = Type.Object({ id: Type.String({ format: 'uuid' }), status: Type.Literal('ACCEPTED') }, closed);

export const batchResult = Type.Object(
  {
    accepted: count,
    duplicates: count,
    rejected: count,
    results: Type.Array(
      Type.Union([
        Type.Object(
          { index: count, id: Type.String(), status: oneOf([...eventStatuses, 'ACCEPTED']), duplicate: Type.Boolean() },
          closed,
        ),
        Type.Object({
          index: count,
          code: Type.String(),
          detail: Type.String(),
          retryable: Type.Boolean(),
          errors: fieldErrors,
        }),
      ]),
    ),
  },
  closed,
);

/** Open: some codes add members, such as `event_id`. */
export const problem = Type.Object({
  type: Type.String({ format: 'uri-reference', description: 'serves a short text' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  code: Type.String({ description: 'the last part of `type`; decide by it' }),
  retryable: Type.Boolean({ description: 'the same request may succeed later' }),
  errors: Type.Optional(fieldErrors),
});

export const health = Type.Object(
  {
    status: oneOf(['ready', 'recovering', 'stopping', 'degraded']),
    components: Type.Array(Type.Object({ name: Type.String(), status: Type.String(), detail: nullable(Type.String()) }, closed)),
    recovery: Type.Object({ overdue: count, done_at: nullable(instant) }, closed),
  },
  closed,
);
