/**
 * Finished events of one partition on their way back: what the actor knows of them goes to the reader, and `retried` records that have no
 * place in the log yet come from there.
 *
 *     actor --known finals--> reader: their specs, do they match? --retry sheaf--> actor: decides, fills in place and times
 *
 * A retry writes the whole spec anew, which the reader has before it anyway. So it lays out the very bytes that the log will hold, as the
 * gateway does with new events (`event-sheaf.ts`); an object for each event, with its spec in a buffer, cost the host 8 us.
 *
 * What the reader says of an event was so when it read: whether it still is, the actor decides. No format version, as both ends are of
 * one build.
 */
import { recordKinds } from '../event/record.js';
import { layOutRenewalHead, renewalHeadBytes } from '../event/renewal-codec.js';
import { withoutDelay } from '../event/spec-codec.js';
import { hasDelay } from '../event/spec-texts.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import { noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { bulkBatchEvents } from '../kernel/limits.js';
import { layOutHead, recordHeadBytes, startOfRecords } from './record-batch.js';

/** How an event has ended. */
export interface Final {
  /** Holds the id from `idAt` on. */
  readonly ids: Uint8Array;
  readonly idAt: number;
  /** Its final record. */
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
}

/** What memory knows of one; all but its spec. */
export interface KnownFinal extends Final {
  /** The record that holds its spec. */
  readonly bodySeq: Sequence;
}

/** 0 f64 bodySeq, 8 f64 newest, 16 u32 version, 20 u32 attempts, 24 u8 status, 25 the id. */
const knownBytes = 25 + eventIdBytes;

/** Collects what memory knows of finished events until `take`: as many as are asked about with one message. */
export class KnownFinals {
  #bytes = new Uint8Array(bulkBatchEvents * knownBytes);
  #view = new DataView(this.#bytes.buffer);
  #count = 0;
  #last = 0;
  #isInOrder = true;

  get count(): number {
    return this.#count;
  }
  get isFull(): boolean {
    return this.#count === bulkBatchEvents;
  }

  add({ ids, idAt, newest, status, version, attempts, bodySeq }: KnownFinal): void {
    const at = this.#count++ * knownBytes;
    const view = this.#view;
    view.setFloat64(at, bodySeq);
    view.setFloat64(at + 8, newest);
    view.setUint32(at + 16, version);
    view.setUint32(at + 20, attempts);
    view.setUint8(at + 24, eventStatuses.indexOf(status));
    for (let byte = 0; byte < eventIdBytes; byte++) this.#bytes[at + 25 + byte] = ids[idAt + byte]!;
    if (bodySeq < this.#last) this.#isInOrder = false;
    this.#last = bodySeq;
  }

  /** In the order of their specs in the log; none is left. */
  take(): Uint8Array {
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

/** The known finals from number `from` on. */
export function knownFrom(known: Uint8Array, from: number): Uint8Array {
  return known.subarray(from * knownBytes);
}

export function knownIn(known: Uint8Array): KnownFinal[] {
  const view = new DataView(known.buffer, known.byteOffset, known.byteLength);
  const finals: KnownFinal[] = [];
  for (let at = 0; at < known.length; at += knownBytes) {
    finals.push({
      ids: known,
      idAt: at + 25,
      newest: view.getFloat64(at + 8) as Sequence,
      status: eventStatuses[view.getUint8(at + 24)]!,
      version: view.getUint32(at + 16),
      attempts: view.getUint32(at + 20),
      bodySeq: view.getFloat64(at) as Sequence,
    });
  }
  return finals;
}

function inOrder(known: Uint8Array): Uint8Array {
  const seqs = knownIn(known).map(({ bodySeq }) => bodySeq);
  const places = [...seqs.keys()].sort((one, other) => seqs[one]! - seqs[other]!);
  const sorted = new Uint8Array(known.length);
  for (const [place, from] of places.entries())
    sorted.set(known.subarray(from * knownBytes, (from + 1) * knownBytes), place * knownBytes);
  return sorted;
}

const startBytes = 64 * 1024;
/** A builder that has grown beyond this gives its memory back. */
const keptBytesMax = 2 * 1024 * 1024;

/** Lays out `retried` records until `take`. On the reader's thread. */
export class RetrySheafBuilder {
  #bytes = new Uint8Array(startBytes);
  #view = new DataView(this.#bytes.buffer);
  #end = startOfRecords;
  #count = 0;

  /** Bytes that `take` would return. */
  get bytes(): number {
    return this.#end;
  }

  /** Of a retry that is due when it is decided, the time asked for is no delay any more. */
  append({ ids, idAt, newest, status, version, attempts }: Final, given: Uint8Array): void {
    const spec = hasDelay(given) ? withoutDelay(given) : given;
    const bodyLength = renewalHeadBytes + spec.length;
    const at = this.#end;
    const end = at + recordHeadBytes + bodyLength;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    layOutHead(this.#view, at, { bodyLength, kind: recordKinds.retried, seq: noSequence, prev: newest, at: 0 as WallMs });
    const eventAt = at + recordHeadBytes - eventIdBytes;
    for (let byte = 0; byte < eventIdBytes; byte++) bytes[eventAt + byte] = ids[idAt + byte]!;
    const bodyAt = at + recordHeadBytes;
    layOutRenewalHead(this.#view, bodyAt, { from: status, version: version + 1, attempts, dueAtMs: 0 as WallMs });
    bytes.set(spec, bodyAt + renewalHeadBytes);
    this.#end = end;
    this.#count++;
  }

  /** The sheaf, owning its memory so that it can be moved to another thread; the builder is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#count, true);
    const sheaf = this.#bytes.slice(0, this.#end);
    this.#end = startOfRecords;
    this.#count = 0;
    if (this.#bytes.length > keptBytesMax) this.#hold(new Uint8Array(startBytes));
    return sheaf;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#hold(larger);
  }

  #hold(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
