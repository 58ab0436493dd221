/**
 * A segment being read: a read-only connection to its file, and the one place where rows become records.
 *
 * Every record that leaves is verified against its own checksum; what fails is never handed out. A batch also checks the
 * chain, because it is where a whole log is gone through. Reads are short: a batch is about a mebibyte, so that no read
 * transaction outlives 50 ms and a checkpoint never waits for one.
 *
 * `event || body` comes as one blob: each blob of a row costs a buffer, and one instead of two reads 1.4 times as fast.
 */
import type { LogRecord, RecordKind } from '../event/record.js';
import type { Sequence, WallMs } from '../kernel/brand.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { chainOf, crcOfParts, crcOfRecord } from './checksum.js';
import { DamageError } from './damage.js';
import type { LogPosition } from './mark.js';
import { type RecordBatchBuilder, recordHeadBytes } from './record-batch.js';
import { type Row, RowRun, runRowsMax } from './row-run.js';
import { readHeader, type SegmentHeader } from './segment.js';
import type { SegmentName } from './segment-files.js';
import { type Database, openDatabase, type Statement, storageFaultOf } from './sqlite.js';

const columns = 'seq, kind, prev, at, crc, chain, CAST(event || body AS BLOB)';

/** A batch ends with the record that takes it to this many bytes. */
export const batchBytesMax = 1024 * 1024;
/** So many rows in a row that cannot be read are taken for the rest of the file. */
const unreadableRowsMax = 2 ** 22;

/** A row as it is, for those who look at damage. */
export interface SurveyedRow {
  readonly seq: Sequence;
  /** Unverified: it is what was written if `crc` and `sum` are the same. Null when a column is of another type. */
  readonly record: LogRecord | null;
  /** As stored; null when that is no number. */
  readonly crc: number | null;
  /** Of the record as it is. */
  readonly sum: number | null;
  /** As stored; null when that is no number. */
  readonly chain: number | null;
  /** As stored, and perhaps what is damaged; null when that is no id. */
  readonly event: Uint8Array | null;
}

export interface Survey {
  readonly rows: readonly SurveyedRow[];
  /** The first sequence behind them that SQLite could not read, up to `next`. */
  readonly unreadable: number | null;
  /** Where to go on. */
  readonly next: number;
}

export class SegmentReader {
  readonly name: SegmentName;
  readonly header: SegmentHeader;
  readonly #database: Database;
  readonly #one: Statement;
  readonly #span: Statement;
  readonly #last: Statement;
  readonly #runs: RowRun;

