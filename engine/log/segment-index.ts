/**
 * Index of a sealed segment: where in it an event finished, by id and by key.
 *
 * What is pending is in memory; what has finished is asked for rarely (a GET, a repeated request), so it gets an index when
 * its segment changes no more: built once, in sorted order, away from the writer. One row for each final record of the
 * segment; the tag of an event's key stands in its `accepted` record, perhaps segments earlier, and every record takes it
 * on from the one before it (`prev`).
 *
 * The log is the truth and the index can be built again at any time. So it is never synced row by row, and a damaged one
 * is thrown away. The file's name carries its checksum, which is verified when the process first opens it: a flipped bit
 * could otherwise hide an event without anybody noticing.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type LogRecord, recordKinds, type StoredRecord, settingsKind, voidKind } from '../event/record.js';
import { SpecHead } from '../event/spec-codec.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { EventId } from '../kernel/event-id.js';
import { DamageError } from './damage.js';
import { sumOfFile } from './file-sum.js';
import type { LogPosition } from './mark.js';
import { RecordBatchBuilder, RecordCursor } from './record-batch.js';
import { type IndexName, indexPath, syncDir, syncFile } from './segment-files.js';
import type { SegmentReader } from './segment-reader.js';
import { type Database, openDatabase, type Statement } from './sqlite.js';

const formatVersion = 1;

const schema = `
  CREATE TABLE header(format INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, next INTEGER NOT NULL);
  CREATE TABLE finished(id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE key(tag_high INTEGER NOT NULL, tag_low INTEGER NOT NULL, seq INTEGER NOT NULL,
                   PRIMARY KEY (tag_high, tag_low, seq)) WITHOUT ROWID;`;

export function isFinal(kind: StoredRecord['kind']): boolean {
  return (
    kind === recordKinds.delivered || kind === recordKinds.dead || kind === recordKinds.cancelled || kind === recordKinds.expired
  );
}

/** An index that is there, being asked. */
export class SegmentIndex {
  readonly #database: Database;
  readonly #byId: Statement;
  readonly #byKey: Statement;

