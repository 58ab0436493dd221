/** What a client may say on the status stream, and why what it said is refused. */
import { isUtf8 } from 'node:buffer';
import { type EventStatus, eventStatuses, type StatusFilter } from '../../engine/index.js';
import { text } from '../characters.js';
import { formErrors } from '../input/event-fields.js';
import { locateEvent, repeatedKey } from '../input/bytes/event-span.js';
import { JsonSyntaxError } from '../input/bytes/json-scan.js';
import { type Refusal, refuse, refuseFields } from '../input/refusal.js';
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

/** A `description` completes the sentence "must be …", as those of events do. */
const closed = { additionalProperties: false, description: 'an object' };

function oneOrMore<Schema extends TSchema>(type: TypeBuilder, schema: Schema) {
  const description = `${schema.description}, or a list of 1 to ${streamFilterValuesMax} of them`;
  return type.Optional(
    type.Union([schema, type.Array(schema, { minItems: 1, maxItems: streamFilterValuesMax })], { description }),
  );
}

const id = new Form((Type) => text(Type, { minLength: 1, maxLength: 64, description: 'a string of 1 to 64 characters' }));
const filter = new Form((Type) => {
  const value = text(Type, { minLength: 1, maxLength: 255, description: 'a string of 1 to 255 characters' });
  const status = Type.Unsafe<EventStatus>(
    Type.Union(
      eventStatuses.map((name) => Type.Literal(name)),
      { description: `one of ${eventStatuses.join(', ')}` },
    ),
  );
  return Type.Object(
    {
      status: oneOrMore(Type, status),
      source: oneOrMore(Type, value),
      type: oneOrMore(Type, value),
      event_id: oneOrMore(Type, value),
      external_job_id: oneOrMore(Type, value),
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
        cursor: Type.Optional(Type.String({ description: '"now" or a cursor that came earlier' })),
      },
      closed,
    ),
  ),
  unsubscribe: new Form((Type) => Type.Object({ op: Type.Literal('unsubscribe'), id: id.schema }, closed)),
  stats: new Form((Type) =>
    Type.Object(
      {
        op: Type.Literal('stats'),
        every_ms: Type.Integer({ minimum: 100, maximum: 60_000, description: 'an integer from 100 to 60000' }),
      },
      closed,
    ),
  ),
  ping: new Form((Type) => Type.Object({ op: Type.Literal('ping') }, closed)),
};

export function readClientMessage(bytes: Buffer): ClientMessage | Refusal {
  const parsed = parse(bytes);
  if ('refused' in parsed) return parsed;
  const { message } = parsed;
  if (typeof message !== 'object' || message === null || !('op' in message)) return refuseOp();
  const { op } = message;
  switch (op) {
    case 'subscribe':
      return forms.subscribe.fits(message) ? readSubscribe(message) : refuseMessage(forms.subscribe, message);
    case 'unsubscribe':
      return forms.unsubscribe.fits(message) ? message : refuseMessage(forms.unsubscribe, message);
    case 'stats':
      return forms.stats.fits(message) ? { op, everyMs: message.every_ms } : refuseMessage(forms.stats, message);
    case 'ping':
      return forms.ping.fits(message) ? message : refuseMessage(forms.ping, message);
    default:
      return refuseOp();
  }
}

function refuseOp(): Refusal {
  return refuse('invalid', 'op must be subscribe, unsubscribe, stats or ping');
}

function parse(bytes: Buffer): { readonly message: unknown } | Refusal {
  if (!isUtf8(bytes)) return refuseJson();
  try {
    const span = locateEvent(bytes);
    const message = JSON.parse(bytes.toString()) as object;
    // The parser keeps one of two equal keys.
    return span.members !== -1 && Object.keys(message).length !== span.members
      ? refuse('malformed-json', `the key ${JSON.stringify(repeatedKey(bytes, span))} is given twice`)
      : { message };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuseJson();
    throw error;
  }
}

function refuseJson(): Refusal {
  return refuse('malformed-json', 'a message must be one JSON value in UTF-8');
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

/** With the id of the subscription that it is about, so that a client knows which of its messages was refused. */
function refuseMessage(form: Form, message: object): Refusal {
  const refusal = refuseFields(formErrors(form, message));
  return 'id' in message && id.fits(message.id) ? { ...refusal, members: { id: message.id } } : refusal;
}
