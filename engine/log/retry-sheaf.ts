/**
 * Finished events of one partition on their way back: what the actor knows of them goes to the reader, and `retried` records that have no
 * place in the log yet come from there.
 *
 *     actor --known finals (known-finals.ts)--> reader: their specs, do they match? --retry sheaf--> actor: decides, fills in place and times
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
import type { EventStatus } from '../event/status.js';
import { noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { eventIdBytes } from '../kernel/event-id.js';
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
