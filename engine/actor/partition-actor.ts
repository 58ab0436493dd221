/**
 * The actor of one partition: says in which order things happen.
 *
 *     request, due tick, granted slot, outcome --> decide --> records --> apply --> outbox --durable--> answers, arming
 *
 * The order that everything rests on: state changes when it is decided; what was withdrawn is disarmed at once; arming,
 * answers and status changes wait until the records behind them are durable. An attempt waits for the records that made it
 * due (they are durable, or it would not be armed), never for its own `dispatched` record.
 *
 * Phases. recovering: memory is being rebuilt from the log; requests wait. ready. failed: the log contradicts itself or an
 * invariant broke; every request is refused until somebody has looked. A failed commit leads back to recovering: memory
 * holds what the disk does not, so it is thrown away.
 *
 * Owned by its host's thread. Leaves to others: what is decided (`partition/decide.ts`), which event goes first
 * (`wheel/`, `waiting-room.ts`), slots (`courier-desk.ts`), payloads (`payloads.ts`), facts (`facts.ts`), what an answer
 * looks like (`answers.ts`), replay (`recovery.ts`).
 */
import type { Outcome } from '../event/attempt.js';
import { type LogRecord, recordKinds } from '../event/record.js';
import type { RetryPolicy } from '../event/spec.js';
import { SpecHead } from '../event/spec-codec.js';
import { isFinished, type WaitReason } from '../event/status.js';
import { type Handle, noSequence, type PartitionId, type Sequence, type Tick, type WallMs } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import { keepPayloadMs, readAheadMs } from '../kernel/limits.js';
import type { SpaceLevel, WriteFailure } from '../log/protocol.js';
import { RecordBatchBuilder } from '../log/record-batch.js';
import type { Answer, Command, Decision, Facts, Needs, Request } from '../partition/command.js';
import { decide } from '../partition/decide.js';
import { PartitionState } from '../partition/state.js';
import { Wheel } from '../wheel/wheel.js';
import { Answers } from './answers.js';
import { ChangeFeed, type Labels, labelsOf } from './change-feed.js';
import type { CourierDesk } from './courier-desk.js';
import { fetchFacts, isFailure, type ReadFailure } from './facts.js';
import type { HostCounters } from './host-counters.js';
import type { HostPorts } from './host-ports.js';
import { IndexedSegments } from './indexed-segments.js';
import type { PartitionPhase } from '../observe/figures.js';
import { Outbox } from './outbox.js';
import { Parking, type ParkingKey } from './parking.js';
import { type PayloadBudget, Payloads } from './payloads.js';
import { Places } from './places.js';
import type { Reads } from './reads.js';
import { Recovery } from './recovery.js';
import type { WaitingRoom } from './waiting-room.js';

/** What the partitions of a host share. */
export interface HostShared {
  readonly ports: HostPorts;
  readonly reads: Reads;
  readonly desk: CourierDesk;
  readonly waitingRoom: WaitingRoom;
  readonly counters: HostCounters;
  readonly payloadBudget: PayloadBudget;
  /** Whether somebody watches status changes. */
  isWatched(): boolean;
  /** Free space as the log writer last saw it. */
  space(): SpaceLevel;
}

/** What waits for a log position. */
type Held =
  | { readonly what: 'accepted'; readonly request: number; readonly command: Request; readonly handle: Handle }
  | {
      readonly what: 'answer';
      readonly request: number;
      readonly command: Request;
      readonly answer: Answer;
      readonly waitingFor: WaitReason | null;
    }
  | { readonly what: 'arm'; readonly handle: Handle }
  | { readonly what: 'facts'; readonly key: ParkingKey; readonly needs: Needs };

interface Running {
  /** Null after a reload, until somebody needs it. */
  readonly retry: RetryPolicy | null;
  /** Null while nobody watches. */
  readonly labels: Labels | null;
  readonly wasOverdue: boolean;
}

/** Of one origin so many waiting events have their payloads read ahead; those behind them will wait longer than a read takes. */
const readAheadWaitingMax = 256;
/** A failed commit is followed by a reload after this long, doubling up to the second figure while it fails again. */
const reloadWaitMs = 250;
const reloadWaitMsMax = 5_000;
/** Rows armed between two looks at the clock after a replay. */
const armRows = 1_024;

