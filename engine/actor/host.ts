/**
 * Actor host: several partitions on one thread, in turns.
 *
 *     turn: couriers -> wheels -> what is due -> mailbox -> replay -> flush to writer, reader, couriers, router
 *
 * Each of them gets about a millisecond a turn and goes on in the next one, so that neither a flood of due events or
 * requests nor a replay makes a tick late, or keeps a slot that was granted from the event that waits for it. A turn is run
 * when a message has come or the next deadline is there; an idle host sleeps.
 *
 * Knows neither threads nor ports nor timers: `host-thread.ts` and the simulator call it and act on what `turn` returns.
 */
import type { CourierReply, Lane } from '../dispatch/protocol.js';
import type { MonoMs, PartitionId, Sequence, Tick } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { distributeMax, distributeSliceMax, dueMax, dueSliceMax, turnBudgetMs, unsyncedRecordsMax } from '../kernel/limits.js';
import type { ReaderReply, SpaceLevel, WriterReply } from '../log/protocol.js';
import type { HostFigures, LatencyFigures } from '../observe/figures.js';
import { DueSlice } from '../wheel/due-slice.js';
import type { Wheel } from '../wheel/wheel.js';
import { Backlog } from './backlog.js';
import { CourierDesk } from './courier-desk.js';
import { HostCounters } from './host-counters.js';
import { figuresOf } from './host-figures.js';
import type { HostOptions, HostPorts } from './host-ports.js';
import type { HostNotice } from './notices.js';
import { PartitionActor } from './partition-actor.js';
import { tellPastChanges } from './past-changes.js';
import { PayloadBudget } from './payloads.js';
import { Reads } from './reads.js';
import { type HostRequest, isEnquiry, type NumberedHostRequest } from './requests.js';
import { type Waiting, WaitingRoom } from './waiting-room.js';

/** Requests decided between two looks at the clock. */
const mailboxStep = 64;
/** The same of what couriers say: a grant with its start costs about 10 us. */
const courierMailStep = 16;
/** A step back of the wall clock that is waited out. */
const pausedStepMsMax = 500;
/** A step forward from here on is a jump: what it passed over is overdue, not late. */
const jumpMsMin = 500;
/** How long slots for what is overdue wait for all of it to be taken in. */
const gatheringMsMax = 1_000;

interface CourierMail {
  readonly courier: number;
  readonly reply: CourierReply;
}

export class ActorHost {
  readonly #ports: HostPorts;
  readonly #reads: Reads;
  readonly #desk: CourierDesk;
  readonly #waitingRoom: WaitingRoom;
  readonly #backlog: Backlog;
  readonly #counters = new HostCounters();
  readonly #payloadBudget: PayloadBudget;
  readonly #actors: readonly PartitionActor[];
  readonly #byPartition = new Map<PartitionId, PartitionActor>();
  readonly #dueSlice = new DueSlice(dueSliceMax);
  /** Actors that fire, and their wheels in the same order; made anew when a phase has changed. */
  #firing: PartitionActor[] = [];
  #wheels: Wheel[] = [];
  #firingIsStale = true;
  #firstWheel = 0;
  #firstWalking = 0;
  /** The latest that has fired. */
  #tick = 0 as Tick;
  /** What couriers have said, in order. Bounded by the slots that they can grant. */
  #courierMail: CourierMail[] = [];
  #courierMailHead = 0;
  /** There was more than one turn takes. */
  #moreIsDue = false;
  /** Wall minus monotonic time: changes when the clock is set. */
  #clockOffsetMs: number;
  /** Since when slots for the backlog have not been asked for; null: they have. */
  #gatheringSince: MonoMs | null = null;
  #mailbox: NumberedHostRequest[] = [];
  #mailboxHead = 0;
  /** Round of the newest `watch`; null while nobody watches. */
  #watchRound: number | null = null;
  /** Every partition has been replayed, or has failed: only now is there a position to answer `watch` with. */
  #hasStarted = false;
  #space: SpaceLevel = 'ok';
  #draining = false;
  #drainedSent = false;
  /** Slots that were granted while nothing may start, to be asked for again. */
  readonly #unserved = new Map<string, number>();

