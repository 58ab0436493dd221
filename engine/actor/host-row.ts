/** A row of a host in one number: the place of its actor, and the row there. 10 + 26 bits of the 53 that are exact. */
import type { Handle } from '../kernel/brand.js';
import { pendingPerPartitionMax } from '../kernel/limits.js';

export interface Waiting {
  /** Place of the actor in its host. */
  readonly actor: number;
  readonly handle: Handle;
}

export type HostRow = number;

export function packRow({ actor, handle }: Waiting): HostRow {
  return actor * pendingPerPartitionMax + handle;
}

export function unpackRow(row: HostRow): Waiting {
  const actor = Math.floor(row / pendingPerPartitionMax);
  return { actor, handle: (row - actor * pendingPerPartitionMax) as Handle };
}
