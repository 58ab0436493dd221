/**
 * Where tasks of the background run: a thread that stands back behind all others.
 *
 * Snapshots, indexes and verifying compute for seconds. On a machine with few cores they took the time of threads that have a
 * tick every millisecond: an event that was due while snapshots of a million others were taken left 8-20 ms late instead of 4.
 */
import { constants, getPriority, setPriority } from 'node:os';

export interface BackgroundTask<Data> {
  /** Address of the module. */
  readonly module: string;
  /** Of the function that it exports, which takes `data`. */
  readonly name: string;
  readonly data: Data;
}

/** The pool's task. */
export async function inBackground<Data>({ module, name, data }: BackgroundTask<Data>): Promise<void> {
  standBack();
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

/**
 * Of this thread alone on Linux; elsewhere it would be of the process, which must not stand back. Not to the lowest priority:
 * beside four busy threads on two cores that left it half a percent of one, and an index of a small segment took 15 seconds.
 */
function standBack(): void {
  const { PRIORITY_BELOW_NORMAL: behind } = constants.priority;
  // A process that was started further behind may not come forward.
  if (process.platform === 'linux' && getPriority(0) < behind) setPriority(0, behind);
}
