/** The calls that change one event, each by its id and by its external id. */
import { eventForm, patchForm, retryTimesForm } from '../input/event-schema.js';
import { typeBuilder } from '../typebox.js';
import { event, oneOf } from './answers.js';
import { eventId, noBody } from './event-operations.js';
import { exampleCancelled, exampleEvent, exampleInput } from './examples.js';
import { externalJobId } from './list-operations.js';
import { type AnswerDoc, type Operation, ofWriting, type ParameterDoc } from './operation.js';

const Type = typeBuilder();

type Call = Omit<Operation, 'id' | 'parameter'>;

const ifMatch: ParameterDoc = {
  description: 'a version as `ETag` gave it: another one is refused, and nothing has changed',
  schema: Type.String(),
  example: '"1"',
};
const source: ParameterDoc = {
  description: 'of the event; may be left out while only one source has this external id',
  schema: Type.String({ minLength: 1, maxLength: 128 }),
  example: 'order-service',
};
const versionTag = { ETag: 'the version, in double quotes' };

const common = { tag: 'events', headers: { 'If-Match': ifMatch } } as const;
const problems = [...ofWriting, 'not-found', 'already-finished', 'version-mismatch'] as const;

function answer(description: string, example: unknown): AnswerDoc {
  return { description, schema: event, headers: versionTag, example };
}

const changed = { ...exampleEvent, version: 2, updated_at: '2026-11-20T09:30:00.000Z' };
const running = { ...changed, status: 'DISPATCHED', version: 3, next_attempt_at: null, attempts: 1 };

const cancel: Call = {
  ...common,
  summary: 'Cancel an event',
  description: 'Once a 200 is sent, no attempt starts. Repeated, the answer is the same.',
  query: {
    in_flight: {
      description: 'a running event is not refused: its attempt goes on and is the last one',
      schema: oneOf(['stop-retries']),
      example: 'stop-retries',
    },
  },
  body: noBody,
  answers: {
    200: answer('the cancelled event', exampleCancelled),
    202: answer('the running event: no further attempt follows this one', running),
  },
  problems: [...problems, 'in-flight'],
};

const patch: Call = {
  ...common,
  summary: 'Change a pending event',
  description:
    'What is left out stays. Tags are merged by name, and a null takes one away; a payload is replaced as a whole. A time moves the next attempt.',
  body: {
    required: true,
    content: {
      'application/json': {
        schema: patchForm.schema,
        examples: {
          later: { delay: '3h' },
          much: { scheduled_at: '2031-11-20T11:00:00.000Z', payload: { n: 2 }, priority: 'HIGH', tags: { region: null } },
        },
      },
    },
  },
  answers: { 200: answer('the event as it is now', changed) },
  problems: [...problems, 'in-flight'],
};

const retry: Call = {
  ...common,
  summary: 'Try a finished event again',
  description:
    'For what is `DEAD`, `CANCELLED` or `EXPIRED`: now or at the time given, with all its retries; `attempts` goes on counting. Without `expires_at` the old one stays, unless it would be over by then.',
  body: {
    required: false,
    content: {
      'application/json': { schema: retryTimesForm.schema, examples: { now: {}, later: { delay: '1h', expires_at: null } } },
    },
  },
  answers: { 200: answer('the event, which is pending again', { ...changed, version: 5, attempts: 4 }) },
  problems: [...problems, 'not-finished'],
};

const fire: Call = {
  ...common,
  summary: 'Fire a pending event now',
  description: 'It is due at once; `scheduled_at` stays as it was asked for. An event that is due already is answered as it is.',
  body: noBody,
  answers: { 200: answer('the event', changed) },
  problems: [...problems, 'in-flight'],
};

/** The same call by either name. */
function both(
  call: Call,
  { id, method, suffix }: { readonly id: string; readonly method: string; readonly suffix: string },
): Readonly<Record<string, Operation>> {
  return {
    [`${method} /api/v1/events/{id}${suffix}`]: { ...call, id: `${id}Event`, parameter: eventId },
    [`${method} /api/v1/events/external/{external_job_id}${suffix}`]: {
      ...call,
      id: `${id}EventByExternalId`,
      parameter: externalJobId,
      query: { ...call.query, source },
    },
  };
}

export const changeOperations: Readonly<Record<string, Operation>> = {
  ...both(cancel, { id: 'delete', method: 'DELETE', suffix: '' }),
  ...both(cancel, { id: 'cancel', method: 'POST', suffix: '/cancel' }),
  ...both(patch, { id: 'change', method: 'PATCH', suffix: '' }),
  ...both(retry, { id: 'retry', method: 'POST', suffix: '/retry' }),
  ...both(fire, { id: 'fire', method: 'POST', suffix: '/fire' }),
  'PUT /api/v1/events/external/{external_job_id}': {
    ...common,
    id: 'putEvent',
    summary: 'Create an event, or replace the pending one',
    description: 'Replaced, it keeps its id and its attempts. `external_job_id` and `source` may be left out of the body.',
    parameter: externalJobId,
    query: { source: { ...source, description: 'of the event; the default is that of the body, or `default`' } },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: eventForm.schema,
          examples: {
            event: {
              scheduled_at: exampleInput.scheduled_at,
              destination: exampleInput.destination,
              payload: exampleInput.payload,
            },
          },
        },
      },
    },
    answers: {
      200: answer('the pending event, replaced', changed),
      201: {
        description: 'the new event',
        schema: event,
        headers: { ...versionTag, Location: 'its path' },
        example: exampleEvent,
      },
    },
    problems: [...ofWriting, 'already-finished', 'version-mismatch', 'in-flight', 'destination-not-allowed'],
  },
};
