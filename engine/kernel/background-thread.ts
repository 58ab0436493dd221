/**
 * Where tasks of the background run: a thread that stands back behind all others.
 *
 * Snapshots, indexes and verifying compute for seconds. On a machine with few cores they took the time of threads that have a
 * tick every millisecond: an event that was due while snapshots of a million others were taken left 8-20 ms late instead of 4.
 */
import { backgroundNiceness, standBack } from './thread-priority.js';

export interface BackgroundTask<Data> {
  /** Address of the module. */
  readonly module: string;
  /** Of the function that it exports, which takes `data`. */
  readonly name: string;
  readonly data: Data;
}

/** The pool's task. */
export async function inBackground<Data>({ module, name, data }: BackgroundTask<Data>): Promise<void> {
  standBack(backgroundNiceness);
  const exported = (await import(module)) as Readonly<Record<string, (data: Data) => Promise<void>>>;
  try {
    await exported[name]!(data);
  } catch (error) {
    throw asError(error);
  }
}

/** Errors of SQLite are none to whoever copies them to another thread: an object without a message would arrive. */
function asError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return new Error(error.message, { cause: error.stack });
}