  constructor(options: HostOptions, ports: HostPorts) {
    this.#ports = { ...ports, notify: (notice) => this.#notify(notice) };
    this.#notifyOut = ports.notify.bind(ports);
    this.#clockOffsetMs = ports.clock.wallMs() - ports.clock.monoMs();
    this.#reads = new Reads((request) => ports.toReader(request));
    this.#desk = new CourierDesk(ports.couriers);
    this.#payloadBudget = new PayloadBudget(options.readAheadBytesMax);
    const standsIn =
      (lane: Lane) =>
      ({ actor, handle }: Waiting, origin: string): boolean =>
        this.#actors[actor]!.isWaitingFor(handle, origin, lane);
    this.#waitingRoom = new WaitingRoom(standsIn('regular'));
    this.#backlog = new Backlog(standsIn('overdue'));
    this.#actors = options.partitions.map(
      (partition, number) =>
        new PartitionActor({
          partition,
          number,
          shared: {
            ports: this.#ports,
            reads: this.#reads,
            desk: this.#desk,
            waitingRoom: this.#waitingRoom,
            backlog: this.#backlog,
            counters: this.#counters,
            payloadBudget: this.#payloadBudget,
            snapshotRecords: options.snapshotRecords,
            retentionMs: options.retentionMs,
            isWatched: () => this.#watchRound !== null,
            watchFrom: (partition, position) => this.#watchFrom([[partition, position]]),
            mayStart: () => this.#mayStart,
            space: () => this.#space,
          },
        }),
    );
    for (const actor of this.#actors) this.#byPartition.set(actor.partition, actor);
  }
  readonly #notifyOut: HostPorts['notify'];

  get actors(): readonly PartitionActor[] {
    return this.#actors;
  }

