/**
 * Bodies of `changed` and `retried` records: where the event stands, then its whole new spec as `spec-codec.ts` lays it out.
 *
 * The spec is written anew and not only what is different in it, so that one read gives all of it, whatever was changed
 * before and wherever the first record is by now; a replay brings a retried event back from this record alone.
 *
 *     0  u8   format version
 *     1  u8   the state before, place in `eventStatuses`
 *     2  u32  version from now on
 *     6  u32  attempts so far
 *    10  f64  due at
 *    18  the spec
 */
import type { WallMs } from '../kernel/brand.js';
import { UnknownFormatError } from '../kernel/errors.js';
import { recordKinds, type StoredRecord } from './record.js';
import { type EventStatus, eventStatuses } from './status.js';

const formatVersion = 1;
const specAt = 18;

export interface Renewal {
  readonly from: EventStatus;
  readonly version: number;
  readonly attempts: number;
  /** When the next attempt may start. */
  readonly dueAtMs: WallMs;
  /** As `encodeSpec` gave it; out of `decodeRenewal` a view into the body. */
  readonly spec: Uint8Array;
}

export function encodeRenewal({ from, version, attempts, dueAtMs, spec }: Renewal): Uint8Array {
  const bytes = new Uint8Array(specAt + spec.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = formatVersion;
  bytes[1] = eventStatuses.indexOf(from);
  view.setUint32(2, version);
  view.setUint32(6, attempts);
  view.setFloat64(10, dueAtMs);
  bytes.set(spec, specAt);
  return bytes;
}

/** Throws UnknownFormatError for a format that this version does not read. */
export function decodeRenewal(bytes: Uint8Array): Renewal {
  const from = eventStatuses[bytes[1] ?? -1];
  if (bytes[0] !== formatVersion || bytes.length < specAt || from === undefined) {
    throw new UnknownFormatError(`renewal: expected format ${formatVersion}, found ${bytes[0]} in ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, specAt);
  return {
    from,
    version: view.getUint32(2),
    attempts: view.getUint32(6),
    dueAtMs: view.getFloat64(10) as WallMs,
    spec: bytes.subarray(specAt),
  };
}

/** The spec that a record carries, a view into its body; null for a kind that carries none. */
export function specIn({ kind, body }: { readonly kind: StoredRecord['kind']; readonly body: Uint8Array }): Uint8Array | null {
  if (kind === recordKinds.accepted) return body;
  return kind === recordKinds.changed || kind === recordKinds.retried ? decodeRenewal(body).spec : null;
}
