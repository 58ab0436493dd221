/**
 * Batches of messages between hosts and couriers, as bytes that are transferred.
 *
 * Of nearly every event there are two: an attempt on its way out and an outcome on its way back. Written down and read by a codec for any
 * object they were 2.8 us an event, on both sides together; like this it is 0.6. So these two, and what is said of slots, have a layout by
 * hand. Whatever else is said, and an outcome with an error, is rare and stays with `kernel/message-codec.ts`, in runs. All messages stay in
 * their order: a slot is given back before an attempt or behind it.
 *
 *     a batch: entries, one behind the other, little endian, each begins with a u8 that says what it is
 *
 *     0 others             1  u32 bytes of the run, then the run
 *     1 origin             1  u16 bytes, then the origin in UTF-8, of the attempts and slots that follow: mostly all of a batch have the same
 *     2 attempt            1  u8   1 when it was overdue          3 outcome        1  u8   kind, place in `outcomeKinds`
 *       (`start`)          2  u32  partition                                       2  u32  partition
 *                          6  u32  attempt                                         6  u32  attempt
 *                         10  u32  run                                            10  u16  status code, 0 when none
 *                         14  u32  bytes of the spec                              12  u16  bytes of the response, 0xffff when none
 *                         18  f64  due at                                         14  f64  started at
 *                         26  16   event id                                       22  f64  duration
 *                         42       the spec                                       30  f64  lag
 *                                                                                 38  16   event id
 *     4 slots              1  u8   place in `slotOps`                             54       the response
 *                          2  u8   lane, place in `lanes`
 *                          3  u32  count
 *     5 one slot           1  u8   place in `oneSlotOps`
 *
 * Never stored, and both ends are of one build, so there is no format version.
 */
import { type Attempt, type Outcome, type OutcomeKind, outcomeKinds } from '../event/attempt.js';
import type { PartitionId, WallMs } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { decodeMessages, encodeMessages } from '../kernel/message-codec.js';
import { type CourierReply, type CourierRequest, type Lane, lanes } from './protocol.js';

const entries = { others: 0, origin: 1, attempt: 2, outcome: 3, slots: 4, oneSlot: 5 } as const;
const slotOps = ['want', 'unwant', 'release', 'grant'] as const;
const oneSlotOps = ['advance', 'recall'] as const;
const attemptIdAt = 26;
const attemptHeadBytes = attemptIdAt + eventIdBytes;
const outcomeIdAt = 38;
const outcomeHeadBytes = outcomeIdAt + eventIdBytes;
const othersHeadBytes = 5;
const originHeadBytes = 3;
const slotsBytes = 7;
const oneSlotBytes = 2;
const noResponse = 0xff_ff;

/** Memory that batches are laid out in, one after the other; what has grown beyond the second for one of them is given back. */
const startBytes = 64 * 1024;
const keptBytesMax = 1024 * 1024;
let bytes = Buffer.from(new ArrayBuffer(startBytes));
let view = new DataView(bytes.buffer);
let end = 0;
/** That the batch has told last; null: none yet. */
let originTold: string | null = null;

type Message = CourierRequest | CourierReply;
type SlotsMessage = Extract<Message, { op: (typeof slotOps)[number] }>;
type OneSlotMessage = Extract<Message, { op: (typeof oneSlotOps)[number] }>;

/** The result owns its buffer, so that it may be put in a transfer list. */
export function encodeRequests(requests: readonly CourierRequest[]): Uint8Array<ArrayBuffer> {
  return encode(requests);
}

/** The same of what a courier says. */
export function encodeReplies(replies: readonly CourierReply[]): Uint8Array<ArrayBuffer> {
  return encode(replies);
}

/** Byte fields of the result are views into `batch`. The caller knows what they are because it owns the port. */
export function decodeRequests(batch: Uint8Array): CourierRequest[] {
  return decode(batch) as CourierRequest[];
}

/** The same of what a courier says. */
export function decodeReplies(batch: Uint8Array): CourierReply[] {
  return decode(batch) as CourierReply[];
}

// ---- laying out ----

