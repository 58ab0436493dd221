/**
 * What all nodes of a cluster have counted and hold together, as one of them has heard it.
 *
 * *What is counted* belongs to a process, by a name that is never used again. A node says the whole each time, so a lost word costs nothing; what it
 * had counted goes on to count when it is gone, so totals never fall. What a process had counted before this one was there to hear it is
 * part of the total and no growth: a gateway that starts beside nodes that have run for weeks must not show their weeks as a burst.
 *
 *     counted:  a 1,000 (of which 900 before)   b 50, gone   ->  1,050, of which 900 before
 *
 * *Levels of a partition* are told by its owner under its epoch, and the newest epoch is believed: a partition that moves is counted once, at each
 * moment, by the last one who has counted it. While nobody owns it its events are where they were, so its levels stand.
 *
 * *Levels of queues* are of the node: they go with it, or when it has been silent for too long, since what waited there waits with the next owner.
 *
 * Main thread. Knows nothing of how words come in.
 */
import type { PartitionId } from '../kernel/brand.js';
import { countingProcessesMax } from '../kernel/limits.js';
import type { PartitionLevels } from './figures.js';
import {
  type Counted,
  nothingCounted,
  type QueueLevels,
  sumCounted,
  sumLevels,
  sumQueues,
  type Totals,
  type TotalsSource,
} from './totals.js';

export interface OwnedLevels extends PartitionLevels {
  readonly partition: PartitionId;
  readonly epoch: number;
}

/** What a node tells of itself. */
export interface NodeTotals {
  readonly counted: Counted;
  readonly queues: QueueLevels;
  /** Of those that it owns and that work. */
  readonly partitions: readonly OwnedLevels[];
}

export interface HeardTotals extends NodeTotals {
  /** For how long the process has run. */
  readonly upMs: number;
  /** Its last word. */
  readonly isLast: boolean;
}

export interface ClusterTotalsParts {
  /** This node's. Null: it has no partitions, ever. */
  readonly own: { readonly revision: () => number; readonly totals: () => NodeTotals } | null;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** What waits in a node that has been silent for so long is not counted. */
  readonly silenceMsMax: number;
}

interface Process {
  counted: Counted;
  /** As it was heard of first; nothing if it has started since this one. */
  readonly before: Counted;
  /** Null: it is gone. */
  queues: QueueLevels | null;
  heardAt: number;
}

export class ClusterTotals implements TotalsSource {
  readonly #parts: ClusterTotalsParts;
  readonly #startedAt: number;
  /** The one that has been silent for longest comes first. */
  readonly #processes = new Map<string, Process>();
  readonly #partitions = new Map<PartitionId, OwnedLevels>();
  /** Of processes that are not remembered one by one any more. */
  #former = nothingCounted;
  #formerBefore = nothingCounted;
  #revision = 0;

  constructor(parts: ClusterTotalsParts) {
    this.#parts = parts;
    this.#startedAt = parts.nowMs();
  }

  get revision(): number {
    return this.#revision + (this.#parts.own?.revision() ?? 0);
  }

  /** How many nodes are heard. */
  get heard(): number {
    return [...this.#processes.values()].filter(({ queues }) => queues !== null).length;
  }

  hear(process: string, { counted, queues, partitions, upMs, isLast }: HeardTotals): void {
    const now = this.#parts.nowMs();
    const known = this.#processes.get(process);
    const before = known?.before ?? (upMs <= now - this.#startedAt ? nothingCounted : counted);
    this.#processes.delete(process);
    this.#processes.set(process, { counted, before, queues: isLast ? null : queues, heardAt: now });
    for (const levels of partitions) this.#learn(levels);
    if (this.#processes.size > countingProcessesMax) this.#forgetLongestSilent();
    this.#revision++;
  }

  totals(): Totals {
    this.#sweep();
    const own = this.#parts.own?.totals() ?? null;
    for (const levels of own?.partitions ?? []) this.#learn(levels);
    const processes = [...this.#processes.values()];
    const counted = sumCounted([
      this.#former,
      ...(own === null ? [] : [own.counted]),
      ...processes.map((process) => process.counted),
    ]);
    const queues = processes.flatMap((process) => (process.queues === null ? [] : [process.queues]));
    return {
      ...sumLevels([...this.#partitions.values()]),
      ...sumQueues(own === null ? queues : [own.queues, ...queues]),
      counted,
      before: sumCounted([this.#formerBefore, ...processes.map(({ before }) => before)]),
    };
  }

  /** Nodes that have gone without a word. */
  #sweep(): void {
    const oldest = this.#parts.nowMs() - this.#parts.silenceMsMax;
    for (const process of this.#processes.values()) {
      if (process.heardAt >= oldest) break;
      if (process.queues === null) continue;
      process.queues = null;
      this.#revision++;
    }
  }

  #learn(levels: OwnedLevels): void {
    const known = this.#partitions.get(levels.partition);
    if (known === undefined || known.epoch <= levels.epoch) this.#partitions.set(levels.partition, levels);
  }

  #forgetLongestSilent(): void {
    const [name, { counted, before }] = this.#processes.entries().next().value!;
    this.#processes.delete(name);
    this.#former = sumCounted([this.#former, counted]);
    this.#formerBefore = sumCounted([this.#formerBefore, before]);
  }
}
