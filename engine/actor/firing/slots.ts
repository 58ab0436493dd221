/**
 * Slots of a host: asked for when events are due, given to the one whose turn it is when they come.
 *
 *     due -> waiting room --want--> courier --grant--> the first of its queue (attempts.ts)
 *     overdue -> backlog, and `want` when all of it has been taken in
 *
 *     due --a slot in advance--> at once, if nobody waits there
 *
 * A long queue has not been read ahead to its end. Where a payload is missing, those of the next in line are read with it.
 *
 * While nothing may start (draining, a full disk) a slot goes back at once and is asked for again later.
 */
import type { Lane } from '../../dispatch/protocol.js';
import type { MonoMs } from '../../kernel/brand.js';
import type { Clock } from '../../kernel/clock.js';
import { Backlog } from './backlog.js';
import type { CourierDesk } from './courier-desk.js';
import { guarded } from '../guarded.js';
import type { PartitionActor } from '../partition-actor.js';
import type { Waiting } from './host-row.js';
import { WaitingRoom } from './waiting-room.js';

/** So many of a queue are read at once; again when half of them have left. */
const readNextCount = 256;

/** How long slots for what is overdue wait for all of it to be taken in. */
const gatheringMsMax = 1_000;

export interface SlotsParts {
  readonly clock: Clock;
  readonly actors: readonly PartitionActor[];
  readonly desk: CourierDesk;
  mayStart(): boolean;
}

export class Slots {
  readonly waitingRoom: WaitingRoom;
  readonly backlog: Backlog;
  readonly #parts: SlotsParts;
  /** Granted while nothing may start. */
  readonly #unserved = new Map<string, number>();
  /** By origin: slots that were given in advance and are at hand. */
  readonly #advance = new Map<string, number>();
  /** By origin: slots to be granted there before the next in line are read again. */
  readonly #readAfter = new Map<string, number>();
  /** Since when slots for the backlog have not been asked for; null: they have. */
  #gatheringSince: MonoMs | null = null;

  constructor(parts: SlotsParts) {
    const standsIn =
      (lane: Lane) =>
      ({ actor, handle, stamp = null }: Waiting & { readonly stamp?: number | null }, origin: string): boolean =>
        parts.actors[actor]!.isWaitingFor(handle, { origin, lane, stamp });
    this.#parts = parts;
    this.waitingRoom = new WaitingRoom(standsIn('regular'));
    this.backlog = new Backlog(standsIn('overdue'));
  }

  granted({ origin, lane, count }: { readonly origin: string; readonly lane: Lane; readonly count: number }): void {
    const { desk, actors, mayStart } = this.#parts;
    if (!mayStart()) {
      desk.release(origin, lane, count);
      if (lane === 'overdue') this.backlog.unask(origin, count);
      else this.#unserved.set(origin, (this.#unserved.get(origin) ?? 0) + count);
      return;
    }
    const queue = lane === 'overdue' ? this.backlog : this.waitingRoom;
    let isMissing = false;
    for (let left = count; left > 0; left--) {
      const waiting = queue.take(origin);
      if (waiting === null) {
        desk.release(origin, lane, left);
        if (lane === 'overdue') this.backlog.unask(origin, left - 1);
        break;
      }
      guarded(actors[waiting.actor]!, (actor) => {
        if (!actor.granted(waiting.handle)) isMissing = true;
      });
    }
    if (lane === 'regular') this.#readNext(origin, { count, isMissing });
  }

  /** `isMissing`: a payload was. */
  #readNext(origin: string, { count, isMissing }: { readonly count: number; readonly isMissing: boolean }): void {
    const after = (this.#readAfter.get(origin) ?? 0) - count;
    if (after > 0 && this.waitingRoom.count(origin) > 0) this.#readAfter.set(origin, after);
    else this.#readAfter.delete(origin);
    if (!isMissing || after > 0 || this.waitingRoom.count(origin) === 0) return;
    this.#readAfter.set(origin, readNextCount / 2);
    this.waitingRoom.forEachNext(origin, readNextCount, ({ actor, handle }) =>
      guarded(this.#parts.actors[actor]!, (owner) => owner.readNext(handle)),
    );
  }

  /** One that nobody asked for. Whoever waits there has asked, and is answered by a grant. */
  advanced(origin: string): void {
    this.#advance.set(origin, (this.#advance.get(origin) ?? 0) + 1);
  }

  takeAdvance(origin: string): boolean {
    const left = this.#advance.get(origin);
    if (left === undefined || this.waitingRoom.count(origin) > 0 || !this.#parts.mayStart()) return false;
    if (left === 1) this.#advance.delete(origin);
    else this.#advance.set(origin, left - 1);
    return true;
  }

  recalled(origin: string): void {
    const left = this.#advance.get(origin);
    if (left === undefined) return;
    this.#advance.delete(origin);
    this.#parts.desk.release(origin, 'regular', left);
  }

  /** What was granted while nothing could start has been given back: it is asked for again as soon as something may. */
  askAgain(): void {
    if (!this.#parts.mayStart()) return;
    for (const [origin, count] of this.#unserved) this.#parts.desk.want(origin, 'regular', count);
    this.#unserved.clear();
  }

  /** For the backlog: when all of it is there (`isComplete`), so that the first to leave are the first of all, or when that takes too long. */
  askForBacklog(isComplete: boolean): void {
    const { clock, desk, mayStart } = this.#parts;
    if (!this.backlog.hasUnasked || !mayStart()) return;
    const now = clock.monoMs();
    this.#gatheringSince ??= now;
    if (!isComplete && now - this.#gatheringSince < gatheringMsMax) return;
    this.#gatheringSince = null;
    this.backlog.ask((origin, count) => desk.want(origin, 'overdue', count));
  }

  /** `askForBacklog` wants to be called again though no message comes. */
  get isGathering(): boolean {
    return this.backlog.hasUnasked && this.#parts.mayStart();
  }

  /** What was asked of a courier that died is asked of its successor. */
  courierLost(isLost: (origin: string) => boolean): void {
    const { waitingRoom, backlog } = this;
    for (const origin of waitingRoom.origins()) {
      if (isLost(origin)) this.#parts.desk.want(origin, 'regular', waitingRoom.count(origin));
    }
    for (const origin of this.#advance.keys()) if (isLost(origin)) this.#advance.delete(origin);
    for (const origin of backlog.origins()) if (isLost(origin)) backlog.unask(origin, backlog.count(origin));
  }
}
