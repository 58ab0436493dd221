/**
 * The answer to a plain event that was accepted just now: written from the bytes of its request into those of the answer.
 *
 * An answer has twenty fields and a thousand bytes, of which a hundred or two are the event's own. As text it took 4.5 us of the 18 that a request
 * cost up to there: pieces joined, flattened, measured and encoded. What stands between the event's own fields is the same for all, and is
 * taken once from the answer that `event-json.ts` gives to an event with a hole in each of them; so that file alone says what an answer looks like, and a
 * property test holds the two against each other. The head of the answer is written the same way: as a text it took 0.7 us.
 *
 * Texts of a plain event are printable ASCII without escapes, so they stand in the answer as they came.
 */
import {
  defaultRetry,
  type EventSpec,
  PlainSpec,
  putBytes,
  putEventId,
  type WallMs,
  InvariantError,
} from '../../engine/index.js';
import { AnswerMemory, LaidOutAnswer } from '../http/answer-memory.js';
import { nullText, putNull, putText, putWhole, putWholeText } from '../http/json-put.js';
import { headOf, type Reply } from '../http/reply.js';
import type { RequestId } from '../http/request-id.js';
import { formatInstant, putInstant, RepeatedInstant } from '../input/fields/instant.js';
import { renderAccepted } from './event-json.js';

export interface AcceptedPlace {
  readonly requestId: RequestId;
  /** Holds the id from `idAt` on. */
  readonly ids: Uint8Array;
  readonly idAt: number;
  readonly partition: number;
}

const created = ['ETag', '"1"'] as const;
const noHeaders: Reply['headers'] = [];
const noBody = Buffer.alloc(0);

const memory = new AnswerMemory();
/** Of the event whose answer is laid out: it stands in it twice. */
const idText = Buffer.alloc(36);

/** An answer to any other new event, but for its body. */
export function replyAccepted(id: string, body: Buffer): Reply {
  return {
    status: 201,
    contentType: 'application/json',
    headers: [['Location', `/api/v1/events/${id}`], created],
    body,
    close: false,
  };
}

/** The same as `replyAccepted` with `renderAccepted` of the event for which `spec` stands. */
export function replyAcceptedPlain(spec: PlainSpec, place: AcceptedPlace): Reply {
  const bytesMax = headFixedBytes + place.requestId.bytesMax + fixedBytes + fieldBytesMax + spec.bytesMax;
  const block = memory.blockFor(bytesMax);
  const { bytes, end: from } = block;
  const bodyAt = layOutHead(place, bytes, from);
  const end = layOut(spec, place, bytes, bodyAt);
  block.end = end;
  const laidOut = new LaidOutAnswer(block, { from, bodyAt, end });
  return { status: 201, contentType: 'application/json', headers: noHeaders, body: '', close: false, laidOut };
}

function layOutHead({ requestId, ids, idAt }: AcceptedPlace, out: Buffer, start: number): number {
  let at = putBytes(inHead.start, out, start);
  at = requestId.put(out, at);
  at = putBytes(inHead.requestId, out, at);
  putEventId(ids, idAt, idText, 0);
  at = putBytes(idText, out, at);
  return putBytes(inHead.id, out, at);
}

/** Behind the head, of whose event `idText` is. */
function layOut(spec: PlainSpec, { partition }: AcceptedPlace, out: Buffer, start: number): number {
  const { bytes } = spec;
  const source = spec.source();
  let at = putBytes(behind.start, out, start);
  at = putWholeText(idText, out, at);
  if (spec.externalJobIdAt === -1) {
    at = putBytes(usual.unnamed, out, at);
  } else {
    at = putBytes(behind.id, out, at);
    at = putText(bytes, spec.externalJobIdAt, spec.externalJobIdEnd, out, at);
    at = putBytes(behind.externalJobId, out, at);
  }
  at = putText(source.bytes, source.from, source.to, out, at);
  at = putBytes(behind.source, out, at);
  at = putTextOrNull(bytes, spec.typeAt, spec.typeEnd, out, at);
  if (spec.descriptionAt === -1) {
    at = putBytes(usual.undescribed, out, at);
  } else {
    at = putBytes(behind.type, out, at);
    at = putText(bytes, spec.descriptionAt, spec.descriptionEnd, out, at);
    at = putBytes(behind.description, out, at);
  }
  at = putTime(scheduledAt, spec.scheduledAtMs, out, at);
  at = putBytes(behind.scheduledAt, out, at);
  at = putWholeText(spec.destination!.bytes, out, at);
  at = isAsUsual(spec) ? putBytes(usual.delivery, out, at) : putDelivery(spec, out, at);
  at = putTags(spec, out, at);
  at = putBytes(behind.tags, out, at);
  at = putTime(scheduledAt, spec.scheduledAtMs, out, at);
  at = putBytes(writtenAt(spec.createdAtMs), out, at);
  at = putWhole(partition, out, at);
  at = putBytes(behind.partition, out, at);
  at = spec.payloadAt === -1 ? putNull(out, at) : putBytes(spec.payload, out, at);
  return putBytes(behind.payload, out, at);
}

/** From the destination to the tags: how it is delivered. */
function putDelivery(spec: PlainSpec, out: Uint8Array, start: number): number {
  const method = spec.method();
  let at = putBytes(behind.destination, out, start);
  at = putText(method.bytes, method.from, method.to, out, at);
  at = putBytes(behind.method, out, at);
  at = putWhole(spec.priority, out, at);
  at = putBytes(behind.priority, out, at);
  at = putWhole(spec.maxRetries, out, at);
  at = putBytes(behind.maxRetries, out, at);
  at = putWhole(spec.timeoutMs, out, at);
  at = putBytes(behind.timeoutMs, out, at);
  at = spec.expiresAtMs === null ? putNull(out, at) : putTime(expiresAt, spec.expiresAtMs, out, at);
  return putBytes(behind.expiresAt, out, at);
}

