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
import { rescheduleSpec, type Schedule, SpecHead } from './spec-codec.js';
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

export function encodeRenewal(renewal: Renewal): Uint8Array {
  const { spec } = renewal;
  const bytes = new Uint8Array(specAt + spec.length);
  layOutRenewalHead(new DataView(bytes.buffer), 0, renewal);
  bytes.set(spec, specAt);
  return bytes;
}

/** Of what stands before the spec. */
export const renewalHeadBytes = specAt;

export function layOutRenewalHead(view: DataView, at: number, { from, version, attempts, dueAtMs }: Omit<Renewal, 'spec'>): void {
  view.setUint8(at, formatVersion);
  view.setUint8(at + 1, eventStatuses.indexOf(from));
  view.setUint32(at + 2, version);
  view.setUint32(at + 6, attempts);
  view.setFloat64(at + 10, dueAtMs);
}

/** Gives a renewal that begins at `at`, in place, another due time and with it another time asked for and another expiry. */
export function reschedule(view: DataView, at: number, times: Schedule & { readonly dueAtMs: WallMs }): void {
  view.setFloat64(at + 10, times.dueAtMs);
  rescheduleSpec(view, at + specAt, times);
}

/** What an actor reads of a renewal where it lies. As `SpecHead`. */
export class RenewalHead {
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;

  static isReadableIn(view: DataView, { start, length }: { readonly start: number; readonly length: number }): boolean {
    return (
      length >= specAt &&
      view.getUint8(start) === formatVersion &&
      view.getUint8(start + 1) < eventStatuses.length &&
      SpecHead.isReadableIn(view, { start: start + specAt, length: length - specAt })
    );
  }

  /** Point at a renewal that is readable. Allocates nothing. */
  inside(view: DataView, start: number): this {
    this.#view = view;
    this.#start = start;
    return this;
  }

  get from(): EventStatus {
    return eventStatuses[this.#view.getUint8(this.#start + 1)]!;
  }
  get version(): number {
    return this.#view.getUint32(this.#start + 2);
  }
  get attempts(): number {
    return this.#view.getUint32(this.#start + 6);
  }
  get dueAtMs(): WallMs {
    return this.#view.getFloat64(this.#start + 10) as WallMs;
  }
  get specAt(): number {
    return this.#start + specAt;
  }
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
