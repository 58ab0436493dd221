/**
 * Origins of pending events by small numbers, so that a row holds 4 bytes instead of a text. Counted: an origin that no
 * pending event has any more is forgotten, so what producers send cannot fill memory for ever.
 */
import type { SpecHead } from '../event/spec-codec.js';
import { invariant } from '../kernel/errors.js';

export class OriginTable {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #events: number[] = [];
  readonly #free: number[] = [];
  /** The one entered last, also as bytes: producers send many events to one place. */
  #last: { readonly number: number; readonly bytes: Uint8Array } = { number: -1, bytes: new Uint8Array(0) };

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

  /** The same for an origin that is still bytes: of one that was entered last no text is made. */
  enterFrom(head: Pick<SpecHead, 'origin' | 'hasOrigin'>): number {
    const { number, bytes } = this.#last;
    if (number !== -1 && this.#events[number]! > 0 && head.hasOrigin(bytes)) {
      this.#events[number]!++;
      return number;
    }
    const name = head.origin;
    this.#last = { number: this.enter(name), bytes: Buffer.from(name) };
    return this.#last.number;
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
    // The number may be another origin's next.
    if (number === this.#last.number) this.#last = { number: -1, bytes: this.#last.bytes };
    this.#numbers.delete(this.#names[number]!);
    this.#names[number] = '';
    this.#free.push(number);
  }

  name(number: number): string {
    return this.#names[number]!;
  }
}
