/**
 * The actor of one partition: takes turns between rebuilding its memory from the log and living with it.
 *
 *     recovering --replayed, reopened, every row placed--> ready --a commit failed--> recovering ...
 *          \--the log contradicts itself--> failed <--an invariant broke--/
 *
 * recovering  Memory is being made from the log (`rebuilding.ts`). Requests and outcomes wait.
 * ready       The parts of `partition-life.ts` do the work.
 * failed      Every request is refused until somebody has looked. The process and the other partitions go on.
 * elsewhere   In a cluster (`tenure.ts`): the partition is not this node's, and there is no memory of it.
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
import type { ErrorCode } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import type { ReplicaReply, WriteFailure } from '../log/protocol.js';
import { type FilterWords, SegmentFilter } from '../log/index/segment-filter.js';
import type { PartitionPhase } from '../observe/figures.js';
import type { Request } from '../partition/command.js';
import type { SettingsRequest } from '../partition/decide-settings.js';
import { PartitionState } from '../partition/state.js';
import type { Wheel } from '../wheel/wheel.js';
import { Answers } from './desks/answers.js';
import type { HostShared } from './host-shared.js';
import type { PartitionOrder } from './mail.js';
import type { Enquiry, NumberedSheaf } from './requests.js';
import type { Loss } from './ledger/ledger.js';
import { PartitionLife } from './life/partition-life.js';
import { Rebuilding } from './life/rebuilding.js';
import type { RecoveryResult, RunningAttempt } from './life/recovery.js';
import { type Tenant, Tenure } from './life/tenure.js';
import type { QueuePlace } from './firing/timekeeper.js';

/** A failed commit is followed by a replay after this long, doubling up to the second figure while it fails again. */
const reloadWaitMs = 250;
const reloadWaitMsMax = 5_000;
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
  readonly #rebuilding: Rebuilding;
  /** Null without a cluster: the partition is this host's for good. */
  readonly #tenure: Tenure | null;
  /** Monotonic: a step of the wall clock must not put a replay off by as much. */
  #reloadAtMs: MonoMs | null = null;
  /** In a row. */
  #failedCommits = 0;
  /** What came while recovering. */
  #postponed: (() => void)[] = [];
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
    this.#rebuilding = new Rebuilding({
      partition,
      shared,
      live: (result) => this.#live(result),
      done: (unfinishedAttempts) => this.#becomeReady(unfinishedAttempts),
      failed: ({ failure, detail }) => this.fail(detail, failure === 'broken'),
    });
    this.#tenure = ports.lease === null ? null : new Tenure({ partition, shared, tenant: this.#tenant() });
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
    this.#tenure?.turn();
    if (this.#phase !== 'ready' || !this.mayStart) return;
    this.#life?.retention.turn();
    this.#life?.snapshots.turn(this.#life.ledger.durable);
  }

  /** Very many events are being changed. */
  get changesMany(): boolean {
    return this.#life?.bulk.isOpen ?? false;
  }

  /** What is due may start; not while the partition is handed over. */
  get mayStart(): boolean {
    return this.#tenure?.mayStart ?? true;
  }

  /** When `keepHouse` has something to do though no message comes; null: not before. */
  get houseInMs(): number | null {
    return this.#tenure?.dueInMs ?? this.#snapshotInMs;
  }

  /** When the next snapshot is due; null: not before more is durable, or a flood is over, which has turns enough. */
  get #snapshotInMs(): number | null {
    return this.#phase !== 'ready' || this.#life === null || this.#shared.isFlooded()
      ? null
      : this.#life.snapshots.dueInMs(this.#life.ledger.durable);
  }

  /** Before an orderly stop, when it is idle: the next start has little to replay. */
  hasLastSnapshot(): boolean {
    return this.#phase !== 'ready' || this.#life === null || this.#life.snapshots.hasLast(this.#life.ledger.durable);
  }

  // ---- whose it is ----

  /** Begin to rebuild memory from the log; in a cluster not before it is this node's. */
  start(): void {
    if (this.#tenure === null) this.recover();
    else this.#goElsewhere(null);
  }

  obey(order: PartitionOrder): void {
    this.#tenure?.obey(order);
  }

  heed(reply: ReplicaReply): void {
    this.#tenure?.heed(reply);
  }

  #goElsewhere(detail: string | null): void {
    this.#rebuilding.abandon();
    this.#rebuilding.forget();
    this.#reloadAtMs = null;
    this.#setPhase('elsewhere', null);
    this.#endLife({ code: 'outcome-unknown', detail: detail ?? 'elsewhere' });
    this.#runPostponed();
  }

  // ---- recovering ----

  /** Begin to rebuild memory from the log. */
  recover(): void {
    this.#reloadAtMs = null;
    this.#rebuilding.begin();
    this.#setPhase('recovering', this.#detail);
  }

  /** When a replay wants to begin; null when none is waiting. */
  get reloadAtMs(): MonoMs | null {
    return this.#reloadAtMs;
  }

  /** There is something to do without another message. */
  get hasRecoveryWork(): boolean {
    return this.#rebuilding.hasWork || (this.#life?.retention.hasWork ?? false);
  }

  courierRuns(courier: number, attempts: readonly RunningAttempt[]): void {
    this.#rebuilding.courierRuns(courier, attempts);
  }

  /** Goes on until there is nothing to do for now, or `isOver` says that the turn's time is up. */
  stepRecovery(now: MonoMs, isOver: () => boolean): void {
    if (this.#reloadAtMs !== null && now >= this.#reloadAtMs) this.recover();
    this.#rebuilding.step(isOver);
  }

  /** What the replay has seen is on disk for certain, and the log goes on behind it. */
  reopened(): void {
    this.#rebuilding.reopened();
  }

  #live({ state, begunAt }: RecoveryResult): PartitionLife {
    const life = new PartitionLife({
      state,
      begunAt,
      tick: this.#tick(),
      number: this.#number,
      shared: this.#shared,
      answers: this.#answers,
      failed: (detail) => this.fail(detail),
      removed: (first) => this.#tenure?.removed(first),
    });
    this.#life = life;
    return life;
  }

  #becomeReady(unfinishedAttempts: number): void {
    this.#setPhase('ready', null);
    this.tellSettings(null);
    this.#runPostponed();
    this.#tenure?.serves(unfinishedAttempts);
  }

  #tenant(): Tenant {
    const life = () => this.#life;
    return {
      begin: () => this.recover(),
      end: (detail) => this.#goElsewhere(detail),
      stopStarting: () => life()?.stopStarting(),
      get hasRunning() {
        return (life()?.memory.running.size ?? 0) > 0;
      },
      get isSettled() {
        const { ledger, requests } = life() ?? {};
        return (ledger?.isSettled ?? true) && (requests?.parked ?? 0) === 0;
      },
    };
  }

  /** The wall clock was set back: events go into a new wheel, row by row. */
  clockWentBack(): void {
    const life = this.#life;
    if (this.#phase !== 'ready' || life === null) return;
    life.timekeeper.beginAnew(this.#tick());
    this.#rebuilding.placeAll(life.memory.state, {
      place: (handle) => life.timekeeper.armAnew(handle),
      done: () => undefined,
    });
  }

  /** The wall clock was set forward: what it has passed over is overdue. */
  clockJumped(): void {
    if (this.#life !== null) this.#life.memory.overdueBeforeMs = this.#now();
  }

  /** A commit failed: what is behind `durable` is not on disk, or nobody knows. Memory goes, the log will tell. */
  writeFailed({ durable, failure, detail }: { durable: Sequence; failure: WriteFailure; detail: string }): void {
    // The log writer could not open its files: behind the replay that is under way it is asked to try again.
    if (this.#phase === 'failed' || this.#rebuilding.isReplaying) return;
    this.#rebuilding.abandon();
    this.durableUpTo(durable);
    this.#failedCommits++;
    const waitMs = Math.min(reloadWaitMs * 2 ** (this.#failedCommits - 1), reloadWaitMsMax);
    this.#reloadAtMs = (this.#shared.ports.clock.monoMs() + waitMs) as MonoMs;
    this.#setPhase('recovering', `${failure}: ${detail}`);
    this.#endLife({ code: failure === 'disk-full' ? 'disk-full' : 'outcome-unknown', detail });
  }

  /** The partition stops with a report. `isDamaged`: its log is not what was written. */
  fail(detail: string, isDamaged = false): void {
    if (this.#phase === 'failed') return;
    this.#rebuilding.abandon();
    this.#reloadAtMs = null;
    this.#setPhase('failed', detail);
    this.tellSettings(null);
    this.#shared.desk.callOff(this.partition);
    this.#endLife({ code: 'outcome-unknown', detail });
    this.#runPostponed();
    this.#tenure?.failed(detail, isDamaged);
  }

  #endLife(loss: Loss): void {
    const life = this.#life;
    this.#life = null;
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
    this.#shared.ports.notify({ op: 'phase', partition: this.partition, phase, detail, done: this.#rebuilding.progress });
  }

  // ---- ready ----

  /** About many events. */
  enquire(enquiry: Enquiry): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#answers.refuse(enquiry.request, refusal.code, refusal.detail);
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
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#answers.refuse(request, refusal.code, refusal.detail);
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

  /** New events, whose bytes are the caller's again afterwards. */
  receiveSheaf(sheaf: NumberedSheaf): void {
    const { request, count } = sheaf;
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#answers.refuseSheaf(request, count, refusal);
    } else if (this.#shared.space() !== 'ok') {
      this.#answers.refuseSheaf(request, count, { code: 'disk-full', detail: 'the disk is nearly full' });
    } else if (this.#phase === 'recovering') {
      const kept = { ...sheaf, events: sheaf.events.slice() };
      this.#postponed.push(() => this.receiveSheaf(kept));
    } else this.#life?.requests.receiveSheaf(sheaf);
  }

  /** Why nothing is taken; null: it is. */
  #refusal(): { readonly code: ErrorCode; readonly detail: string } | null {
    if (this.#phase === 'failed') {
      return { code: 'partition-unavailable', detail: `partition ${this.partition} has stopped: ${this.#detail}` };
    }
    if (this.#tenure?.isElsewhere !== true) return null;
    return { code: 'not-owner', detail: `partition ${this.partition} is not this node's` };
  }

  /** A courier did not start what it was given. */
  unstarted(event: EventId): void {
    if (this.#phase === 'recovering') this.#postponed.push(() => this.unstarted(event));
    else this.#life?.attempts.unstarted(event);
  }

  /** A courier reports how an attempt ended. */
  ended(outcome: Outcome): void {
    if (this.#phase === 'recovering') {
      this.#rebuilding.ended(outcome);
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
    if (this.#phase === 'recovering') this.#rebuilding.courierLost(courier, isLost);
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

  /** Couriers hear what is set for origins, or that they will not hear it, unless another node may tell it. `courier`: it alone. */
  tellSettings(courier: number | null): void {
    if (this.#phase === 'ready') this.#life?.settings.tell(courier);
    else if (this.#phase === 'failed' && this.#tenure === null) this.#shared.desk.settingsLost(this.partition, courier);
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

  /** Until records that have been gathered must go to the log writer; null: there are none. */
  get flushInMs(): number | null {
    return this.#life?.ledger.flushInMs ?? null;
  }

  /** End of a turn. */
  flush(): void {
    this.#life?.flush({ isEnding: !this.mayStart || !this.#shared.mayStart() });
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
