/**
 * The body of an `accepted` record: a fixed head that actors read at constant offsets, then the rest as msgpack.
 *
 * Actors need a dozen numbers of an event and its origin, couriers and readers need all of it. Decoding the whole body for
 * these would cost the actor 2 us an event, live and in every replay; reading the head costs 0.1 us and
 * allocates nothing. The payload is the tail of the body, byte for byte as it came.
 *
 *     0  u8   format version
 *     1  u8   priority, 0-9
 *     2  u8   max retries, 0-100
 *     3  u8   delivery type, place in `deliveryTypes`
 *     4  u32  key tag, high      (0, 0: no key)
 *     8  u32  key tag, low
 *    12  u32  bytes of the msgpack part
 *    16  f64  scheduled at
 *    24  f64  expires at, 0 when none
 *    32  f64  created at
 *    40  f64  retry: first wait
 *    48  f64  retry: longest wait
 *    56  f64  retry: multiplier
 *    64  u8   retry: strategy, place in `retryStrategies`
 *    65  u8   retry: 1 with full jitter
 *    66  u16  bytes of the origin
 *    68  u32  label: source      (labels.ts)
 *    72  u32  label: type
 *    76  u32  label: destination
 *    80  u32  signature of the tags, high
 *    84  u32  signature of the tags, low
 *    88       the origin in UTF-8, the msgpack part, the payload
 *
 * The msgpack part is an array; a null payload and an empty one differ in its `hasPayload`.
 */
import type { WallMs } from '../kernel/brand.js';
import { require } from '../kernel/commonjs.js';
import { UnknownFormatError } from '../kernel/errors.js';
import { type KeyTag, keyOf, tagOfKey } from './content.js';
import { type Labels, labelsOf } from './labels.js';
import { originOf } from './origin.js';
import { type DeliveryType, deliveryTypes, type EventSpec, type HttpMethod, type RetryPolicy, retryStrategies } from './spec.js';

const formatVersion = 2;
const originAt = 88;
const { Packr } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: false });

type Rest = [
  externalJobId: string | null,
  source: string,
  type: string | null,
  description: string | null,
  delayMs: number | null,
  destination: string,
  method: string | null,
  headers: [string, string][],
  hasPayload: boolean,
  timeoutMs: number,
  tags: [string, string][],
  idempotencyKey: string | null,
  traceparent: string | null,
  fingerprint: Uint8Array | null,
];

/** Memory that specs are laid out in, one behind the other. */
export interface SpecRoom {
  readonly bytes: Buffer;
  /** Of the same memory. */
  readonly view: DataView;
  end: number;
}

/** `fingerprint` is kept only with a key: nothing else is ever compared. */
export function encodeSpec(spec: EventSpec, fingerprint: Uint8Array | null): Uint8Array {
  const at = writeSpec(spec, fingerprint, roomInBlock);
  return new Uint8Array(block.bytes.buffer as ArrayBuffer, at, block.end - at);
}

/** The same into memory of somebody else's. `roomFor`: room for so many more bytes. Returns where the body begins. */
export function writeSpec(spec: EventSpec, fingerprint: Uint8Array | null, roomFor: (bytes: number) => SpecRoom): number {
  const key = keyOf(spec);
  const tag = key === null ? { high: 0, low: 0 } : tagOfKey(key);
  // biome-ignore format: in the order of the type, which is long
  const rest: Rest = [
    spec.externalJobId, spec.source, spec.type, spec.description, spec.delayMs, spec.destination, spec.method,
    spec.headers as [string, string][], spec.payload !== null, spec.timeoutMs, spec.tags as [string, string][],
    spec.idempotencyKey, spec.traceparent, key === null ? null : fingerprint,
  ];
  const packed = packr.pack(rest);
  const origin = originOf(spec.deliveryType, spec.destination);
  const payloadLength = spec.payload === null ? 0 : spec.payload.length;
  const room = roomFor(originAt + origin.length * utf8BytesMax + packed.length + payloadLength);
  const { bytes, view, end: at } = room;
  const originBytes = bytes.write(origin, at + originAt, 'utf8');
  layOutSpecHead(view, at, {
    priority: spec.priority,
    maxRetries: spec.maxRetries,
    deliveryType: spec.deliveryType,
    tagHigh: tag.high,
    tagLow: tag.low,
    restBytes: packed.length,
    scheduledAtMs: spec.scheduledAtMs,
    expiresAtMs: spec.expiresAtMs ?? 0,
    createdAtMs: spec.createdAtMs,
    retry: spec.retry,
    originBytes,
    ...labelsOf(spec),
  });
  const packedAt = at + originAt + originBytes;
  bytes.set(packed, packedAt);
  if (spec.payload !== null) bytes.set(spec.payload, packedAt + packed.length);
  room.end = packedAt + packed.length + payloadLength;
  return at;
}

