/**
 * Up to which sequence are all segments indexed? Indexing runs in a pool, so a later segment may be ready before an earlier
 * one; what the actor remembers of finished events may only go in order.
 */
import { noSequence, type Sequence } from '../kernel/brand.js';

export class IndexedSegments {
  readonly #ahead = new Map<Sequence, Sequence>();
  #before: Sequence;

  /** `before`: everything up to here was indexed when the log was opened; 0 when nothing was. */
  constructor(before: Sequence) {
    this.#before = before === noSequence ? (1 as Sequence) : before;
  }

  /** The segment from `first` up to before `next` is indexed. Returns the first sequence that is in no unbroken run of them. */
  add({ first, next }: { first: Sequence; next: Sequence }): Sequence {
    if (first < this.#before) return this.#before;
    this.#ahead.set(first, next);
    for (let end = this.#ahead.get(this.#before); end !== undefined; end = this.#ahead.get(this.#before)) {
      this.#ahead.delete(this.#before);
      this.#before = end;
    }
    return this.#before;
  }
}
