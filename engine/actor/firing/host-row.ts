/**
 * What waits for a slot in one number: the place of its actor, its row there, and a stamp. 10 + 26 + 16 bits of the 53 that are exact.
 *
 * The stamp tells entries of one event apart that it has made with different specs: who was changed while it waited comes back, perhaps
 * with another priority, and its earlier entry does not stand for it.
 */
import type { Handle, Sequence } from '../../kernel/brand.js';
import { pendingPerPartitionMax } from '../../kernel/limits.js';

export interface Waiting {
  /** Place of the actor in its host. */
  readonly actor: number;
  readonly handle: Handle;
}

export interface Stamped extends Waiting {
  readonly stamp: number;
}

/** In a queue. */
export type Entry = number;

const stamps = 2 ** 16;

/** `bodySeq`: of the spec with which it waits. */
export function stampOf(bodySeq: Sequence): number {
  return bodySeq % stamps;
}

export function packEntry({ actor, handle, bodySeq }: Waiting & { readonly bodySeq: Sequence }): Entry {
  return (actor * pendingPerPartitionMax + handle) * stamps + stampOf(bodySeq);
}

export function unpackEntry(entry: Entry): Stamped {
  const row = Math.floor(entry / stamps);
  const actor = Math.floor(row / pendingPerPartitionMax);
  return { actor, handle: (row - actor * pendingPerPartitionMax) as Handle, stamp: entry - row * stamps };
}
