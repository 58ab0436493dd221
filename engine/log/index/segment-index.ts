/**
 * Index of a sealed segment: where in it an event finished, by id and by key.
 *
 * What is pending is in memory; what has finished is asked for rarely (a GET, a repeated request), so it gets an index when
 * its segment changes no more: built once, in sorted order, away from the writer. One row for each final record of the
 * segment, and what lists (`listed-finals.ts`) and bulk retries (`retriable-finals.ts`) are made of; the tag of an event's key stands in
 * its `accepted` record, perhaps segments earlier (`record-heads.ts`).
 *
 * Beside it stand the filter of what finished in the segment (`segment-filter.ts`), and the events with a record in it that were
 * not over at its end: they had not finished, or an operator could put them back. Those may have to be carried forward before the
 * segment is removed.
 *
 * The log is the truth and the index can be built again at any time. So it is never synced row by row, and a damaged one
 * is thrown away. The file's name carries its checksum, which is verified when the process first opens it: a flipped bit
 * could otherwise hide an event without anybody noticing.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { recordsIn } from '../../event/carried-codec.js';
import { type CarriedRecord, carriedKind, isAside, recordKinds, statusOfKind, type StoredRecord } from '../../event/record.js';
import { isFinished } from '../../event/status.js';
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { type EventId, eventIdBytes } from '../../kernel/event-id.js';
import { DamageError } from '../damage.js';
import { sumOfFile } from '../file-sum.js';
import { ListedFinals, ListedIndex, listedSchema } from './listed-finals.js';
import type { LogPosition } from '../segment/mark.js';
import { RecordBatchBuilder, RecordCursor } from '../record-batch.js';
import { type FilterWords, SegmentFilter } from './segment-filter.js';
import { RecordHeads } from './record-heads.js';
import { RetriableFinals, RetriableIndex, retriableSchema } from './retriable-finals.js';
import { type IndexName, indexPath, syncDir, syncFile } from '../segment/segment-files.js';
import type { SegmentReader } from '../segment/segment-reader.js';
import { type Database, openDatabase, type Statement } from '../sqlite.js';

const formatVersion = 6;

const schema = `
  CREATE TABLE header(format INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, next INTEGER NOT NULL);
  CREATE TABLE finished(id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE key(tag_high INTEGER NOT NULL, tag_low INTEGER NOT NULL, seq INTEGER NOT NULL,
                   PRIMARY KEY (tag_low, tag_high, seq)) WITHOUT ROWID;
  CREATE TABLE not_over(id BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE filter(ids BLOB NOT NULL, keys BLOB NOT NULL);
  ${listedSchema}
  ${retriableSchema}`;

const finalKinds: ReadonlySet<number> = new Set(
  Object.values(recordKinds).filter((kind) => {
    const status = statusOfKind[kind];
    return status !== null && isFinished(status);
  }),
);

/** Whether the event has finished with this record, or with the last of those that it stands for. */
export function isFinal(record: Kinded): boolean {
  const kind = lastKindOf(record);
  return kind !== undefined && finalKinds.has(kind);
}

type Kinded = Pick<CarriedRecord, 'seq' | 'event' | 'body'> & Pick<StoredRecord, 'kind'>;

function lastKindOf(record: Kinded): StoredRecord['kind'] | undefined {
  return record.kind === carriedKind ? recordsIn(record).at(-1)?.kind : record.kind;
}

