/**
 * When is it time for the next snapshot of a partition? It is taken from the log, elsewhere; the actor only says up to where.
 *
 * Every so many durable records of all partitions of a host, so that a replay after a crash is short. Those that have made the pending events more
 * count for two fifths: what they have become would have to be read from a snapshot as well, and entering a new event takes little more than half of what
 * another record takes. So while events are accepted and none is due one is owed after two and a half times as many, as long as there are not so many that a start
 * takes seconds anyway. At least a quarter of the pending events, because a snapshot writes all of them; and not before twice the time has passed that the last one took, so that under load those of
 * one partition cost a third of a core at most. With several the others' lie in its pause. A pause of the whole host was refused: each record is read
 * once whenever that is, so it would save nothing and have a replay after a crash grow as long as the load lasts. Once more before an orderly stop,
 * if the next start would otherwise have much to replay.
 *
 * One at a time for each host: the others wait here, not in the queue of a pool, so that they can still be held back when a flood
 * begins meanwhile.
 */
import type { MonoMs, Sequence } from '../../kernel/brand.js';
import { snapshotRecords, snapshotRecordsMin } from '../../kernel/limits.js';
import type { HostShared } from '../host-shared.js';
import type { PartitionMemory } from '../partition-memory.js';

/** Of the pending events: so many records at least between two snapshots. */
const pendingShare = 1 / 4;
/** Of the records by which there are more pending events than at the last snapshot, what is not counted, ... */
const unfinishedShare = 3 / 5;
/** ... up to so many pending events, in times of the usual number of records: 4,000,000 of a host. */
const unfinishedTimes = 5;
/** The pause after a snapshot, in times of what it took. */
const pauseTimes = 2;
/** So long one that is due waits while there is a flood ... */
const heldMsMax = 60_000;
/** ... and behind it: bulk changes follow each other, and one snapshot takes a core for a second. */
const calmMs = 1_000;
/** Before a stop this part of the usual number of records is worth a snapshot. */
const stopShare = 1 / 8;

/** Of each partition between two snapshots, on a host with so many. */
export function snapshotRecordsOf(partitions: number): number {
  return Math.max(snapshotRecordsMin, Math.ceil(snapshotRecords / partitions));
}

export interface SnapshotClerkParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  /** Position of the snapshot that this memory began with; 0: none. */
  readonly begunAt: Sequence;
}

export class SnapshotClerk {
  readonly #parts: SnapshotClerkParts;
  #newest: Sequence;
  /** Pending events then, or when this life began. */
  #pendingThen: number;
  #notBeforeMs = 0 as MonoMs;
  /** Since when it is held back; null: it is not. */
  #heldSince: MonoMs | null = null;
  /** When the flood that was seen last is long enough ago. */
  #calmAtMs = 0 as MonoMs;
  #isLastTaken = false;

  constructor(parts: SnapshotClerkParts) {
    this.#parts = parts;
    this.#newest = parts.begunAt;
    this.#pendingThen = parts.memory.state.pending;
  }

  /** In each turn: is one due? While something else is more urgent it would stand in its way, and is held back. */
  turn(durable: Sequence): void {
    if (!this.#isOwed(durable)) return;
    const { shared } = this.#parts;
    const now = shared.ports.clock.monoMs();
    if (shared.isFlooded()) {
      this.#heldSince ??= now;
      this.#calmAtMs = (now + calmMs) as MonoMs;
    }
    const isHeld = this.#heldSince !== null && now < this.#calmAtMs && now - this.#heldSince < heldMsMax;
    if (isHeld || now < this.#notBeforeMs) return;
    this.#heldSince = null;
    this.#take(durable);
  }

  /** When `turn` wants to be called though no message comes. Null: not before more is durable, or another snapshot has been taken. */
  dueInMs(durable: Sequence): number | null {
    if (!this.#isOwed(durable)) return null;
    return Math.max(0, Math.max(this.#notBeforeMs, this.#calmAtMs) - this.#parts.shared.ports.clock.monoMs());
  }

  /** There is enough to be read behind the newest one, and no other partition's is being taken. */
  #isOwed(durable: Sequence): boolean {
    const { memory, shared } = this.#parts;
    const { pending } = memory.state;
    const added = Math.max(0, Math.min(pending, shared.snapshotRecords * unfinishedTimes) - this.#pendingThen);
    const every = Math.max(shared.snapshotRecords + added * unfinishedShare, pending * pendingShare);
    // Everything up to `durable` may have been removed: then there is nothing to take.
    const isRemoved = durable < memory.state.finished.first;
    return !shared.snapshotTurn.isTaken && !isRemoved && durable - this.#newest >= every;
  }

  /** Called while nothing is decided any more: true when the last snapshot is there, or not worth its while. */
  hasLast(durable: Sequence): boolean {
    if (this.#parts.shared.snapshotTurn.isTaken) return false;
    if (this.#isLastTaken || durable - this.#newest < this.#parts.shared.snapshotRecords * stopShare) return true;
    this.#isLastTaken = true;
    this.#take(durable);
    return false;
  }

  #take(upTo: Sequence): void {
    const { memory, shared } = this.#parts;
    const { clock } = shared.ports;
    const beganMs = clock.monoMs();
    shared.snapshotTurn.isTaken = true;
    // Whatever comes of it: one that failed is not worth trying again before there is as much to replay as usual.
    this.#newest = upTo;
    this.#pendingThen = memory.state.pending;
    shared.reads.ask({ op: 'snapshot', partition: memory.state.partition, upTo }, () => {
      const now = clock.monoMs();
      shared.snapshotTurn.isTaken = false;
      this.#notBeforeMs = (now + (now - beganMs) * pauseTimes) as MonoMs;
    });
  }
}
