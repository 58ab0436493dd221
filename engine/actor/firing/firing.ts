/**
 * Firing: the wheels of a host, as its clock goes on. Coarse slots are distributed ahead of time, what is due leaves in slices, each
 * for about half a millisecond a turn, whoever comes first changing from turn to turn.
 *
 * The clock may be set. A small step back is waited out, or events would be early; after a long one everything is armed anew. What a
 * step forward has passed over is overdue, not late.
 */
import type { Tick } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { distributeMax, distributeSliceMax, dueMax, dueSliceMax, firingBudgetMs } from '../../kernel/limits.js';
import { DueSlice } from '../../wheel/due-slice.js';
import type { Wheel } from '../../wheel/wheel.js';
import { guarded } from '../guarded.js';
import type { PartitionActor } from '../partition-actor.js';
import type { TurnBudget } from '../turn-budget.js';

/** A step back of the wall clock that is waited out. */
const pausedStepMsMax = 500;
/** A step forward from here on is a jump. */
const jumpMsMin = 500;

export interface FiringParts {
  readonly clock: Clock;
  readonly actors: readonly PartitionActor[];
  readonly budget: TurnBudget;
  mayStart(): boolean;
}

export class Firing {
  readonly #parts: FiringParts;
  readonly #dueSlice = new DueSlice(dueSliceMax);
  /** Actors that fire, and their wheels in the same order. */
  #firing: PartitionActor[] = [];
  #wheels: Wheel[] = [];
  #isStale = true;
  #firstWheel = 0;
  /** The latest that has fired. */
  #tick = 0 as Tick;
  #moreIsDue = false;
  /** Wall minus monotonic time: changes when the clock is set. */
  #clockOffsetMs: number;

  constructor(parts: FiringParts) {
    this.#parts = parts;
    this.#clockOffsetMs = parts.clock.wallMs() - parts.clock.monoMs();
  }

  /** There was more than the last turn had time for. */
  get moreIsDue(): boolean {
    return this.#moreIsDue;
  }

  /** A partition has come or gone: its wheel is to be looked for. */
  phaseChanged(): void {
    this.#isStale = true;
  }

  /** When there is something to do next, by the wall clock, if no message comes; infinite: never. */
  get nextAtMs(): number {
    if (this.#isStale) return 0;
    let earliest = Number.POSITIVE_INFINITY;
    if (this.#parts.mayStart()) for (const wheel of this.#wheels) earliest = Math.min(earliest, wheel.nextDeadline() ?? earliest);
    return earliest;
  }

  /** This turn's share. */
  fire(): void {
    if (this.#isStale) this.#renew();
    const tick = Math.floor(this.#parts.clock.wallMs()) as Tick;
    if (!this.#followClock(tick)) return;
    this.#advance(tick);
    if (!this.#parts.mayStart()) return;
    const isOver = this.#parts.budget.begin(firingBudgetMs);
    for (let left = dueMax; left > 0 && this.#fireSlice(tick) === dueSliceMax && !isOver(); left -= dueSliceMax);
    this.#dueSlice.endTurn(this.#wheels);
  }

  #renew(): void {
    this.#firing = [];
    this.#wheels = [];
    for (const actor of this.#parts.actors) {
      if (actor.phase !== 'ready' || actor.wheel === null || !actor.mayStart) continue;
      this.#firing.push(actor);
      this.#wheels.push(actor.wheel);
    }
    this.#isStale = false;
  }

  /** False while the wall clock is a little behind where it has been. */
  #followClock(tick: Tick): boolean {
    const behindMs = this.#tick - tick;
    if (behindMs > 0 && behindMs <= pausedStepMsMax) return false;
    this.#tick = tick;
    this.#noticeJump();
    if (behindMs > 0) {
      for (const actor of this.#parts.actors) guarded(actor, () => actor.clockWentBack());
      this.#renew();
    }
    return true;
  }

  #noticeJump(): void {
    const { clock, actors } = this.#parts;
    const before = clock.monoMs();
    const wallMs = clock.wallMs();
    const after = clock.monoMs();
    // The thread has lost its processor in between: what was due meanwhile is late, and no clock was set.
    if (after - before >= jumpMsMin / 2) return;
    const offsetMs = wallMs - after;
    const isJump = offsetMs - this.#clockOffsetMs >= jumpMsMin;
    this.#clockOffsetMs = offsetMs;
    if (isJump) for (const actor of actors) actor.clockJumped();
  }

  #advance(tick: Tick): void {
    const isOver = this.#parts.budget.begin(firingBudgetMs);
    let left = distributeMax;
    // The first one changes, so that a wheel with much to distribute does not always leave the others nothing; it has a slice also
    // when the time is over at the first look, or a slow machine would take turns without end and come no further.
    this.#firstWheel++;
    for (let at = 0; at < this.#wheels.length; at++) {
      const wheel = this.#wheels[(this.#firstWheel + at) % this.#wheels.length]!;
      do left -= wheel.advance(tick, at > 0 && isOver() ? 0 : Math.min(left, distributeSliceMax));
      while (wheel.behind && left > 0 && !isOver());
    }
  }

  /** How many it was. */
  #fireSlice(tick: Tick): number {
    const count = this.#dueSlice.take(this.#wheels);
    this.#moreIsDue = count === dueSliceMax || this.#wheels.some((wheel) => wheel.behind);
    const { wheels } = this.#dueSlice;
    for (let from = 0, end = 0; from < count; from = end) {
      while (end < count && wheels[end] === wheels[from]) end++;
      this.#fireRun(this.#firing[wheels[from]!]!, { from, end, tick });
    }
    return count;
  }

  /** Those of a slice that lie together and are one actor's: guarded once, since a closure for each of a million would be garbage. */
  #fireRun(
    actor: PartitionActor,
    { from, end, tick }: { readonly from: number; readonly end: number; readonly tick: Tick },
  ): void {
    guarded(actor, () => {
      for (let at = from; at < end && actor.phase === 'ready'; at++) actor.timeHasCome(this.#dueSlice.handleAt(at), tick);
    });
  }
}
