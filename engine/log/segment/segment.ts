/**
 * A segment being written: one SQLite file that takes the records of one partition until it is sealed.
 *
 * Insert only, and in the order of its primary key, so that every insert goes to the right-most page: no page is ever
 * split or read again, and there is no secondary index (one random b-tree insert a record cut 300,000 rows/s to 55,000). A row holds many
 * records (`strip.ts`).
 *
 * `synchronous=FULL` is set after the switch to WAL and read back, because better-sqlite3's build goes to NORMAL by itself
 * at that switch. SQLite's own checkpoints are off: they would run inside a commit; see `checkpoint` for who does it.
 * 4 KiB pages: a lone event's commit writes one or two of them, and larger pages were not faster in batches.
 *
 * A segment is made under another name, with its header, and gets its own name when that is on disk. So a segment that
 * can be seen is never half made.
 *
 * One instance per file and process, owned by the log writer's thread.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LogRecord } from '../../event/record.js';
import type { PartitionId, Sequence, WallMs } from '../../kernel/brand.js';
import { invariant } from '../../kernel/errors.js';
import { chainOf, crcOf } from '../checksum.js';
import { DamageError, LogFormatError } from '../damage.js';
import type { LogPosition } from './mark.js';
import { RecordBatchBuilder, type SummedBatch } from '../record-batch.js';
import { type SegmentName, syncDir, syncFile } from './segment-files.js';
import { type Database, openDatabase, type Statement } from '../sqlite.js';
import { Strip } from './strip.js';
import { StripInsert } from './strip-insert.js';
import { WalRoom } from './wal-room.js';

/** Format of the tables below and of what is in them. */
const formatVersion = 2;
const pageBytes = 4096;
/** Of each connection; the right-most path of the tree is all that appending touches. */
const cacheKiB = 2_048;
/** A -wal file that has grown beyond this is cut back when it is next begun from the start. */
const walKeptBytes = 32 * 1024 * 1024;

const schema = `
  CREATE TABLE header(format INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, chain_before INTEGER NOT NULL,
                      created_at REAL NOT NULL, crc INTEGER NOT NULL);
  CREATE TABLE strip(first INTEGER PRIMARY KEY, content BLOB NOT NULL);`;

export interface SegmentHeader {
  readonly partition: PartitionId;
  /** Sequence of its first record, also while it has none. */
  readonly first: Sequence;
  /** Chain value of the record before `first`. */
  readonly chainBefore: number;
  readonly createdAt: WallMs;
}

export interface SegmentOptions {
  /** `fsync`: a commit returns when it is on disk. `os`: when the operating system has it. */
  readonly durability: 'fsync' | 'os';
  /** Null: no quota. */
  readonly pagesMax: number | null;
}

export class Segment {
  readonly name: SegmentName;
  readonly header: SegmentHeader;
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #strips: StripInsert;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #room: WalRoom;
  #last: LogPosition;
  #bytes: number;

  /** Make the file durable, `carried` included, and open it. `carried` starts at `header.first`. */
  static create(
    name: SegmentName,
    {
      header,
      carried,
      options,
    }: { readonly header: SegmentHeader; readonly carried: readonly LogRecord[]; readonly options: SegmentOptions },
  ): Segment {
    const unnamed = `${name.path}.new`;
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(unnamed + suffix, { force: true });
    const database = openDatabase(unnamed, { mode: 'write' });
    try {
      database.pragma(`page_size = ${pageBytes}`);
      // Nobody sees the file yet: one sync at the end does for all of it.
      database.pragma('journal_mode = MEMORY');
      database.pragma('synchronous = OFF');
      database.exec(`BEGIN; ${schema}`);
      const { partition, first, chainBefore, createdAt } = header;
      const insertHeader = database.prepare('INSERT INTO header VALUES (?, ?, ?, ?, ?, ?)');
      insertHeader.run(formatVersion, partition, first, chainBefore, createdAt, crcOfHeader(header, formatVersion));
      insertCarried(database, { carried, before: { seq: (first - 1) as Sequence, chain: chainBefore } });
      database.exec('COMMIT');
      database.pragma('journal_mode = WAL');
    } finally {
      database.close();
    }
    syncFile(unnamed);
    invariant(!existsSync(name.path), () => `a segment's name is used once, found ${name.path}`);
    renameSync(unnamed, name.path);
    syncDir(dirname(name.path));
    return new Segment(name, options);
  }

