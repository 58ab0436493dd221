/**
 * A segment being read: a read-only connection to its file, and the one place where rows become records.
 *
 * Every record that leaves is verified: a batch, where a whole log is gone through, by the sum of each strip and by the chain; one that
 * is asked for by its own checksum. What fails is never handed out. Reads are short: a batch is about a mebibyte, so that no read
 * transaction outlives 50 ms and a checkpoint never waits for one.
 *
 * Strips met last stay here, since whoever asks for a record asks for its neighbours (`log-replay.bench.ts`). They cannot
 * go out of date: a row is never changed.
 */
import type { LogRecord } from '../../event/record.js';
import { noSequence, type Sequence } from '../../kernel/brand.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import { chainOf } from '../checksum.js';
import { DamageError } from '../damage.js';
import type { LogPosition } from './mark.js';
import type { RecordBatchBuilder } from '../record-batch.js';
import { readHeader, type SegmentHeader } from './segment.js';
import type { SegmentName } from './segment-files.js';
import { type Database, openDatabase, type Statement, storageFaultOf } from '../sqlite.js';
import { Strip } from './strip.js';
import { type SurveyedRecord, surveyStrip } from './strip-survey.js';
import { StripsTogether } from './strips-together.js';

/** A batch ends with the strip that takes it to this many bytes. */
export const batchBytesMax = 1024 * 1024;
/** So many records in a row that cannot be read are taken for the rest of the file. */
const unreadableRecordsMax = 2 ** 22;
/** Strips that stay, and only those that are no larger. */
const keptStripsMax = 8;
const keptStripBytes = 32 * 1024;

export interface Survey {
  readonly records: readonly SurveyedRecord[];
  /** Spans of sound records with something wrong beside them that is no sum of one of them. */
  readonly doubtful: readonly { readonly first: Sequence; readonly last: Sequence }[];
  /** The first sequence behind them that SQLite could not read, up to `next`. */
  readonly unreadable: number | null;
  /** Where to go on. */
  readonly next: number;
}

/** A row of the table as SQLite hands it out. */
type Row = readonly [first: unknown, content: unknown];

export class SegmentReader {
  readonly name: SegmentName;
  readonly header: SegmentHeader;
  readonly #database: Database;
  /** The strip that begins at or before a sequence. */
  readonly #at: Statement;
  /** Prepared when they are needed: who reads a whole log needs the one, who reads bodies the other. */
  #from: Statement | null = null;
  #together: StripsTogether | null = null;
  /** Newest last. */
  readonly #kept: Strip[] = [];