/** Rows are being put into the wheel, in steps, since there may be millions. */
interface Arming {
  /** The next one. */
  row: number;
  /** After a replay: ids of attempts that couriers still run. Null: the clock went back, and everything armed is armed anew. */
  readonly running: ReadonlySet<string> | null;
}

export class PartitionActor {
  readonly partition: PartitionId;
  /** Place in the host: names this actor in the shared waiting room. */
  readonly number: number;
  readonly #shared: HostShared;
  readonly #answers: Answers;
  readonly #payloads: Payloads;
  readonly #feed: ChangeFeed;
  readonly #batch = new RecordBatchBuilder();
  readonly #outbox = new Outbox<Held>();
  readonly #parking = new Parking();
  readonly #running = new Map<Handle, Running>();
  readonly #head = new SpecHead();

  #phase: PartitionPhase = 'recovering';
  #detail: string | null = null;
  #recovery: Recovery | null = null;
  #arming: Arming | null = null;
  #reloadAtMs: WallMs | null = null;
  #failedCommits = 0;
  /** Requests and outcomes that came while recovering. */
  #postponed: (() => void)[] = [];
  /** Grows when memory is thrown away: answers to an older one are dropped. */
  #incarnation = 0;

  #state: PartitionState;
  #wheel: Wheel;
  #places = new Places();
  #indexed = new IndexedSegments(noSequence);
  /** Everything up to here is on disk. */
  #durable: Sequence = noSequence;
  #readyAtMs = 0 as WallMs;
  /** Of those that were overdue when it became ready: not started yet. */
  #overdue = 0;

  constructor({ partition, number, shared }: { partition: PartitionId; number: number; shared: HostShared }) {
    const { ports, reads } = shared;
    this.partition = partition;
    this.number = number;
    this.#shared = shared;
    this.#state = new PartitionState(partition);
    this.#wheel = new Wheel(this.#tick());
    this.#answers = new Answers({ partition, reads, reply: (reply) => ports.reply(reply) });
    this.#feed = new ChangeFeed({ partition, reads, out: (change) => ports.change(change) });
    this.#payloads = new Payloads(
      {
        partition,
        reads,
        acceptedSeq: (handle) => (this.#state.columns.isLive(handle) ? this.#state.columns.acceptedSeq(handle) : noSequence),
        came: (handle, body) => this.#payloadCame(handle, body),
        failed: (detail) => this.fail(`the payload of a pending event cannot be read: ${detail}`),
      },
      shared.payloadBudget,
    );
  }

  get phase(): PartitionPhase {
    return this.#phase;
  }
  get state(): PartitionState {
    return this.#state;
  }
  get wheel(): Wheel {
    return this.#wheel;
  }
  get durable(): Sequence {
    return this.#durable;
  }
  get parked(): number {
    return this.#parking.size;
  }
  /** Events that were overdue when the partition became ready and have not started yet. */
  get overdue(): number {
    return this.#overdue;
  }
  /** Records that are decided and not durable. */
  get unsynced(): number {
    return this.#state.lastSeq - this.#durable;
  }
  /** Nothing is running and nothing waits for the disk. */
  get isIdle(): boolean {
    return this.#phase !== 'ready' || (this.#running.size === 0 && this.unsynced === 0 && this.#outbox.size === 0);
  }

  // ---- recovering ----

  /** Begin to rebuild memory from the log. */
  recover(): void {
    const { reads, desk } = this.#shared;
    this.#reloadAtMs = null;
    this.#recovery = new Recovery({ partition: this.partition, reads, couriers: desk.askRunning(this.partition) });
    this.#setPhase('recovering', this.#detail);
  }

  /** When a reload wants to begin; null when none is waiting. */
  get reloadAtMs(): WallMs | null {
    return this.#reloadAtMs;
  }

  /** Recovering can go on without another message. */
  get hasRecoveryWork(): boolean {
    return this.#arming !== null || (this.#recovery?.hasWork ?? false);
  }

  courierRuns(attempts: readonly { readonly event: EventId }[]): void {
    this.#recovery?.courierRuns(attempts);
  }

