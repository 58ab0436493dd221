/**
 * Origins of pending events by small numbers, so that a row holds 4 bytes instead of a text. Counted: an origin that no
 * pending event has any more is forgotten, so what producers send cannot fill memory for ever.
 */
import { invariant } from '../kernel/errors.js';

export class OriginTable {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #events: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  /** One more event has this origin. */
  enter(origin: string): number {
    const known = this.#numbers.get(origin);
    if (known !== undefined) {
      this.#events[known]!++;
      return known;
    }
    const number = this.#free.pop() ?? this.#names.length;
    this.#numbers.set(origin, number);
    this.#names[number] = origin;
    this.#events[number] = 1;
    return number;
  }

  /** One more event has the origin that is known by this number. */
  enterAgain(number: number): void {
    this.#events[number]!++;
  }

  /** Numbers that begin at 0, of origins that no event has yet: a snapshot brings its own. */
  restore(names: readonly string[]): void {
    for (const name of names) {
      this.#numbers.set(name, this.#names.length);
      this.#names.push(name);
      this.#events.push(0);
    }
  }

  /** One event fewer has it. */
  leave(number: number): void {
    invariant(this.#events[number]! > 0, () => `origin ${number} is left more often than entered`);
    if (--this.#events[number]! > 0) return;
    this.#numbers.delete(this.#names[number]!);
    this.#names[number] = '';
    this.#free.push(number);
  }

  name(number: number): string {
    return this.#names[number]!;
  }
}
