/**
 * Whether somebody watches status changes, and from which positions on they are sent.
 *
 * A partition's position is named when it is durable: one that a failed commit or a crash takes back would be used again for
 * something else.
 */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { HostNotice } from './notices.js';
import type { PartitionActor } from './partition-actor.js';

type Position = readonly [PartitionId, Sequence];

export class Watch {
  readonly #notify: (notice: HostNotice) => void;
  /** Of the newest order; null while nobody watches. */
  #round: number | null = null;

  constructor(notify: (notice: HostNotice) => void) {
    this.#notify = notify;
  }

  get isOn(): boolean {
    return this.#round !== null;
  }

  /** `round`: null when nobody watches any more. */
  turn(round: number | null): void {
    this.#round = round;
  }

  /** Those of settled partitions at once, the others each when what it has decided so far is durable. */
  announce(actors: readonly PartitionActor[]): void {
    const round = this.#round;
    if (round === null) return;
    const settled: Position[] = [];
    let isNow = true;
    for (const actor of actors) {
      if (actor.phase !== 'ready') continue;
      actor.whenDurable((position) => {
        if (isNow) settled.push([actor.partition, position]);
        else if (this.#round === round) this.from([[actor.partition, position]]);
      });
    }
    isNow = false;
    this.from(settled);
  }

  /** Changes of these partitions are sent behind these positions. */
  from(positions: readonly Position[]): void {
    if (this.#round !== null) this.#notify({ op: 'watching', round: this.#round, positions });
  }
}
