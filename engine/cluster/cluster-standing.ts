/**
 * How it is with a cluster as far as one node sees: who serves each partition, and for how long nobody has.
 *
 * A partition has an owner when its newest marker names a session that lives. One that is handed over has none for some milliseconds, so what people are told
 * of it waits for `patience`: health must not flap while a cluster moves partitions about.
 *
 * Main thread.
 */
import type { PartitionId } from '../kernel/brand.js';
import type { ClusterCounts, ClusterFigures } from '../observe/cluster-counts.js';
import type { ClusterNode } from './cluster-node.js';
import type { Namesakes } from './membership/namesakes.js';

export interface ClusterStandingParts {
  readonly partitions: number;
  readonly namesakes: Pick<Namesakes, 'fault'>;
  /** Whether it takes events from callers. */
  readonly takesEvents: boolean;
  readonly node: Pick<ClusterNode, 'owners' | 'members' | 'session' | 'outBecause' | 'counts' | 'stages' | 'lags'>;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class ClusterStanding implements ClusterFigures {
  readonly #parts: ClusterStandingParts;
  /** Since when nobody owns it; null: somebody does. */
  readonly #unownedSince: (number | null)[];
  readonly #unwatch: readonly (() => void)[];

  constructor(parts: ClusterStandingParts) {
    const { partitions, node, nowMs } = parts;
    this.#parts = parts;
    this.#unownedSince = new Array<number | null>(partitions).fill(nowMs());
    this.#unwatch = [node.owners.watch((partition) => this.#look(partition)), node.members.watch(() => this.#lookAtAll())];
    this.#lookAtAll();
  }

  get takesEvents(): boolean {
    return this.#parts.takesEvents;
  }
  /** Null: this node is a member now. */
  get outBecause(): string | null {
    return this.#parts.node.outBecause;
  }
  get namesakeFault(): string | null {
    return this.#parts.namesakes.fault;
  }
  get isJoined(): boolean {
    return this.outBecause === null;
  }
  get counts(): ClusterCounts {
    return this.#parts.node.counts;
  }
  /** A node may have two sessions for a while. */
  get nodes(): number {
    return new Set(this.#parts.node.members.alive.map(({ node }) => node)).size;
  }
  stages(): Readonly<Record<string, number>> {
    return this.#parts.node.stages();
  }
  lags(): readonly (readonly [PartitionId, number])[] {
    return this.#parts.node.lags();
  }

  get unowned(): number {
    return this.#unownedSince.filter((since) => since !== null).length;
  }

  /** The node; null: nobody at the moment. */
  ownerOf(partition: PartitionId): string | null {
    const { owners, members, session } = this.#parts.node;
    const owner = owners.of(partition);
    if (owner === null || owner.released) return null;
    return owner.session === session || members.of(owner.session) !== null ? owner.node : null;
  }

  isOwnedHere(partition: PartitionId): boolean {
    const { owners, session } = this.#parts.node;
    const owner = owners.of(partition);
    return owner !== null && !owner.released && owner.session === session;
  }

  /** Null: it has an owner. */
  unownedForMs(partition: PartitionId): number | null {
    const since = this.#unownedSince[partition]!;
    return since === null ? null : this.#parts.nowMs() - since;
  }

  close(): void {
    for (const unwatch of this.#unwatch) unwatch();
  }

  #lookAtAll(): void {
    for (let partition = 0; partition < this.#unownedSince.length; partition++) this.#look(partition as PartitionId);
  }

  #look(partition: PartitionId): void {
    if (this.ownerOf(partition) !== null) this.#unownedSince[partition] = null;
    else this.#unownedSince[partition] ??= this.#parts.nowMs();
  }
}
