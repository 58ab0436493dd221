/**
 * Where tasks of the background run: a thread that stands back behind all others.
 *
 * Snapshots, indexes and verifying compute for seconds. On a machine with few cores they took the time of threads that have a
 * tick every millisecond: an event that was due while snapshots of a million others were taken left 8-20 ms late instead of 4.
 */
import { readlinkSync } from 'node:fs';
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

/** This thread, not its process: on Linux each thread has a priority of its own, and the link says which one asks. */
function standBack(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, constants.priority.PRIORITY_LOW);
  } catch {
    // Another system, or one that hides this: the work is done all the same, only less politely.
  }
}
