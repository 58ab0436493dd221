/** The calls about events. */
import { batchEventsMax } from '../../engine/index.js';
import { eventForm } from '../input/event-schema.js';
import { typeBuilder } from '../typebox.js';
import { batchResult, event, history, keptEvent, oneOf } from './answers.js';
import { exampleEvent, exampleId, exampleInput } from './examples.js';
import { type Operation, ofReading, ofWriting, type ParameterDoc } from './operation.js';

const Type = typeBuilder();

export const eventId: ParameterDoc = {
  description: 'of the event; a text that can be no id is not found',
  schema: Type.String({ format: 'uuid' }),
  example: exampleId,
};

const idempotencyKey: ParameterDoc = {
  description: 'makes a repeat harmless for 24 hours; bare or in double quotes. Ignored for an event with an `external_job_id`',
  schema: Type.String({ minLength: 1, maxLength: 257 }),
  example: '"order-12345"',
};
const traceparent: ParameterDoc = {
  description: 'a W3C trace context; sent on with the webhook',
  schema: Type.String(),
  example: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

/** Some clients send one anyway. */
export const noBody = {
  required: false,
  content: { 'application/json': { schema: Type.Object({}, { additionalProperties: false }), examples: { nothing: {} } } },
};

const versionTag = { ETag: 'the version, in double quotes' };

const batch = Type.Object(
  { events: Type.Array(eventForm.schema, { minItems: 1, maxItems: batchEventsMax }) },
  { additionalProperties: false },
);
const lines = Type.String({ description: 'an event as JSON on each line' });
const packed = Type.Unsafe({ ...batch, description: 'the same map as in JSON, as MessagePack' });

export const eventOperations: Readonly<Record<string, Operation>> = {
  'POST /api/v1/events': {
    id: 'scheduleEvent',
    tag: 'events',
    summary: 'Schedule one event',
    description: 'The answer is sent when the event is on disk.',
    headers: { 'Idempotency-Key': idempotencyKey, traceparent },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: eventForm.schema,
          examples: {
            instant: exampleInput,
            delay: { delay: '1h30m', destination: 'https://example.org/hook', priority: 'HIGH', payload: [1, 'two'] },
            shortest: { destination: 'https://example.org/hook' },
          },
        },
      },
    },
    answers: {
      200: {
        description: 'an event of the same key and content was there before: as it is now',
        schema: event,
        headers: { ...versionTag, 'Idempotent-Replayed': '`true`' },
        example: exampleEvent,
      },
      201: {
        description: 'the new event',
        schema: event,
        headers: { ...versionTag, Location: 'its path' },
        example: exampleEvent,
      },
      202: {
        description:
          'in a cluster: it is safe, and the next owner of its partition takes it in; so far nobody has for two seconds',
        schema: keptEvent,
        headers: { Location: 'its path' },
        example: { id: exampleId, status: 'ACCEPTED' },
      },
    },
    problems: [...ofWriting, 'external-job-id-conflict', 'idempotency-key-reused', 'destination-not-allowed'],
  },
  'POST /api/v1/events/batch': {
    id: 'scheduleBatch',
    tag: 'events',
    summary: 'Schedule up to 10,000 events',
    description: 'Each event is accepted or refused for itself. The key of an event is `<Idempotency-Key>:<index>`.',
    headers: { 'Idempotency-Key': idempotencyKey, traceparent },
    query: {
      results: {
        description: '`errors` lists refused events only',
        schema: oneOf(['all', 'errors']),
        example: 'errors',
      },
    },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: batch,
          examples: { two: { events: [exampleInput, { destination: 'https://example.org/hook' }] } },
        },
        'application/x-ndjson': {
          schema: lines,
          examples: { two: `${JSON.stringify(exampleInput)}\n{"destination":"https://example.org/hook"}\n` },
        },
        'application/msgpack': { schema: packed, examples: {} },
      },
    },
    answers: {
      200: {
        description: 'what became of each event, whatever it was',
        schema: batchResult,
        example: {
          accepted: 1,
          duplicates: 0,
          rejected: 1,
          results: [
            { index: 0, id: exampleId, status: 'SCHEDULED', duplicate: false },
            {
              index: 1,
              code: 'invalid',
              detail: 'destination is required',
              retryable: false,
              errors: [{ pointer: '/destination', detail: 'is required' }],
            },
          ],
        },
      },
    },
    problems: ofWriting,
  },
  'GET /api/v1/events/{id}': {
    id: 'readEvent',
    tag: 'events',
    summary: 'Read an event',
    parameter: eventId,
    answers: { 200: { description: 'the event', schema: event, headers: versionTag, example: exampleEvent } },
    problems: ofReading,
  },
  'GET /api/v1/events/{id}/history': {
    id: 'readHistory',
    tag: 'events',
    summary: 'Read what has happened to an event',
    parameter: eventId,
    answers: {
      200: {
        description: 'each change of state, oldest first',
        schema: history,
        example: {
          data: [
            {
              version: 1,
              at: '2026-11-20T09:00:00.000Z',
              status: 'SCHEDULED',
              attempt: 0,
              status_code: null,
              duration_ms: null,
              error: null,
              response_body: null,
              next_attempt_at: '2031-11-20T10:00:00.000Z',
            },
          ],
        },
      },
    },
    problems: ofReading,
  },
};
