/**
 * The actor of one partition: takes turns between rebuilding its memory from the log and living with it.
 *
 *     recovering --replayed, reopened, every row placed--> ready --a commit failed--> recovering ...
 *          \--the log contradicts itself--> failed <--an invariant broke--/
 *
 * recovering  Memory is being made from the log. Requests and outcomes wait. What a replay reads may be in the page cache only, if
 *             a process was killed in the middle of a commit or an fsync failed; so nobody hears of it, and nothing starts, before
 *             the log writer has confirmed it (`reopened`).
 * ready       The parts of `partition-life.ts` do the work.
 * failed      Every request is refused until somebody has looked. The process and the other partitions go on.
 *
 * A failed commit leads back to recovering, because memory then holds what the disk does not. State changes when it is
 * decided and is heard of when it is durable, so throwing it away takes nothing back that anybody has heard.
 *
 * Owned by its host's thread.
 */
import type { Outcome } from '../event/attempt.js';
import {
  type Handle,
  type MonoMs,
  noSequence,
  type PartitionId,
  type Sequence,
  type Tick,
  type WallMs,
} from '../kernel/brand.js';
import { formatEventId } from '../kernel/event-id.js';
import type { WriteFailure } from '../log/protocol.js';
import { type FilterWords, SegmentFilter } from '../log/segment-filter.js';
import type { PartitionPhase } from '../observe/figures.js';
import type { Request } from '../partition/command.js';
import type { SettingsRequest } from '../partition/decide-settings.js';
import { PartitionState } from '../partition/state.js';
import type { Wheel } from '../wheel/wheel.js';
import { Answers } from './answers.js';
import type { HostShared } from './host-shared.js';
import type { Enquiry, NumberedSheaf } from './requests.js';
import type { Loss } from './ledger.js';
import { PartitionLife } from './partition-life.js';
import { Recovery, type RecoveryResult, type RunningAttempt } from './recovery.js';
import type { QueuePlace } from './timekeeper.js';

/** A failed commit is followed by a replay after this long, doubling up to the second figure while it fails again. */
const reloadWaitMs = 250;
const reloadWaitMsMax = 5_000;
/** Rows placed between two looks at the clock. */
const placedRows = 1_024;

/** Rows are being put where they belong, in steps, since there may be millions. */
interface Placing {
  /** The next one. */
  row: number;
  readonly place: (handle: Handle) => void;
  readonly done: () => void;
}

export class PartitionActor {
  readonly partition: PartitionId;
  readonly #number: number;
  readonly #shared: HostShared;
  readonly #answers: Answers;
  #phase: PartitionPhase = 'recovering';
  #detail: string | null = null;
  /** What was durable when the last life ended. */
  #durableBefore: Sequence | null = null;
  /** Null while recovering, until the log has been replayed, and once failed. */
  #life: PartitionLife | null = null;
  #recovery: Recovery | null = null;
  /** What the log told, until the log writer has made sure of it. */
  #replayed: RecoveryResult | null = null;
  #placing: Placing | null = null;
  /** Monotonic: a step of the wall clock must not put a replay off by as much. */
  #reloadAtMs: MonoMs | null = null;
  /** In a row. */
  #failedCommits = 0;
  /** What came while recovering. */
  #postponed: (() => void)[] = [];
  /** By event id: attempts that ended while recovering. Their outcomes are among what is postponed. */
  readonly #ended = new Map<string, number>();
  /** Couriers that died since they were asked what they run. */
  #lost: ((origin: string) => boolean)[] = [];
  /** What is shown of a partition without a life. */
  readonly #nothing: PartitionState;

  /** `number`: its place in the host, which names it in the shared waiting room. */
  constructor({ partition, number, shared }: { partition: PartitionId; number: number; shared: HostShared }) {
    const { ports, reads } = shared;
    this.partition = partition;
    this.#number = number;
    this.#shared = shared;
    this.#answers = new Answers({ partition, reads, reply: (reply) => ports.reply(reply) });
    this.#nothing = new PartitionState(partition);
  }

