/**
 * The time in which a replica has one task. Questions to JetStream take a while; what is answered after the task has changed is void, and so is
 * whatever would have followed.
 *
 * Owned by one replica.
 */

/** The task is another one than when it was waited. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

export class Era {
  #count = 0;

  /** Of now: the same for as long as the task is. */
  get count(): number {
    return this.#count;
  }

  /** Another task: whoever waits will be told `Superseded`. */
  begin(): void {
    this.#count++;
  }

  /** Throws Superseded if it is another one than `count`. */
  mustBe(count: number): void {
    if (count !== this.#count) throw new Superseded();
  }

  /** What `promise` brings, or `Superseded`. */
  async still<Value>(promise: Promise<Value>): Promise<Value> {
    const count = this.#count;
    const value = await promise;
    this.mustBe(count);
    return value;
  }
}
