/**
 * Who may have how many of the process's file descriptors.
 *
 * The system allows so many (`ulimit -n`). What runs out of them first decides what breaks: without a share for each, clients that
 * open connections could keep the log from opening a file, or a thread from starting. So the log's files and the threads come
 * first, and connections in and out share the rest.
 */
import { readFileSync } from 'node:fs';
import { StartError } from './errors.js';
import { attemptsInFlightMax } from './limits.js';

/** Node itself, the listening socket, stdio, the lock, what the main thread and the pool of short tasks need. */
const processDescriptors = 64;
/** Host, log writer and reader: each an event loop of about six. */
const hostDescriptors = 24;
/** What a reader keeps open of sealed segments and their indexes (`log/log-reader.ts`). */
const readerDescriptors = 48;
/** The mark, and the open segment with its -wal and -shm file for the writer, the reader, and checkpoints. */
const partitionDescriptors = 10;
/** Less than this between clients and destinations is no service. */
const socketsMin = 32;

export interface DescriptorShares {
  /** From clients, over all. Infinity: the system's limit is not known. */
  readonly connections: number;
  /** Attempts at once over all couriers; each may leave an idle connection behind. */
  readonly attempts: number;
}

/** Throws StartError when the limit is too low for anything. `limit` null: not known. */
export function shareDescriptors({
  limit,
  partitions,
  actorThreads,
}: {
  readonly limit: number | null;
  readonly partitions: number;
  readonly actorThreads: number;
}): DescriptorShares {
  if (limit === null) return { connections: Number.POSITIVE_INFINITY, attempts: attemptsInFlightMax };
  const files = processDescriptors + actorThreads * (hostDescriptors + readerDescriptors) + partitions * partitionDescriptors;
  const sockets = limit - files;
  if (sockets < socketsMin) {
    throw new StartError(
      `this process may open ${limit} files, and ${partitions} partitions with ${actorThreads} actor threads need ${files + socketsMin}: raise the limit (ulimit -n), or lower ESCAPEMENT_ACTOR_THREADS`,
    );
  }
  return { connections: Math.floor(sockets / 2), attempts: Math.min(attemptsInFlightMax, Math.floor(sockets / 4)) };
}

/** Of this process. Null where the system does not tell. */
export function descriptorLimit(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch (error) {
    // Not Linux.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return null;
  }
}
