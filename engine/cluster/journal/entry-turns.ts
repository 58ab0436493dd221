/**
 * Whose entry leaves next? The partitions of a replica thread take turns: so many entries are under way at once, the others wait in the order in which
 * they came.
 *
 * An entry costs the nodes and the server some 0.4 ms of work, however many records are in it. With one under way for each of 16 partitions a busy machine was
 * kept busy by entries of five events; what waits here grows meanwhile, as a batch does that waits for a disk. Where JetStream is far away and the
 * machine has nothing to do, waiting would bring nothing: so nobody waits for longer than `waitMsMax`, whatever is under way;
 * and what has gathered enough does not wait at all (`entry-writer.ts`).
 *
 *     under way  [p3] [p7]     waiting  p1, p9, p4      p3 is stored: p1 leaves
 *
 * Pulls of readings in bulk (`bulk-reading.ts`) take turns in the same way, for the sake of what is in the air at once.
 *
 * Owned by one replica thread.
 */
import { bulkPullsUnderWay, bulkSilenceMsMax, journalEntriesUnderWay, journalTurnMsMax } from '../../kernel/limits.js';

export class EntryTurns {
  readonly #places: number;
  readonly #waitMsMax: number;
  #underWay = 0;
  /** In their order, at most one of each partition. */
  readonly #waiting: (() => void)[] = [];

  constructor({ places = journalEntriesUnderWay, waitMsMax = journalTurnMsMax } = {}) {
    this.#places = places;
    this.#waitMsMax = waitMsMax;
  }

  /** What `work` brings, which has a place of its own until it has ended. */
  async inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#underWay < this.#places) this.#underWay++;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#underWay--;
      this.#nextGoes();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        this.#underWay++;
        resolve();
      };
      const timer = setTimeout(go, this.#waitMsMax);
      this.#waiting.push(go);
    });
  }

  #nextGoes(): void {
    if (this.#underWay >= this.#places) return;
    this.#waiting[0]?.();
  }
}

/** Of pulls. One whose server has gone holds its place for no longer than others wait. */
export function bulkPullTurns(): EntryTurns {
  return new EntryTurns({ places: bulkPullsUnderWay, waitMsMax: bulkSilenceMsMax });
}
