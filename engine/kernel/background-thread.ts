/**
 * Where tasks of the background run: a thread that stands back behind all others.
 *
 * Snapshots, indexes and verifying compute for seconds. On a machine with few cores they took the time of threads that have a
 * tick every millisecond: an event that was due while snapshots of a million others were taken left 8-20 ms late instead of 4.
 */
import { constants, setPriority } from 'node:os';

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
  await exported[name]!(data);
}

/** Of this thread alone on Linux; elsewhere it would be of the process, which must not stand back. */
function standBack(): void {
  if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_LOW);
}
