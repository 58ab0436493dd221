/**
 * The time of a turn: so much for each piece of it, less for what can wait.
 *
 * Lists and bulk changes get less than half a millisecond, so that an event on its way from its time to its attempt, which meets two
 * or three turns, is not held up by walks. A turn that is long anyway leaves them a third of it, or a flood would bring them to a stop.
 */
import type { Clock } from '../kernel/clock.js';
import { turnBudgetMs, walkBudgetMs } from '../kernel/limits.js';

export class TurnBudget {
  readonly #clock: Clock;
  #turnBeganAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  beginTurn(): void {
    this.#turnBeganAt = this.#clock.monoMs();
  }

  /** Says from now on whether the piece that begins has had its time. */
  begin(budgetMs = turnBudgetMs): () => boolean {
    return this.#until(this.#clock.monoMs() + budgetMs);
  }

  /** The same for lists and bulk changes, the last piece of a turn. */
  beginWalks(): () => boolean {
    const now = this.#clock.monoMs();
    const share = (now - this.#turnBeganAt) / 2;
    return this.#until(now + Math.min(turnBudgetMs, Math.max(walkBudgetMs, share)));
  }

  #until(endsAt: number): () => boolean {
    return () => this.#clock.monoMs() >= endsAt;
  }
}
