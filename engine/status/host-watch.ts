/**
 * Which hosts send changes: they are asked to while somebody listens, and each answers from where on it does.
 *
 * Each request carries a number, its round, and an answer counts only with the number of its host's newest request. Off and on in
 * quick succession would otherwise take an old answer for the new one and lose what went by between them.
 */

/** For one host: begin or end sending changes. */
export interface WatchOrder {
  readonly host: number;
  readonly on: boolean;
  readonly round: number;
}

export interface HostWatchParts {
  /** Numbered from 0. */
  readonly hosts: number;
  watch(order: WatchOrder): void;
}

export class HostWatch {
  readonly #parts: HostWatchParts;
  readonly #unanswered = new Set<number>();
  readonly #startedAnew = new Set<number>();
  /** The round of the newest request to each host. */
  readonly #rounds = new Map<number, number>();
  #round = 0;

  constructor(parts: HostWatchParts) {
    this.#parts = parts;
  }

  /** All have answered. */
  get isComplete(): boolean {
    return this.#unanswered.size === 0;
  }

  begin(): void {
    for (let host = 0; host < this.#parts.hosts; host++) this.#ask(host);
  }

  end(): void {
    this.#unanswered.clear();
    this.#startedAnew.clear();
    for (let host = 0; host < this.#parts.hosts; host++) this.#order(host, false);
  }

  /** What its predecessor was asked is void. */
  startedAnew(host: number): void {
    this.#startedAnew.add(host);
    this.#ask(host);
  }

  /** Since `begin`: what its predecessor announced last may have died with it. */
  wasStartedAnew(host: number): boolean {
    return this.#startedAnew.has(host);
  }

  /** Whether an answer with this round counts. */
  isCurrent({ host, round }: { readonly host: number; readonly round: number }): boolean {
    return this.#rounds.get(host) === round;
  }

  answered(host: number): void {
    this.#unanswered.delete(host);
  }

  #ask(host: number): void {
    this.#unanswered.add(host);
    this.#order(host, true);
  }

  #order(host: number, on: boolean): void {
    this.#round += 1;
    this.#rounds.set(host, this.#round);
    this.#parts.watch({ host, on, round: this.#round });
  }
}
