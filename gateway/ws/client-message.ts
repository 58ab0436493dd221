/** What a client may say on the status stream, and why what it said is refused. */
import { isUtf8 } from 'node:buffer';
import { type EventStatus, eventStatuses, type StatusFilter } from '../../engine/index.js';
import { type Refusal, refuse } from '../input/refusal.js';
import { streamFilterValuesMax } from '../limits.js';
import { Form, type Sent, type TypeBuilder } from '../form.js';
import type { TSchema } from '../typebox.js';

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

function oneOrMore<Schema extends TSchema>(type: TypeBuilder, schema: Schema) {
  return type.Optional(type.Union([schema, type.Array(schema, { minItems: 1, maxItems: streamFilterValuesMax })]));
}

const id = new Form((Type) => Type.String({ minLength: 1, maxLength: 64 }));
const filter = new Form((Type) => {
  const text = Type.String({ minLength: 1, maxLength: 255 });
  const status = Type.Unsafe<EventStatus>(Type.Union(eventStatuses.map((name) => Type.Literal(name))));
  return Type.Object(
    {
      status: oneOrMore(Type, status),
      source: oneOrMore(Type, text),
      type: oneOrMore(Type, text),
      event_id: oneOrMore(Type, text),
      external_job_id: oneOrMore(Type, text),
    },
    closed,
  );
});

const forms = {
  subscribe: new Form((Type) =>
    Type.Object(
      {
        op: Type.Literal('subscribe'),
        id: id.schema,
        filter: Type.Optional(filter.schema),
        cursor: Type.Optional(Type.String()),
      },
      closed,
    ),
  ),
  unsubscribe: new Form((Type) => Type.Object({ op: Type.Literal('unsubscribe'), id: id.schema }, closed)),
  stats: new Form((Type) =>
    Type.Object({ op: Type.Literal('stats'), every_ms: Type.Integer({ minimum: 100, maximum: 60_000 }) }, closed),
  ),
  ping: new Form((Type) => Type.Object({ op: Type.Literal('ping') }, closed)),
};

export function readClientMessage(bytes: Buffer): ClientMessage | Refusal {
  const message = parse(bytes);
  if (message === undefined) return refuse('malformed-json', 'a message must be one JSON value in UTF-8');
  const op = typeof message === 'object' && message !== null && 'op' in message ? message.op : undefined;
  switch (op) {
    case 'subscribe':
      return forms.subscribe.fits(message) ? readSubscribe(message) : refuseMessage(forms.subscribe.errors(message));
    case 'unsubscribe':
      return forms.unsubscribe.fits(message) ? message : refuseMessage(forms.unsubscribe.errors(message));
    case 'stats':
      return forms.stats.fits(message) ? { op, everyMs: message.every_ms } : refuseMessage(forms.stats.errors(message));
    case 'ping':
      return forms.ping.fits(message) ? message : refuseMessage(forms.ping.errors(message));
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

function readSubscribe(message: { id: string; filter?: Sent<typeof filter>; cursor?: string }): ClientMessage {
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

function refuseMessage([error]: Iterable<{ readonly path: string; readonly message: string }>): Refusal {
  return refuse('invalid', error === undefined ? 'the message is not valid' : `${error.path.slice(1)}: ${error.message}`);
}