/** What the head of a body holds. */
export interface SpecHeadFields extends Labels {
  readonly priority: number;
  readonly maxRetries: number;
  readonly deliveryType: DeliveryType;
  /** 0, 0: no key. */
  readonly tagHigh: number;
  readonly tagLow: number;
  /** Of the msgpack part. */
  readonly restBytes: number;
  readonly scheduledAtMs: number;
  /** 0 when none. */
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
  readonly retry: RetryPolicy;
  readonly originBytes: number;
}

/** Of the head; the origin follows. */
export const specHeadBytes = originAt;

export function layOutSpecHead(view: DataView, at: number, head: SpecHeadFields): void {
  const { retry } = head;
  view.setUint8(at, formatVersion);
  view.setUint8(at + 1, head.priority);
  view.setUint8(at + 2, head.maxRetries);
  view.setUint8(at + 3, deliveryTypes.indexOf(head.deliveryType));
  view.setUint32(at + 4, head.tagHigh);
  view.setUint32(at + 8, head.tagLow);
  view.setUint32(at + 12, head.restBytes);
  view.setFloat64(at + 16, head.scheduledAtMs);
  view.setFloat64(at + 24, head.expiresAtMs);
  view.setFloat64(at + 32, head.createdAtMs);
  view.setFloat64(at + 40, retry.initialMs);
  view.setFloat64(at + 48, retry.maxMs);
  view.setFloat64(at + 56, retry.multiplier);
  view.setUint8(at + 64, retryStrategies.indexOf(retry.strategy));
  view.setUint8(at + 65, retry.jitter === 'full' ? 1 : 0);
  view.setUint16(at + 66, head.originBytes);
  view.setUint32(at + 68, head.source);
  view.setUint32(at + 72, head.type);
  view.setUint32(at + 76, head.destination);
  view.setUint32(at + 80, head.signatureHigh);
  view.setUint32(at + 84, head.signatureLow);
}

/** What follows from the key, in a head that is laid out. */
export function layOutKeyOfHead(
  view: DataView,
  at: number,
  { tagHigh, tagLow, restBytes }: Pick<SpecHeadFields, 'tagHigh' | 'tagLow' | 'restBytes'>,
): void {
  view.setUint32(at + 4, tagHigh);
  view.setUint32(at + 8, tagLow);
  view.setUint32(at + 12, restBytes);
}

/**
 * Bodies are laid out one after the other in blocks: a buffer of its own for each cost 2 us an event, most of it in the
 * garbage collector. A block is free when nobody holds any of its bodies, so whoever keeps one for long keeps a copy.
 */
const blockBytes = 64 * 1024;
const utf8BytesMax = 3;
let block = newBlock(blockBytes);

function newBlock(bytes: number): SpecRoom {
  const buffer = new ArrayBuffer(bytes);
  return { bytes: Buffer.from(buffer), view: new DataView(buffer), end: 0 };
}

function roomInBlock(bytes: number): SpecRoom {
  if (block.end + bytes > block.bytes.length) block = newBlock(Math.max(blockBytes, bytes));
  return block;
}

const nothing = new Uint8Array(0);

/** What an actor keeps of an event. Reads of one head each; holds no state. */
export class SpecHead {
  /** Of the memory that the body lies in, where it begins at `#start`. */
  #view: DataView = new DataView(nothing.buffer);
  #start = 0;
  /** Of the whole buffer that `at` was last pointed into: bodies that came together share one, and so one view. */
  #whole = this.#view;

  /** Whether `at` will take it: for bodies that come from outside this thread and must not stop it. */
  static isReadable(bytes: Uint8Array): boolean {
    return bytes.length >= originAt && bytes[0] === formatVersion;
  }

  /** The same for a body of `length` bytes at `start` in `view`. */
  static isReadableIn(view: DataView, { start, length }: { readonly start: number; readonly length: number }): boolean {
    return length >= originAt && view.getUint8(start) === formatVersion;
  }

