/**
 * When is it an event's turn? Puts events into the wheel and into the queues of their origins, and takes them out.
 *
 *     arm --(a second ahead: read its payload)--> its time --> waiting room or backlog --slot--> (attempts.ts)
 *                                          \----> expiry, from the wheel or from the queue
 */
import type { Lane } from '../../dispatch/protocol.js';
import type { WaitReason } from '../../event/status.js';
import type { Handle, Sequence, Tick } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import { readAheadMs } from '../../kernel/limits.js';
import { Wheel } from '../../wheel/wheel.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Payloads } from '../payloads.js';
import { stampOf } from './host-row.js';
import type { Place } from '../places.js';

/** Of one origin so many waiting events have their payloads read ahead; those behind them will wait longer than a read takes. */
const readAheadWaitingMax = 256;

const placeOfLane = { regular: 'waiting', overdue: 'overdue' } as const satisfies Record<Lane, Place>;

export interface TimekeeperParts {
  /** Place of the actor in its host. */
  readonly number: number;
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly ledger: Ledger;
  readonly payloads: Payloads;
  /** It has its slot. */
  granted(handle: Handle): void;
}

/** Where an entry stands for an event. `stamp` null: whatever it is. */
export interface QueuePlace {
  readonly origin: string;
  readonly lane: Lane;
  readonly stamp: number | null;
}

export class Timekeeper {
  readonly #parts: TimekeeperParts;
  readonly #memory: PartitionMemory;
  readonly #shared: HostShared;
  readonly #payloads: Payloads;

  constructor(parts: TimekeeperParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#shared = parts.shared;
    this.#payloads = parts.payloads;
  }

  /** In the wheel for what comes first: its expiry, its due time, or a second before that when its payload is on disk. */
  arm(handle: Handle, now = this.#shared.ports.clock.wallMs()): void {
    const { columns } = this.#memory.state;
    const dueAtMs = columns.dueAtMs(handle);
    const expiresAtMs = this.#expiryOf(handle);
    const isSoon = dueAtMs - now <= readAheadMs || this.#payloads.has(handle);
    const callAtMs = isSoon ? dueAtMs : dueAtMs - readAheadMs;
    this.#memory.places.put(handle, 'armed');
    this.#wheelIn(handle, expiresAtMs === 0 ? callAtMs : Math.min(callAtMs, expiresAtMs));
  }

  /** Once its records are durable. Meanwhile the event may have been cancelled, and its row may be another's. */
  armIfUnchanged(handle: Handle, decidedAt: Sequence): void {
    if (this.#memory.state.columns.newestSeq(handle) === decidedAt) this.arm(handle);
  }

  /** It was put back with very many others: its turn comes behind what is due now, at the pace of recovery. */
  armPaced(handle: Handle): void {
    this.#memory.places.pace(handle);
    if (this.#memory.state.columns.dueAtMs(handle) <= this.#shared.ports.clock.wallMs()) this.comesDue(handle);
    else this.arm(handle);
  }

  /** An entry of the wheel has come up: to be read ahead, due, or expired. */
  timeHasCome(handle: Handle, tick: Tick): void {
    const { state, places } = this.#memory;
    const dueAtMs = state.columns.dueAtMs(handle);
    const expiresAtMs = this.#expiryOf(handle);
    const startsTooLate = places.of(handle) !== 'armed' || dueAtMs > expiresAtMs;
    if (expiresAtMs !== 0 && (tick > expiresAtMs || (tick >= expiresAtMs && startsTooLate))) {
      this.#expire(handle);
    } else if (dueAtMs > tick) {
      this.#payloads.readAhead(handle, dueAtMs);
      this.arm(handle);
    } else {
      this.comesDue(handle);
    }
  }

  /** It has its slot and its payload. Did that take too long? Then it expires, and the slot goes back. */
  expiresInstead(handle: Handle): boolean {
    const expiresAtMs = this.#expiryOf(handle);
    if (expiresAtMs === 0 || this.#shared.ports.clock.wallMs() < expiresAtMs) return false;
    this.#expire(handle);
    return true;
  }

  #expire(handle: Handle): void {
    this.withdraw(handle);
    this.#parts.ledger.happened({ op: 'expire', handle });
  }

  /** Until a slot is granted it is in a queue of its origin; in the wheel as well if it can expire there. */
  comesDue(handle: Handle): void {
    if (this.#memory.wasOverdue(handle)) this.#fallBehind(handle);
    else if (this.#shared.takeAdvance(this.#memory.originOf(handle))) {
      this.#parts.granted(handle);
      return;
    } else this.#wait(handle);
    this.#armExpiry(handle);
  }

  /** Its payload is read when it has its slot: which of a million is next is not known before. */
  #fallBehind(handle: Handle): void {
    const { columns } = this.#memory.state;
    this.#memory.places.put(handle, 'overdue');
    this.#shared.backlog.enter(this.#memory.originOf(handle), {
      actor: this.#parts.number,
      handle,
      priority: columns.priority(handle),
      dueAtMs: columns.dueAtMs(handle),
      bodySeq: columns.bodySeq(handle),
    });
  }

