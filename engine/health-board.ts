/**
 * Is it working? One component for each partition, the disk, NATS if it is configured, and the cluster if there is one.
 *
 * recovering: some partition is still replaying; degraded: some partition has stopped, the disk is nearly full, or NATS is away, the rest
 * works; stopping: shutting down. Ready means that events are taken: not while recovering or stopping, nor when no
 * partition works.
 *
 * In a cluster a partition that another node owns is well, and one between two owners is no fault yet: partitions move all the time. So a member is
 * recovering while it is out of the cluster, or, if it takes events, while fewer than half of all partitions have an owner; one partition that
 * nobody has for `unownedMsMax` makes it degraded.
 */
import type { PartitionId, WallMs } from './kernel/brand.js';
import { unownedMsMax } from './kernel/limits.js';
import type { SpaceLevel } from './log/protocol.js';
import type { PartitionPhase } from './observe/figures.js';

export type HealthStatus = 'ready' | 'recovering' | 'stopping' | 'degraded';

/** JSON-ready, named as the contract names it. */
export interface Health {
  readonly status: HealthStatus;
  readonly components: readonly Component[];
  /** `overdue`: events that were due while the engine was down, or were put back with very many, and have not started yet. `done_at`: about when all have. */
  readonly recovery: { readonly overdue: number; readonly done_at: string | null };
}

interface Component {
  readonly name: string;
  readonly status: string;
  readonly detail: string | null;
}

/** What a member knows of its cluster. */
export interface ClusterHealth {
  /** Whether it takes events from callers, and so needs owners to pass them on to. */
  readonly takesEvents: boolean;
  /** Null: it is a member. */
  readonly outBecause: string | null;
  /** Null: no other process bears the id of this node. */
  readonly namesakeFault: string | null;
  /** How many partitions nobody owns. */
  readonly unowned: number;
  /** By this process, whatever others bear its id. */
  isOwnedHere(partition: PartitionId): boolean;
  /** The node; null: nobody at the moment. */
  ownerOf(partition: PartitionId): string | null;
  /** Null: it has an owner. */
  unownedForMs(partition: PartitionId): number | null;
}

export interface HealthBoardParts {
  readonly partitions: number;
  /** A gateway of a cluster has none. */
  readonly hasDisk: boolean;
  /** Null: alone. Else asked when somebody wants to know. */
  readonly cluster: (() => ClusterHealth) | null;
}

interface PartitionHealth {
  phase: PartitionPhase;
  detail: string | null;
}

export class HealthBoard {
  readonly #parts: HealthBoardParts;
  readonly #partitions: PartitionHealth[];
  readonly #space = new Map<number, SpaceLevel>();
  /** Undefined: not configured; null: all is well. */
  #natsFault: string | null | undefined;
  #isStopping = false;

  constructor(parts: HealthBoardParts) {
    this.#parts = parts;
    const phase = parts.cluster === null ? 'recovering' : 'elsewhere';
    this.#partitions = Array.from({ length: parts.partitions }, () => ({ phase, detail: null }));
  }

  /** Whether anything has changed. */
  phase({ partition, phase, detail }: { partition: PartitionId; phase: PartitionPhase; detail: string | null }): boolean {
    const known = this.#partitions[partition]!;
    const changed = known.phase !== phase || known.detail !== detail;
    known.phase = phase;
    known.detail = detail;
    return changed;
  }

  /** Whether anything has changed. */
  space(host: number, level: SpaceLevel): boolean {
    const changed = (this.#space.get(host) ?? 'ok') !== level;
    this.#space.set(host, level);
    return changed;
  }

  /** Null: all is well. Until the first call NATS is no component. */
  nats(fault: string | null): void {
    this.#natsFault = fault;
  }

  stopping(): void {
    this.#isStopping = true;
  }

  health({ overdue, doneAtMs }: { readonly overdue: number; readonly doneAtMs: WallMs | null }): Health {
    const { hasDisk } = this.#parts;
    const cluster = this.#cluster;
    const components = this.#partitions.map((_, partition) => this.#partition(partition as PartitionId));
    const worst = this.#worstSpace();
    if (hasDisk) components.push({ name: 'disk', status: worst === 'ok' ? 'ready' : 'degraded', detail: spaceDetail[worst] });
    if (this.#natsFault !== undefined) {
      components.push({ name: 'nats', status: this.#natsFault === null ? 'ready' : 'degraded', detail: this.#natsFault });
    }
    if (cluster !== null) components.push(clusterComponent(cluster));
    const doneAt = doneAtMs === null ? null : new Date(doneAtMs).toISOString();
    return { status: this.#status(worst), components, recovery: { overdue, done_at: doneAt } };
  }

  #partition(partition: PartitionId): Component {
    const name = `partition ${partition}`;
    const { phase, detail } = this.#partitions[partition]!;
    const cluster = this.#cluster;
    const isHere = cluster === null || (phase !== 'elsewhere' && cluster.isOwnedHere(partition));
    if (isHere) return { name, status: phase, detail: detail === null ? null : firstLine(detail) };
    const owner = cluster.ownerOf(partition);
    if (cluster.isOwnedHere(partition)) return { name, status: 'recovering', detail: 'being taken over here' };
    if (owner !== null) return { name, status: 'ready', detail: `on node ${owner}` };
    return { name, status: 'recovering', detail: 'no node owns it at the moment' };
  }

  #status(space: SpaceLevel): HealthStatus {
    const cluster = this.#cluster;
    if (this.#isStopping) return 'stopping';
    if (cluster === null ? this.#partitions.some(({ phase }) => phase === 'recovering') : this.#isClusterAway(cluster))
      return 'recovering';
    if (space !== 'ok' || typeof this.#natsFault === 'string' || this.#hasFault()) return 'degraded';
    return 'ready';
  }

  #isClusterAway({ outBecause, takesEvents, unowned }: ClusterHealth): boolean {
    return outBecause !== null || (takesEvents && unowned * 2 > this.#partitions.length);
  }

  #hasFault(): boolean {
    const cluster = this.#cluster;
    if (cluster === null) return this.#partitions.some(({ phase }) => phase === 'failed');
    if (cluster.namesakeFault !== null) return true;
    return this.#partitions.some(({ phase }, number) => {
      const partition = number as PartitionId;
      const unownedMs = cluster.unownedForMs(partition);
      if (unownedMs !== null) return unownedMs > unownedMsMax;
      return phase === 'failed' && cluster.isOwnedHere(partition);
    });
  }

  get #cluster(): ClusterHealth | null {
    return this.#parts.cluster?.() ?? null;
  }

  #worstSpace(): SpaceLevel {
    const levels = [...this.#space.values()];
    return levels.includes('stop') ? 'stop' : levels.includes('refuse') ? 'refuse' : 'ok';
  }
}

function clusterComponent({ outBecause, namesakeFault, unowned }: ClusterHealth): Component {
  const name = 'cluster';
  if (outBecause !== null) return { name, status: 'recovering', detail: outBecause };
  if (namesakeFault !== null) return { name, status: 'degraded', detail: namesakeFault };
  return { name, status: 'ready', detail: unowned === 0 ? null : `${unowned} partitions have no owner at the moment` };
}

const spaceDetail: Readonly<Record<SpaceLevel, string | null>> = {
  ok: null,
  refuse: 'nearly full: new events are refused',
  stop: 'full: nothing is started any more',
};

/** A stack belongs into the log, not into an answer. */
function firstLine(detail: string): string {
  return detail.split('\n', 1)[0]!;
}
