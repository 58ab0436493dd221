/**
 * New events of one partition on their way from the router to their actor: a batch of `accepted` records that have no
 * sequence yet.
 *
 * A message for each event cost 2-4 us on either side, most of it in writing down and reading objects. So they travel as the
 * very bytes that the log will hold: the actor reads the numbers that it needs in place (`RecordCursor`), fills in the
 * sequence, and moves what belongs together on in one copy. No format version, as both ends are of one build.
 *
 * One builder for each partition, filled and taken on the main thread.
 */
import { recordKinds } from '../event/record.js';
import type { SpecRoom } from '../event/spec-codec.js';
import { noSequence, type WallMs } from '../kernel/brand.js';
import { putBytes, Stretches } from '../kernel/copied-bytes.js';
import { type EventId, eventIdBytes } from '../kernel/event-id.js';
import { sheafBytesMax, sheafEventsMax } from '../kernel/limits.js';
import { layOutHead, RecordCursor, recordHeadBytes, startOfRecords } from './record-batch.js';

/** Where an id and a body are to be found. */
export interface EncodedEvent {
  /** Holds the id from `idAt` on. */
  readonly ids: Uint8Array;
  readonly idAt: number;
  /** Holds the body from `bodyAt` up to `bodyEnd`. */
  readonly room: Pick<SpecRoom, 'bytes'>;
  readonly bodyAt: number;
  readonly bodyEnd: number;
  readonly createdAtMs: WallMs;
}

/** What is copied into sheaves. */
const bodies = new Stretches();
const startBytes = 4 * 1024;
/** A builder that has grown beyond this hands its memory over with the sheaf: there is one for each partition. */
const keptBytesMax = 128 * 1024;

export class EventSheafBuilder {
  #bytes = new Uint8Array(startBytes);
  #view = new DataView(this.#bytes.buffer);
  #end = startOfRecords;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The next event belongs into the next sheaf. */
  get isFull(): boolean {
    return this.#count === sheafEventsMax || this.#end >= sheafBytesMax;
  }

  append({ ids, idAt, room, bodyAt, bodyEnd, createdAtMs }: EncodedEvent): void {
    const bodyLength = bodyEnd - bodyAt;
    const at = this.#end;
    const end = at + recordHeadBytes + bodyLength;
    if (end > this.#bytes.length) this.#grow(end);
    layOutHead(this.#view, at, { bodyLength, kind: recordKinds.accepted, seq: noSequence, prev: noSequence, at: createdAtMs });
    const bytes = this.#bytes;
    const eventAt = at + recordHeadBytes - eventIdBytes;
    if (ids.length === eventIdBytes) putBytes(ids, bytes, eventAt);
    else for (let byte = 0; byte < eventIdBytes; byte++) bytes[eventAt + byte] = ids[idAt + byte]!;
    putBytes(bodies.viewOf(room.bytes, bodyAt, bodyEnd), bytes, at + recordHeadBytes);
    this.#end = end;
    this.#count++;
  }

  /** The sheaf, which is the caller's; the builder is empty afterwards. */
  take(): Uint8Array {
    const sheaf = this.lend();
    return sheaf.buffer === this.#bytes.buffer ? sheaf.slice() : sheaf;
  }

  /** The same where it lies, good until the next `append`. */
  lend(): Uint8Array {
    this.#view.setUint32(0, this.#count, true);
    const sheaf = this.#bytes.subarray(0, this.#end);
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

/** A copy. */
export function idInSheaf(events: Uint8Array, place: number): EventId {
  const cursor = new RecordCursor(events);
  for (let at = 0; at <= place; at++) cursor.next();
  return cursor.event.slice();
}

/** Whether these bytes, which somebody else may have written, are laid out as a sheaf. */
export function isSheaf(bytes: Uint8Array): boolean {
  if (bytes.length < startOfRecords) return false;
  const cursor = new RecordCursor(bytes);
  let count = 0;
  while (cursor.endAt + recordHeadBytes <= bytes.length && cursor.next()) count++;
  return count > 0 && count <= sheafEventsMax && count === cursor.count && cursor.endAt === bytes.length;
}

/** How many events are in a sheaf. */
export function eventsIn(sheaf: Uint8Array): number {
  return new DataView(sheaf.buffer, sheaf.byteOffset).getUint32(0, true);
}
