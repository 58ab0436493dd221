/**
 * Records into the table of a segment: the counterpart of `row-run.ts`.
 *
 * Around each call of SQLite's door a statement is reset, counted and told of in an object, which is paid once for several rows in one
 * statement: alone a row takes 1.9 us, eight together 1.4 us each (sixteen 1.3, but a commit of single events has some thirty rows).
 *
 * Owned by the log writer's thread, within its transaction.
 */
import { InvariantError } from '../kernel/errors.js';
import { chainOf, crcOf } from './checksum.js';
import type { LogPosition } from './mark.js';
import { RecordCursor } from './record-batch.js';
import type { Database, Statement } from './sqlite.js';

/** Of one statement. */
const rowsTogether = 8;
const columns = 8;
const row = '(?, ?, ?, ?, ?, ?, ?, ?)';

export class RowInsert {
  readonly #one: Statement;
  readonly #several: Statement;

  constructor(database: Database) {
    this.#one = database.prepare(`INSERT INTO record VALUES ${row}`);
    this.#several = database.prepare(`INSERT INTO record VALUES ${new Array(rowsTogether).fill(row).join(', ')}`);
  }

  /** All of a batch, behind `last`; returns the last of them. Throws InvariantError when they do not follow it. */
  insert(batch: Uint8Array, last: LogPosition): LogPosition {
    const cursor = new RecordCursor(batch);
    const values: unknown[] = [];
    let { seq, chain } = last;
    while (cursor.next()) {
      if (cursor.seq !== seq + 1) throw new InvariantError(`expected sequence ${seq + 1} to append, found ${cursor.seq}`);
      seq = cursor.seq;
      const crc = crcOf(cursor.record);
      chain = chainOf(chain, crc);
      values.push(seq, cursor.kind, cursor.event, cursor.prev, cursor.at, cursor.body, crc, chain);
      if (values.length < columns * rowsTogether) continue;
      this.#several.run(...values);
      values.length = 0;
    }
    for (let at = 0; at < values.length; at += columns) this.#one.run(...values.slice(at, at + columns));
    return { seq, chain };
  }
}
