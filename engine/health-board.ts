/**
 * Is it working? One component for each partition, the disk, and NATS if it is configured.
 *
 * recovering: some partition is still replaying; degraded: some partition has stopped, the disk is nearly full, or NATS is away, the rest
 * works; stopping: shutting down. Ready means that events are taken: not while recovering or stopping, nor when no
 * partition works.
 */
import type { PartitionId, WallMs } from './kernel/brand.js';
import type { SpaceLevel } from './log/protocol.js';
import type { PartitionPhase } from './observe/figures.js';

export type HealthStatus = 'ready' | 'recovering' | 'stopping' | 'degraded';

/** JSON-ready, named as the contract names it. */
export interface Health {
  readonly status: HealthStatus;
  readonly components: readonly { readonly name: string; readonly status: string; readonly detail: string | null }[];
  /** `overdue`: events that were due while the engine was down, or were put back with very many, and have not started yet. `done_at`: about when all have. */
  readonly recovery: { readonly overdue: number; readonly done_at: string | null };
}

interface PartitionHealth {
  phase: PartitionPhase;
  detail: string | null;
}

export class HealthBoard {
  readonly #partitions: PartitionHealth[];
  readonly #space = new Map<number, SpaceLevel>();
  /** Undefined: not configured; null: all is well. */
  #natsFault: string | null | undefined;
  #isStopping = false;

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => ({ phase: 'recovering', detail: null }));
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
    const components = this.#partitions.map(({ phase, detail }, partition) => ({
      name: `partition ${partition}`,
      status: phase as string,
      detail: detail === null ? null : firstLine(detail),
    }));
    const worst = this.#worstSpace();
    components.push({ name: 'disk', status: worst === 'ok' ? 'ready' : 'degraded', detail: spaceDetail[worst] });
    if (this.#natsFault !== undefined) {
      components.push({ name: 'nats', status: this.#natsFault === null ? 'ready' : 'degraded', detail: this.#natsFault });
    }
    const doneAt = doneAtMs === null ? null : new Date(doneAtMs).toISOString();
    return { status: this.#status(worst), components, recovery: { overdue, done_at: doneAt } };
  }

  #status(space: SpaceLevel): HealthStatus {
    if (this.#isStopping) return 'stopping';
    if (this.#partitions.some(({ phase }) => phase === 'recovering')) return 'recovering';
    if (space !== 'ok' || typeof this.#natsFault === 'string' || this.#partitions.some(({ phase }) => phase === 'failed'))
      return 'degraded';
    return 'ready';
  }

  #worstSpace(): SpaceLevel {
    const levels = [...this.#space.values()];
    return levels.includes('stop') ? 'stop' : levels.includes('refuse') ? 'refuse' : 'ok';
  }
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
