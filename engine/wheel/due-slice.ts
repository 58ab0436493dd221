/**
 * A turn's share of what is due, out of several wheels, in slices: who goes first?
 *
 * A million entries can become due in the same millisecond. They leave slice by slice, as many in a turn as it has time for,
 * and meanwhile nothing else may suffer:
 *
 * - What became due in this turn goes before what is left over from earlier turns, whatever its rank: it is still on time.
 * - So that the left-over drains also under steady load, a quarter of each slice is kept for it.
 * - Within a lane the higher rank goes first, over all wheels.
 * - Within a rank each wheel gets an equal share of what is left of the slice, so that one partition's flood delays no
 *   other; what one does not use goes to the others, and who begins changes from turn to turn.
 *
 * The buffers are made once; a turn allocates nothing per entry.
 */
import type { Handle } from '../kernel/brand.js';
import { highestRank } from './geometry.js';
import type { DueLane, Wheel } from './wheel.js';

/** Of a slice, for what earlier turns have left over. */
const backlogShare = 1 / 4;

export class DueSlice {
  /** Entries taken by the last `take`: valid below `count`, in the order in which they should start. */
  readonly handles: Int32Array;
  /** Of each entry the wheel that it was in, as an index into the wheels given. */
  readonly wheels: Uint16Array;
  readonly #limit: number;
  #count = 0;
  /** Rotates, so that no wheel is always first. */
  #turn = 0;

  /** `limit`: entries in a slice, over all wheels. */
  constructor(limit: number) {
    this.#limit = limit;
    this.handles = new Int32Array(limit);
    this.wheels = new Uint16Array(limit);
  }

  get count(): number {
    return this.#count;
  }

  handleAt(index: number): Handle {
    return this.handles[index] as Handle;
  }

  /** Take a slice. All wheels must have been advanced to the same tick before. Returns `count`. */
  take(wheels: readonly Wheel[]): number {
    this.#count = 0;
    this.#turn++;
    if (this.#ranksOf(wheels, 'backlog') === 0) {
      this.#takeLane(wheels, 'fresh', this.#limit);
    } else {
      this.#takeLane(wheels, 'fresh', this.#limit - Math.ceil(this.#limit * backlogShare));
      this.#takeLane(wheels, 'backlog', this.#limit);
      this.#takeLane(wheels, 'fresh', this.#limit);
    }
    return this.#count;
  }

  /** No more slices in this turn: what is still due is late from now on. */
  endTurn(wheels: readonly Wheel[]): void {
    for (const wheel of wheels) wheel.endTurn();
  }

  /** Fill the slice up to `end` from one lane. */
  #takeLane(wheels: readonly Wheel[], lane: DueLane, end: number): void {
    for (let left = this.#ranksOf(wheels, lane); left !== 0 && this.#count < end; left = this.#ranksOf(wheels, lane)) {
      this.#takeRank(wheels, { lane, rank: highestRank(left), end });
    }
  }

  /** One round over the wheels; the caller repeats it while the slice has room and the rank has entries. */
  #takeRank(wheels: readonly Wheel[], take: { readonly lane: DueLane; readonly rank: number; readonly end: number }): void {
    for (let round = 0; round < wheels.length; round++) {
      const index = (this.#turn + round) % wheels.length;
      const share = Math.ceil((take.end - this.#count) / (wheels.length - round));
      const at = this.#count;
      this.#count += wheels[index].takeDue({ lane: take.lane, rank: take.rank, out: this.handles, at, limit: share });
      this.wheels.fill(index, at, this.#count);
    }
  }

  #ranksOf(wheels: readonly Wheel[], lane: DueLane): number {
    let rankSet = 0;
    for (const wheel of wheels) rankSet |= wheel.dueRanks(lane);
    return rankSet;
  }
}
