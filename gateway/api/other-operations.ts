/** The calls that are not about events: the stream, health, figures, descriptions. */
import { typeBuilder } from '../typebox.js';
import { health } from './answers.js';
import { exampleHealth } from './examples.js';
import type { Operation, ParameterDoc } from './operation.js';

const Type = typeBuilder();

export const token: ParameterDoc = {
  description: 'the API key, where no `Authorization` header can be set',
  schema: Type.String(),
  example: 'esc_0a1b2c3d4e5f6071_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
};

const text = 'text/plain; charset=utf-8';

function probe(id: string, summary: string): Operation {
  return {
    id,
    tag: 'operation',
    summary,
    answers: { 200: { description: 'how it is', schema: health, example: exampleHealth } },
    problems: [],
  };
}

function readiness(id: string): Operation {
  const { answers, ...rest } = probe(id, 'Send work here?');
  const unready = { description: 'not now', schema: health, example: { ...exampleHealth, status: 'recovering' } };
  return { ...rest, answers: { ...answers, 503: unready } };
}

export const otherOperations: Readonly<Record<string, Operation>> = {
  'GET /api/v1/stream': {
    id: 'openStream',
    tag: 'stream',
    summary: 'Follow changes over a WebSocket',
    description: 'Connect with an upgrade. What both sides say is described in `docs/api/status-stream.md`.',
    query: { token },
    answers: { 101: { description: 'a WebSocket', schema: Type.Unknown(), mediaType: '', example: null } },
    problems: [],
  },
  'GET /api/v1/stream/sse': {
    id: 'followEvents',
    tag: 'stream',
    summary: 'Follow changes as server-sent events',
    description:
      'One event `changes` for up to 500 of them; its `id` is the cursor. Clients come back with `Last-Event-ID` by themselves. ' +
      'The other events, and what is sure, are described in `docs/api/status-stream.md`.',
    query: {
      status: { description: 'only changes to these states', schema: Type.String(), example: 'DELIVERED,DEAD' },
      source: { description: 'only events of these sources', schema: Type.String(), example: 'order-service' },
      type: { description: 'only events of these types', schema: Type.String(), example: 'order.paid' },
      event_id: { description: 'only these events', schema: Type.String(), example: '01988f6e-1a2b-7f03-9c1d-0123456789ab' },
      external_job_id: {
        description: 'only events with this id; may be repeated',
        schema: Type.String(),
        example: 'order-12345',
      },
      cursor: { description: '`now`, or a cursor to go on behind', schema: Type.String(), example: 'now' },
      token,
    },
    answers: {
      200: {
        description: 'events without an end',
        mediaType: 'text/event-stream',
        schema: Type.String(),
        example: 'event: subscribed\nid: AQQLFR8p\ndata: {"op":"subscribed","cursor":"AQQLFR8p"}\n\n',
      },
    },
    problems: ['invalid', 'overloaded'],
  },
  'GET /health': probe('readHealth', 'How is it?'),
  'GET /health/live': probe('readLiveness', 'Does the process answer?'),
  'GET /health/ready': readiness('readReadiness'),
  'GET /api/v1/health': probe('readHealthBelowApi', 'How is it?'),
  'GET /api/v1/health/live': probe('readLivenessBelowApi', 'Does the process answer?'),
  'GET /api/v1/health/ready': readiness('readReadinessBelowApi'),
  'GET /metrics': {
    id: 'readMetrics',
    tag: 'operation',
    summary: 'Figures for Prometheus',
    answers: {
      200: {
        description: 'in its text format',
        mediaType: 'text/plain; version=0.0.4; charset=utf-8',
        schema: Type.String(),
        example: '# TYPE escapement_events_pending gauge\nescapement_events_pending 0\n',
      },
    },
    problems: [],
  },
  'GET /problems/{code}': {
    id: 'readProblem',
    tag: 'operation',
    summary: 'What the `type` of a problem document means',
    parameter: { description: 'of the problem', schema: Type.String(), example: 'in-flight' },
    answers: {
      200: { description: 'a short text', mediaType: text, schema: Type.String(), example: 'in-flight (HTTP 409)\n' },
    },
    problems: ['not-found'],
  },
  'GET /openapi.json': {
    id: 'readDescription',
    tag: 'operation',
    summary: 'This description',
    answers: {
      200: { description: 'OpenAPI 3.1', schema: Type.Object({}, { additionalProperties: true }), example: { openapi: '3.1.0' } },
    },
    problems: [],
  },
};
