/**
 * First-in first-out lists of entries, threaded through the entries themselves: one for each slot and rank, and those of
 * what is due.
 *
 * Everything here takes constant time, also leaving from the middle (a cancel) and joining a million entries to another
 * list (a slot becomes due). There is nothing to allocate and nothing to free.
 *
 *     ends:  first --> entry <--> entry <--> entry <-- last
 *                        |                     |
 *                        +--> -list            +--> -list      (links out of a list name the list)
 */
import { type Entries, handleOf, isEntry, linkTo } from './entries.js';
import { lists } from './geometry.js';
import type { Occupancy } from './occupancy.js';

export class Lists {
  /** Links to the first and last entry of each list; never read while a list is empty. */
  readonly #ends = new Int32Array(2 * lists);
  readonly #entries: Entries;
  readonly #occupancy: Occupancy;

  constructor(entries: Entries, occupancy: Occupancy) {
    this.#entries = entries;
    this.#occupancy = occupancy;
  }

  /** Link to the first entry of a list that is not empty. */
  first(list: number): number {
    return this.#ends[2 * list];
  }

  /** Put an entry that is in no list at the end of this one. */
  append(handle: number, list: number): void {
    const link = linkTo(handle);
    if (this.#occupancy.has(list)) {
      const last = this.#ends[2 * list + 1];
      this.#entries.setNext(handleOf(last), link);
      this.#entries.setPrevious(handle, last);
    } else {
      this.#occupancy.add(list);
      this.#ends[2 * list] = link;
      this.#entries.setPrevious(handle, -list);
    }
    this.#entries.setNext(handle, -list);
    this.#ends[2 * list + 1] = link;
  }

  /** Take an entry out of whichever list it is in. */
  unlink(handle: number): void {
    const previous = this.#entries.previousAt(handle);
    const next = this.#entries.nextAt(handle);
    if (!isEntry(previous) && !isEntry(next)) {
      this.#occupancy.delete(-previous);
      return;
    }
    if (isEntry(previous)) this.#entries.setNext(handleOf(previous), next);
    else this.#ends[2 * -previous] = next;
    if (isEntry(next)) this.#entries.setPrevious(handleOf(next), previous);
    else this.#ends[2 * -next + 1] = previous;
  }

  /** Drop what comes before `first`, the link at which a walk from the front has stopped: an entry, or the end of the list. */
  dropUntil(first: number, list: number): void {
    if (isEntry(first)) {
      this.#ends[2 * list] = first;
      this.#entries.setPrevious(handleOf(first), -list);
    } else {
      this.#occupancy.delete(list);
    }
  }

  /** Move all of `from`, which is not empty, behind what is in `to`. */
  join(from: number, to: number): void {
    const first = this.#ends[2 * from];
    const last = this.#ends[2 * from + 1];
    this.#occupancy.delete(from);
    if (this.#occupancy.has(to)) {
      const before = this.#ends[2 * to + 1];
      this.#entries.setNext(handleOf(before), first);
      this.#entries.setPrevious(handleOf(first), before);
    } else {
      this.#occupancy.add(to);
      this.#ends[2 * to] = first;
      this.#entries.setPrevious(handleOf(first), -to);
    }
    this.#entries.setNext(handleOf(last), -to);
    this.#ends[2 * to + 1] = last;
  }
}
