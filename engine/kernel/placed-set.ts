/**
 * A set for members that come and go by the thousand each second.
 *
 * A `Set` or `Map` of V8 that is emptied, or grows and shrinks, leaves its old table behind with all that was in it and a reference to the
 * table that took its place. Once one of them has been moved to the old generation, each of its successors is kept by the one before, with its
 * members and all that they refer to, until the whole heap is marked: nothing dies young any more (figures: docs/internals/performance/on-time.md).
 * Here members are in an array that does not shrink, each knows its place, and what leaves is forgotten.
 */
export interface Placed {
  /** Kept by the set; -1 before it is in one and when it has left. */
  place: number;
}

/** In no order. A member is in one of them at a time. */
export class PlacedSet<Member extends Placed> implements Iterable<Member> {
  readonly #members: (Member | null)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(member: Member): void {
    member.place = this.#size;
    this.#members[this.#size++] = member;
  }

  /** Whether it was in it. */
  delete(member: Member): boolean {
    if (member.place === -1) return false;
    const last = this.#members[--this.#size]!;
    this.#members[member.place] = last;
    last.place = member.place;
    this.#members[this.#size] = null;
    member.place = -1;
    return true;
  }

  /** Nothing may be added or deleted meanwhile. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let place = 0; place < this.#size; place++) yield this.#members[place]!;
  }
}
