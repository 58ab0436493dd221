/**
 * The description of the API, OpenAPI 3.1: the table of routes (which calls there are, who may make them) joined with what
 * `operations.ts` says about each. Request bodies are the schemas that validate them.
 */
import { batchBodyBytesMax } from '../../engine/index.js';
import type { KeyScope } from '../access/api-key.js';
import { problemExample, titleOf, statusOf } from '../http/problem.js';
import type { RefusalCode } from '../input/refusal.js';
import { destinationChangeForm } from '../input/destination-change.js';
import { eventForm } from '../input/event-schema.js';
import { batchResult, destination, event, health, history, listedEvent, problem } from './answers.js';
import { type AnswerDoc, type MediaDoc, type Operation, type ParameterDoc, tags } from './operation.js';

/** Of a route, what is described. */
export interface DescribedRoute {
  readonly method: string;
  readonly path: string;
  readonly scope: KeyScope | 'none';
  readonly whileStopping: boolean;
}

export interface ApiParts {
  readonly version: string;
  readonly routes: readonly DescribedRoute[];
  /** By method and path. */
  readonly operations: Readonly<Record<string, Operation>>;
}

type Json = Readonly<Record<string, unknown>>;

/** By reference wherever they appear. */
const components: Readonly<Record<string, object>> = {
  EventInput: eventForm.schema,
  Event: event,
  ListedEvent: listedEvent,
  History: history,
  BatchResult: batchResult,
  Destination: destination,
  DestinationChange: destinationChangeForm.schema,
  Health: health,
  Problem: problem,
};

export function describeApi({ version, routes, operations }: ApiParts): string {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const operation = operations[`${route.method} ${route.path}`];
    if (operation === undefined) continue;
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeCall(route, operation) };
  }
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Escapement', version, summary: 'Holds events until their moment', description: introduction },
    servers: [{ url: '/' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, plain(schema, schema)])),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'an API key, `esc_…`' } },
    },
  });
}

const introduction = `A path or method that does not exist is 404 \`not-found\` or 405 \`method-not-allowed\`. Parameters and fields
that are not described are refused. Every answer has an \`X-Request-Id\`; to a key with a rate limit also \`RateLimit\` and
\`RateLimit-Policy\`. Batches have at most ${batchBodyBytesMax / 2 ** 20} MiB.`;

function describeCall(route: DescribedRoute, operation: Operation): Json {
  const { id, tag, summary, description, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: route.scope === 'none' ? [] : [{ apiKey: [route.scope] }],
    parameters: describeParameters(route.path, operation),
    ...(body === undefined ? {} : { requestBody: { required: body.required, content: mapValues(body.content, describeMedia) } }),
    responses: {
      ...mapValues(operation.answers, describeAnswer),
      ...describeProblems(problemsOf(route, operation)),
    },
  };
}

function describeParameters(path: string, { parameter, query = {}, headers = {} }: Operation): Json[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  const described =
    (where: string, required: boolean) =>
    ([name, doc]: [string, ParameterDoc]): Json => ({
      name,
      in: where,
      required,
      description: doc.description,
      schema: plain(doc.schema),
      example: doc.example,
    });
  return [
    ...(name === undefined || parameter === undefined ? [] : [described('path', true)([name, parameter])]),
    ...Object.entries(query).map(described('query', false)),
    ...Object.entries(headers).map(described('header', false)),
  ];
}

function describeMedia({ schema, examples }: MediaDoc): Json {
  return { schema: plain(schema), examples: mapValues(examples, (value) => ({ value })) };
}

function describeAnswer({ description, mediaType = 'application/json', schema, headers, example }: AnswerDoc): Json {
  const shown =
    headers === undefined ? {} : { headers: mapValues(headers, (text) => ({ description: text, schema: { type: 'string' } })) };
  return { description, ...shown, ...(mediaType === '' ? {} : { content: { [mediaType]: { schema: plain(schema), example } } }) };
}

/** What follows from the route, then what the operation adds. Also for the test that provokes all of them. */
export function problemsOf({ scope, whileStopping }: DescribedRoute, { body, problems }: Operation): readonly RefusalCode[] {
  return [
    'malformed-request',
    'invalid',
    ...(scope === 'none' ? [] : (['unauthenticated', 'forbidden', 'rate-limited'] as const)),
    ...(whileStopping ? [] : (['stopping'] as const)),
    ...(body === undefined ? [] : (['malformed-json', 'too-large'] as const)),
    ...(body?.required === true ? (['unsupported-media-type'] as const) : []),
    ...problems,
  ];
}

function describeProblems(codes: readonly RefusalCode[]): Json {
  const byStatus = new Map<number, RefusalCode[]>();
  for (const code of codes) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      {
        description: found.map((code) => `\`${code}\`: ${titleOf(code)}`).join('. '),
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(found.map((code) => [code, { value: problemExample(code) }])),
          },
        },
      },
    ]),
  );
}

/**
 * As JSON Schema and no more: components by reference, unions of constants as enumerations. `self`: a component, which is
 * not a reference to itself.
 */
function plain(schema: unknown, self?: object): unknown {
  if (Array.isArray(schema)) return schema.map((part) => plain(part));
  if (typeof schema !== 'object' || schema === null) return schema;
  const component = schema === self ? undefined : Object.entries(components).find(([, known]) => known === schema);
  if (component !== undefined) return { $ref: `#/components/schemas/${component[0]}` };
  const { anyOf, ...rest } = schema as { anyOf?: readonly Json[] };
  const constants = anyOf?.every((part) => typeof part['const'] === 'string') === true ? anyOf : null;
  if (constants !== null) return { type: 'string', enum: constants.map((part) => part['const']), ...rest };
  return mapValues(schema as Json, (part) => plain(part));
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
