/**
 * A map from handles to what is known of them for as long as it takes to deliver an event: thousands are added and deleted each second.
 *
 * Not a `Map`, for the reason that `PlacedSet` has: the tables that a growing and shrinking `Map` leaves behind keep each other alive, with all that
 * was in them. Keys stand in one array and values in another, by linear probing, at most half full; deletion shifts the followers back, so
 * nothing is left behind. The arrays grow and do not shrink, until `clear`.
 */
import type { Handle } from './brand.js';

const firstCapacity = 16;
const nobody = -1;

export class HandleMap<Value> {
  #keys = new Int32Array(firstCapacity).fill(nobody);
  #values: (Value | null)[] = new Array<Value | null>(firstCapacity).fill(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(handle: Handle): boolean {
    return this.#keys[this.#placeOf(handle)] === handle;
  }

  get(handle: Handle): Value | undefined {
    const place = this.#placeOf(handle);
    return this.#keys[place] === handle ? this.#values[place]! : undefined;
  }

  set(handle: Handle, value: Value): void {
    let place = this.#placeOf(handle);
    if (this.#keys[place] !== handle) {
      if (2 * ++this.#size > this.#keys.length) {
        this.#grow();
        place = this.#placeOf(handle);
      }
      this.#keys[place] = handle;
    }
    this.#values[place] = value;
  }

  /** Whether it was there. */
  delete(handle: Handle): boolean {
    const keys = this.#keys;
    const last = keys.length - 1;
    let gap = this.#placeOf(handle);
    if (keys[gap] !== handle) return false;
    this.#size--;
    for (let place = (gap + 1) & last; keys[place] !== nobody; place = (place + 1) & last) {
      // Whoever would be looked for at the gap or before it is moved there.
      if (((place - this.#firstPlaceOf(keys[place]!)) & last) < ((place - gap) & last)) continue;
      keys[gap] = keys[place]!;
      this.#values[gap] = this.#values[place]!;
      gap = place;
    }
    keys[gap] = nobody;
    this.#values[gap] = null;
    return true;
  }

  /** In no order. Nothing may be set or deleted meanwhile. */
  *values(): IterableIterator<Value> {
    for (let place = 0; place < this.#keys.length; place++) if (this.#keys[place] !== nobody) yield this.#values[place]!;
  }

  clear(): void {
    this.#make(firstCapacity);
    this.#size = 0;
  }

  /** Where it is, or else where it would be put. */
  #placeOf(handle: number): number {
    const keys = this.#keys;
    const last = keys.length - 1;
    let place = this.#firstPlaceOf(handle);
    while (keys[place] !== handle && keys[place] !== nobody) place = (place + 1) & last;
    return place;
  }

  /** Spreads handles, which mostly follow each other, by Knuth's multiplicative method. */
  #firstPlaceOf(handle: number): number {
    return (Math.imul(handle, 0x9e3779b1) >>> 7) & (this.#keys.length - 1);
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#make(2 * keys.length);
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] === nobody) continue;
      const place = this.#placeOf(keys[at]!);
      this.#keys[place] = keys[at]!;
      this.#values[place] = values[at]!;
    }
  }

  #make(capacity: number): void {
    this.#keys = new Int32Array(capacity).fill(nobody);
    this.#values = new Array<Value | null>(capacity).fill(null);
  }
}
