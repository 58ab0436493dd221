/**
 * Finished events as indexes name them, many with one message: the id of each and where its final record is. From the reader to the actor,
 * and those that the actor is still interested in back.
 *
 * 0 f64 sequence, 8 the id. No format version, as both ends are of one build.
 */
import type { Sequence } from '../kernel/brand.js';
import { type EventId, eventIdBytes } from '../kernel/event-id.js';

export interface IndexedFinal {
  readonly id: EventId;
  readonly seq: Sequence;
}

const finalBytes = 8 + eventIdBytes;

/** Owns its memory, so that it can be moved to another thread. */
export function layOutFinals(finals: readonly IndexedFinal[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(finals.length * finalBytes);
  const view = new DataView(bytes.buffer);
  for (const [place, { id, seq }] of finals.entries()) {
    view.setFloat64(place * finalBytes, seq);
    bytes.set(id, place * finalBytes + 8);
  }
  return bytes;
}

export function countOfFinals(finals: Uint8Array): number {
  return finals.length / finalBytes;
}

export function finalsIn(finals: Uint8Array): IndexedFinal[] {
  const view = new DataView(finals.buffer, finals.byteOffset, finals.byteLength);
  return Array.from({ length: countOfFinals(finals) }, (_, place) => ({
    id: idAt(finals, place),
    seq: view.getFloat64(place * finalBytes) as Sequence,
  }));
}

/** Those with an id that is wanted, moved to the front of the same memory. */
export function wantedFinals(finals: Uint8Array, isWanted: (id: EventId) => boolean): Uint8Array {
  let kept = 0;
  for (let place = 0; place < countOfFinals(finals); place++) {
    if (!isWanted(idAt(finals, place))) continue;
    finals.copyWithin(kept++ * finalBytes, place * finalBytes, (place + 1) * finalBytes);
  }
  return finals.subarray(0, kept * finalBytes);
}

/** The first `count` of them, and the others. */
export function splitFinals(finals: Uint8Array, count: number): readonly [Uint8Array, Uint8Array] {
  return [finals.slice(0, count * finalBytes), finals.subarray(count * finalBytes)];
}

function idAt(finals: Uint8Array, place: number): EventId {
  return finals.subarray(place * finalBytes + 8, (place + 1) * finalBytes);
}