  get phase(): PartitionPhase {
    return this.#phase;
  }
  get state(): PartitionState {
    return this.#life?.memory.state ?? this.#nothing;
  }
  /** Null while there is nothing to fire. */
  get wheel(): Wheel | null {
    return this.#life?.memory.wheel ?? null;
  }
  /** Everything up to here is on disk. */
  get durable(): Sequence {
    return this.#life?.ledger.durable ?? noSequence;
  }
  /** The same, also while its memory is made anew from the log, and once it has failed; null before it has had any. */
  get lastDurable(): Sequence | null {
    return this.#life?.ledger.durable ?? this.#durableBefore;
  }
  /** Records that are decided and not durable. */
  get unsynced(): number {
    return this.#life?.ledger.unsynced ?? 0;
  }
  /** Requests that wait for facts. */
  get parked(): number {
    return this.#life?.requests.parked ?? 0;
  }
  /** Nothing is running and nothing waits for the disk. */
  get isIdle(): boolean {
    return this.#phase !== 'ready' || this.#life === null || this.#life.isIdle;
  }

  /** In each turn: what has outlived the retention goes, a little at a time, and a snapshot is taken when one is due. */
  keepHouse(): void {
    if (this.#phase !== 'ready') return;
    this.#life?.retention.turn();
    this.#life?.snapshots.turn(this.#life.ledger.durable);
  }

  /** Very many events are being changed. */
  get changesMany(): boolean {
    return this.#life?.bulk.isOpen ?? false;
  }

  /** When the next snapshot is due; null: not before more is durable, or a flood is over, which has turns enough. */
  get snapshotInMs(): number | null {
    return this.#phase !== 'ready' || this.#life === null || this.#shared.isFlooded()
      ? null
      : this.#life.snapshots.dueInMs(this.#life.ledger.durable);
  }

  /** Before an orderly stop, when it is idle: the next start has little to replay. */
  hasLastSnapshot(): boolean {
    return this.#phase !== 'ready' || this.#life === null || this.#life.snapshots.hasLast(this.#life.ledger.durable);
  }

  // ---- recovering ----

  /** Begin to rebuild memory from the log. */
  recover(): void {
    const { reads, desk } = this.#shared;
    this.#reloadAtMs = null;
    this.#lost = [];
    this.#recovery = new Recovery({ partition: this.partition, reads, couriers: desk.askRunning(this.partition) });
    this.#setPhase('recovering', this.#detail);
  }

  /** When a replay wants to begin; null when none is waiting. */
  get reloadAtMs(): MonoMs | null {
    return this.#reloadAtMs;
  }

  /** There is something to do without another message. */
  get hasRecoveryWork(): boolean {
    return this.#placing !== null || (this.#recovery?.hasWork ?? false) || (this.#life?.retention.hasWork ?? false);
  }

  courierRuns(courier: number, attempts: readonly RunningAttempt[]): void {
    this.#recovery?.courierRuns(courier, attempts);
  }

  /** Goes on until there is nothing to do for now, or `isOver` says that the turn's time is up. */
  stepRecovery(now: MonoMs, isOver: () => boolean): void {
    if (this.#reloadAtMs !== null && now >= this.#reloadAtMs) this.recover();
    if (this.#recovery !== null) this.#stepReplay(this.#recovery, isOver);
    if (this.#placing !== null) this.#stepPlacing(this.#placing, isOver);
  }

  #stepReplay(recovery: Recovery, isOver: () => boolean): void {
    const result = recovery.step(isOver);
    if (recovery.failure !== null) {
      this.fail(recovery.failure.detail);
      return;
    }
    if (result === null) return;
    this.#recovery = null;
    this.#replayed = result;
    this.#shared.ports.toWriter({ op: 'reopen', partition: this.partition, after: result.state.lastSeq });
  }

  /** What the replay has seen is on disk for certain, and the log goes on behind it. */
  reopened(): void {
    if (this.#replayed === null) return;
    const { state, running, begunAt } = this.#replayed;
    this.#replayed = null;
    const life = new PartitionLife({
      state,
      begunAt,
      tick: this.#tick(),
      number: this.#number,
      shared: this.#shared,
      answers: this.#answers,
      failed: (detail) => this.fail(detail),
    });
    this.#life = life;
    this.#placing = {
      row: 0,
      place: (handle) => life.place(handle, this.#runningAttempt(state, { handle, running })),
      done: () => this.#becomeReady(),
    };
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
    const { columns } = this.state;
    while (placing.row < columns.rows) {
      const end = Math.min(placing.row + placedRows, columns.rows);
      for (; placing.row < end; placing.row++) {
        if (columns.isLive(placing.row as Handle)) placing.place(placing.row as Handle);
      }
      if (isOver()) return;
    }
    this.#placing = null;
    placing.done();
  }

  #becomeReady(): void {
    this.#setPhase('ready', null);
    this.tellSettings(null);
    this.#ended.clear();
    this.#lost = [];
    this.#runPostponed();
  }

  /** The wall clock was set back: events go into a new wheel, row by row. */
  clockWentBack(): void {
    const life = this.#life;
    if (this.#phase !== 'ready' || life === null) return;
    life.timekeeper.beginAnew(this.#tick());
    this.#placing = { row: 0, place: (handle) => life.timekeeper.armAnew(handle), done: () => undefined };
  }

  /** The wall clock was set forward: what it has passed over is overdue. */
  clockJumped(): void {
    if (this.#life !== null) this.#life.memory.overdueBeforeMs = this.#now();
  }

  /** A commit failed: what is behind `durable` is not on disk, or nobody knows. Memory goes, the log will tell. */
  writeFailed({ durable, failure, detail }: { durable: Sequence; failure: WriteFailure; detail: string }): void {
    // The log writer could not open its files: behind the replay that is under way it is asked to try again.
    if (this.#phase === 'failed' || this.#recovery !== null) return;
    this.#replayed = null;
    this.durableUpTo(durable);
    this.#failedCommits++;
    const waitMs = Math.min(reloadWaitMs * 2 ** (this.#failedCommits - 1), reloadWaitMsMax);
    this.#reloadAtMs = (this.#shared.ports.clock.monoMs() + waitMs) as MonoMs;
    this.#setPhase('recovering', `${failure}: ${detail}`);
    this.#endLife({ code: failure === 'disk-full' ? 'disk-full' : 'outcome-unknown', detail });
  }

  /** The partition stops with a report. */
  fail(detail: string): void {
    if (this.#phase === 'failed') return;
    this.#recovery = null;
    this.#replayed = null;
    this.#reloadAtMs = null;
    this.#setPhase('failed', detail);
    this.tellSettings(null);
    this.#endLife({ code: 'outcome-unknown', detail });
    this.#runPostponed();
  }

  #endLife(loss: Loss): void {
    const life = this.#life;
    this.#life = null;
    this.#placing = null;
    if (life === null) return;
    this.#durableBefore = life.ledger.durable;
    for (const { request, command } of life.discard(loss)) this.receive(request, command);
  }

  #runPostponed(): void {
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const run of postponed) run();
  }

  #setPhase(phase: PartitionPhase, detail: string | null): void {
    this.#phase = phase;
    this.#detail = detail;
    this.#shared.ports.notify({ op: 'phase', partition: this.partition, phase, detail, done: this.#recovery?.done ?? 0 });
  }

  // ---- ready ----

  /** About many events. */
  enquire(enquiry: Enquiry): void {
    if (this.#phase === 'failed') {
      this.#answers.refuse(enquiry.request, 'partition-unavailable', `partition ${this.partition} has stopped: ${this.#detail}`);
    } else if (this.#phase === 'recovering') this.#postponed.push(() => this.enquire(enquiry));
    else if (enquiry.op === 'change-many') this.#life?.bulk.receive(enquiry);
    else if (enquiry.op === 'tally') this.#life?.tallies.receive(enquiry);
    else this.#life?.lists.receive(enquiry);
  }

  /** Goes on with lists and bulk changes until `isOver`. */
  stepWalks(isOver: () => boolean): void {
    this.#life?.lists.step(isOver);
    this.#life?.tallies.step(isOver);
    this.#life?.bulk.step(isOver);
  }

  get hasWalks(): boolean {
    const life = this.#life;
    return this.#phase === 'ready' && life !== null && (life.lists.hasWork || life.tallies.hasWork || life.bulk.hasWork);
  }

  receive(request: number, command: Request | SettingsRequest | { readonly op: 'settings-of' }): void {
    if (this.#phase === 'failed') {
      this.#answers.refuse(request, 'partition-unavailable', `partition ${this.partition} has stopped: ${this.#detail}`);
    } else if (takesRoom(command) && this.#shared.space() !== 'ok') {
      this.#answers.refuse(request, 'disk-full', 'the disk is nearly full');
    } else if (this.#phase === 'recovering') {
      this.#postponed.push(() => this.receive(request, command));
    } else if (command.op === 'configure' || command.op === 'keep-copy') {
      this.#life?.settings.receive(request, command);
    } else if (command.op === 'settings-of') {
      this.#life?.settings.show(request);
    } else {
      this.#life?.requests.receive({ request, command });
    }
  }

  /** New events. */
  receiveSheaf(sheaf: NumberedSheaf): void {
    const { request, count } = sheaf;
    if (this.#phase === 'failed') {
      const detail = `partition ${this.partition} has stopped: ${this.#detail}`;
      this.#answers.refuseSheaf(request, count, { code: 'partition-unavailable', detail });
    } else if (this.#shared.space() !== 'ok') {
      this.#answers.refuseSheaf(request, count, { code: 'disk-full', detail: 'the disk is nearly full' });
    } else if (this.#phase === 'recovering') this.#postponed.push(() => this.receiveSheaf(sheaf));
    else this.#life?.requests.receiveSheaf(sheaf);
  }

  /** A courier reports how an attempt ended. */
  ended(outcome: Outcome): void {
    if (this.#phase === 'recovering') {
      this.#ended.set(formatEventId(outcome.event), outcome.attempt);
      this.#postponed.push(() => this.ended(outcome));
    } else this.#life?.attempts.ended(outcome);
  }

  timeHasCome(handle: Handle, tick: Tick): void {
    this.#life?.timekeeper.timeHasCome(handle, tick);
  }

  isWaitingFor(handle: Handle, queue: QueuePlace): boolean {
    return this.#life?.timekeeper.isWaitingFor(handle, queue) ?? false;
  }

  /** False: its payload has to be read first. */
  granted(handle: Handle): boolean {
    return this.#life?.attempts.granted(handle) ?? true;
  }

  /** Its turn in its queue comes soon. */
  readNext(handle: Handle): void {
    this.#life?.timekeeper.readNext(handle);
  }

  courierLost(courier: number, isLost: (origin: string) => boolean): void {
    this.#recovery?.courierRuns(courier, []);
    if (this.#phase === 'recovering') this.#lost.push(isLost);
    this.#life?.attempts.courierLost(isLost);
  }

  durableUpTo(seq: Sequence): void {
    if (this.#life === null || seq <= this.#life.ledger.durable) return;
    this.#failedCommits = 0;
    this.#life.ledger.durableUpTo(seq);
  }

  /** Calls `then` with the position of what is decided now, when it is durable; never if that does not come true. */
  whenDurable(then: (position: Sequence) => void): void {
    this.#life?.ledger.hold({ happen: then, voided: () => undefined });
  }

  /** Couriers hear what is set for origins, or that they will not hear it from here. `courier`: it alone. */
  tellSettings(courier: number | null): void {
    if (this.#phase === 'ready') this.#life?.settings.tell(courier);
    else if (this.#phase === 'failed') this.#shared.desk.settingsLost(this.partition, courier);
  }

  forgetChanges(): void {
    this.#life?.ledger.forgetChanges();
  }

  segmentSealed(next: Sequence): void {
    if (this.#phase === 'recovering' && this.#life === null) this.#postponed.push(() => this.segmentSealed(next));
    else this.#life?.memory.state.finished.openPage(next);
  }

  segmentIndexed(segment: { first: Sequence; next: Sequence; filter: FilterWords }): void {
    // The reader may know of an index as soon as it has sent the last record.
    if (this.#phase === 'recovering' && this.#life === null) this.#postponed.push(() => this.segmentIndexed(segment));
    else this.#life?.memory.state.finished.indexed({ ...segment, filter: new SegmentFilter(segment.filter) });
  }

  /** End of a turn. */
  flush(): void {
    this.#life?.flush();
  }

  #now(): WallMs {
    return this.#shared.ports.clock.wallMs();
  }

  #tick(): Tick {
    return Math.floor(this.#now()) as Tick;
  }
}

/** Its record holds a whole spec. On a disk that is nearly full only what makes do with less is taken. */
function takesRoom(command: Request | SettingsRequest | { readonly op: 'settings-of' }): boolean {
  const { op } = command.op === 'find' ? command.about : command;
  return op === 'schedule' || op === 'put' || op === 'patch' || op === 'retry';
}