  /** Open an existing file. Throws DamageError when its header or its last record is not what was written. */
  constructor(name: SegmentName, options: SegmentOptions) {
    this.name = name;
    this.#room = new WalRoom(name.path);
    this.#database = openDatabase(name.path, { mode: 'write' });
    try {
      setUp(this.#database, options);
      this.header = readHeader(this.#database, name);
      this.#last = lastPosition(this.#database, this.header);
      this.#bytes = (this.#database.pragma('page_count', { simple: true }) as number) * pageBytes;
      this.#begin = this.#database.prepare('BEGIN IMMEDIATE');
      this.#strips = new StripInsert(this.#database);
      this.#commit = this.#database.prepare('COMMIT');
      this.#rollback = this.#database.prepare('ROLLBACK');
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** The newest committed record, or what was before the first. */
  get last(): LogPosition {
    return this.#last;
  }

  /** About how large the file is, with what is still in its -wal. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#last.seq < this.header.first;
  }

  /**
   * All of `batches` in one transaction, behind `last`. If it throws, nothing of them counts; whether the file can be used
   * again is for the caller to say by the kind of error.
   */
  append(batches: readonly SummedBatch[]): void {
    this.#begin.run();
    let last = this.#last;
    try {
      last = this.#strips.insert(batches, last);
      this.#commit.run();
    } catch (error) {
      // SQLite has rolled back by itself after the graver errors.
      if (this.#database.inTransaction) this.#rollback.run();
      throw error;
    }
    this.#last = last;
    for (const { batch } of batches) this.#bytes += batch.length;
  }

  /**
   * Move frames of the -wal file into the main file. `passive` does what it can without waiting for anybody; `restart`
   * waits for readers, so that the next commit begins the -wal file from its start; `truncate` empties it as well.
   * Returns whether it has reached the end of the -wal file: if not, that goes on growing.
   */
  checkpoint(mode: 'passive' | 'restart' | 'truncate'): boolean {
    return runCheckpoint(this.#database, mode);
  }

  /** Behind a commit, with durability `fsync`: so that the sync of the next ones finds a file that does not grow. */
  makeRoom(): void {
    this.#room.makeBehind();
  }

  /** With durability `os`: put on disk what was handed to the operating system. */
  syncWal(): void {
    const wal = `${this.name.path}-wal`;
    if (existsSync(wal)) syncFile(wal);
  }

  /** Pages at most from now on; for tests of a full disk that empties again. */
  setPagesMax(pagesMax: number): void {
    this.#database.pragma(`max_page_count = ${pagesMax}`);
  }

  close(): void {
    this.#database.close();
  }
}

/** As `Segment.checkpoint`. Not reached: readers need what is older, or somebody else is at it just now (`busy`, and -1). */
export function runCheckpoint(database: Database, mode: 'passive' | 'restart' | 'truncate'): boolean {
  const [row] = database.pragma(`wal_checkpoint(${mode})`) as [{ busy: number; log: number; checkpointed: number }];
  return row.busy === 0 && row.log === row.checkpointed;
}

/** The header, verified. `name` says which segment it must be of. */
export function readHeader(database: Database, name: SegmentName): SegmentHeader {
  const row = database.prepare('SELECT * FROM header').get() as
    | { format: number; partition: number; first: number; chain_before: number; created_at: number; crc: number }
    | undefined;
  if (row === undefined) throw new DamageError('broken', `segment ${name.path} has no header`);
  const header: SegmentHeader = {
    partition: row.partition as PartitionId,
    first: row.first as Sequence,
    chainBefore: row.chain_before,
    createdAt: row.created_at as WallMs,
  };
  if (row.crc !== crcOfHeader(header, row.format))
    throw new DamageError('broken', `segment ${name.path}: its header fails its checksum`);
  if (row.format !== formatVersion)
    throw new LogFormatError(`segment ${name.path}: expected format ${formatVersion}, found ${row.format}`);
  if (row.first !== name.first)
    throw new DamageError('broken', `segment ${name.path}: its header says that it opens with sequence ${row.first}`);
  return header;
}

function setUp(database: Database, { durability, pagesMax }: SegmentOptions): void {
  database.pragma('journal_mode = WAL');
  const [name, level] = durability === 'fsync' ? (['FULL', 2] as const) : (['NORMAL', 1] as const);
  database.pragma(`synchronous = ${name}`);
  const found = {
    synchronous: database.pragma('synchronous', { simple: true }),
    journal: database.pragma('journal_mode', { simple: true }),
  };
  invariant(
    found.synchronous === level && found.journal === 'wal',
    () => `expected synchronous ${level} and wal, found ${JSON.stringify(found)}`,
  );
  database.pragma('wal_autocheckpoint = 0');
  database.pragma(`journal_size_limit = ${walKeptBytes}`);
  database.pragma(`cache_size = -${cacheKiB}`);
  if (pagesMax !== null) database.pragma(`max_page_count = ${pagesMax}`);
}

function insertCarried(
  database: Database,
  { carried, before }: { readonly carried: readonly LogRecord[]; readonly before: LogPosition },
): void {
  const builder = new RecordBatchBuilder();
  for (const record of carried) builder.append(record);
  new StripInsert(database).insert([{ batch: builder.take() }], before);
}

/** The chain is taken on from what is stored, so what is stored must fit what comes before it. */
function lastPosition(database: Database, header: SegmentHeader): LogPosition {
  const newest = database.prepare('SELECT first, content FROM strip ORDER BY first DESC LIMIT 2').raw().all() as unknown[][];
  const [last, before] = newest.map(([first, content]) => ({ first, strip: Strip.of(first, content) }));
  if (last === undefined) return { seq: (header.first - 1) as Sequence, chain: header.chainBefore };
  const { strip } = last;
  const chain = before === undefined ? header.chainBefore : (before.strip?.storedChainOf(before.strip.count - 1) ?? null);
  if (strip === null || chain === null || !isContinuedBy(strip, chain)) {
    throw new DamageError(
      'broken',
      `partition ${header.partition}: the chain breaks at sequence ${String(strip?.last ?? last.first)}, the last of its segment`,
    );
  }
  return { seq: strip.last, chain: strip.storedChainOf(strip.count - 1) };
}

function isContinuedBy(strip: Strip, chainBefore: number): boolean {
  let chain = chainBefore;
  for (let place = 0; place < strip.count; place++) {
    chain = chainOf(chain, strip.storedCrcOf(place));
    if (chain !== strip.storedChainOf(place)) return false;
  }
  return true;
}

function crcOfHeader({ partition, first, chainBefore, createdAt }: SegmentHeader, format: number): number {
  return crcOf(Buffer.from(`${format} ${partition} ${first} ${chainBefore} ${createdAt}`));
}
