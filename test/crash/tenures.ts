/**
 * Who owned which partition from when to when, by the markers that were written, and which of these ownerships ended in disorder.
 *
 * Only where an owner was replaced that had not released its partition may an attempt be made again. Where it had, everything has to be as if
 * the partition had stayed where it was.
 */
import type { PartitionId } from '../../engine/kernel/brand.js';
import { parseEventId, partitionOf, slotOf } from '../../engine/kernel/event-id.js';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import type { WrittenMarker } from '../cluster/marker-audit.js';
import type { Upheaval, Upheavals } from './upheaval.js';

/** What was done to somebody, as it happened. */
export interface Trouble {
  /** A node or a nats-server; of the latter all are concerned. */
  readonly target: string;
  readonly isNats: boolean;
  readonly fromMs: number;
  /** Until it was back, or later. */
  readonly toMs: number;
}

export interface Takeover {
  readonly partition: PartitionId;
  readonly epoch: number;
  readonly from: string;
  readonly atMs: number;
  /** Released before. */
  readonly isInOrder: boolean;
  /** When what led to it began; null: nothing that was done explains it. */
  readonly troubleFromMs: number | null;
}

/** A trouble that is over still explains what follows within this time: sessions run out, connections are made anew, nodes start. */
const aftermathMs = 2 * sessionTtlMs;

export class Tenures implements Upheavals {
  readonly takeovers: readonly Takeover[];
  readonly #partitions: number;

  constructor(markers: ReadonlyMap<PartitionId, readonly WrittenMarker[]>, troubles: readonly Trouble[], partitions: number) {
    this.#partitions = partitions;
    this.takeovers = [...markers].flatMap(([partition, written]) =>
      written.flatMap((marker, at) => {
        const before = written[at - 1];
        if (marker.released || before === undefined) return [];
        const { epoch, writtenAtMs: atMs } = marker;
        const troubleFromMs = beganAt(troubles, { owner: before.node, atMs });
        return [{ partition, epoch, from: before.node, atMs, isInOrder: before.released, troubleFromMs }];
      }),
    );
  }

  between(id: string, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): Upheaval | null {
    const partition = partitionOf(slotOf(parseEventId(id)!), this.#partitions);
    const takeover = this.takeovers.find(
      (one) => one.partition === partition && !one.isInOrder && one.atMs > fromMs && one.atMs <= toMs,
    );
    if (takeover === undefined) return null;
    return { beganAtMs: takeover.troubleFromMs ?? takeover.atMs - sessionTtlMs };
  }
}

/**
 * What was done when it began that explains it. An owner that had been harmed just before NATS was has not served since: when it is back it waits
 * for NATS, and only then for its own session to run out.
 */
function beganAt(
  troubles: readonly Trouble[],
  { owner, atMs }: { readonly owner: string; readonly atMs: number },
): number | null {
  const before = (ms: number): Trouble[] => troubles.filter(({ fromMs, toMs }) => fromMs <= ms && toMs + aftermathMs >= ms);
  const concerned = before(atMs).filter(({ target, isNats }) => isNats || target === owner);
  if (concerned.length === 0) return null;
  const beganAtMs = Math.min(...concerned.map(({ fromMs }) => fromMs));
  return Math.min(beganAtMs, ...before(beganAtMs).flatMap(({ target, fromMs }) => (target === owner ? [fromMs] : [])));
}
