/**
 * Bodies of every record but `accepted`: msgpack arrays that open with their format version. `cancelled` and `expired`
 * say everything by their kind and carry an empty body.
 */
import type { WallMs } from '../kernel/brand.js';
import { require } from '../kernel/commonjs.js';
import { UnknownFormatError } from '../kernel/errors.js';
import { putNil, putNumber, putWhole } from './msgpack-put.js';

const formatVersion = 1;
const { Packr } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: false });
/** Where short bodies are put together. */
const shortBytes = new Uint8Array(64);
const room = { bytes: shortBytes, view: new DataView(shortBytes.buffer) };
export const emptyBody = new Uint8Array(0);

export interface DispatchedBody {
  readonly attempt: number;
}

/** Body of `refused`. */
export interface RefusedBody {
  readonly reason: string;
}

/** Body of `delivered`, `retrying` and `dead`. */
export interface OutcomeBody {
  readonly attempt: number;
  readonly statusCode: number | null;
  readonly durationMs: number;
  readonly lagMs: number;
  readonly error: string | null;
  readonly responseBody: Uint8Array | null;
  /** Only in `retrying`. */
  readonly nextAttemptAtMs: WallMs | null;
}

function unpack<Fields extends unknown[]>(bytes: Uint8Array): Fields {
  const fields = packr.unpack(bytes) as [number, ...Fields];
  if (fields[0] !== formatVersion)
    throw new UnknownFormatError(`record body: expected format ${formatVersion}, found ${String(fields[0])}`);
  return fields.slice(1) as Fields;
}

/** The result owns its memory: msgpackr's own buffer is reused. */
function pack(fields: readonly unknown[]): Uint8Array {
  return new Uint8Array(packr.pack([formatVersion, ...fields]));
}

/** By hand, as every event has one, and one of those that follow: msgpackr takes five times as long. */
export function encodeDispatched({ attempt }: DispatchedBody): Uint8Array {
  const { bytes, view } = room;
  bytes[0] = 0x92;
  bytes[1] = formatVersion;
  return bytes.slice(0, putWhole(attempt, view, 2));
}

export function decodeDispatched(bytes: Uint8Array): DispatchedBody {
  const [attempt] = unpack<[number]>(bytes);
  return { attempt };
}

export function encodeRefused(body: RefusedBody): Uint8Array {
  return pack([body.reason]);
}

export function decodeRefused(bytes: Uint8Array): RefusedBody {
  const [reason] = unpack<[string]>(bytes);
  return { reason };
}

export function encodeOutcome(body: OutcomeBody): Uint8Array {
  if (body.error === null && body.responseBody === null && body.nextAttemptAtMs === null) return encodeSuccess(body);
  return pack([body.attempt, body.statusCode, body.durationMs, body.lagMs, body.error, body.responseBody, body.nextAttemptAtMs]);
}

/** Of an outcome of which there is nothing more to say. */
function encodeSuccess({ attempt, statusCode, durationMs, lagMs }: OutcomeBody): Uint8Array {
  const { bytes, view } = room;
  bytes[0] = 0x98;
  bytes[1] = formatVersion;
  let at = putWhole(attempt, view, 2);
  at = statusCode === null ? putNil(bytes, at) : putWhole(statusCode, view, at);
  at = putNumber(durationMs, view, at);
  at = putNumber(lagMs, view, at);
  for (let missing = 0; missing < 3; missing++) at = putNil(bytes, at);
  return bytes.slice(0, at);
}

export function decodeOutcome(bytes: Uint8Array): OutcomeBody {
  const [attempt, statusCode, durationMs, lagMs, error, responseBody, nextAttemptAtMs] =
    unpack<[number, number | null, number, number, string | null, Uint8Array | null, number | null]>(bytes);
  return { attempt, statusCode, durationMs, lagMs, error, responseBody, nextAttemptAtMs: nextAttemptAtMs as WallMs | null };
}
