/**
 * Where a pending event is in its actor. The state says what is true and durable; a place says what is being done about it.
 *
 *     (decided) --durable--> armed --its time--> waiting --slot--> loading --payload--> running --outcome--> (decided)
 *                                  \---------> overdue --/
 *
 * decided  its newest record is not durable yet: nothing may start
 * armed    in the wheel, for its due time, for reading ahead, or for its expiry
 * waiting  due; in the queue of its origin, in the wheel as well if it can expire
 * overdue  the same, in the backlog: it was due while nobody could start it
 * loading  has a slot; its payload is being read
 * running  an attempt is with a courier
 *
 * An event is in exactly one place, and only `cancel` and `expire` take it out of turn: from any place but `running`.
 *
 * Beside its place an event may have a mark: it is *paced*. It was put back with very many others, and leaves like what is overdue,
 * wherever it is on its way. The mark goes with the next thing that is decided about the event, an attempt apart.
 */
import type { Handle } from '../kernel/brand.js';

export const placeNames = ['decided', 'armed', 'waiting', 'overdue', 'loading', 'running'] as const;
export type Place = (typeof placeNames)[number];

const chunkRows = 65_536;
const chunkShift = 16;
const chunkMask = chunkRows - 1;
const placeBits = 0b0111;
/** Of `waiting` and `overdue`, and of no other place; in one row, and in four. */
const waitsBit = 0b0010;
const waitBitsOfFour = 0x02020202;
const pacedBit = 0b1000;

/** One byte for each handle, in fixed chunks. */
export class Places {
  readonly #chunks: Uint8Array[] = [];

  of(handle: Handle): Place {
    const chunk = this.#chunks[handle >>> chunkShift];
    return chunk === undefined ? 'decided' : placeNames[chunk[handle & chunkMask]! & placeBits]!;
  }

  /** The first from `handle` on, and before `end`, that waits: it is due and has no slot. Null: none does. Four rows at a time, 1,000,000 in half a millisecond. */
  nextWaiting(handle: Handle, end: number): Handle | null {
    for (let row = handle as number; row < end; ) {
      const chunk = this.#chunks[row >>> chunkShift];
      if (chunk === undefined) return null;
      const first = row - (row & chunkMask);
      const fours = new Uint32Array(chunk.buffer);
      const chunkEnd = Math.min(chunkRows, end - first);
      for (let at = row & chunkMask; at < chunkEnd; at++) {
        while ((at & 3) === 0 && at < chunkEnd && (fours[at >>> 2]! & waitBitsOfFour) === 0) at += 4;
        if (at < chunkEnd && (chunk[at]! & waitsBit) !== 0) return (first + at) as Handle;
      }
      row = first + chunkRows;
    }
    return null;
  }

  put(handle: Handle, place: Place): void {
    const chunk = this.#chunkOf(handle);
    chunk[handle & chunkMask] = (chunk[handle & chunkMask]! & pacedBit) | placeNames.indexOf(place);
  }

  /** Something has been decided about the event: what was being done about it before is over. */
  decide(handle: Handle): void {
    this.#chunkOf(handle)[handle & chunkMask] = placeNames.indexOf('decided');
  }

  pace(handle: Handle): void {
    this.#chunkOf(handle)[handle & chunkMask]! |= pacedBit;
  }

  isPaced(handle: Handle): boolean {
    const chunk = this.#chunks[handle >>> chunkShift];
    return chunk !== undefined && (chunk[handle & chunkMask]! & pacedBit) !== 0;
  }

  #chunkOf(handle: Handle): Uint8Array {
    while (this.#chunks.length <= handle >>> chunkShift) this.#chunks.push(new Uint8Array(chunkRows));
    return this.#chunks[handle >>> chunkShift]!;
  }
}