function encode(messages: readonly Message[]): Uint8Array<ArrayBuffer> {
  // A batch that could not be laid out leaves nothing for the next one.
  end = 0;
  originTold = null;
  let othersFrom = 0;
  for (let at = 0; at < messages.length; at++) {
    const message = messages[at]!;
    if (!hasLayout(message)) continue;
    if (othersFrom < at) layOutOthers(messages.slice(othersFrom, at));
    othersFrom = at + 1;
    if (message.op === 'start') layOutAttempt(message.attempt);
    else if (message.op === 'outcome') layOutOutcome(message.outcome);
    else if ('count' in message) layOutSlots(message);
    else layOutOneSlot(message);
  }
  if (othersFrom < messages.length) layOutOthers(othersFrom === 0 ? messages : messages.slice(othersFrom));
  return taken();
}

function hasLayout(
  message: Message,
): message is Extract<Message, { op: 'start' }> | Extract<Message, { op: 'outcome' }> | SlotsMessage | OneSlotMessage {
  switch (message.op) {
    case 'outcome':
      return isPlain(message.outcome);
    case 'start':
    case 'want':
    case 'unwant':
    case 'release':
    case 'grant':
    case 'advance':
    case 'recall':
      return true;
    default:
      return false;
  }
}

/** All of it has a place in the layout. */
function isPlain({ error, retryAfterMs, responseBody }: Outcome): boolean {
  return error === null && retryAfterMs === null && (responseBody === null || responseBody.length < noResponse);
}

/** Room for so many more bytes. Returns where they begin. */
function roomFor(count: number): number {
  const at = end;
  end = at + count;
  if (end > bytes.length) {
    const larger = Buffer.from(new ArrayBuffer(Math.max(end, bytes.length * 2)));
    larger.set(bytes.subarray(0, at));
    hold(larger);
  }
  return at;
}

function hold(memory: Buffer<ArrayBuffer>): void {
  bytes = memory;
  view = new DataView(memory.buffer);
}

function taken(): Uint8Array<ArrayBuffer> {
  // As `slice` of a typed array: that of a Buffer is a view.
  const batch = new Uint8Array(bytes.buffer.slice(0, end));
  if (bytes.length > keptBytesMax) hold(Buffer.from(new ArrayBuffer(startBytes)));
  return batch;
}

function layOutOthers(messages: readonly Message[]): void {
  const run = encodeMessages(messages);
  const at = roomFor(othersHeadBytes + run.length);
  view.setUint8(at, entries.others);
  view.setUint32(at + 1, run.length, true);
  bytes.set(run, at + othersHeadBytes);
}

function layOutOrigin(origin: string): void {
  if (origin === originTold) return;
  originTold = origin;
  const length = Buffer.byteLength(origin);
  const at = roomFor(originHeadBytes + length);
  view.setUint8(at, entries.origin);
  view.setUint16(at + 1, length, true);
  bytes.write(origin, at + originHeadBytes, 'utf8');
}

function layOutSlots({ op, origin, lane, count }: SlotsMessage): void {
  layOutOrigin(origin);
  const at = roomFor(slotsBytes);
  view.setUint8(at, entries.slots);
  view.setUint8(at + 1, slotOps.indexOf(op));
  view.setUint8(at + 2, lanes.indexOf(lane));
  view.setUint32(at + 3, count, true);
}

function layOutOneSlot({ op, origin }: OneSlotMessage): void {
  layOutOrigin(origin);
  const at = roomFor(oneSlotBytes);
  view.setUint8(at, entries.oneSlot);
  view.setUint8(at + 1, oneSlotOps.indexOf(op));
}

function layOutAttempt({ partition, event, attempt, run, origin, spec, dueAtMs, overdue }: Attempt): void {
  layOutOrigin(origin);
  const at = roomFor(attemptHeadBytes + spec.length);
  view.setUint8(at, entries.attempt);
  view.setUint8(at + 1, overdue ? 1 : 0);
  view.setUint32(at + 2, partition, true);
  view.setUint32(at + 6, attempt, true);
  view.setUint32(at + 10, run, true);
  view.setUint32(at + 14, spec.length, true);
  view.setFloat64(at + 18, dueAtMs, true);
  for (let place = 0; place < eventIdBytes; place++) bytes[at + attemptIdAt + place] = event[place]!;
  bytes.set(spec, at + attemptHeadBytes);
}

