/** What a client may say on the status stream, and why what it said is refused. */
import { isUtf8 } from 'node:buffer';
import { type EventStatus, eventStatuses, type StatusFilter } from '../../engine/index.js';
import { type Refusal, refuse } from '../input/refusal.js';
import { streamFilterValuesMax } from '../limits.js';
import { type Static, type TSchema, Type, TypeCompiler } from '../typebox.js';

export interface SubscribeMessage {
  readonly op: 'subscribe';
  readonly id: string;
  readonly filter: StatusFilter;
  /** Null: from now on. */
  readonly cursor: string | null;
}

export type ClientMessage =
  | SubscribeMessage
  | { readonly op: 'unsubscribe'; readonly id: string }
  | { readonly op: 'stats'; readonly everyMs: number }
  | { readonly op: 'ping' };

const closed = { additionalProperties: false };

function oneOrMore<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Array(schema, { minItems: 1, maxItems: streamFilterValuesMax })]));
}

const text = Type.String({ minLength: 1, maxLength: 255 });
const id = Type.String({ minLength: 1, maxLength: 64 });
const status = Type.Unsafe<EventStatus>(Type.Union(eventStatuses.map((name) => Type.Literal(name))));
const filter = Type.Object(
  {
    status: oneOrMore(status),
    source: oneOrMore(text),
    type: oneOrMore(text),
    event_id: oneOrMore(text),
    external_job_id: oneOrMore(text),
  },
  closed,
);

const checks = {
  subscribe: TypeCompiler.Compile(
    Type.Object(
      { op: Type.Literal('subscribe'), id, filter: Type.Optional(filter), cursor: Type.Optional(Type.String()) },
      closed,
    ),
  ),
  unsubscribe: TypeCompiler.Compile(Type.Object({ op: Type.Literal('unsubscribe'), id }, closed)),
  stats: TypeCompiler.Compile(
    Type.Object({ op: Type.Literal('stats'), every_ms: Type.Integer({ minimum: 100, maximum: 60_000 }) }, closed),
  ),
  ping: TypeCompiler.Compile(Type.Object({ op: Type.Literal('ping') }, closed)),
};

export function readClientMessage(bytes: Buffer): ClientMessage | Refusal {
  const message = parse(bytes);
  if (message === undefined) return refuse('malformed-json', 'a message must be one JSON value in UTF-8');
  const op = typeof message === 'object' && message !== null && 'op' in message ? message.op : undefined;
  switch (op) {
    case 'subscribe':
      return checks.subscribe.Check(message) ? readSubscribe(message) : refuseMessage(checks.subscribe.Errors(message).First());
    case 'unsubscribe':
      return checks.unsubscribe.Check(message) ? message : refuseMessage(checks.unsubscribe.Errors(message).First());
    case 'stats':
      return checks.stats.Check(message)
        ? { op, everyMs: message.every_ms }
        : refuseMessage(checks.stats.Errors(message).First());
    case 'ping':
      return checks.ping.Check(message) ? message : refuseMessage(checks.ping.Errors(message).First());
    default:
      return refuse('invalid', 'op must be subscribe, unsubscribe, stats or ping');
  }
}

/** Undefined when it is not JSON. */
function parse(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readSubscribe(message: { id: string; filter?: Static<typeof filter>; cursor?: string }): ClientMessage {
  const { id, filter: given = {}, cursor = 'now' } = message;
  return {
    op: 'subscribe',
    id,
    cursor: cursor === 'now' ? null : cursor,
    filter: {
      status: asList(given.status),
      source: asList(given.source),
      type: asList(given.type),
      eventId: asList(given.event_id),
      externalJobId: asList(given.external_job_id),
    },
  };
}

function asList<Value extends string>(given: Value | Value[] | undefined): readonly Value[] | null {
  if (given === undefined) return null;
  return typeof given === 'string' ? [given] : given;
}

function refuseMessage(error: { readonly path: string; readonly message: string } | undefined): Refusal {
  return refuse('invalid', error === undefined ? 'the message is not valid' : `${error.path.slice(1)}: ${error.message}`);
}