  /** Goes on until there is nothing to do for now, or `isOver` says that the turn's time is up. */
  stepRecovery(now: WallMs, isOver: () => boolean): void {
    if (this.#reloadAtMs !== null && now >= this.#reloadAtMs) this.recover();
    if (this.#recovery !== null) this.#stepReplay(this.#recovery, isOver);
    if (this.#arming !== null) this.#stepArming(this.#arming, isOver);
  }

  #stepReplay(recovery: Recovery, isOver: () => boolean): void {
    const result = recovery.step(isOver);
    if (recovery.failure !== null) {
      this.fail(recovery.failure.detail);
      return;
    }
    if (result === null) return;
    const { state, running, indexedBefore } = result;
    this.#recovery = null;
    this.#state = state;
    this.#durable = state.lastSeq;
    this.#indexed = new IndexedSegments(indexedBefore);
    this.#arming = { row: 0, running };
    this.#readyAtMs = this.#tick() as number as WallMs;
    if (this.#failedCommits > 0) this.#shared.ports.toWriter({ op: 'reopen', partition: this.partition, after: this.#durable });
  }

  #stepArming(arming: Arming, isOver: () => boolean): void {
    const { columns } = this.#state;
    while (arming.row < columns.rows) {
      const end = Math.min(arming.row + armRows, columns.rows);
      for (; arming.row < end; arming.row++) {
        const handle = arming.row as Handle;
        if (!columns.isLive(handle)) continue;
        if (arming.running === null) this.#armAnew(handle);
        else this.#placeRecovered(handle, arming.running);
      }
      if (isOver()) return;
    }
    this.#arming = null;
    if (arming.running === null) return;
    this.#setPhase('ready', null);
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const run of postponed) run();
  }

  /**
   * The wall clock was set back: what the wheel holds would be early by as much. Its time never goes back, so a new one takes
   * over; events wait in rows, so nothing is lost, and what is armed before its row's turn comes goes into the new wheel.
   */
  clockWentBack(): void {
    if (this.#phase !== 'ready') return;
    this.#wheel = new Wheel(this.#tick());
    this.#arming = { row: 0, running: null };
  }

  #armAnew(handle: Handle): void {
    if (this.#wheel.contains(handle)) return;
    const place = this.#places.of(handle);
    if (place === 'armed') this.#arm(handle);
    else if (place === 'waiting') this.#armExpiry(handle);
  }

  #placeRecovered(handle: Handle, running: ReadonlySet<string>): void {
    const { columns } = this.#state;
    const isDispatched = columns.status(handle) === 'DISPATCHED';
    if (running.size > 0 && running.has(formatEventId(columns.id(handle)))) {
      // A failed commit has lost its `dispatched` record, but not the attempt.
      if (!isDispatched) this.#happened({ op: 'dispatch', handle });
      this.#places.put(handle, 'running');
      this.#running.set(handle, { retry: null, labels: null, wasOverdue: false });
    } else if (!isDispatched) {
      if (columns.dueAtMs(handle) < this.#readyAtMs) this.#overdue++;
      this.#arm(handle);
    } else {
      // Started before the crash, outcome unknown: the same attempt once more, without a new transition.
      this.#wait(handle);
    }
  }

  /** A commit failed: what is behind `durable` is not on disk, or nobody knows. Memory goes, the log will tell. */
  writeFailed({ durable, failure, detail }: { durable: Sequence; failure: WriteFailure; detail: string }): void {
    if (this.#phase !== 'ready' && this.#arming === null) return;
    this.durableUpTo(durable);
    const code = failure === 'disk-full' ? 'disk-full' : 'outcome-unknown';
    for (const held of this.#outbox.discard()) {
      if ('request' in held) this.#answers.refuseUndone(held.request, { command: held.command, code, detail });
    }
    for (const { request, command } of this.#parking.clear()) this.#postponed.push(() => this.receive(request, command));
    this.#forgetMemory();
    this.#failedCommits++;
    this.#reloadAtMs = (this.#now() + Math.min(reloadWaitMs * 2 ** (this.#failedCommits - 1), reloadWaitMsMax)) as WallMs;
    this.#setPhase('recovering', `${failure}: ${detail}`);
  }

  /** The partition stops with a report; the process and the other partitions go on. */
  fail(detail: string): void {
    if (this.#phase === 'failed') return;
    const held = this.#outbox.discard();
    const parked = this.#parking.clear();
    const postponed = this.#postponed;
    this.#postponed = [];
    this.#recovery = null;
    this.#arming = null;
    this.#reloadAtMs = null;
    this.#setPhase('failed', detail);
    for (const undone of held) {
      if ('request' in undone)
        this.#answers.refuseUndone(undone.request, { command: undone.command, code: 'outcome-unknown', detail });
    }
    for (const { request } of parked) this.#answers.refuse(request, 'partition-unavailable', detail);
    for (const run of postponed) run();
    this.#forgetMemory();
  }

  #forgetMemory(): void {
    const { waitingRoom, desk } = this.#shared;
    const { columns, origins } = this.#state;
    const places = this.#places;
    this.#places = new Places();
    for (let row = 0; row < columns.rows; row++) {
      const place = columns.isLive(row as Handle) ? places.of(row as Handle) : 'decided';
      if (place !== 'waiting' && place !== 'loading') continue;
      const origin = origins.name(columns.origin(row as Handle));
      if (place === 'waiting') waitingRoom.leave(origin);
      if (place === 'waiting') desk.unwant(origin);
      else desk.release(origin, 1);
    }
    this.#incarnation++;
    this.#batch.take();
    this.#payloads.clear();
    this.#feed.clear();
    this.#running.clear();
    this.#state = new PartitionState(this.partition);
    this.#wheel = new Wheel(this.#tick());
    this.#durable = noSequence;
    this.#overdue = 0;
    this.#arming = null;
  }

  #setPhase(phase: PartitionPhase, detail: string | null): void {
    this.#phase = phase;
    this.#detail = detail;
    this.#shared.ports.notify({ op: 'phase', partition: this.partition, phase, detail, done: this.#recovery?.done ?? 0 });
  }

  // ---- requests ----

  receive(request: number, command: Request): void {
    if (this.#phase === 'failed') {
      this.#answers.refuse(request, 'partition-unavailable', `partition ${this.partition} has stopped: ${this.#detail}`);
    } else if (command.op === 'schedule' && this.#shared.space() !== 'ok') {
      this.#answers.refuse(request, 'disk-full', 'the disk is nearly full');
    } else if (this.#phase === 'recovering') {
      this.#postponed.push(() => this.receive(request, command));
    } else {
      const key = this.#parkingKey(command);
      if (key !== null && this.#parking.isTaken(key)) this.#parking.park(key, { request, command });
      else this.#decideRequest({ request, command, facts: null });
    }
  }

  /** What a request is parked under; null for an event without a key, which can repeat nothing. */
  #parkingKey(command: Request): ParkingKey | null {
    if (command.op !== 'schedule') return `event:${formatEventId(command.event)}`;
    if (!SpecHead.isReadable(command.body)) return null;
    const { tagHigh, tagLow } = this.#head.at(command.body);
    return tagHigh === 0 && tagLow === 0 ? null : `key:${tagHigh}:${tagLow}`;
  }

  #decideRequest({ request, command, facts }: { request: number; command: Request; facts: Facts | null }): void {
    const decision = this.#tryDeciding({ request, command, facts });
    if (decision === null) return;
    const { records, answer, needs } = decision;
    if (needs !== null) {
      const key = this.#parkingKey(command);
      if (key === null) throw new InvariantError(`partition ${this.partition}: facts for an event without a key`);
      this.#parking.park(key, { request, command });
      this.#hold({ what: 'facts', key, needs });
      return;
    }
    const waitingFor = this.#reasonToWait(command.event);
    for (const record of records) {
      const handle = this.#carryOut(record);
      if (command.op !== 'schedule') continue;
      if (this.#state.columns.dueAtMs(handle) - record.at <= keepPayloadMs) this.#payloads.keep(handle, command.body);
      this.#hold({ what: 'accepted', request, command, handle });
      return;
    }
    if (answer !== null) this.#hold({ what: 'answer', request, command, answer, waitingFor });
  }

  /** Deciding changes nothing, so a request that cannot be decided harms nobody: it is refused with the reason. */
  #tryDeciding({ request, command, facts }: { request: number; command: Request; facts: Facts | null }): Decision | null {
    try {
      return decide(this.#state, command, { now: this.#now(), facts });
    } catch (error) {
      this.#answers.refuse(
        request,
        'internal',
        `the request cannot be decided: ${error instanceof Error ? error.message : String(error)}`,
      );
      return null;
    }
  }

  #reasonToWait(event: EventId): WaitReason | null {
    const handle = this.#state.handleOf(event);
    if (handle === null || this.#places.of(handle) !== 'waiting') return null;
    return this.#shared.desk.reasonFor(this.#originOf(handle));
  }

  /** Facts for the first one parked under `key` have come; those behind it are decided afresh, in order. */
  #unpark(key: ParkingKey, facts: Facts | ReadFailure): void {
    const [first, ...behind] = this.#parking.empty(key);
    if (first === undefined)
      throw new InvariantError(`partition ${this.partition}: facts for ${key}, under which nothing is parked`);
    if (isFailure(facts)) this.#answers.refuseRead(first.request, facts);
    else this.#decideRequest({ ...first, facts });
    for (const { request, command } of behind) this.receive(request, command);
  }

  // ---- time ----

  /** An entry of the wheel has come up: to be read ahead, due, or expired. */
  timeHasCome(handle: Handle, tick: Tick): void {
    const { columns } = this.#state;
    const dueAtMs = columns.dueAtMs(handle);
    const expiresAtMs = columns.expiresAtMs(handle);
    const startsTooLate = this.#places.of(handle) === 'waiting' || dueAtMs > expiresAtMs;
    if (expiresAtMs !== 0 && (tick > expiresAtMs || (tick >= expiresAtMs && startsTooLate))) {
      this.#happened({ op: 'expire', handle });
    } else if (dueAtMs > tick) {
      this.#payloads.readAhead(handle);
      this.#arm(handle);
    } else {
      this.#wait(handle);
    }
  }

  /** In the wheel for what comes first: its expiry, its due time, or a second before that when its payload is on disk. */
  #arm(handle: Handle): void {
    const { columns } = this.#state;
    const dueAtMs = columns.dueAtMs(handle);
    const expiresAtMs = columns.expiresAtMs(handle);
    const isSoon = dueAtMs - this.#now() <= readAheadMs || this.#payloads.has(handle);
    const callAtMs = isSoon ? dueAtMs : dueAtMs - readAheadMs;
    this.#places.put(handle, 'armed');
    this.#wheelIn(handle, expiresAtMs === 0 ? callAtMs : Math.min(callAtMs, expiresAtMs));
  }