/** An index that is there, being asked. */
export class SegmentIndex {
  readonly #database: Database;
  readonly #byId: Statement;
  readonly #byKey: Statement;
  readonly #notOver: Statement;
  readonly #byText: Statement;
  /** Its finished events in order. */
  readonly listed: ListedIndex;
  /** Those that can be put back. */
  readonly retriable: RetriableIndex;

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
      this.#notOver = this.#database.prepare('SELECT id FROM not_over WHERE id > ? ORDER BY id LIMIT ?').pluck();
      this.#byText = this.#database.prepare('SELECT seq FROM key WHERE tag_low = ? ORDER BY seq DESC LIMIT ?').pluck();
      this.listed = new ListedIndex(this.#database);
      this.retriable = new RetriableIndex(this.#database);
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

  /** Events that were not over at the end of the segment, in the order of their ids, at most so many behind `after`. */
  notOver({ after, limit }: { readonly after: EventId; readonly limit: number }): EventId[] {
    return (this.#notOver.all(after, limit) as Buffer[]).map((id) => new Uint8Array(id));
  }

  /** Of what finished in the segment. */
  filter(): FilterWords {
    const row = this.#database.prepare('SELECT ids, keys FROM filter').get() as { ids: Buffer; keys: Buffer };
    return { ids: wordsOf(row.ids), keys: wordsOf(row.keys) };
  }

  /** The same for events with this text in their key, `limit` at most. */
  findText(tagLow: number, limit: number): Sequence[] {
    return this.#byText.all(tagLow, limit) as Sequence[];
  }

  close(): void {
    this.#database.close();
  }
}

function wordsOf(bytes: Buffer): Uint32Array {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return new Uint32Array(shared);
}

/** Whether the file is what was written, and written as this version does. */
export function isIntact(name: IndexName): boolean {
  return sumOfFile(name.path).crc === name.crc && formatOf(name) === formatVersion;
}

function formatOf({ path }: IndexName): number {
  const database = openDatabase(path, { mode: 'read' });
  try {
    return database.prepare('SELECT format FROM header').pluck().get() as number;
  } finally {
    database.close();
  }
}

export interface IndexContent {
  readonly partition: PartitionId;
  readonly segment: SegmentReader;
  /** Where the segment ends. */
  readonly next: Sequence;
  /** A record of an older segment. */
  readonly earlier: (seq: Sequence) => StoredRecord;
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
    const listed = new ListedFinals(database);
    const retriable = new RetriableFinals(database);
    collectFinals({ database, segment, next, earlier, listed, retriable });
    listed.store();
    retriable.store();
    database.exec(`
      INSERT INTO finished SELECT id, max(seq) FROM final GROUP BY id ORDER BY id;
      INSERT INTO key SELECT tag_high, tag_low, seq FROM final WHERE tag_high <> 0 OR tag_low <> 0 ORDER BY tag_low, tag_high, seq;`);
    storeFilter(database);
    database.exec('COMMIT');
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
  listed,
  retriable,
}: Omit<IndexContent, 'partition'> & {
  readonly database: Database;
  readonly listed: ListedFinals;
  readonly retriable: RetriableFinals;
}): void {
  const { first, chainBefore } = segment.header;
  const insert = database.prepare('INSERT INTO final VALUES (?, ?, ?, ?)');
  const notOver = new NotOver(first, next - first);
  const heads = new RecordHeads({ first, count: next - first, earlier });
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
      heads.take(cursor);
      notOver.take(cursor);
      // One without a head stands in a newer record as well, and is found there.
      if (!isFinal(cursor) || !heads.has(cursor.seq)) continue;
      const head = heads.at(cursor.seq);
      insert.run(cursor.event, cursor.seq, head.tagHigh, head.tagLow);
      const final = { event: cursor.event, seq: cursor.seq, kind: lastKindOf(cursor)! };
      listed.add(final, head);
      retriable.add(final, head);
      if (head.finalBefore > 0 && head.finalBefore < first) listed.supersede(head);
    }
  }
  const insertNotOver = database.prepare('INSERT OR IGNORE INTO not_over VALUES (?)');
  notOver.forEach((event) => insertNotOver.run(event));
}

function storeFilter(database: Database): void {
  const count = (table: string) => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  const filter = SegmentFilter.for({ ids: count('finished'), keys: count('key') });
  for (const { id } of database.prepare('SELECT id FROM finished').iterate() as IterableIterator<{ id: Buffer }>)
    filter.addId(id);
  const keys = database.prepare('SELECT DISTINCT tag_high AS tagHigh, tag_low AS tagLow FROM key').iterate();
  for (const key of keys as IterableIterator<{ tagHigh: number; tagLow: number }>) filter.addKey(key);
  const bytes = ({ buffer, byteLength }: Uint32Array) => Buffer.from(new Uint8Array(buffer, 0, byteLength));
  database.prepare('INSERT INTO filter VALUES (?, ?)').run(bytes(filter.words.ids), bytes(filter.words.keys));
}

/** Which events have a record in the segment and none that ends them for good: the newest one of each, gone through in order. */
class NotOver {
  readonly #first: Sequence;
  readonly #events: Uint8Array;
  /** 1: the newest record of its event so far, and not its last for certain. */
  readonly #isNewest: Uint8Array;

  constructor(first: Sequence, count: number) {
    this.#first = first;
    this.#events = new Uint8Array(count * eventIdBytes);
    this.#isNewest = new Uint8Array(count);
  }

  take(record: RecordCursor): void {
    const { seq, kind, prev, event } = record;
    if (isAside(kind)) return;
    const place = seq - this.#first;
    if (prev >= this.#first) this.#isNewest[prev - this.#first] = 0;
    this.#events.set(event, place * eventIdBytes);
    this.#isNewest[place] = lastKindOf(record) === recordKinds.delivered ? 0 : 1;
  }

  forEach(visit: (event: EventId) => void): void {
    for (let place = 0; place < this.#isNewest.length; place++) {
      if (this.#isNewest[place] === 1) visit(this.#events.subarray(place * eventIdBytes, (place + 1) * eventIdBytes));
    }
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
