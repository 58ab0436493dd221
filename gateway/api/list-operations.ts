/** The calls that find events. */
import {
  bulkLimitMax,
  deliveryTypes,
  eventStatuses,
  externalIdMatchesMax,
  listLimitMax,
  listOrders,
  listSorts,
} from '../../engine/index.js';
import { typeBuilder } from '../typebox.js';
import { event, instant, listedEvent, oneOf, pageOf } from './answers.js';
import { exampleEvent } from './examples.js';
import { type Operation, ofPartition, ofReading, ofWriting, type ParameterDoc } from './operation.js';

const Type = typeBuilder();

const several = 'one or more, repeated or separated by commas: any of them';
const text = (description: string, example: string): ParameterDoc => ({ description, schema: Type.String(), example });
const from = { description: 'this instant or later', schema: instant, example: '2026-11-20T00:00:00.000Z' };
const to = { description: 'this instant or earlier', schema: instant, example: '2031-11-21T00:00:00.000Z' };

/** Of lists. */
const filterParameters: Readonly<Record<string, ParameterDoc>> = {
  status: text(`${several}; of ${eventStatuses.join(', ')}`, 'SCHEDULED,RETRYING'),
  source: text(several, 'order-service'),
  type: text(several, 'reminder'),
  priority: text(`${several}; 0 to 9 or a name`, '8,9'),
  delivery_type: text(`${several}; of ${deliveryTypes.join(', ')}`, 'HTTP'),
  destination: text('one or more; a comma in one is written %2C', 'https://example.org/hook'),
  'tag.{name}': text('for any name: one or more values of this tag', 'eu'),
  scheduled_from: from,
  scheduled_to: to,
  created_from: from,
  created_to: to,
};

const value = Type.Union([Type.String(), Type.Integer()]);
const limit = Type.Integer({ minimum: 1, maximum: listLimitMax });

export const externalJobId: ParameterDoc = {
  description: 'as its producer gave it, percent-encoded',
  schema: Type.String({ minLength: 1, maxLength: 255 }),
  example: 'order-12345',
};
const { headers: _headers, payload: _payload, ...exampleRow } = exampleEvent;

/** The same names as in lists; a text, a number, or a list of them. */
const filterBody = Type.Object(
  Object.fromEntries(
    Object.entries(filterParameters)
      .filter(([name]) => name !== 'tag.{name}')
      .map(([name, { description }]) => [name, Type.Optional(Type.Union([value, Type.Array(value)], { description }))]),
  ),
  { description: 'at least one field; `tag.<name>` for any name too', minProperties: 1 },
);

function bulk(id: string, { summary, description }: { summary: string; description: string }): Operation {
  return {
    id,
    tag: 'events',
    summary,
    description: `${description} Bounded in time: go on while \`has_more\` is true.`,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: Type.Object(
            { filter: filterBody, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: bulkLimitMax })) },
            { additionalProperties: false },
          ),
          examples: { source: { filter: { source: 'order-service', 'tag.region': ['eu', 'us'] }, limit: 1_000 } },
        },
      },
    },
    answers: {
      200: {
        description: 'what was found and changed',
        schema: Type.Object(
          { matched: Type.Integer(), changed: Type.Integer(), has_more: Type.Boolean() },
          { additionalProperties: false },
        ),
        example: { matched: 50, changed: 50, has_more: false },
      },
    },
    problems: ofWriting,
  };
}

export const listOperations: Readonly<Record<string, Operation>> = {
  'GET /api/v1/events': {
    id: 'listEvents',
    tag: 'events',
    summary: 'List events',
    description:
      'Pending and finished events, without headers and payloads. Go on with `next_cursor` while `has_more` is true, and not until a page is short.',
    query: {
      ...filterParameters,
      sort: { description: 'the default is `created_at`', schema: oneOf(listSorts), example: 'scheduled_at' },
      order: { description: 'the default is `desc`', schema: oneOf(listOrders), example: 'asc' },
      limit: { description: 'the default is 50', schema: limit, example: 100 },
      cursor: text('`next_cursor` of the page before, with the same filter, sort and order', 'AQAAAAA'),
      page: { description: 'instead of a cursor: from 0', schema: Type.Integer({ minimum: 0 }), example: 0 },
      size: { description: 'with `page`: rows of a page; the first 10,000 rows can be reached', schema: limit, example: 100 },
    },
    answers: {
      200: {
        description: 'a page',
        schema: pageOf(listedEvent),
        example: { data: [exampleRow], next_cursor: null, has_more: false },
      },
    },
    problems: ofPartition,
  },
  'POST /api/v1/events/cancel': bulk('cancelEvents', {
    summary: 'Cancel all events that match',
    description: 'Pending events; one whose attempt runs is matched and left as it is.',
  }),
  'POST /api/v1/events/retry': bulk('retryEvents', {
    summary: 'Retry all events that match',
    description: 'Events that are dead, cancelled or expired; each is due at once.',
  }),
  'GET /api/v1/events/external/{external_job_id}': {
    id: 'readEventByExternalId',
    tag: 'events',
    summary: 'Read an event by the id that its producer gave it',
    description: 'The latest one, over all sources unless one is named.',
    parameter: externalJobId,
    query: { source: text('of the event', 'order-service') },
    answers: {
      200: {
        description: 'the event',
        schema: event,
        headers: { ETag: 'the version, in double quotes' },
        example: exampleEvent,
      },
    },
    problems: ofReading,
  },
  'GET /api/v1/events/external/{external_job_id}/all': {
    id: 'listEventsByExternalId',
    tag: 'events',
    summary: 'List the events of all sources that have this id',
    parameter: externalJobId,
    query: { source: text('of the events', 'order-service') },
    answers: {
      200: {
        description: `newest first, at most ${externalIdMatchesMax}`,
        schema: Type.Object({ data: Type.Array(listedEvent) }, { additionalProperties: false }),
        example: { data: [exampleRow] },
      },
    },
    problems: ofPartition,
  },
};
