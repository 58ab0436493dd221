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
 */
import type { Handle } from '../kernel/brand.js';

export const placeNames = ['decided', 'armed', 'waiting', 'overdue', 'loading', 'running'] as const;
export type Place = (typeof placeNames)[number];

const chunkRows = 65_536;
const chunkShift = 16;
const chunkMask = chunkRows - 1;

/** One byte for each handle, in fixed chunks. */
export class Places {
  readonly #chunks: Uint8Array[] = [];

  of(handle: Handle): Place {
    const chunk = this.#chunks[handle >>> chunkShift];
    return chunk === undefined ? 'decided' : placeNames[chunk[handle & chunkMask]!]!;
  }

  put(handle: Handle, place: Place): void {
    while (this.#chunks.length <= handle >>> chunkShift) this.#chunks.push(new Uint8Array(chunkRows));
    this.#chunks[handle >>> chunkShift]![handle & chunkMask] = placeNames.indexOf(place);
  }
}