  /** Throws DamageError when it is not an index of this format for `name.first`. */
  constructor(name: IndexName) {
    this.#database = openDatabase(name.path, { mode: 'read' });
    try {
      const row = this.#database.prepare('SELECT format, first FROM header').get() as
        | { format: number; first: number }
        | undefined;
      if (row?.format !== formatVersion || row.first !== name.first)
        throw new DamageError('damaged', `${name.path} is not an index of this format`);
      this.#byId = this.#database.prepare('SELECT seq FROM finished WHERE id = ?').pluck();
      this.#byKey = this.#database.prepare('SELECT seq FROM key WHERE tag_high = ? AND tag_low = ? ORDER BY seq DESC').pluck();
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** The newest final record of `event` in the segment. */
  findId(event: EventId): Sequence | null {
    return (this.#byId.get(event) as Sequence | undefined) ?? null;
  }

  /** Final records of the events with this key tag, newest first. */
  findKey({ tagHigh, tagLow }: { readonly tagHigh: number; readonly tagLow: number }): Sequence[] {
    return this.#byKey.all(tagHigh, tagLow) as Sequence[];
  }

  close(): void {
    this.#database.close();
  }
}

/** Whether the file is what was written. */
export function isIntact(name: IndexName): boolean {
  return sumOfFile(name.path).crc === name.crc;
}

export interface IndexContent {
  readonly partition: PartitionId;
  readonly segment: SegmentReader;
  /** Where the segment ends. */
  readonly next: Sequence;
  /** A record of an older segment. */
  readonly earlier: (seq: Sequence) => LogRecord;
}

/** Verify the segment, build its index beside it, and give it its name when it is durable. */
export function buildIndex({ partition, segment, next, earlier }: IndexContent): IndexName {
  const { first } = segment.header;
  const dir = dirname(segment.name.path);
  const unnamed = join(dir, `${basename(segment.name.path)}.index.new`);
  rmSync(unnamed, { force: true });
  const database = openDatabase(unnamed, { mode: 'write' });
  try {
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.pragma('temp_store = MEMORY');
    database.exec(`${schema} CREATE TEMP TABLE final(id BLOB, seq INTEGER, tag_high INTEGER, tag_low INTEGER); BEGIN`);
    database.prepare('INSERT INTO header VALUES (?, ?, ?, ?)').run(formatVersion, partition, first, next);
    collectFinals({ database, segment, next, earlier });
    database.exec(`
      INSERT INTO finished SELECT id, max(seq) FROM final GROUP BY id ORDER BY id;
      INSERT INTO key SELECT tag_high, tag_low, seq FROM final WHERE tag_high <> 0 OR tag_low <> 0 ORDER BY tag_high, tag_low, seq;
      COMMIT`);
  } finally {
    database.close();
  }
  syncFile(unnamed);
  const { crc } = sumOfFile(unnamed);
  const name = { first, crc, path: indexPath(dir, { first, crc }) };
  renameSync(unnamed, name.path);
  removeOthers(dir, name);
  syncDir(dir);
  return name;
}

function collectFinals({
  database,
  segment,
  next,
  earlier,
}: Omit<IndexContent, 'partition'> & { readonly database: Database }): void {
  const { first, chainBefore } = segment.header;
  const insert = database.prepare('INSERT INTO final VALUES (?, ?, ?, ?)');
  const tags = new TagsOfRecords({ first, count: next - first, earlier });
  const builder = new RecordBatchBuilder();
  let position: LogPosition = { seq: (first - 1) as Sequence, chain: chainBefore };
  while (position.seq < next - 1) {
    const reached = segment.readBatch({ after: position, before: next, into: builder });
    if (reached.seq === position.seq) {
      throw new DamageError('broken', `segment ${segment.name.path} ends at sequence ${reached.seq}, expected ${next - 1}`);
    }
    position = reached;
    const cursor = new RecordCursor(builder.take());
    while (cursor.next()) {
      const { high, low } = tags.take(cursor);
      if (isFinal(cursor.kind)) insert.run(cursor.event, cursor.seq, high, low);
    }
  }
}

/** Of a record that is about no event. */
const noTag = { high: 0, low: 0 };

/** The key tag of each record of a segment, gone through in order. 8 bytes a record, so no map of ids is needed. */
class TagsOfRecords {
  readonly #first: Sequence;
  readonly #earlier: (seq: Sequence) => LogRecord;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #head = new SpecHead();

  constructor({
    first,
    count,
    earlier,
  }: { readonly first: Sequence; readonly count: number; readonly earlier: (seq: Sequence) => LogRecord }) {
    this.#first = first;
    this.#earlier = earlier;
    this.#high = new Uint32Array(count);
    this.#low = new Uint32Array(count);
  }

  take(record: RecordCursor): { readonly high: number; readonly low: number } {
    const tag = this.#tagOf(record);
    const place = record.seq - this.#first;
    this.#high[place] = tag.high;
    this.#low[place] = tag.low;
    return tag;
  }

  #tagOf({ kind, prev, body }: Pick<StoredRecord, 'kind' | 'prev' | 'body'>): { readonly high: number; readonly low: number } {
    if (kind === recordKinds.accepted) {
      const head = this.#head.at(body);
      return { high: head.tagHigh, low: head.tagLow };
    }
    if (kind === settingsKind || kind === voidKind) return noTag;
    if (prev < this.#first) return this.#tagOf(this.#earlier(prev));
    const place = prev - this.#first;
    return { high: this.#high[place]!, low: this.#low[place]! };
  }
}

/** Older builds of the same index: a damaged one must not be found again. */
function removeOthers(dir: string, { first, path }: IndexName): void {
  const prefix = basename(indexPath(dir, { first, crc: 0 })).split('-', 1)[0]!;
  for (const name of readdirSync(dir)) {
    if (name.startsWith(`${prefix}-`) && name.endsWith('.index') && name !== basename(path))
      rmSync(join(dir, name), { force: true });
  }
}
