/**
 * A thread at rest says so less often. Figures are looked at four times a second; where nothing has happened since they were told,
 * they are told again once a second only, since ages grow, and whoever listens wants to know that the thread is alive. Each telling
 * wakes two threads, and with everything else that an idle process did cost 2 % of a core.
 */
const looksAtRest = 4;

export class Rest {
  #seen = -1;
  #looks = 0;

  /** To be called at each look, with a count of what has happened: are the figures to be told? */
  isOver(happened: number): boolean {
    if (happened === this.#seen && ++this.#looks < looksAtRest) return false;
    this.#seen = happened;
    this.#looks = 0;
    return true;
  }
}
