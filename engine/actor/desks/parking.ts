/**
 * Requests that wait for facts. Requests about the same key or the same event wait behind each other, so that they are
 * decided in the order in which they came; all others go by.
 */
import type { Request } from '../../partition/command.js';

export interface NumberedRequest {
  readonly request: number;
  readonly command: Request;
}

/** What serializes: `key:<tag>` or `event:<id>`. */
export type ParkingKey = string;

export class Parking {
  readonly #rows = new Map<ParkingKey, NumberedRequest[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  isTaken(key: ParkingKey): boolean {
    return this.#rows.size > 0 && this.#rows.has(key);
  }

  park(key: ParkingKey, request: NumberedRequest): void {
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, [request]);
    else row.push(request);
    this.#size++;
  }

  /** All that wait under this key, in order: the first one's facts have come. */
  empty(key: ParkingKey): NumberedRequest[] {
    const row = this.#rows.get(key) ?? [];
    this.#rows.delete(key);
    this.#size -= row.length;
    return row;
  }

  clear(): NumberedRequest[] {
    const all = [...this.#rows.values()].flat();
    this.#rows.clear();
    this.#size = 0;
    return all;
  }
}
