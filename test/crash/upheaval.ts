/**
 * What explains that an attempt is made again, or that what had been delivered is known to nobody: whoever ran its partition ended in disorder.
 *
 * `Lives` are those of one server, which is killed again and again. In a cluster it is the ownership markers that tell (`tenures.ts`).
 */
export interface Upheaval {
  /** The outcome of an attempt that had been answered long before this moment should have been kept. */
  readonly beganAtMs: number;
}

export interface Upheavals {
  /** The first one between two moments, for an event of this id. Null: whoever had its partition at the first has it at the second, or has ended in order. */
  between(id: string, span: { readonly fromMs: number; readonly toMs: number }): Upheaval | null;
}

/** One process of the server. */
export interface Life {
  readonly startedAtMs: number;
  /** Null for the last one. */
  readonly killedAtMs: number | null;
}

export class Lives implements Upheavals {
  readonly #lives: readonly Life[];

  constructor(lives: readonly Life[]) {
    this.#lives = lives;
  }

  between(_id: string, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): Upheaval | null {
    const life = this.#at(fromMs);
    const killedAtMs = this.#lives[life]?.killedAtMs ?? null;
    return killedAtMs === null || life === this.#at(toMs) ? null : { beganAtMs: killedAtMs };
  }

  /** Which process was the last to be started before this moment. */
  #at(atMs: number): number {
    return this.#lives.findLastIndex(({ startedAtMs }) => startedAtMs <= atMs);
  }
}
