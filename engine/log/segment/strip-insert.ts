/**
 * Records into the table of a segment, in strips: batches of a commit that are small come together in one.
 *
 * Owned by the log writer's thread, within its transaction.
 */
import { InvariantError } from '../../kernel/errors.js';
import { chainOf, crcOf } from '../checksum.js';
import type { LogPosition } from './mark.js';
import { RecordCursor, type SummedBatch } from '../record-batch.js';
import type { Database, Statement } from '../sqlite.js';
import { StripBuilder } from './strip.js';

export class StripInsert {
  readonly #insert: Statement;
  readonly #strip = new StripBuilder();
  #first = 0;

  constructor(database: Database) {
    this.#insert = database.prepare('INSERT INTO strip VALUES (?, ?)');
  }

  /** All of the batches, behind `last`; returns the last of their records. Throws InvariantError when they do not follow it. */
  insert(batches: readonly SummedBatch[], last: LogPosition): LogPosition {
    // Of a transaction that failed.
    this.#strip.clear();
    let end = last;
    for (const batch of batches) end = this.#take(batch, end);
    if (!this.#strip.isEmpty) this.#put();
    return end;
  }

  /** Whole spans of the batch are moved, since a view of each record costs as much as its bytes. */
  #take({ batch, crcs }: SummedBatch, last: LogPosition): LogPosition {
    const cursor = new RecordCursor(batch);
    let { seq, chain } = last;
    let from = cursor.endAt;
    let place = 0;
    while (cursor.next()) {
      if (cursor.seq !== seq + 1) throw new InvariantError(`expected sequence ${seq + 1} to append, found ${cursor.seq}`);
      seq = cursor.seq;
      if (this.#strip.isEmpty) this.#first = seq;
      const crc = crcs?.[place++] ?? crcOf(cursor.record);
      chain = chainOf(chain, crc);
      this.#strip.place({ bytes: cursor.endAt - from, crc, chain });
      if (!this.#strip.isFullWith(cursor.endAt - from)) continue;
      this.#strip.append(batch.subarray(from, cursor.endAt));
      this.#put();
      from = cursor.endAt;
    }
    if (from < cursor.endAt) this.#strip.append(batch.subarray(from, cursor.endAt));
    return { seq, chain };
  }

  #put(): void {
    this.#insert.run(this.#first, this.#strip.take());
  }
}
