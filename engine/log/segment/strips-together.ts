/**
 * Strips that hold records asked for, many with one call: their numbers as one text, their bytes as one blob.
 *
 * Records of events that become due together lie apart, each in a strip of its own. Through SQLite's door one by one, such a strip takes
 * 9 to 12 us, most of it for a buffer of its own; put together by SQLite itself, 6 to 7.
 *
 * What comes out is judged like any strip. What cannot be told apart in it, which only damage can bring about, is left out.
 *
 * Owned by a segment's reader.
 */
import type { Sequence } from '../../kernel/brand.js';
import type { Database, Statement } from '../sqlite.js';
import { Strip } from './strip.js';

/** Of one call. */
const stripsMax = 32;
/** Fewer when those of the last call were large: a strip may have hundreds of KiB. */
const bytesMax = 512 * 1024;

export class StripsTogether {
  readonly #some: Statement;
  #stripsMax = stripsMax;
  #asked = 0;

  constructor(database: Database) {
    // A length costs SQLite no look at the bytes, unless they are cast to something.
    this.#some = database
      .prepare(
        `SELECT group_concat(strip.first || ',' || length(content)), CAST(group_concat(content, '') AS BLOB)
         FROM (SELECT DISTINCT (SELECT first FROM strip WHERE first <= asked.value ORDER BY first DESC LIMIT 1) AS begun FROM json_each(?) AS asked)
         CROSS JOIN strip ON strip.first = begun`,
      )
      .raw();
  }

  /** How many of its sequences the last call looked for. */
  get asked(): number {
    return this.#asked;
  }

  /** Those that hold the next of `seqs`, which rise, from `place` on, as views into one buffer. */
  of(seqs: readonly Sequence[], place: number): Strip[] {
    const asked = seqs.slice(place, place + this.#stripsMax);
    this.#asked = asked.length;
    const [text, blob] = this.#some.get(`[${asked.join(',')}]`) as [text: unknown, blob: unknown];
    if (typeof text !== 'string' || !(blob instanceof Uint8Array)) return [];
    const bytes = new Uint8Array(blob.buffer, blob.byteOffset, blob.length);
    const numbers = text.split(',').map(Number);
    const strips: Strip[] = [];
    let end = 0;
    for (let at = 0; at < numbers.length; at += 2) {
      const from = end;
      end += numbers[at + 1]!;
      const strip = Strip.of(numbers[at], bytes.subarray(from, end));
      if (strip !== null) strips.push(strip);
    }
    this.#stripsMax = Math.max(1, Math.min(stripsMax, Math.floor((bytesMax * numbers.length) / 2 / (blob.length + 1))));
    return end === blob.length ? strips : [];
  }
}
