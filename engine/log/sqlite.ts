/**
 * The door to better-sqlite3: the only file of the log that imports it.
 *
 * What everybody who opens a file needs to know: SQLite drops its POSIX locks on a file when *anybody* in this process
 * closes a descriptor of that file, so nothing but SQLite may open a database (or its -shm) that is in use; `stat` and
 * the -wal file are safe.
 */
import type BetterSqlite from 'better-sqlite3';
import { require } from '../kernel/commonjs.js';

const Sqlite = require('better-sqlite3') as typeof import('better-sqlite3');

export type Database = BetterSqlite.Database;
export type Statement = BetterSqlite.Statement;

/** How long a connection waits for another one's lock. Ours hold none for more than 50 ms; a stranger's must not stop us. */
const busyMs = 1_000;

/** `read`: never changes the file, not even by closing it. `write`: creates it when it is missing. */
export function openDatabase(path: string, { mode, waitMs = busyMs }: { mode: 'read' | 'write'; waitMs?: number }): Database {
  return new Sqlite(path, { readonly: mode === 'read', fileMustExist: mode === 'read', timeout: waitMs });
}

/**
 * What an error of a file means. `disk-full`: SQLite has rolled the statement back. `damaged`: the file is not what was
 * written. `io`: neither known nor to be relied on any more. Null: not an error of a file at all.
 */
export type StorageFault = 'disk-full' | 'damaged' | 'io';

export function storageFaultOf(error: unknown): StorageFault | null {
  if (isSqliteError(error)) return faultOfSqlite(error.code);
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return null;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'disk-full' : 'io';
}

/**
 * By name, not by class: the addon throws the class of whoever loaded it first in this thread, which is another one where two bundles, or a
 * bundle and the package, meet.
 */
function isSqliteError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && error.name === 'SqliteError' && 'code' in error;
}

function faultOfSqlite(code: string): StorageFault {
  if (code === 'SQLITE_FULL') return 'disk-full';
  // A damaged schema page shows as a table that is not there, which SQLite counts as a plain error of the statement.
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_ERROR') return 'damaged';
  return 'io';
}
