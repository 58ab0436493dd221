/**
 * The working parts of a partition around one memory, made together after a replay and discarded together:
 *
 *     requests (request-desk.ts)   what is asked
 *     timekeeper (timekeeper.ts)   when an event's turn comes
 *     attempts (attempts.ts)       from slot to outcome
 *     settings (settings-desk.ts)  what is set for origins
 *     lists (list-desk.ts)         which events there are
 *     tallies (tally-desk.ts)      how many of a source or type
 *     bulk (bulk-desk.ts)          changes of all that match
 *     ledger (ledger.ts)           what was decided, and when it is heard of
 *     snapshots (snapshots.ts)     when the next snapshot is taken
 *     retention (retention.ts)     what goes, and what is carried forward
 */
import { type Handle, noSequence, type Sequence, type Tick, type WallMs } from '../../kernel/brand.js';
import type { PartitionState } from '../../partition/state.js';
import type { Answers } from '../desks/answers.js';
import { Attempts } from '../firing/attempts.js';
import { BulkDesk } from '../desks/bulk-desk.js';
import type { HostShared } from '../host-shared.js';
import { Ledger, type Loss } from '../ledger/ledger.js';
import { ListDesk } from '../desks/list-desk.js';
import type { NumberedRequest } from '../desks/parking.js';
import { PartitionMemory } from '../partition-memory.js';
import { Payloads } from '../payloads.js';
import { RequestDesk } from '../desks/request-desk.js';
import { SettingsDesk } from '../desks/settings-desk.js';
import { Retention } from './retention.js';
import { SnapshotClerk } from './snapshots.js';
import { TallyDesk } from '../desks/tally-desk.js';
import { Timekeeper } from '../firing/timekeeper.js';

export interface PartitionLifeParts {
  readonly state: PartitionState;
  /** Position of the snapshot with which its replay began; 0: none. */
  readonly begunAt: Sequence;
  readonly tick: Tick;
  /** Place of the actor in its host. */
  readonly number: number;
  readonly shared: HostShared;
  readonly answers: Answers;
  /** What is known contradicts the log: the partition must stop. */
  failed(detail: string): void;
  /** Retention has removed what was before `first`. */
  removed(first: Sequence): void;
}

export class PartitionLife {
  readonly memory: PartitionMemory;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
  readonly attempts: Attempts;
  readonly requests: RequestDesk;
  readonly settings: SettingsDesk;
  readonly snapshots: SnapshotClerk;
  readonly lists: ListDesk;
  readonly bulk: BulkDesk;
  readonly retention: Retention;
  readonly tallies: TallyDesk;
  readonly #payloads: Payloads;

  constructor({ state, begunAt, tick, number, shared, answers, failed, removed }: PartitionLifeParts) {
    const memory = new PartitionMemory(state, tick);
    const payloads = new Payloads(
      {
        partition: state.partition,
        reads: shared.reads,
        bodySeq: (handle) => this.#readable(handle),
        originOf: (handle) => state.columns.origin(handle),
        came: (handle, body) => this.#payloadCame(handle, body),
        failed: (detail) => failed(`the payload of a pending event cannot be read: ${detail}`),
      },
      shared.bodies,
    );
    const ledger = new Ledger({ memory, shared, payloads });
    const timekeeper = new Timekeeper({
      number,
      memory,
      shared,
      ledger,
      payloads,
      granted: (handle) => this.attempts.granted(handle),
    });
    this.memory = memory;
    this.ledger = ledger;
    this.timekeeper = timekeeper;
    this.attempts = new Attempts({ memory, shared, ledger, timekeeper, payloads, failed });
    this.requests = new RequestDesk({ memory, shared, answers, ledger, timekeeper, payloads });
    this.settings = new SettingsDesk({ memory, shared, answers, ledger });
    this.snapshots = new SnapshotClerk({ memory, shared, begunAt });
    this.lists = new ListDesk({ memory, shared, answers, ledger, timekeeper });
    this.tallies = new TallyDesk({ memory, shared, answers, timekeeper, ledger: this.ledger });
    this.bulk = new BulkDesk({ memory, shared, answers, ledger, timekeeper, requests: this.requests });
    const changesMany = (): boolean => this.bulk.isOpen;
    const isRead = (): boolean => this.requests.parked > 0 || changesMany();
    this.retention = new Retention({ memory, shared, ledger, timekeeper, isRead, changesMany, removed });
    this.#payloads = payloads;
  }

  /** After a replay: where does this event belong? `running`: an attempt whose outcome will come; null: none. */
  place(handle: Handle, running: number | null, now: WallMs): void {
    const { columns } = this.memory.state;
    const isDispatched = columns.status(handle) === 'DISPATCHED';
    // A failed commit may have lost the `dispatched` record. Another number is an attempt that was made twice and has ended once.
    if (running === columns.attempts(handle) + (isDispatched ? 0 : 1)) {
      this.attempts.goesOn(handle);
    } else {
      // One that is dispatched was started before the crash, outcome unknown: the same attempt once more; later, if the clock was
      // set back meanwhile.
      this.timekeeper.arm(handle, now);
    }
  }

  /** Nothing is running and nothing waits for the disk. */
  get isIdle(): boolean {
    return this.memory.running.size === 0 && this.ledger.isSettled;
  }

  /** The partition is being handed over: what runs goes on, and nothing else begins. */
  stopStarting(): void {
    this.#giveUpSlots();
  }

  /** End of a turn: records go to the log writer, reads to the reader. */
  flush({ isEnding }: { readonly isEnding: boolean }): void {
    this.ledger.flush({ changesMany: this.bulk.isOpen, isEnding });
    this.#payloads.flush();
  }

  /** Its memory is worth nothing any more. Returns requests about which nothing has been decided. */
  discard(loss: Loss): NumberedRequest[] {
    this.memory.isDiscarded = true;
    this.ledger.voidRest(loss);
    this.lists.discard(loss);
    this.bulk.discard(loss);
    this.tallies.discard(loss);
    this.#payloads.clear();
    this.#giveUpSlots();
    return this.requests.takeParked();
  }

  #giveUpSlots(): void {
    const { state, places } = this.memory;
    for (let row = 0; row < state.columns.rows; row++) {
      const handle = row as Handle;
      const place = state.columns.isLive(handle) ? places.of(handle) : 'decided';
      if (place === 'waiting' || place === 'overdue' || place === 'loading') this.timekeeper.withdraw(handle);
    }
  }

  /** Where the body of an event can be read. A row that was freed and used again may belong to one that is not durable yet. */
  #readable(handle: Handle): Sequence {
    const { columns } = this.memory.state;
    const seq = columns.isLive(handle) ? columns.bodySeq(handle) : noSequence;
    return seq <= this.ledger.durable ? seq : noSequence;
  }

  #payloadCame(handle: Handle, body: Uint8Array): void {
    const place = this.memory.places.of(handle);
    if (place === 'loading') this.attempts.loaded(handle, body);
    else if (place === 'armed' || place === 'waiting' || place === 'overdue') this.#payloads.keep(handle, body);
  }
}
