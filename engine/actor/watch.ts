/**
 * Whether somebody watches status changes, and from which positions on they are sent.
 *
 * Every partition that has a durable position names it at once, so that whoever begins to listen knows where it stands in each. What
 * is decided and not yet durable then was decided when nobody may have watched, so it is not sent: once it is durable its position
 * is named too, and listeners read what lies between from the log. A position that is not durable is never named: a failed commit or
 * a crash takes it back, and it would be used again for something else.
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

  announce(actors: readonly PartitionActor[]): void {
    const round = this.#round;
    if (round === null) return;
    this.from(
      actors.flatMap(({ partition, lastDurable }): Position[] => (lastDurable === null ? [] : [[partition, lastDurable]])),
    );
    for (const actor of actors) {
      if (actor.unsynced === 0) continue;
      actor.whenDurable((position) => {
        if (this.#round === round) this.from([[actor.partition, position]]);
      });
    }
  }

  /** Changes of these partitions are sent behind these positions. */
  from(positions: readonly Position[]): void {
    if (this.#round !== null) this.#notify({ op: 'watching', round: this.#round, positions });
  }
}
