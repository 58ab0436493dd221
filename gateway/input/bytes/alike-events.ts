/**
 * Events of one body that differ in their payload alone, as those of an array often do. What stands before and behind the payload of the next one is
 * compared with the event before, and where it is the same nothing of it is read again: a loop over the bytes instead of each member's name, text
 * and judgement. With what then need not be written down again it is a sixth of what the main thread does for an event of an array.
 *
 * Compared are bytes of one body with each other, so it must not change while its events are read.
 */
import type { EventContext } from '../event-input.js';
import { absent } from './plain-cursor.js';

/** Where an event lies, and in it its payload; `payloadAt` behind white space. */
interface EventPlaces {
  readonly at: number;
  readonly payloadAt: number;
  readonly payloadEnd: number;
  readonly end: number;
}

export class AlikeEvents {
  #body: Buffer | null = null;
  #context: EventContext | null = null;
  #at = 0;
  #payloadAt = 0;
  #payloadEnd = 0;
  #end = 0;
  /** Its events differ behind their payloads: to look for the end of each of those in vain would be dearer than to read. */
  #differing: Buffer | null = null;

  /** The event that those to come are compared with. Nothing of `context` changes but the index. */
  follow(body: Buffer, { at, payloadAt, payloadEnd, end }: EventPlaces, context: EventContext): void {
    if (body === this.#differing) return;
    this.#differing = null;
    this.#body = body;
    this.#context = context;
    this.#at = at;
    this.#payloadAt = payloadAt;
    this.#payloadEnd = payloadEnd;
    this.#end = end;
  }

  /** The next event is alike none. */
  forget(): void {
    this.#body = null;
    this.#context = null;
  }

  /** Where the payload of the event at `at` begins, but for white space, if it is alike so far; else `absent`. */
  payloadOf(body: Buffer, at: number, context: EventContext): number {
    if (body !== this.#body || context !== this.#context) return absent;
    return sameUpTo(body, this.#at, this.#payloadAt, at);
  }

  /** Where it ends if what is behind its payload is alike too; else `absent`. */
  endBehind(payloadEnd: number): number {
    const end = sameUpTo(this.#body!, this.#payloadEnd, this.#end, payloadEnd);
    if (end === absent) this.#differing = this.#body;
    return end;
  }
}

/** Where the bytes from `at` on end that are the same as those between `from` and `to`; `absent`: they are not the same. */
function sameUpTo(body: Buffer, from: number, to: number, at: number): number {
  const by = at - from;
  for (let place = from; place < to; place++) if (body[place] !== body[place + by]) return absent;
  return to + by;
}
