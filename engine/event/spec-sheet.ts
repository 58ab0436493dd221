/**
 * Specs of new events, encoded one behind the other: what a front door hands to the engine.
 *
 * An object for each event, with its strings and arrays, cost the main thread more than anything that it did with them. Whoever
 * can write a spec from what came in (`gateway/input/bytes/plain-event.ts`) needs no object; `add` is for all others.
 *
 * To be used again and again: the engine has copied what it needs when `scheduleSheet` returns.
 */
import type { Slot, WallMs } from '../kernel/brand.js';
import { fingerprintOf, keyOf, slotOfKey } from './content.js';
import type { EventSpec } from './spec.js';
import { type SpecRoom, writeSpec } from './spec-codec.js';

const startBytes = 4 * 1024;
/** A sheet that has grown beyond this gives its memory back when it is cleared. */
const keptBytesMax = 2 * 1024 * 1024;

export class SpecSheet implements SpecRoom {
  bytes: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the next spec begins. */
  end = 0;
  #count = 0;
  /** Of these as many as `#count` are of this sheet: arrays that are emptied and filled again are made anew each time. */
  readonly #ends: number[] = [];
  readonly #slots: (Slot | null)[] = [];
  readonly #createdAtMs: WallMs[] = [];
  readonly #room = (bytes: number): SpecRoom => this.roomFor(bytes);

  get count(): number {
    return this.#count;
  }

  /** Memory for so many more bytes behind `end`. */
  roomFor(bytes: number): this {
    if (this.end + bytes > this.bytes.length) this.#grow(this.end + bytes);
    return this;
  }

  /**
   * `timeGiven` false: no time of any kind, so that a repeat a second later is still the same content. `fingerprint`: what a repeat under
   * the idempotency key is compared by, if that is not the content; one character for each byte.
   */
  add(spec: EventSpec, timeGiven: boolean, fingerprint?: string): void {
    const key = keyOf(spec);
    const isOwn = fingerprint !== undefined && key?.kind === 'idempotency';
    const own = isOwn ? Buffer.from(fingerprint, 'latin1') : null;
    writeSpec(spec, key === null ? null : (own ?? fingerprintOf(spec, timeGiven)), this.#room);
    this.written(key === null ? null : slotOfKey(key), spec.createdAtMs);
  }

  /** What was written behind the last spec up to `end` is the next one. `slot` null: any. */
  written(slot: Slot | null, createdAtMs: WallMs): void {
    const place = this.#count++;
    this.#ends[place] = this.end;
    this.#slots[place] = slot;
    this.#createdAtMs[place] = createdAtMs;
  }

  startOf(place: number): number {
    return place === 0 ? 0 : this.#ends[place - 1]!;
  }

  endOf(place: number): number {
    return this.#ends[place]!;
  }

  /** Null: any. */
  slotOf(place: number): Slot | null {
    return this.#slots[place]!;
  }

  createdAtMs(place: number): WallMs {
    return this.#createdAtMs[place]!;
  }

  clear(): void {
    this.end = 0;
    this.#count = 0;
    if (this.bytes.length > keptBytesMax) this.#hold(new ArrayBuffer(0));
  }

  #grow(needed: number): void {
    const before = this.bytes;
    this.#hold(new ArrayBuffer(Math.max(startBytes, needed, 2 * before.length)));
    this.bytes.set(before.subarray(0, this.end));
  }

  #hold(buffer: ArrayBuffer): void {
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }
}
