/**
 * Hosts of one node that hold no events: they follow, take and release as they are told, a moment later, and keep account of it.
 *
 * A registry that several of them share notices when two act as owner of one partition at the same time: serving, with the lease ahead.
 */
import type { ClusterNode, PartitionHands } from '../../engine/cluster/cluster-node.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { LeaseBoard } from '../../engine/kernel/lease-board.js';

export class OwnerRegistry {
  readonly faults: string[] = [];
  readonly #hosts: StandInHosts[] = [];

  add(hosts: StandInHosts): void {
    this.#hosts.push(hosts);
  }

  check(partition: PartitionId): void {
    const acting = this.#hosts.filter((hosts) => hosts.acts(partition));
    if (acting.length > 1) this.faults.push(`partition ${partition} has ${acting.map(({ name }) => name).join(' and ')}`);
  }

  servedBy(partition: PartitionId): readonly string[] {
    return this.#hosts.filter((hosts) => hosts.acts(partition)).map(({ name }) => name);
  }
}

export class StandInHosts implements PartitionHands {
  readonly name: string;
  readonly taken: { readonly partition: PartitionId; readonly epoch: number }[] = [];
  readonly released: PartitionId[] = [];
  readonly dropped: PartitionId[] = [];
  readonly following = new Set<PartitionId>();
  readonly serving = new Map<PartitionId, number>();
  /** Partitions that it cannot take. */
  readonly broken = new Set<PartitionId>();
  /** Entries that what it follows is behind. */
  lag = 0;
  /** From when it starts nothing any more until it has released a partition. */
  releaseMs = 5;
  readonly #board: LeaseBoard;
  readonly #registry: OwnerRegistry;
  /** The epoch that it was told to take, until that has ended. */
  readonly #told = new Map<PartitionId, number>();
  node: ClusterNode | null = null;

  constructor(name: string, { board, registry }: { readonly board: LeaseBoard; readonly registry: OwnerRegistry }) {
    this.name = name;
    this.#board = board;
    this.#registry = registry;
    registry.add(this);
  }

  acts(partition: PartitionId): boolean {
    return this.serving.has(partition) && this.#board.isAhead;
  }

  follow(partition: PartitionId, on: boolean): void {
    if (!on) {
      this.following.delete(partition);
      return;
    }
    this.following.add(partition);
    setTimeout(() => this.tellLag(partition, this.lag), 5);
  }

  tellLag(partition: PartitionId, lag: number): void {
    this.node?.news({ op: 'following', partition, lag });
  }

  take(partition: PartitionId, epoch: number): void {
    this.following.delete(partition);
    this.taken.push({ partition, epoch });
    this.#told.set(partition, epoch);
    setTimeout(() => {
      if (this.#told.get(partition) !== epoch) return;
      if (this.broken.has(partition)) {
        this.node?.news({ op: 'failed', partition, detail: 'cannot be opened' });
        return;
      }
      this.serving.set(partition, epoch);
      this.#registry.check(partition);
      this.node?.news({ op: 'serving', partition, epoch, takeoverMs: 5, unfinishedAttempts: 0, dataLosses: 0 });
    }, 5);
  }

  release(partition: PartitionId): void {
    this.released.push(partition);
    setTimeout(() => {
      const epoch = this.#told.get(partition);
      if (epoch === undefined) return;
      this.#end(partition);
      this.node?.news({ op: 'released', partition, epoch });
    }, this.releaseMs);
  }

  drop(partition: PartitionId): void {
    this.dropped.push(partition);
    this.#end(partition);
  }

  #end(partition: PartitionId): void {
    this.#told.delete(partition);
    this.serving.delete(partition);
  }
}