  /** Due: into the queue of its origin, until a slot is granted; in the wheel as well if it can expire there. */
  #wait(handle: Handle): void {
    const { columns } = this.#state;
    const { desk, waitingRoom } = this.#shared;
    const origin = this.#originOf(handle);
    this.#places.put(handle, 'waiting');
    waitingRoom.enter(origin, { actor: this.number, handle, priority: columns.priority(handle) });
    desk.want(origin);
    this.#armExpiry(handle);
    if (waitingRoom.count(origin) <= readAheadWaitingMax) this.#payloads.readAhead(handle);
  }

  /** Of an event that waits for its slot. One whose attempt is made once more was started in time. */
  #armExpiry(handle: Handle): void {
    const { columns } = this.#state;
    const expiresAtMs = columns.expiresAtMs(handle);
    if (expiresAtMs !== 0 && columns.status(handle) !== 'DISPATCHED') this.#wheelIn(handle, expiresAtMs);
  }

  #wheelIn(handle: Handle, atMs: number): void {
    this.#wheel.insert(handle, Math.ceil(atMs) as Tick, this.#state.columns.priority(handle));
  }

  /** Whether an entry of the waiting room still stands. */
  isWaitingFor(handle: Handle, origin: string): boolean {
    const { columns } = this.#state;
    return (
      handle < columns.rows &&
      columns.isLive(handle) &&
      this.#places.of(handle) === 'waiting' &&
      this.#originOf(handle) === origin
    );
  }

  // ---- attempts ----

  /** A slot at its origin was granted to this event, which waited for it. */
  granted(handle: Handle): void {
    this.#wheel.remove(handle);
    const body = this.#payloads.take(handle);
    this.#places.put(handle, 'loading');
    if (body === null) this.#payloads.read(handle);
    else this.#start(handle, body);
  }

  #payloadCame(handle: Handle, body: Uint8Array): void {
    const place = this.#places.of(handle);
    if (place === 'loading') this.#start(handle, body);
    else if (place === 'armed' || place === 'waiting') this.#payloads.keep(handle, body);
  }

  #start(handle: Handle, body: Uint8Array): void {
    const { columns } = this.#state;
    // After a crash a dispatched event starts again under the same number, without a new transition.
    if (columns.status(handle) !== 'DISPATCHED') this.#happened({ op: 'dispatch', handle });
    const dueAtMs = columns.dueAtMs(handle);
    const wasOverdue = dueAtMs < this.#readyAtMs;
    this.#places.put(handle, 'running');
    this.#running.set(handle, {
      retry: this.#head.at(body).retry,
      labels: this.#shared.isWatched() ? labelsOf(body) : null,
      wasOverdue,
    });
    this.#shared.desk.start({
      partition: this.partition,
      event: columns.id(handle),
      attempt: columns.attempts(handle),
      origin: this.#originOf(handle),
      spec: body,
      dueAtMs,
      overdue: wasOverdue,
    });
  }

  /** The courier of some origins died with all that it ran and had granted: these events wait for a slot once more. */
  courierLost(isLost: (origin: string) => boolean): void {
    const { columns } = this.#state;
    // If it had been asked what it runs: nothing any more.
    this.#recovery?.courierRuns([]);
    for (let row = 0; row < columns.rows; row++) {
      const handle = row as Handle;
      const place = columns.isLive(handle) ? this.#places.of(handle) : 'decided';
      if ((place !== 'running' && place !== 'loading') || !isLost(this.#originOf(handle))) continue;
      this.#running.delete(handle);
      this.#wait(handle);
    }
  }

  /** A courier reports how an attempt ended. */
  ended(outcome: Outcome): void {
    if (this.#phase === 'recovering') this.#postponed.push(() => this.ended(outcome));
    if (this.#phase !== 'ready') return;
    const handle = this.#state.handleOf(outcome.event);
    const running = handle === null ? undefined : this.#running.get(handle);
    if (handle === null || running === undefined) return;
    if (running.retry !== null) this.#decideOutcome(handle, { outcome, retry: running.retry, wasOverdue: running.wasOverdue });
    else this.#decideOutcomeAfterReload(handle, outcome);
  }

  /** The attempt outlived the memory that started it: how often and when to retry must be read again. */
  #decideOutcomeAfterReload(handle: Handle, outcome: Outcome): void {
    const incarnation = this.#incarnation;
    const seqs = [this.#state.columns.acceptedSeq(handle)];
    this.#shared.reads.ask({ op: 'bodies', partition: this.partition, seqs }, (reply) => {
      if (incarnation !== this.#incarnation || !this.#running.has(handle)) return;
      if (reply.op === 'bodies')
        this.#decideOutcome(handle, { outcome, retry: this.#head.at(reply.bodies[0]!).retry, wasOverdue: false });
      else if (reply.op === 'failed') this.fail(`the body of a running event cannot be read: ${reply.detail}`);
    });
  }

  #decideOutcome(handle: Handle, ended: { outcome: Outcome; retry: RetryPolicy; wasOverdue: boolean }): void {
    const { outcome, retry, wasOverdue } = ended;
    this.#shared.counters.ended(outcome, wasOverdue);
    this.#happened({ op: 'outcome', outcome, retry, random: this.#shared.ports.random() });
    this.#running.delete(handle);
  }

  // ---- deciding and carrying out ----

  #happened(command: Exclude<Command, Request>): void {
    const { records } = decide(this.#state, command, { now: this.#now(), facts: null });
    for (const record of records) {
      const handle = this.#carryOut(record);
      if (record.kind === recordKinds.retrying) this.#hold({ what: 'arm', handle });
    }
  }

  /** A record becomes true: what it withdraws is disarmed at once; what it permits waits in the outbox. */
  #carryOut(record: LogRecord): Handle {
    const before = record.kind === recordKinds.accepted ? null : this.#state.handleOf(record.event);
    if (before !== null && this.#overdue > 0) this.#countOverdue(before);
    if (before !== null && (record.kind === recordKinds.cancelled || record.kind === recordKinds.expired)) this.#withdraw(before);
    const acceptedSeq = before === null ? record.seq : this.#state.columns.acceptedSeq(before);
    const { handle, status, version, attempts } = this.#state.apply(record);
    this.#batch.append(record);
    this.#shared.counters.transition(status);
    if (this.#shared.isWatched()) {
      const labels = before === null ? labelsOf(record.body) : (this.#running.get(before)?.labels ?? null);
      this.#feed.add(record, { version, attempts, labels, acceptedSeq });
    }
    if (isFinished(status)) this.#payloads.take(handle);
    if (status !== 'DISPATCHED') this.#places.put(handle, 'decided');
    return handle;
  }

  /** A transition of an event that was overdue: it is so no longer. */
  #countOverdue(handle: Handle): void {
    const { columns } = this.#state;
    if (columns.status(handle) !== 'DISPATCHED' && columns.dueAtMs(handle) < this.#readyAtMs) this.#overdue--;
  }

  /** Before a cancel or an expiry: from now on nothing of it can start. */
  #withdraw(handle: Handle): void {
    const { desk, waitingRoom } = this.#shared;
    const origin = this.#originOf(handle);
    const place = this.#places.of(handle);
    this.#wheel.remove(handle);
    this.#places.put(handle, 'decided');
    if (place === 'waiting') {
      waitingRoom.leave(origin);
      desk.unwant(origin);
    } else if (place === 'loading') {
      desk.release(origin, 1);
    }
  }

  // ---- what waits for the disk ----

  /** Until everything decided so far is durable; at once if it is. */
  #hold(held: Held): void {
    const { lastSeq } = this.#state;
    if (lastSeq === this.#durable && this.#outbox.size === 0) this.#letOut(held, lastSeq);
    else this.#outbox.hold(lastSeq, held);
  }

  durableUpTo(seq: Sequence): void {
    const knowsLog = this.#phase === 'ready' || this.#arming !== null;
    if (!knowsLog || seq <= this.#durable) return;
    this.#failedCommits = 0;
    this.#durable = seq;
    this.#outbox.release(seq, (held, at) => this.#letOut(held, at));
    this.#feed.release(seq);
  }

  #letOut(held: Held, at: Sequence): void {
    switch (held.what) {
      case 'accepted':
        this.#answers.accepted(held.request);
        this.#armIfUnchanged(held.handle, at);
        break;
      case 'arm':
        this.#armIfUnchanged(held.handle, at);
        break;
      case 'answer':
        this.#answers.send(held.request, held.answer, held.waitingFor);
        break;
      case 'facts': {
        const incarnation = this.#incarnation;
        fetchFacts(held.needs, { state: this.#state, reads: this.#shared.reads }, (facts) => {
          if (incarnation === this.#incarnation) this.#unpark(held.key, facts);
        });
      }
    }
  }

  /** Meanwhile the event may have been cancelled, and its row may be another's. */
  #armIfUnchanged(handle: Handle, decidedAt: Sequence): void {
    if (this.#state.columns.newestSeq(handle) === decidedAt) this.#arm(handle);
  }

  /** End of a turn: records go to the log writer, reads to the reader. */
  flush(): void {
    if (this.#batch.count > 0)
      this.#shared.ports.toWriter({ op: 'append', partition: this.partition, batch: this.#batch.take() });
    this.#payloads.flush();
  }

  /** Watching begins or ends: what was decided before is nobody's news. */
  forgetChanges(): void {
    this.#feed.clear();
  }

  // ---- segments ----

  segmentSealed(next: Sequence): void {
    if (this.#phase === 'ready') this.#state.finished.openPage(next);
  }

  segmentIndexed(segment: { first: Sequence; next: Sequence }): void {
    if (this.#phase === 'ready') this.#state.indexedBefore(this.#indexed.add(segment));
  }

  #originOf(handle: Handle): string {
    return this.#state.origins.name(this.#state.columns.origin(handle));
  }

  #now(): WallMs {
    return this.#shared.ports.clock.wallMs();
  }

  #tick(): Tick {
    return Math.floor(this.#now()) as Tick;
  }
}
