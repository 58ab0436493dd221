/**
 * Which partitions are in a data directory. Of a node alone all of them: it is the truth. Of a node of a cluster those that it has owned or followed, as
 * copies of journals that NATS keeps: it may be behind them, and each of them is on another node as well.
 */
import { existsSync } from 'node:fs';
import type { PartitionId } from '../kernel/brand.js';
import type { DirIdentity } from '../log/data-dir.js';
import { partitionDir } from '../log/segment/segment-files.js';

export function heldPartitions(dataDir: string, { partitions, cluster }: DirIdentity): PartitionId[] {
  const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
  return cluster === null ? all : all.filter((partition) => existsSync(partitionDir(dataDir, partition)));
}

/** For people, before they read anything else about it. Null: of a node alone, there is nothing to explain. */
export function whatItHolds({ partitions, cluster }: DirIdentity, held: readonly PartitionId[]): string | null {
  if (cluster === null) return null;
  return `this is what one node of cluster ${cluster} has copied: ${held.length} of ${partitions} partitions, as far as it had got; the cluster itself is in NATS`;
}
