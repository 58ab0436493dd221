/**
 * Finished events and all that a retry needs to know of them beside their specs, many with one message: between the actor, whose memory
 * knows them, or the reader, whose indexes do (`retriable-finals.ts`), and the reader, which fetches the specs (`retry-pages.ts`).
 *
 * They stand in the order of their specs in the log, which is that of the fewest reads. No format version, as both ends are of one build.
 */
import { eventStatuses } from '../../event/status.js';
import type { Sequence } from '../../kernel/brand.js';
import { type EventId, eventIdBytes } from '../../kernel/event-id.js';
import type { Final } from '../retry-sheaf.js';

/** All that is known of one but its spec. */
export interface KnownFinal extends Final {
  /** The record that holds its spec. */
  readonly bodySeq: Sequence;
}

/** 0 f64 bodySeq, 8 f64 newest, 16 u32 version, 20 u32 attempts, 24 u8 status, 25 the id. */
const idAt = 25;
const knownBytes = idAt + eventIdBytes;

/** Collects them until `take`: as many as are for one message. */
export class KnownFinals {
  readonly #max: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #count = 0;
  #last = 0;
  #isInOrder = true;

  constructor(max: number) {
    this.#max = max;
    this.#bytes = new Uint8Array(max * knownBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get count(): number {
    return this.#count;
  }
  get isFull(): boolean {
    return this.#count === this.#max;
  }

  add({ ids, idAt: from, newest, status, version, attempts, bodySeq }: KnownFinal): void {
    const at = this.#count++ * knownBytes;
    const view = this.#view;
    view.setFloat64(at, bodySeq);
    view.setFloat64(at + 8, newest);
    view.setUint32(at + 16, version);
    view.setUint32(at + 20, attempts);
    view.setUint8(at + 24, eventStatuses.indexOf(status));
    for (let byte = 0; byte < eventIdBytes; byte++) this.#bytes[at + idAt + byte] = ids[from + byte]!;
    if (bodySeq < this.#last) this.#isInOrder = false;
    this.#last = bodySeq;
  }

  /** In the order of their specs in the log, owning their memory; none is left. */
  take(): Uint8Array<ArrayBuffer> {
    const known = this.#bytes.subarray(0, this.#count * knownBytes);
    const taken = this.#isInOrder ? known.slice() : inOrder(known);
    this.#count = 0;
    this.#last = 0;
    this.#isInOrder = true;
    return taken;
  }
}

export function countOfKnown(known: Uint8Array): number {
  return known.length / knownBytes;
}

/** The record that holds the spec of the last of them, which is the newest one. */
export function newestSpecOf(known: Uint8Array): Sequence {
  return new DataView(known.buffer, known.byteOffset + known.length - knownBytes).getFloat64(0) as Sequence;
}

/** The known finals from number `from` on, up to before number `to`. */
export function knownFrom(known: Uint8Array, from: number, to?: number): Uint8Array {
  return known.subarray(from * knownBytes, to === undefined ? undefined : to * knownBytes);
}

/** Those with an id that is wanted, in the same order, moved to the front of the same memory. */
export function wantedOf(known: Uint8Array, isWanted: (id: EventId) => boolean): Uint8Array {
  let end = 0;
  for (let at = 0; at < known.length; at += knownBytes) {
    if (!isWanted(known.subarray(at + idAt, at + knownBytes))) continue;
    known.copyWithin(end, at, at + knownBytes);
    end += knownBytes;
  }
  return known.subarray(0, end);
}

export function knownIn(known: Uint8Array): KnownFinal[] {
  const view = new DataView(known.buffer, known.byteOffset, known.byteLength);
  const finals: KnownFinal[] = [];
  for (let at = 0; at < known.length; at += knownBytes) {
    finals.push({
      ids: known,
      idAt: at + idAt,
      newest: view.getFloat64(at + 8) as Sequence,
      status: eventStatuses[view.getUint8(at + 24)]!,
      version: view.getUint32(at + 16),
      attempts: view.getUint32(at + 20),
      bodySeq: view.getFloat64(at) as Sequence,
    });
  }
  return finals;
}

function inOrder(known: Uint8Array): Uint8Array<ArrayBuffer> {
  const seqs = knownIn(known).map(({ bodySeq }) => bodySeq);
  const places = [...seqs.keys()].sort((one, other) => seqs[one]! - seqs[other]!);
  const sorted = new Uint8Array(known.length);
  for (const [place, from] of places.entries())
    sorted.set(known.subarray(from * knownBytes, (from + 1) * knownBytes), place * knownBytes);
  return sorted;
}
