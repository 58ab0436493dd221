/**
 * A map from whole numbers, of handles or requests, for what comes and goes by the thousand each second.
 *
 * Not a `Map`, for the reason that `PlacedSet` has: the tables that a growing and shrinking `Map` leaves behind keep each other alive, with all that
 * was in them. Keys stand in one array and values in another, by linear probing, at most half full; deletion shifts the followers back, so
 * nothing is left behind. The arrays grow and do not shrink, until `clear`.
 */
const firstBits = 4;
const nobody = -1;

/** `Key`: from 0 to 2 ** 53. */
export class NumberMap<Key extends number, Value> {
  #bits = firstBits;
  #keys = new Float64Array(1 << firstBits).fill(nobody);
  #values: (Value | null)[] = new Array<Value | null>(1 << firstBits).fill(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(key: Key): boolean {
    return this.#keys[this.#placeOf(key)] === key;
  }

  get(key: Key): Value | undefined {
    const place = this.#placeOf(key);
    return this.#keys[place] === key ? this.#values[place]! : undefined;
  }

  set(key: Key, value: Value): void {
    let place = this.#placeOf(key);
    if (this.#keys[place] !== key) {
      if (2 * ++this.#size > this.#keys.length) {
        this.#grow();
        place = this.#placeOf(key);
      }
      this.#keys[place] = key;
    }
    this.#values[place] = value;
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    const keys = this.#keys;
    const last = keys.length - 1;
    let gap = this.#placeOf(key);
    if (keys[gap] !== key) return false;
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
    this.#make(firstBits);
    this.#size = 0;
  }

  /** Where it is, or else where it would be put. */
  #placeOf(key: number): number {
    const keys = this.#keys;
    const last = keys.length - 1;
    let place = this.#firstPlaceOf(key);
    while (keys[place] !== key && keys[place] !== nobody) place = (place + 1) & last;
    return place;
  }

  /** Knuth's multiplicative method: the top bits of the product depend on all bits of the key that 32 have room for. */
  #firstPlaceOf(key: number): number {
    return Math.imul(key, 0x9e3779b1) >>> (32 - this.#bits);
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#make(this.#bits + 1);
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] === nobody) continue;
      const place = this.#placeOf(keys[at]!);
      this.#keys[place] = keys[at]!;
      this.#values[place] = values[at]!;
    }
  }

  #make(bits: number): void {
    this.#bits = bits;
    this.#keys = new Float64Array(1 << bits).fill(nobody);
    this.#values = new Array<Value | null>(1 << bits).fill(null);
  }
}
