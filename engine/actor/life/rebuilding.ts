/**
 * A partition's memory in the making: from the first question to the log until every row is in its place.
 *
 *     replaying --the log has been read--> confirming --the log writer says `reopened`--> placing --every row--> over
 *
 * What a replay reads may be in the page cache only, if a process was killed in the middle of a commit or an fsync failed; so nobody hears
 * of it, and nothing starts, before the log writer has confirmed it. Rows are placed in steps, since there may be millions.
 *
 * Attempts go on meanwhile: a courier that still runs one, or has ended it since it was asked, must not be given it a second time.
 *
 * Owned by its host's thread.
 */
import type { Outcome } from '../../event/attempt.js';
import type { Handle, PartitionId, WallMs } from '../../kernel/brand.js';
import { formatEventId } from '../../kernel/event-id.js';
import type { PartitionState } from '../../partition/state.js';
import type { HostShared } from '../host-shared.js';
import type { PartitionLife } from './partition-life.js';
import type { ReadFailure } from '../desks/facts.js';
import { Recovery, type RecoveryResult, type RunningAttempt } from './recovery.js';

/** Rows placed between two looks at the clock. */
const placedRows = 1_024;

/** Rows are being put where they belong. */
interface Placing {
  readonly state: PartitionState;
  /** The next one. */
  row: number;
  readonly place: (handle: Handle, now: WallMs) => void;
  readonly done: () => void;
}

export interface RebuildingParts {
  readonly partition: PartitionId;
  readonly shared: HostShared;
  /** What the log told is certain: a life begins with it. */
  live(result: RecoveryResult): PartitionLife;
  /** `unfinishedAttempts`: begun before and neither ended nor running, so begun again. */
  done(unfinishedAttempts: number): void;
  failed(failure: ReadFailure): void;
}

export class Rebuilding {
  readonly #parts: RebuildingParts;
  #recovery: Recovery | null = null;
  /** What the log told, until the log writer has made sure of it. */
  #replayed: RecoveryResult | null = null;
  #placing: Placing | null = null;
  /** By event id: attempts that ended meanwhile. Their outcomes are among what is postponed. */
  readonly #ended = new Map<string, number>();
  /** Couriers that died since they were asked what they run. */
  #lost: ((origin: string) => boolean)[] = [];

  constructor(parts: RebuildingParts) {
    this.#parts = parts;
  }

  /** The log is being read. */
  get isReplaying(): boolean {
    return this.#recovery !== null;
  }

  /** Part of the log that has been read, 0-1. */
  get progress(): number {
    return this.#recovery?.done ?? 0;
  }

  /** There is something to do without another message. */
  get hasWork(): boolean {
    return this.#placing !== null || (this.#recovery?.hasWork ?? false);
  }

  begin(): void {
    const { partition, shared } = this.#parts;
    this.#lost = [];
    this.#recovery = new Recovery({ partition, reads: shared.reads, couriers: shared.desk.askRunning(partition) });
  }

  abandon(): void {
    this.#recovery = null;
    this.#replayed = null;
    this.#placing = null;
  }

  courierRuns(courier: number, attempts: readonly RunningAttempt[]): void {
    this.#recovery?.courierRuns(courier, attempts);
  }

  courierLost(courier: number, isLost: (origin: string) => boolean): void {
    this.#recovery?.courierRuns(courier, []);
    this.#lost.push(isLost);
  }

  ended({ event, attempt }: Outcome): void {
    this.#ended.set(formatEventId(event), attempt);
  }

  /** Nobody is waited for any more. */
  forget(): void {
    this.#ended.clear();
    this.#lost = [];
  }

  /** Goes on until there is nothing to do for now, or `isOver` says that the turn's time is up. */
  step(isOver: () => boolean): void {
    if (this.#recovery !== null) this.#stepReplay(this.#recovery, isOver);
    if (this.#placing !== null) this.#stepPlacing(this.#placing, isOver);
  }

  #stepReplay(recovery: Recovery, isOver: () => boolean): void {
    const { partition, shared, failed } = this.#parts;
    const result = recovery.step(isOver);
    if (recovery.failure !== null) {
      failed(recovery.failure);
      return;
    }
    if (result === null) return;
    this.#recovery = null;
    this.#replayed = result;
    for (const detail of result.damagedSnapshots) shared.ports.notify({ op: 'snapshot-damaged', partition, detail });
    shared.ports.toWriter({ op: 'reopen', partition, after: result.state.lastSeq });
  }

  /** What the replay has seen is on disk for certain, and the log goes on behind it. */
  reopened(): void {
    if (this.#replayed === null) return;
    const { state, running } = this.#replayed;
    const life = this.#parts.live(this.#replayed);
    this.#replayed = null;
    let unfinished = 0;
    this.placeAll(state, {
      place: (handle, now) => {
        const attempt = this.#runningAttempt(state, { handle, running });
        if (attempt === null && state.columns.status(handle) === 'DISPATCHED') unfinished++;
        life.place(handle, attempt, now);
      },
      done: () => {
        this.forget();
        this.#parts.done(unfinished);
      },
    });
  }

  /** Calls `place` for every event that is pending, in steps, and then `done`. */
  placeAll(state: PartitionState, { place, done }: Pick<Placing, 'place' | 'done'>): void {
    this.#placing = { state, row: 0, place, done };
  }

  /** The attempt of this event that has an outcome coming, or one that came meanwhile; null: none. */
  #runningAttempt(
    { columns, origins }: PartitionState,
    { handle, running }: { handle: Handle; running: ReadonlyMap<string, number> },
  ): number | null {
    if (running.size === 0 && this.#ended.size === 0) return null;
    const event = formatEventId(columns.id(handle));
    const ended = this.#ended.get(event);
    if (ended !== undefined) return ended;
    const origin = origins.name(columns.origin(handle));
    return this.#lost.some((isLost) => isLost(origin)) ? null : (running.get(event) ?? null);
  }

  #stepPlacing(placing: Placing, isOver: () => boolean): void {
    const { columns } = placing.state;
    while (placing.row < columns.rows) {
      const end = Math.min(placing.row + placedRows, columns.rows);
      // Once for all of them: the clock costs as much as the rest.
      const now = this.#parts.shared.ports.clock.wallMs();
      for (; placing.row < end; placing.row++) {
        if (columns.isLive(placing.row as Handle)) placing.place(placing.row as Handle, now);
      }
      if (isOver()) return;
    }
    this.#placing = null;
    placing.done();
  }
}
