import type { Clock } from '../kernel/clock.js';
import { turnBudgetMs } from '../kernel/limits.js';

/** So much of each turn for each piece of it. */
export class TurnBudget {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says from now on whether the piece that begins has had its time. */
  begin(budgetMs = turnBudgetMs): () => boolean {
    const startedAt = this.#clock.monoMs();
    return () => this.#clock.monoMs() - startedAt >= budgetMs;
  }
}