  /** Point at another body. One instance serves many and allocates nothing for a body from the buffer of the last one. */
  at(bytes: Uint8Array): this {
    if (!SpecHead.isReadable(bytes)) {
      throw new UnknownFormatError(
        `body of an accepted record: expected format ${formatVersion}, found ${bytes[0]} in ${bytes.length} bytes`,
      );
    }
    if (bytes.buffer !== this.#whole.buffer) this.#whole = new DataView(bytes.buffer);
    return this.inside(this.#whole, bytes.byteOffset);
  }

  /** Point at a body that begins at `start` in `view` and is readable. Allocates nothing. */
  inside(view: DataView, start: number): this {
    this.#view = view;
    this.#start = start;
    return this;
  }

  get priority(): number {
    return this.#view.getUint8(this.#start + 1);
  }
  get maxRetries(): number {
    return this.#view.getUint8(this.#start + 2);
  }
  get deliveryType(): DeliveryType {
    return deliveryTypes[this.#view.getUint8(this.#start + 3)]!;
  }
  get tagHigh(): number {
    return this.#view.getUint32(this.#start + 4);
  }
  get tagLow(): number {
    return this.#view.getUint32(this.#start + 8);
  }
  get scheduledAtMs(): WallMs {
    return this.#view.getFloat64(this.#start + 16) as WallMs;
  }
  /** 0 when none. */
  get expiresAtMs(): number {
    return this.#view.getFloat64(this.#start + 24);
  }
  get createdAtMs(): WallMs {
    return this.#view.getFloat64(this.#start + 32) as WallMs;
  }
  get retry(): RetryPolicy {
    return {
      strategy: retryStrategies[this.#view.getUint8(this.#start + 64)]!,
      initialMs: this.#view.getFloat64(this.#start + 40),
      maxMs: this.#view.getFloat64(this.#start + 48),
      multiplier: this.#view.getFloat64(this.#start + 56),
      jitter: this.#view.getUint8(this.#start + 65) === 1 ? 'full' : 'none',
    };
  }
  get labels(): Labels {
    return {
      source: this.#view.getUint32(this.#start + 68),
      type: this.#view.getUint32(this.#start + 72),
      destination: this.#view.getUint32(this.#start + 76),
      signatureHigh: this.#view.getUint32(this.#start + 80),
      signatureLow: this.#view.getUint32(this.#start + 84),
    };
  }
  get origin(): string {
    const { buffer, byteOffset } = this.#view;
    return Buffer.from(buffer, byteOffset + this.#start + originAt, this.#originLength).toString('utf8');
  }
  /** Whether the origin is this text, byte by byte. */
  hasOrigin(bytes: Uint8Array): boolean {
    if (bytes.length !== this.#originLength) return false;
    const from = this.#start + originAt;
    for (let at = 0; at < bytes.length; at++) if (this.#view.getUint8(from + at) !== bytes[at]) return false;
    return true;
  }
  /** Where the msgpack part begins, and where the payload does. */
  get restAt(): number {
    return originAt + this.#originLength;
  }
  get payloadAt(): number {
    return this.restAt + this.#view.getUint32(this.#start + 12);
  }
  get #originLength(): number {
    return this.#view.getUint16(this.#start + 66);
  }
}

export interface Schedule {
  readonly scheduledAtMs: WallMs;
  readonly expiresAtMs: WallMs | null;
}

/** Gives a spec that begins at `at`, in place, other times. Its delay, if it has one, stands elsewhere. */
export function rescheduleSpec(view: DataView, at: number, { scheduledAtMs, expiresAtMs }: Schedule): void {
  view.setFloat64(at + 16, scheduledAtMs);
  view.setFloat64(at + 24, expiresAtMs ?? 0);
}

/** The same spec of an event whose time is no longer told by a delay. */
export function withoutDelay(bytes: Uint8Array): Uint8Array {
  const spec = decodeSpec(bytes);
  return encodeSpec({ ...spec, delayMs: null }, spec.fingerprint);
}

export interface StoredSpec extends EventSpec {
  readonly origin: string;
  readonly tag: KeyTag | null;
  readonly fingerprint: Uint8Array | null;
}

const decoding = new SpecHead();

/** All of it. `payload` is a view into `bytes`. Throws UnknownFormatError for a format that this version does not read. */
export function decodeSpec(bytes: Uint8Array): StoredSpec {
  const head = decoding.at(bytes);
  const { payloadAt } = head;
  const rest = packr.unpack(bytes.subarray(head.restAt, payloadAt)) as Rest;
  const hasKey = head.tagHigh !== 0 || head.tagLow !== 0;
  return {
    externalJobId: rest[0],
    source: rest[1],
    type: rest[2],
    description: rest[3],
    scheduledAtMs: head.scheduledAtMs,
    delayMs: rest[4],
    deliveryType: head.deliveryType,
    destination: rest[5],
    method: rest[6] as HttpMethod | null,
    headers: rest[7],
    payload: rest[8] ? bytes.subarray(payloadAt) : null,
    priority: head.priority,
    maxRetries: head.maxRetries,
    retry: head.retry,
    timeoutMs: rest[9],
    expiresAtMs: head.expiresAtMs === 0 ? null : (head.expiresAtMs as WallMs),
    tags: rest[10],
    idempotencyKey: rest[11],
    traceparent: rest[12],
    createdAtMs: head.createdAtMs,
    origin: head.origin,
    tag: hasKey ? { high: head.tagHigh, low: head.tagLow } : null,
    fingerprint: rest[13],
  };
}
