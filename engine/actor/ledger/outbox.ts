/**
 * What must not happen before its records are durable: arming, answers, reads for answers.
 *
 * Everything decided at a log position leaves, in order, when that position has been fsynced; so nobody can hear of, or be
 * sent, something that a crash takes back. An entry may stand at a position without a record of its own (a GET, a 409): then
 * it tells of a state that is not durable yet.
 */
import type { Sequence } from '../../kernel/brand.js';

interface Held<Entry> {
  readonly seq: Sequence;
  readonly entry: Entry;
}

export class Outbox<Entry> {
  #held: Held<Entry>[] = [];
  #head = 0;

  get size(): number {
    return this.#held.length - this.#head;
  }

  /** `seq` never falls. */
  hold(seq: Sequence, entry: Entry): void {
    this.#held.push({ seq, entry });
  }

  /** Lets out everything up to `durable`, in order. */
  release(durable: Sequence, out: (entry: Entry, seq: Sequence) => void): void {
    while (this.#head < this.#held.length && this.#held[this.#head]!.seq <= durable) {
      const { entry, seq } = this.#held[this.#head++]!;
      out(entry, seq);
    }
    if (this.#head === this.#held.length) {
      this.#held = [];
      this.#head = 0;
    } else if (this.#head > 4_096) {
      this.#held = this.#held.slice(this.#head);
      this.#head = 0;
    }
  }

  /** What was decided behind the last durable position and is now void. */
  discard(): Entry[] {
    const entries = this.#held.slice(this.#head).map((held) => held.entry);
    this.#held = [];
    this.#head = 0;
    return entries;
  }
}