  /** Throws DamageError when the header is not what was written. */
  constructor(name: SegmentName) {
    this.name = name;
    this.#database = openDatabase(name.path, { mode: 'read' });
    try {
      this.header = readHeader(this.#database, name);
      this.#at = this.#database.prepare('SELECT first, content FROM strip WHERE first <= ? ORDER BY first DESC LIMIT 1').raw();
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Null when there is no such record. Throws DamageError when it fails its checksum. */
  record(seq: Sequence): LogRecord | null {
    const strip = this.#stripWith(seq);
    if (strip === null) return null;
    const { event, body, ...rest } = strip.record(verifiedPlace(strip, seq));
    // Whoever asks for one may keep it or send it away, which would be all of the strip.
    const own = new Uint8Array(eventIdBytes + body.length);
    own.set(event);
    own.set(body, eventIdBytes);
    return { ...rest, event: own.subarray(0, eventIdBytes), body: own.subarray(eventIdBytes) } as LogRecord;
  }

  /** The chain value stored with a record; null when there is no such record. */
  chainAt(seq: Sequence): number | null {
    const strip = this.#stripWith(seq);
    return strip === null ? null : strip.storedChainOf(verifiedPlace(strip, seq));
  }

  /** The last record before `before` (the end of the file if nothing is), or what was before the first. */
  lastBefore(before: number): LogPosition {
    const strip = this.#stripUpTo(before - 1);
    if (strip === null) return { seq: (this.header.first - 1) as Sequence, chain: this.header.chainBefore };
    const seq = Math.min(strip.last, before - 1) as Sequence;
    return { seq, chain: strip.storedChainOf(verifiedPlace(strip, seq)) };
  }

  /** Of `seqs`, which rise, those that are there and sound, as views into their strips. */
  recordsAt(seqs: readonly Sequence[]): LogRecord[] {
    const records: LogRecord[] = [];
    for (let place = 0; place < seqs.length; ) {
      const kept = this.#keptWith(seqs[place]!);
      const strips = kept === null ? this.#stripsTogether.of(seqs, place) : [kept];
      const until = kept === null ? place + this.#stripsTogether.asked : place + 1;
      let at = 0;
      for (; place < until || (place < seqs.length && seqs[place]! <= (strips.at(-1)?.last ?? noSequence)); place++) {
        const seq = seqs[place]!;
        while (at < strips.length - 1 && strips[at]!.last < seq) at++;
        const strip = strips[at];
        if (strip?.has(seq) && strip.isSound(seq - strip.first)) records.push(strip.record(seq - strip.first) as LogRecord);
      }
      if (kept === null && strips.length > 0) this.#keep(strips.at(-1)!.apart());
    }
    return records;
  }

  /**
   * Fill `into` with the records that follow `after`, `bytesMax` or a strip more of them, ending before `before`. Returns the last
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
    const begun = after.seq + 1 < before ? this.#stripWith((after.seq + 1) as Sequence) : null;
    if (begun !== null) position = this.#take(begun, { after, before, into });
    if (into.bytes >= bytesMax) return position;
    for (const row of this.#rowsFrom.iterate(position.seq + 1, before) as IterableIterator<Row>) {
      const strip = Strip.of(row[0], row[1]);
      if (strip === null) throw this.#brokenAt((position.seq + 1) as Sequence, 'a row that is no strip of records');
      position = this.#take(strip, { after: position, before, into });
      if (into.bytes >= bytesMax) break;
    }
    return position;
  }

  /** What follows `after` in the strip, which must be there and whole. */
  #take(
    strip: Strip,
    { after, before, into }: { readonly after: LogPosition; readonly before: number; readonly into: RecordBatchBuilder },
  ): LogPosition {
    const expected = (after.seq + 1) as Sequence;
    if (!strip.has(expected)) throw this.#brokenAt(expected, `sequence ${strip.first}`);
    const from = expected - strip.first;
    const until = Math.min(strip.count, before - strip.first);
    const isWhole = strip.isWhole;
    let { chain } = after;
    for (let place = from; place < until; place++) {
      chain = chainOf(chain, strip.storedCrcOf(place));
      if (!isWhole && !strip.isSound(place))
        throw this.#brokenAt((strip.first + place) as Sequence, 'a record that fails its checksum');
      if (chain !== strip.storedChainOf(place)) throw this.#brokenAt((strip.first + place) as Sequence, 'another chain value');
    }
    // Damage that could not be found is not waved through.
    if (!isWhole) throw this.#brokenAt(expected, 'a strip that fails its checksum');
    into.appendSpan(strip.bytes, strip.span(from, until));
    return { seq: (strip.first + until - 1) as Sequence, chain };
  }

  /**
   * The records from `from` to before `before`, about a mebibyte of them, sound or not: for those who look at damage. Null behind
   * the last. What SQLite cannot read at all is skipped as far as needed and named.
   */
  survey({ from, before }: { readonly from: Sequence; readonly before: number }): Survey | null {
    const records: SurveyedRecord[] = [];
    const doubtful: { first: Sequence; last: Sequence }[] = [];
    let next = from as number;
    let bytes = 0;
    try {
      const begun = this.#at.get(from) as Row | undefined;
      const begin = (begun?.[0] as number | undefined) ?? from;
      // A row that says another sequence than its records may say one that is behind the end.
      for (const [first, content] of this.#rowsFrom.iterate(begin, Number.MAX_SAFE_INTEGER) as IterableIterator<Row>) {
        const surveyed = surveyStrip(first as Sequence, content);
        for (const record of surveyed.records) if (record.seq >= from && record.seq < before) records.push(record);
        if (surveyed.isDoubtful && surveyed.last >= from) doubtful.push({ first: surveyed.first, last: surveyed.last });
        next = Math.max(next, surveyed.last + 1);
        bytes += surveyed.bytes;
        if (bytes >= batchBytesMax) break;
      }
    } catch (error) {
      if (storageFaultOf(error) !== 'damaged') throw error;
      return { records, doubtful, unreadable: next, next: this.#readableFrom(next, before) };
    }
    return next === from ? null : { records, doubtful, unreadable: null, next };
  }

  close(): void {
    this.#database.close();
  }

  get #rowsFrom(): Statement {
    this.#from ??= this.#database.prepare('SELECT first, content FROM strip WHERE first >= ? AND first < ? ORDER BY first').raw();
    return this.#from;
  }

  get #stripsTogether(): StripsTogether {
    this.#together ??= new StripsTogether(this.#database);
    return this.#together;
  }

  /** The one with the record at `seq`; null: there is none. Throws DamageError when it cannot be told. */
  #stripWith(seq: Sequence): Strip | null {
    const kept = this.#keptWith(seq);
    if (kept !== null) return kept;
    const strip = this.#stripUpTo(seq);
    if (strip === null || !strip.has(seq)) return null;
    this.#keep(strip);
    return strip;
  }

  #keptWith(seq: Sequence): Strip | null {
    for (let place = this.#kept.length - 1; place >= 0; place--) if (this.#kept[place]!.has(seq)) return this.#kept[place]!;
    return null;
  }

  #keep(strip: Strip): void {
    if (strip.bytes.length > keptStripBytes) return;
    this.#kept.push(strip);
    if (this.#kept.length > keptStripsMax) this.#kept.shift();
  }

  #stripUpTo(seq: number): Strip | null {
    const row = this.#at.get(seq) as Row | undefined;
    if (row === undefined) return null;
    const strip = Strip.of(row[0], row[1]);
    if (strip === null)
      throw new DamageError('damaged', `the row that begins with sequence ${String(row[0])} is no strip of records`);
    return strip;
  }

  /** About where records can be read again: steps that double, because a damaged page holds dozens of them. */
  #readableFrom(unreadable: number, before: number): number {
    let sound = before;
    for (let step = 1; unreadable + step < before && step <= unreadableRecordsMax; step *= 2) {
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
      const row = this.#at.get(seq) as Row | undefined;
      return row !== undefined && surveyStrip(row[0] as Sequence, row[1]).last >= seq;
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

/** Throws DamageError unless it is sound. */
function verifiedPlace(strip: Strip, seq: Sequence): number {
  const place = seq - strip.first;
  if (!strip.isSound(place)) throw new DamageError('damaged', `the record with sequence ${seq} fails its checksum`);
  return place;
}