  #wait(handle: Handle): void {
    const { desk, waitingRoom } = this.#shared;
    const origin = this.#memory.originOf(handle);
    this.#memory.places.put(handle, 'waiting');
    const { columns } = this.#memory.state;
    waitingRoom.enter(origin, {
      actor: this.#parts.number,
      handle,
      priority: columns.priority(handle),
      bodySeq: columns.bodySeq(handle),
    });
    desk.want(origin, 'regular');
    if (waitingRoom.count(origin) <= readAheadWaitingMax) this.#payloads.readNext(handle);
  }

  /** An entry of the waiting room is among the next ones. It may not stand any more; reading it then costs little. */
  readNext(handle: Handle): void {
    if (this.#memory.places.of(handle) === 'waiting') this.#payloads.readNext(handle);
  }

  /** Whether an entry of the waiting room, or of the backlog, still stands. */
  isWaitingFor(handle: Handle, { origin, lane, stamp }: QueuePlace): boolean {
    const { state, places } = this.#memory;
    const { columns } = state;
    return (
      handle < columns.rows &&
      columns.isLive(handle) &&
      places.of(handle) === placeOfLane[lane] &&
      (stamp === null || stampOf(columns.bodySeq(handle)) === stamp) &&
      this.#memory.originOf(handle) === origin
    );
  }

  /** Null: it does not wait. */
  reasonToWait(event: EventId): WaitReason | null {
    const handle = this.#memory.state.handleOf(event);
    return handle === null ? null : this.reasonWhyWaits(handle);
  }

  /** The same of the event in this row. */
  reasonWhyWaits(handle: Handle): WaitReason | null {
    const place = this.#memory.places.of(handle);
    if (place !== 'waiting' && place !== 'overdue') return null;
    return this.#shared.desk.reasonFor(this.#memory.originOf(handle), place === 'overdue' ? 'overdue' : 'regular');
  }

  /** Its time has come, whether or not something keeps it from starting. */
  isDue(handle: Handle): boolean {
    return this.#memory.state.columns.dueAtMs(handle) <= this.#shared.ports.clock.wallMs();
  }

  /** Out of wheel, queue and slot: from now on nothing of it can start. */
  withdraw(handle: Handle): void {
    const { places, wheel } = this.#memory;
    const { desk, waitingRoom, backlog } = this.#shared;
    const origin = this.#memory.originOf(handle);
    const place = places.of(handle);
    wheel.remove(handle);
    places.put(handle, 'decided');
    if (place === 'waiting') {
      waitingRoom.leave(origin);
      desk.unwant(origin, 'regular');
    } else if (place === 'overdue') {
      if (backlog.leave(origin)) desk.unwant(origin, 'overdue');
    } else if (place === 'loading') {
      desk.release(origin, this.#memory.wasOverdue(handle) ? 'overdue' : 'regular', 1);
    }
  }

  /**
   * The wall clock was set back: what the wheel holds would be early by as much. Its time never goes back, so a new one takes
   * over, into which `armAnew` puts one row after the other; what is armed before its row's turn comes is in it already.
   */
  beginAnew(tick: Tick): void {
    this.#memory.wheel = new Wheel(tick);
  }

  armAnew(handle: Handle): void {
    if (this.#memory.wheel.contains(handle)) return;
    const place = this.#memory.places.of(handle);
    if (place === 'armed') this.arm(handle);
    else if (place === 'waiting' || place === 'overdue') this.#armExpiry(handle);
  }

  /** Of an event that waits for its slot. */
  #armExpiry(handle: Handle): void {
    const expiresAtMs = this.#expiryOf(handle);
    if (expiresAtMs !== 0) this.#wheelIn(handle, expiresAtMs);
  }

  /** 0: never. An event whose attempt is made once more was started in time. */
  #expiryOf(handle: Handle): number {
    const { columns } = this.#memory.state;
    return columns.status(handle) === 'DISPATCHED' ? 0 : columns.expiresAtMs(handle);
  }

  #wheelIn(handle: Handle, atMs: number): void {
    this.#memory.wheel.insert(handle, Math.ceil(atMs) as Tick, this.#memory.state.columns.priority(handle));
  }
}
