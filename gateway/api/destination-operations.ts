/** The calls about destinations. */
import { destinationChangeForm } from '../input/destination-change.js';
import { pageRowsMax } from '../limits.js';
import { typeBuilder } from '../typebox.js';
import { destination, pageOf } from './answers.js';
import { type Operation, ofPartition, ofWriting, type ParameterDoc } from './operation.js';

const Type = typeBuilder();

const origin: ParameterDoc = {
  description: 'scheme, host and port of a destination, URL-encoded; an origin that no event has named yet is shown too',
  schema: Type.String(),
  example: 'https%3A%2F%2Fexample.org',
};

export const limit: ParameterDoc = {
  description: 'rows of a page',
  schema: Type.Integer({ minimum: 1, maximum: pageRowsMax }),
  example: 50,
};
export const cursor: ParameterDoc = {
  description: '`next_cursor` of the page before',
  schema: Type.String(),
  example: '',
};

const exampleDestination = {
  origin: 'https://example.org',
  in_flight: 3,
  waiting: 120,
  breaker: 'closed',
  opens_until: null,
  paused: false,
  concurrency: 64,
  rate_per_second: null,
  success_1m: 800,
  failure_1m: 2,
};

export const destinationOperations: Readonly<Record<string, Operation>> = {
  'GET /api/v1/destinations': {
    id: 'listDestinations',
    tag: 'destinations',
    summary: 'List origins, and what waits for them',
    query: { limit, cursor },
    answers: {
      200: {
        description: 'a page of them, in the order of their names',
        schema: pageOf(destination),
        example: { data: [exampleDestination], next_cursor: null, has_more: false },
      },
    },
    problems: ofPartition,
  },
  'GET /api/v1/destinations/{origin}': {
    id: 'readDestination',
    tag: 'destinations',
    summary: 'Read an origin',
    parameter: origin,
    answers: { 200: { description: 'the origin', schema: destination, example: exampleDestination } },
    problems: [...ofPartition, 'not-found'],
  },
  'PATCH /api/v1/destinations/{origin}': {
    id: 'changeDestination',
    tag: 'destinations',
    summary: 'Pause an origin, bound it, give it a secret',
    description: 'What is left out stays as it is; `null` goes back to the default. Survives restarts.',
    parameter: origin,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: destinationChangeForm.schema,
          examples: { pause: { paused: true }, bound: { concurrency: 8, rate_per_second: 50 }, reset: { breaker: 'closed' } },
        },
      },
    },
    answers: {
      200: { description: 'the origin as it is now', schema: destination, example: { ...exampleDestination, paused: true } },
    },
    problems: [...ofWriting, 'not-found'],
  },
};
