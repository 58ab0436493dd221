/**
 * Slots given in advance, over all origins of a courier.
 *
 * An event on time would ask for its slot and wait for the answer: two more messages between threads, 0.5 ms on an idle machine
 * and 2-5 ms on a busy one. A slot that its host holds already costs nothing, as long as nobody else needs it. So there are
 * few of them, and those held longest come back first.
 */
import type { HostNumber, Origin } from './origin.js';

/** Of the courier's slots this part may be held in advance. */
const share = 1 / 4;

export interface AdvanceNews {
  readonly advanced: (host: HostNumber, origin: string) => void;
  readonly recalled: (host: HostNumber, origin: string) => void;
}

export class Advances {
  readonly #originsMax: number;
  /** Where slots are held in advance; the longest first. */
  readonly #held = new Set<Origin>();

  constructor(attemptsInFlightMax: number) {
    this.#originsMax = Math.floor(attemptsInFlightMax * share);
  }

  /** An origin where something has happened. At most `room` slots may be given. Returns how many were. */
  settle(origin: Origin, { news, room }: { readonly news: AdvanceNews; readonly room: number }): number {
    if (origin.hasAdvanced && origin.wantsAdvancesBack) this.#recall(origin, news);
    let given = 0;
    for (let host = this.#next(origin, room); host !== null; host = this.#next(origin, room - ++given)) {
      news.advanced(host, origin.name);
    }
    if (given > 0 || !origin.hasAdvanced) this.#held.delete(origin);
    if (origin.hasAdvanced) this.#held.add(origin);
    if (this.#held.size > this.#originsMax) this.recallOldest(news);
    return given;
  }

  #next(origin: Origin, room: number): HostNumber | null {
    return room > 0 ? origin.advance() : null;
  }

  /** Slots are short: one that is held longest comes back. */
  recallOldest(news: AdvanceNews): void {
    for (const origin of this.#held) {
      this.#held.delete(origin);
      this.#recall(origin, news);
      return;
    }
  }

  #recall(origin: Origin, news: AdvanceNews): void {
    for (const host of origin.recall()) news.recalled(host, origin.name);
  }
}