  /** Throws DamageError when the header is not what was written. */
  constructor(name: SegmentName) {
    this.name = name;
    this.#database = openDatabase(name.path, { mode: 'read' });
    try {
      this.header = readHeader(this.#database, name);
      this.#one = this.#database.prepare(`SELECT ${columns} FROM record WHERE seq = ?`).raw();
      this.#span = this.#database.prepare(`SELECT ${columns} FROM record WHERE seq >= ? AND seq < ? ORDER BY seq`).raw();
      this.#last = this.#database.prepare(`SELECT ${columns} FROM record WHERE seq < ? ORDER BY seq DESC LIMIT 1`).raw();
      this.#runs = new RowRun(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Null when there is no such row. Throws DamageError when it fails its checksum. */
  record(seq: Sequence): LogRecord | null {
    const row = this.#one.get(seq) as Row | undefined;
    return row === undefined ? null : verified(row, seq);
  }

  /** The chain value stored with a record; null when there is no such row. */
  chainAt(seq: Sequence): number | null {
    const row = this.#one.get(seq) as Row | undefined;
    if (row === undefined) return null;
    verified(row, seq);
    return row[5] as number;
  }

  /** The last record before `before` (the end of the file if nothing is), or what was before the first. */
  lastBefore(before: number): LogPosition {
    const row = this.#last.get(before) as Row | undefined;
    if (row === undefined) return { seq: (this.header.first - 1) as Sequence, chain: this.header.chainBefore };
    const record = verified(row, null);
    return { seq: record.seq, chain: row[5] as number };
  }

  /** Of the first of `seqs`, which rise, those that are there and sound; none where they have to be read singly. */
  recordsAt(seqs: readonly Sequence[]): LogRecord[] {
    const records: LogRecord[] = [];
    for (const row of this.#runs.readSome(seqs) ?? []) {
      const record = isSound(row) ? recordOf(row) : null;
      if (record !== null) records.push(record);
    }
    return records;
  }

  /**
   * Fill `into` with the records that follow `after`, up to about `bytesMax` and ending before `before`. Returns the last
   * position taken, `after` when there is nothing more. Throws DamageError ('broken') at the first that does not follow.
   */
  readBatch({
    after,
    before,
    into,
    bytesMax = batchBytesMax,
  }: {
    readonly after: LogPosition;
    readonly before: number;
    readonly into: RecordBatchBuilder;
    readonly bytesMax?: number;
  }): LogPosition {
    let position = after;
    while (into.bytes < bytesMax) {
      const reached = this.#appendRows(this.#rows(position.seq + 1, before), { after: position, into, bytesMax });
      if (reached.seq === position.seq) break;
      position = reached;
    }
    return position;
  }

  #appendRows(
    rows: readonly Row[],
    { after, into, bytesMax }: { readonly after: LogPosition; readonly into: RecordBatchBuilder; readonly bytesMax: number },
  ): LogPosition {
    let { seq, chain } = after;
    for (const row of rows) {
      const expected = (seq + 1) as Sequence;
      // One whose checksum does not fit is not judged before it was read by itself (`row-run.ts`).
      const stored = isSound(row) ? row : ((this.#one.get(expected) as Row | undefined) ?? row);
      const record = recordOf(stored);
      if (record === null || record.seq !== expected)
        throw this.#brokenAt(expected, record === null ? 'a row of other types' : `sequence ${record.seq}`);
      if (stored !== row && !isSound(stored)) throw this.#brokenAt(expected, 'a record that fails its checksum');
      chain = chainOf(chain, stored[4] as number);
      if (chain !== stored[5]) throw this.#brokenAt(expected, 'another chain value');
      into.append(record);
      seq = expected;
      if (into.bytes >= bytesMax) break;
    }
    return { seq, chain };
  }

  /** The next ones that there are, 64 at most. */
  #rows(from: number, before: number): readonly Row[] {
    const rows = this.#runs.read(from, before);
    if (rows !== null) return rows;
    const single: Row[] = [];
    for (const row of this.#span.iterate(from, before) as IterableIterator<Row>) {
      single.push(row);
      if (single.length === runRowsMax) break;
    }
    return single;
  }

  /**
   * The rows from `from` to before `before`, about a mebibyte of them, sound or not: for those who look at damage. Null behind
   * the last. What SQLite cannot read at all is skipped as far as needed and named.
   */
  survey({ from, before }: { readonly from: Sequence; readonly before: number }): Survey | null {
    const rows: SurveyedRow[] = [];
    let next = from as number;
    let bytes = 0;
    try {
      for (const row of this.#span.iterate(from, before) as IterableIterator<Row>) {
        const surveyed = surveyedRow(row);
        rows.push(surveyed);
        next = surveyed.seq + 1;
        bytes += recordHeadBytes + (surveyed.record?.body.length ?? 0);
        if (bytes >= batchBytesMax) break;
      }
    } catch (error) {
      if (storageFaultOf(error) !== 'damaged') throw error;
      const readable = this.#readableFrom(next, before);
      return { rows, unreadable: next, next: readable };
    }
    return rows.length === 0 ? null : { rows, unreadable: null, next };
  }

  close(): void {
    this.#database.close();
  }

  /** About where rows can be read again: steps that double, because a damaged page holds dozens of them. */
  #readableFrom(unreadable: number, before: number): number {
    let sound = before;
    for (let step = 1; unreadable + step < before && step <= unreadableRowsMax; step *= 2) {
      if (!this.#canRead(unreadable + step)) continue;
      sound = unreadable + step;
      break;
    }
    let damaged = unreadable;
    while (sound - damaged > 1 && sound !== before) {
      const middle = Math.floor((damaged + sound) / 2);
      if (this.#canRead(middle)) sound = middle;
      else damaged = middle;
    }
    return sound;
  }

  #canRead(seq: number): boolean {
    try {
      return this.#one.get(seq) !== undefined;
    } catch (error) {
      if (storageFaultOf(error) !== 'damaged') throw error;
      return false;
    }
  }

  #brokenAt(seq: Sequence, found: string): DamageError {
    return new DamageError(
      'broken',
      `partition ${this.header.partition}: expected the record with sequence ${seq} in ${this.name.path}, found ${found}`,
    );
  }
}

function surveyedRow(row: Row): SurveyedRow {
  const record = recordOf(row);
  const [seq, , , , crc, chain, eventAndBody] = row;
  const event =
    eventAndBody instanceof Uint8Array && eventAndBody.length >= eventIdBytes ? eventAndBody.slice(0, eventIdBytes) : null;
  const sum = record === null ? null : crcOfRecord(record);
  return {
    seq: seq as Sequence,
    record,
    crc: typeof crc === 'number' ? crc : null,
    sum,
    chain: typeof chain === 'number' ? chain : null,
    event,
  };
}

/** Whether the row is what was written, as far as its checksum tells. */
function isSound(row: Row): boolean {
  const [seq, kind, prev, at, crc, , eventAndBody] = row as [number, RecordKind, number, number, number, number, unknown];
  if (!(eventAndBody instanceof Uint8Array) || eventAndBody.length < eventIdBytes) return false;
  return crcOfParts({ seq: seq as Sequence, kind, prev: prev as Sequence, at: at as WallMs }, eventAndBody) === crc;
}

/** `seq` null: whatever the row says. */
function verified(row: Row, seq: Sequence | null): LogRecord {
  const record = recordOf(row);
  if (record === null || (seq !== null && record.seq !== seq) || crcOfRecord(record) !== row[4]) {
    throw new DamageError('damaged', `the record with sequence ${seq ?? String(row[0])} fails its checksum`);
  }
  return record;
}

/** Null when a column is not of its type, which only damage can bring about. */
function recordOf([seq, kind, prev, at, , , eventAndBody]: Row): LogRecord | null {
  if (typeof seq !== 'number' || typeof kind !== 'number' || typeof prev !== 'number' || typeof at !== 'number') return null;
  // A checksum covers one byte of the kind.
  if (kind < 0 || kind > 255) return null;
  if (!(eventAndBody instanceof Uint8Array) || eventAndBody.length < eventIdBytes) return null;
  return {
    seq: seq as Sequence,
    kind: kind as RecordKind,
    event: eventAndBody.subarray(0, eventIdBytes),
    prev: prev as Sequence,
    at: at as WallMs,
    body: eventAndBody.subarray(eventIdBytes),
  };
}