function putTextOrNull(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  return start === -1 ? putNull(out, at) : putText(from, start, end, out, at);
}

/** What stands between the time of the first attempt and the partition, with the times of creation and change: the same for all events of a millisecond. */
function writtenAt(ms: number): Uint8Array {
  if (ms !== writtenMs) {
    writtenMs = ms;
    putInstant(ms, written, createdAtPlace);
    putInstant(ms, written, updatedAtPlace);
  }
  return written;
}

let writtenMs = Number.NaN;
const scheduledAt = new RepeatedInstant();
const expiresAt = new RepeatedInstant();

function putTime(instant: RepeatedInstant, ms: number, out: Uint8Array, at: number): number {
  out[at] = quote;
  const end = instant.put(ms, out, at + 1);
  out[end] = quote;
  return end + 1;
}

function putTags({ bytes, tags }: PlainSpec, out: Uint8Array, start: number): number {
  if (tags.length === 0) return putNull(out, start);
  let at = start;
  for (let tag = 0; tag < tags.length; tag += 4) {
    out[at++] = tag === 0 ? openBrace : comma;
    at = putText(bytes, tags[tag]!, tags[tag + 1]!, out, at);
    out[at++] = colon;
    at = putText(bytes, tags[tag + 2]!, tags[tag + 3]!, out, at);
  }
  out[at++] = closeBrace;
  return at;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** What stands in the holes, as an answer shows it. */
const hole = '@';
const holeMs = 0 as WallMs;
const holes = new RegExp(`\\{"${hole}":"${hole}"\\}|"${hole}"|"${formatInstant(holeMs)}"|${hole}`);
/** In the order in which an answer shows them. */
const fields = [
  'id',
  'externalJobId',
  'source',
  'type',
  'description',
  'scheduledAt',
  'destination',
  'method',
  'priority',
  'maxRetries',
  'timeoutMs',
  'expiresAt',
  'tags',
  'nextAttemptAt',
  'createdAt',
  'updatedAt',
  'partition',
  'payload',
] as const;

const behind = piecesOf(
  renderAccepted(
    {
      externalJobId: hole,
      source: hole,
      type: hole,
      description: hole,
      scheduledAtMs: holeMs,
      delayMs: null,
      deliveryType: 'HTTP',
      destination: hole,
      method: hole,
      headers: [],
      payload: Buffer.from(hole),
      priority: hole,
      maxRetries: hole,
      retry: defaultRetry,
      timeoutMs: hole,
      expiresAtMs: holeMs,
      tags: [[hole, hole]],
      idempotencyKey: null,
      traceparent: null,
      createdAtMs: holeMs,
    } satisfies Record<keyof EventSpec, unknown> as unknown as EventSpec,
    { id: hole, partition: hole as unknown as number },
  ),
  fields,
);
const fixedBytes = Object.values(behind).reduce((sum, piece) => sum + piece.length, 0);
const anyInstant = Buffer.from(`"${formatInstant(holeMs)}"`);
const written = Buffer.concat([behind.nextAttemptAt, anyInstant, behind.createdAt, anyInstant, behind.updatedAt]);
/** Behind their quotes. */
const createdAtPlace = behind.nextAttemptAt.length + 1;
const updatedAtPlace = createdAtPlace + anyInstant.length + behind.createdAt.length;
/** Fields that most events leave out, with what stands around them: one piece each. */
const asUsual = new PlainSpec();
const usual = {
  unnamed: Buffer.concat([behind.id, nullText, behind.externalJobId]),
  undescribed: Buffer.concat([behind.type, nullText, behind.description]),
  delivery: usualDelivery(),
};

function usualDelivery(): Buffer {
  const room = Buffer.alloc(fixedBytes);
  return room.subarray(0, putDelivery(asUsual, room, 0));
}

function isAsUsual(spec: PlainSpec): boolean {
  return (
    spec.methodAt === asUsual.methodAt &&
    spec.priority === asUsual.priority &&
    spec.maxRetries === asUsual.maxRetries &&
    spec.timeoutMs === asUsual.timeoutMs &&
    spec.expiresAtMs === asUsual.expiresAtMs
  );
}

/** Of an id, five times, four numbers and the partition; `bytesMax` of a spec has the texts and their quotes. */
const fieldBytesMax = 38 + 5 * 26 + 5 * 15;

const inHead = piecesOf(String(headOf(replyAccepted(hole, noBody), { text: hole })), ['requestId', 'id']);
/** With an id. */
const headFixedBytes = 36 + Object.values(inHead).reduce((sum, piece) => sum + piece.length, 0);

/** What stands behind each field, and before the first one. */
function piecesOf<Field extends string>(
  answer: string | Buffer,
  order: readonly Field[],
): Readonly<Record<Field | 'start', Buffer>> {
  const pieces = answer.toString().split(holes);
  if (pieces.length !== order.length + 1)
    throw new InvariantError(`an answer with ${order.length} holes falls into ${pieces.length} pieces`);
  return Object.fromEntries(['start', ...order].map((field, place) => [field, Buffer.from(pieces[place]!)])) as ReturnType<
    typeof piecesOf<Field>
  >;
}