function layOutOutcome(outcome: Outcome): void {
  const { event, responseBody } = outcome;
  const responseBytes = responseBody === null ? noResponse : responseBody.length;
  const at = roomFor(outcomeHeadBytes + (responseBody === null ? 0 : responseBytes));
  view.setUint8(at, entries.outcome);
  view.setUint8(at + 1, outcomeKinds.indexOf(outcome.kind));
  view.setUint32(at + 2, outcome.partition, true);
  view.setUint32(at + 6, outcome.attempt, true);
  view.setUint16(at + 10, outcome.statusCode ?? 0, true);
  view.setUint16(at + 12, responseBytes, true);
  view.setFloat64(at + 14, outcome.startedAtMs, true);
  view.setFloat64(at + 22, outcome.durationMs, true);
  view.setFloat64(at + 30, outcome.lagMs, true);
  for (let place = 0; place < eventIdBytes; place++) bytes[at + outcomeIdAt + place] = event[place]!;
  if (responseBody !== null) bytes.set(responseBody, at + outcomeHeadBytes);
}

// ---- reading ----

interface Place {
  readonly read: DataView;
  readonly at: number;
}

function decode(batch: Uint8Array): Message[] {
  const read = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const messages: Message[] = [];
  let origin = '';
  let next = 0;
  for (let at = 0; at < batch.length; at = next) {
    switch (batch[at]) {
      case entries.attempt:
        next = at + attemptHeadBytes + read.getUint32(at + 14, true);
        messages.push({ op: 'start', attempt: attemptAt(batch, { read, at, next, origin }) });
        break;
      case entries.outcome: {
        const responseBytes = read.getUint16(at + 12, true);
        next = at + outcomeHeadBytes + (responseBytes === noResponse ? 0 : responseBytes);
        messages.push({ op: 'outcome', outcome: outcomeAt(batch, { read, at, responseBytes }) });
        break;
      }
      case entries.origin:
        next = at + originHeadBytes + read.getUint16(at + 1, true);
        origin = textOf(batch, at + originHeadBytes, next);
        break;
      case entries.slots:
        next = at + slotsBytes;
        messages.push(slotsAt(batch, { read, at, origin }));
        break;
      case entries.oneSlot:
        next = at + oneSlotBytes;
        messages.push({ op: oneSlotOps[batch[at + 1]!]!, origin });
        break;
      case entries.others:
        next = at + othersHeadBytes + read.getUint32(at + 1, true);
        for (const message of decodeMessages<Message>(batch.subarray(at + othersHeadBytes, next))) messages.push(message);
        break;
      default:
        throw new InvariantError(`a batch has no entry ${batch[at]} (at ${at} of ${batch.length})`);
    }
  }
  return messages;
}

function slotsAt(batch: Uint8Array, { read, at, origin }: Place & { readonly origin: string }): SlotsMessage {
  const lane = lanes[batch[at + 2]!] as Lane;
  return { op: slotOps[batch[at + 1]!]!, origin, lane, count: read.getUint32(at + 3, true) };
}

function attemptAt(
  { buffer, byteOffset }: Uint8Array,
  { read, at, next, origin }: Place & { readonly next: number; readonly origin: string },
): Attempt {
  const specAt = at + attemptHeadBytes;
  return {
    partition: read.getUint32(at + 2, true) as PartitionId,
    event: new Uint8Array(buffer, byteOffset + at + attemptIdAt, eventIdBytes),
    attempt: read.getUint32(at + 6, true),
    run: read.getUint32(at + 10, true),
    origin,
    spec: new Uint8Array(buffer, byteOffset + specAt, next - specAt),
    dueAtMs: read.getFloat64(at + 18, true) as WallMs,
    overdue: read.getUint8(at + 1) === 1,
  };
}

function outcomeAt(
  { buffer, byteOffset }: Uint8Array,
  { read, at, responseBytes }: Place & { readonly responseBytes: number },
): Outcome {
  const statusCode = read.getUint16(at + 10, true);
  return {
    partition: read.getUint32(at + 2, true) as PartitionId,
    event: new Uint8Array(buffer, byteOffset + at + outcomeIdAt, eventIdBytes),
    attempt: read.getUint32(at + 6, true),
    kind: outcomeKinds[read.getUint8(at + 1)] as OutcomeKind,
    startedAtMs: read.getFloat64(at + 14, true) as WallMs,
    durationMs: read.getFloat64(at + 22, true),
    lagMs: read.getFloat64(at + 30, true),
    statusCode: statusCode === 0 ? null : statusCode,
    error: null,
    responseBody: responseBytes === noResponse ? null : new Uint8Array(buffer, byteOffset + at + outcomeHeadBytes, responseBytes),
    retryAfterMs: null,
  };
}

function textOf({ buffer, byteOffset }: Uint8Array, from: number, to: number): string {
  return Buffer.from(buffer, byteOffset + from, to - from).toString('utf8');
}
