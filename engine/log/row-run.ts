/**
 * Rows of a segment, those that follow each other or those that are asked for, many with one call: their numbers as one text, their bytes as
 * one blob.
 *
 * Row by row SQLite's door costs 2 to 8 us a record, most of it for what is thrown away at once: an array, a buffer, a number in
 * a box for each column. Put together by SQLite itself, 64 rows cost 0.6 us each (`bench/micro/log-replay.bench.ts`), and hardly more when
 * they do not follow each other.
 *
 * What comes out is good only with its checksum. A number that its text does not hold to the last digit, or a column of another type
 * than was written, shows as a checksum that does not fit; whoever finds that reads this row by itself and judges that one.
 */
import { eventIdBytes } from '../kernel/event-id.js';
import type { Database, Statement } from './sqlite.js';

/** Of one call. */
export const runRowsMax = 64;
/** Fewer when the rows of the last call were large: a row may have hundreds of KiB. */
const runBytes = 256 * 1024;

/** As `SegmentReader` reads a single one. */
export type Row = readonly [
  seq: unknown,
  kind: unknown,
  prev: unknown,
  at: unknown,
  crc: unknown,
  chain: unknown,
  eventAndBody: unknown,
];

const numbers = `printf('%d,%d,%d,%!.17g,%d,%d,%d', seq, kind, prev, at, crc, chain, length(event) + length(body))`;
const numbersPerRow = 7;

export class RowRun {
  readonly #run: Statement;
  readonly #some: Statement;
  #rowsMax = runRowsMax;

  constructor(database: Database) {
    const rows = `SELECT group_concat(${numbers}), CAST(group_concat(event || body, '') AS BLOB) FROM`;
    this.#run = database.prepare(`${rows} (SELECT * FROM record WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?)`).raw();
    this.#some = database
      .prepare(`${rows} (SELECT record.* FROM json_each(?) AS asked CROSS JOIN record ON record.seq = asked.value)`)
      .raw();
  }

  /** The next ones from `from` on and before `before`; `eventAndBody` are views into one buffer. Null: they have to be read singly. */
  read(from: number, before: number): Row[] | null {
    return this.#rowsOf(this.#run.get(from, before, this.#rowsMax));
  }

  /** Those of the first of `seqs`, which rise, that there are. Null: the same. */
  readSome(seqs: readonly number[]): Row[] | null {
    return this.#rowsOf(this.#some.get(`[${seqs.slice(0, this.#rowsMax).join(',')}]`));
  }

  #rowsOf(found: unknown): Row[] | null {
    const [text, bytes] = found as [text: unknown, bytes: unknown];
    if (text === null) return [];
    if (typeof text !== 'string' || !(bytes instanceof Uint8Array)) return null;
    const values = numbersIn(text);
    if (values === null) return null;
    const bytesPerRow = (bytes.length * numbersPerRow) / values.length;
    this.#rowsMax = Math.max(1, Math.min(runRowsMax, Math.floor(runBytes / bytesPerRow)));
    return rowsOf(values, bytes);
  }
}

/** Null: there is something else among them, which only damage can bring about. */
function numbersIn(text: string): number[] | null {
  try {
    return JSON.parse(`[${text}]`) as number[];
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function rowsOf(values: readonly number[], blob: Uint8Array): Row[] | null {
  const rows: Row[] = [];
  // A buffer of Node's makes views of its own kind, which cost three times as much.
  const bytes = new Uint8Array(blob.buffer, blob.byteOffset, blob.length);
  let end = 0;
  for (let at = 0; at < values.length; at += numbersPerRow) {
    const length = values[at + 6]!;
    if (!(length >= eventIdBytes)) return null;
    const eventAndBody = bytes.subarray(end, end + length);
    end += length;
    rows.push([values[at], values[at + 1], values[at + 2], values[at + 3], values[at + 4], values[at + 5], eventAndBody]);
  }
  return end === bytes.length ? rows : null;
}