  /** Begin to replay all partitions. */
  start(): void {
    for (const actor of this.#actors) actor.recover();
  }

  // ---- messages ----

  fromRouter(requests: readonly HostRequest[]): void {
    for (const request of requests) {
      switch (request.op) {
        case 'watch':
          this.#watch(request);
          break;
        case 'drain':
          this.#draining = true;
          break;
        default:
          this.#mailbox.push(request);
      }
    }
  }

  fromWriter(reply: WriterReply): void {
    if (reply.op === 'space') {
      this.#setSpace(reply.level);
      this.#notifyOut(reply);
      return;
    }
    if (reply.op === 'held') {
      this.#notifyOut(reply);
      return;
    }
    this.#guarded(this.#actorOf(reply.partition), (actor) => {
      switch (reply.op) {
        case 'durable':
          this.#counters.commit.record(reply.commitMs);
          actor.durableUpTo(reply.seq);
          break;
        case 'failed':
          actor.writeFailed(reply);
          break;
        case 'reopened':
          actor.reopened();
          break;
        case 'sealed':
          actor.segmentSealed(reply.next);
          break;
      }
    });
  }

  fromReader(reply: ReaderReply): void {
    if (reply.op === 'indexed') {
      this.#guarded(this.#actorOf(reply.partition), (actor) => actor.segmentIndexed(reply));
      return;
    }
    const partition = this.#reads.partitionOf(reply);
    if (partition !== null) this.#guarded(this.#actorOf(partition), () => this.#reads.answered(reply));
  }

  fromCourier(courier: number, replies: readonly CourierReply[]): void {
    for (const reply of replies) this.#courierMail.push({ courier, reply });
  }

  #hear({ courier, reply }: CourierMail): void {
    switch (reply.op) {
      case 'grant':
        this.#granted(reply);
        break;
      case 'outcome':
        this.#guarded(this.#actorOf(reply.outcome.partition), (actor) => actor.ended(reply.outcome));
        break;
      case 'waiting':
        this.#desk.setReason(reply.origin, reply.reason);
        break;
      case 'running':
        this.#guarded(this.#actorOf(reply.partition), (actor) => actor.courierRuns(courier, reply.attempts));
        break;
    }
  }

  /** A courier died and a fresh one stands in its place: what it ran starts again, what was asked of it is asked again. */
  courierLost(courier: number): void {
    // What it has said still counts, and comes before its end.
    this.#hearCouriers(() => false);
    const isLost = (origin: string) => this.#ports.couriers.courierOf(origin) === courier;
    this.#desk.forget(courier);
    for (const origin of this.#waitingRoom.origins()) {
      if (!isLost(origin)) continue;
      this.#desk.want(origin, 'regular', this.#waitingRoom.count(origin));
    }
    for (const origin of this.#backlog.origins()) if (isLost(origin)) this.#backlog.unask(origin, this.#backlog.count(origin));
    for (const actor of this.#actors) {
      this.#guarded(actor, () => actor.courierLost(courier, isLost));
      this.#guarded(actor, () => actor.tellSettings(courier));
    }
  }

  // ---- a turn ----

  /** Milliseconds until the next turn is needed without a message; 0: at once; null: never. */
  turn(): number | null {
    this.#hearCouriers(this.#budget());
    this.#fireDue();
    this.#askForBacklog();
    this.#readMailbox(this.#budget());
    const isOver = this.#budget();
    for (const actor of this.#actors) {
      this.#guarded(actor, () => actor.stepRecovery(this.#ports.clock.monoMs(), isOver));
    }
    this.#stepWalks(this.#budget());
    for (const actor of this.#actors) this.#guarded(actor, () => actor.keepRetention());
    for (const actor of this.#actors) actor.flush();
    this.#desk.flush();
    this.#noticeDrained();
    return this.#nextTurnInMs();
  }

  /** Says from now on whether a piece of this turn has had its time. */
  #budget(): () => boolean {
    const startedAt = this.#ports.clock.monoMs();
    return () => this.#ports.clock.monoMs() - startedAt >= turnBudgetMs;
  }

  #hearCouriers(isOver: () => boolean): void {
    while (this.#courierMailHead < this.#courierMail.length) {
      const end = Math.min(this.#courierMailHead + courierMailStep, this.#courierMail.length);
      while (this.#courierMailHead < end) this.#hear(this.#courierMail[this.#courierMailHead++]!);
      if (isOver()) return;
    }
    this.#courierMail = [];
    this.#courierMailHead = 0;
  }

  #fireDue(): void {
    if (this.#firingIsStale) this.#renewFiring();
    const tick = Math.floor(this.#ports.clock.wallMs()) as Tick;
    if (!this.#followClock(tick)) return;
    this.#advanceWheels(tick);
    if (!this.#mayStart) return;
    const isOver = this.#budget();
    for (let left = dueMax; left > 0 && this.#fireSlice(tick) === dueSliceMax && !isOver(); left -= dueSliceMax);
    this.#dueSlice.endTurn(this.#wheels);
  }

  #advanceWheels(tick: Tick): void {
    const isOver = this.#budget();
    let left = distributeMax;
    // The first one changes, so that a wheel with much to distribute does not always leave the others nothing.
    this.#firstWheel++;
    for (let at = 0; at < this.#wheels.length; at++) {
      const wheel = this.#wheels[(this.#firstWheel + at) % this.#wheels.length]!;
      do left -= wheel.advance(tick, isOver() ? 0 : Math.min(left, distributeSliceMax));
      while (wheel.behind && left > 0 && !isOver());
    }
  }

  /** How many it was. */
  #fireSlice(tick: Tick): number {
    const count = this.#dueSlice.take(this.#wheels);
    this.#moreIsDue = count === dueSliceMax || this.#wheels.some((wheel) => wheel.behind);
    for (let at = 0; at < count; at++) {
      const actor = this.#firing[this.#dueSlice.wheels[at]!]!;
      if (actor.phase === 'ready') this.#guarded(actor, () => actor.timeHasCome(this.#dueSlice.handleAt(at), tick));
    }
    return count;
  }

  /**
   * False while the wall clock is a little behind where it has been: until it is there again nothing may fire, or it would be
   * early. After a long step back everything is armed anew.
   */
  #followClock(tick: Tick): boolean {
    const behindMs = this.#tick - tick;
    if (behindMs > 0 && behindMs <= pausedStepMsMax) return false;
    this.#tick = tick;
    this.#noticeJump();
    if (behindMs > 0) {
      for (const actor of this.#actors) this.#guarded(actor, () => actor.clockWentBack());
      this.#renewFiring();
    }
    return true;
  }

  /** The clock was set forward: what it has passed over is due at once, and leaves at the pace of recovery. */
  #noticeJump(): void {
    const { clock } = this.#ports;
    const offsetMs = clock.wallMs() - clock.monoMs();
    const isJump = offsetMs - this.#clockOffsetMs >= jumpMsMin;
    this.#clockOffsetMs = offsetMs;
    if (isJump) for (const actor of this.#actors) actor.clockJumped();
  }

  /** When all that is overdue has been taken in, so that the first to leave are the first of all; or when that takes too long. */
  #askForBacklog(): void {
    if (!this.#backlog.hasUnasked || !this.#mayStart) return;
    const now = this.#ports.clock.monoMs();
    this.#gatheringSince ??= now;
    const isComplete = !this.#moreIsDue && this.#hasStarted;
    if (!isComplete && now - this.#gatheringSince < gatheringMsMax) return;
    this.#gatheringSince = null;
    this.#backlog.ask((origin, count) => this.#desk.want(origin, 'overdue', count));
  }

  #readMailbox(isOver: () => boolean): void {
    while (this.#mailboxHead < this.#mailbox.length && !this.#isWriterBehind) {
      for (let step = 0; step < mailboxStep && this.#mailboxHead < this.#mailbox.length; step++) {
        const request = this.#mailbox[this.#mailboxHead++]!;
        this.#receive(request);
      }
      if (isOver()) break;
    }
    if (this.#mailboxHead === this.#mailbox.length) this.#mailbox = [];
    else if (this.#mailboxHead * 2 > this.#mailbox.length) this.#mailbox = this.#mailbox.slice(this.#mailboxHead);
    else return;
    this.#mailboxHead = 0;
  }

  /** One that has come to the wrong host harms nobody: it is refused, and the next one follows. */
  #receive(request: NumberedHostRequest): void {
    const actor = this.#byPartition.get(request.partition);
    if (actor !== undefined) {
      this.#guarded(actor, () => {
        if (request.op === 'changes') tellPastChanges(request, { actor, reads: this.#reads, ports: this.#ports });
        else if (isEnquiry(request)) actor.enquire(request);
        else actor.receive(request.request, request);
      });
      return;
    }
    const detail = `partition ${request.partition} is not one of this host's`;
    this.#ports.reply({ op: 'refused', request: request.request, code: 'internal', detail, event: null, status: null });
  }

  /** Back-pressure: what the disk has not taken yet is bounded; meanwhile requests stay in the mailbox, whose size the router bounds. */
  get #isWriterBehind(): boolean {
    let unsynced = 0;
    for (const actor of this.#actors) unsynced += actor.unsynced;
    return unsynced >= unsyncedRecordsMax;
  }

  /** The first one changes, so that long walks of one partition do not keep those of the others waiting. */
  #stepWalks(isOver: () => boolean): void {
    this.#firstWalking++;
    for (let at = 0; at < this.#actors.length; at++) {
      const actor = this.#actors[(this.#firstWalking + at) % this.#actors.length]!;
      if (!actor.hasWalks) continue;
      this.#guarded(actor, () => actor.stepWalks(isOver));
      if (isOver()) return;
    }
  }

  #nextTurnInMs(): number | null {
    if (this.#courierMail.length > 0) return 0;
    if (this.#mailboxHead < this.#mailbox.length && !this.#isWriterBehind) return 0;
    if (this.#firingIsStale) return 0;
    const now = this.#ports.clock.wallMs();
    let earliest = this.#backlog.hasUnasked && this.#mayStart ? now + 1 : Number.POSITIVE_INFINITY;
    for (const actor of this.#actors) {
      if (actor.hasRecoveryWork || actor.hasWalks) return 0;
      if (actor.reloadAtMs !== null) earliest = Math.min(earliest, now + actor.reloadAtMs - this.#ports.clock.monoMs());
    }
    if (this.#mayStart) for (const wheel of this.#wheels) earliest = Math.min(earliest, wheel.nextDeadline() ?? earliest);
    return earliest === Number.POSITIVE_INFINITY ? null : Math.max(0, earliest - now);
  }

  #renewFiring(): void {
    this.#firing = [];
    this.#wheels = [];
    for (const actor of this.#actors) {
      if (actor.phase !== 'ready' || actor.wheel === null) continue;
      this.#firing.push(actor);
      this.#wheels.push(actor.wheel);
    }
    this.#firingIsStale = false;
  }

  // ---- slots ----

  get #mayStart(): boolean {
    return !this.#draining && this.#space !== 'stop';
  }

  #granted({ origin, lane, count }: { readonly origin: string; readonly lane: Lane; readonly count: number }): void {
    if (!this.#mayStart) {
      this.#desk.release(origin, lane, count);
      if (lane === 'overdue') this.#backlog.unask(origin, count);
      else this.#unserved.set(origin, (this.#unserved.get(origin) ?? 0) + count);
      return;
    }
    const queue = lane === 'overdue' ? this.#backlog : this.#waitingRoom;
    for (let left = count; left > 0; left--) {
      const waiting = queue.take(origin);
      if (waiting === null) {
        this.#desk.release(origin, lane, left);
        if (lane === 'overdue') this.#backlog.unask(origin, left - 1);
        return;
      }
      this.#guarded(this.#actors[waiting.actor]!, (actor) => actor.granted(waiting.handle));
    }
  }

  #setSpace(level: SpaceLevel): void {
    this.#space = level;
    if (level === 'stop') return;
    for (const [origin, count] of this.#unserved) this.#desk.want(origin, 'regular', count);
    this.#unserved.clear();
  }

  // ---- watching, stopping ----

  #watch({ on, round }: { readonly on: boolean; readonly round: number }): void {
    this.#watchRound = on ? round : null;
    for (const actor of this.#actors) actor.forgetChanges();
    if (on && this.#hasStarted) this.#announcePositions(this.#actors);
  }

  /**
   * Names the positions behind which changes are sent: those of settled partitions at once, the others each when what it has
   * decided so far is durable. A position that a failed commit or a crash takes back would be used again for something else.
   */
  #announcePositions(actors: readonly PartitionActor[]): void {
    const round = this.#watchRound;
    if (round === null) return;
    const settled: (readonly [PartitionId, Sequence])[] = [];
    let isNow = true;
    for (const actor of actors) {
      if (actor.phase !== 'ready') continue;
      actor.whenDurable((position) => {
        if (isNow) settled.push([actor.partition, position]);
        else if (this.#watchRound === round) this.#watchFrom([[actor.partition, position]]);
      });
    }
    isNow = false;
    this.#watchFrom(settled);
  }

  #watchFrom(positions: readonly (readonly [PartitionId, Sequence])[]): void {
    if (this.#watchRound !== null) this.#notifyOut({ op: 'watching', round: this.#watchRound, positions });
  }

  #notify(notice: HostNotice): void {
    this.#notifyOut(notice);
    if (notice.op !== 'phase') return;
    this.#firingIsStale = true;
    if (this.#hasStarted) {
      if (notice.phase === 'ready') this.#announcePositions([this.#actorOf(notice.partition)]);
    } else if (this.#actors.every((actor) => actor.phase !== 'recovering')) {
      this.#hasStarted = true;
      this.#announcePositions(this.#actors);
    }
  }

  #noticeDrained(): void {
    if (!this.#draining || this.#drainedSent || this.#courierMail.length > 0 || this.#mailboxHead < this.#mailbox.length) return;
    if (!this.#actors.every((actor) => actor.isIdle)) return;
    // All of them are asked, so that they are taken one behind the other.
    if (this.#actors.map((actor) => actor.hasLastSnapshot()).includes(false)) return;
    this.#drainedSent = true;
    this.#notifyOut({ op: 'drained' });
  }

  figures(eventLoopDelay: LatencyFigures): HostFigures {
    return figuresOf({
      actors: this.#actors,
      counters: this.#counters,
      desk: this.#desk,
      waitingRoom: this.#waitingRoom,
      backlog: this.#backlog,
      readAheadBytes: this.#payloadBudget.bytes,
      now: this.#ports.clock.wallMs(),
      eventLoopDelay,
    });
  }

  #actorOf(partition: PartitionId): PartitionActor {
    const actor = this.#byPartition.get(partition);
    if (actor === undefined) throw new InvariantError(`partition ${partition} is not one of this host's`);
    return actor;
  }

  /** What breaks in one partition stops that partition and says so; the others go on. */
  #guarded(actor: PartitionActor, run: (actor: PartitionActor) => void): void {
    try {
      run(actor);
    } catch (error) {
      actor.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
}
