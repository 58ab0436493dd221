/**
 * What this node remembers of one partition: where it stands in its course, since when what is so, and what is told of it.
 *
 * Times are those of `performance.now()`. Main thread.
 */
import type { ServedReport } from '../membership/node-reports.js';
import type { Stage } from './partition-course.js';

export class Course {
  stage: Stage = 'elsewhere';
  /** Of the newest ownership that the host was told to take; 0: none. */
  takenEpoch = 0;
  /** The highest of any marker that was seen. */
  seenEpoch = 0;
  /** The host was told to follow it, and not yet anything else. */
  isFollowed = false;
  /** Entries behind the owner, while it is followed; null: not known. */
  lag: number | null = null;
  served: ServedReport | null = null;
  /** Released here, and nobody has claimed it yet. */
  isHandedOver = false;
  /** Since when anybody may claim it; null: nobody may. */
  freeSince: number | null = null;
  /** Since when it is served here and another node should own it; null: it is not, or none should. */
  misplacedSince: number | null = null;
  /** How often its next owner did not take it when it was released, so that it came back here; and when that was last. */
  returns = 0;
  returnedAt = Number.NEGATIVE_INFINITY;
  /** When anybody was last known to start attempts of it. */
  servedAt: number | null = null;

  /** Some host was told to take it, and it has not ended. */
  get isHeldHere(): boolean {
    return this.stage === 'restoring' || this.stage === 'serving' || this.stage === 'releasing';
  }

  /** On its way from here to its next owner. */
  get isMoving(): boolean {
    return this.stage === 'releasing' || this.stage === 'yielding' || this.isHandedOver;
  }

  followed(): void {
    this.isFollowed = true;
    this.lag = null;
    this.stage = 'following';
  }

  /** The host was told to end it in order: from now on nothing starts. */
  released(now: number): void {
    this.stage = 'releasing';
    this.servedAt = now;
  }

  /** For how long nothing has been started here, in whole milliseconds. */
  idleMs(now: number): number {
    return Math.round(now - (this.servedAt ?? now));
  }

  /** Neither followed nor served any more. */
  left(): void {
    this.isFollowed = false;
    this.lag = null;
    this.served = null;
    this.stage = 'elsewhere';
  }

  /** Its marker has arrived or not: the newest marker says what follows. */
  markerSettled(): void {
    this.stage = this.isFollowed ? 'following' : 'elsewhere';
  }

  taken(epoch: number): void {
    this.left();
    this.stage = 'restoring';
    this.takenEpoch = epoch;
  }

  serving(now: number, { duplicates, dataLosses }: Pick<ServedReport, 'duplicates' | 'dataLosses'>): ServedReport {
    this.stage = 'serving';
    const takeoverMs = Math.round(now - (this.servedAt ?? this.freeSince ?? now));
    this.served = { epoch: this.takenEpoch, takeoverMs, duplicates, dataLosses };
    return this.served;
  }

  noteFree(isFree: boolean, now: number): void {
    if (!isFree) this.freeSince = null;
    else this.freeSince ??= now;
  }

  /** `isElsewhere`: another node should own it. While it is on its way there and comes back, what is known of its returns stays. */
  notePlaced(isElsewhere: boolean, now: number): void {
    if (!isElsewhere) this.returns = 0;
    if (isElsewhere && this.stage === 'serving') this.misplacedSince ??= now;
    else this.misplacedSince = null;
  }

  /** It has an owner again, whoever released it. */
  noteOwned(isHere: boolean, now: number): void {
    if (this.isHandedOver && isHere) {
      this.returns++;
      this.returnedAt = now;
    }
    this.isHandedOver = false;
  }
}
