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
import type { CourierReply } from '../dispatch/protocol.js';
import type { PartitionId } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import { letGo } from '../kernel/let-go.js';
import { unsyncedRecordsMax } from '../kernel/limits.js';
import type { ReaderReply, SpaceLevel, WriterReply } from '../log/protocol.js';
import type { HostFigures, LatencyFigures } from '../observe/figures.js';
import { CourierDesk } from './firing/courier-desk.js';
import { Firing } from './firing/firing.js';
import { GatheredBodies } from './desks/gathered-bodies.js';
import { guarded } from './guarded.js';
import { HostCounters } from './host-counters.js';
import { figuresOf } from './host-figures.js';
import type { HostOptions, HostPorts } from './host-ports.js';
import type { HostShared } from './host-shared.js';
import { Inbox } from './inbox.js';
import { LabelFlows } from './ledger/label-flows.js';
import type { PartitionOrder } from './mail.js';
import type { HostNotice } from './notices.js';
import { PartitionActor } from './partition-actor.js';
import { tellPastChanges } from './desks/past-changes.js';
import { BodyStore } from './body-store.js';
import { Reads } from './reads.js';
import { type HostRequest, isEnquiry, type NumberedHostRequest } from './requests.js';
import { Slots } from './firing/slots.js';
import { SnapshotTurn } from './life/snapshot-turn.js';
import { TurnBudget } from './turn-budget.js';
import { Watch } from './watch.js';

/** Requests decided between two looks at the clock. */
const mailboxStep = 64;
/** The same of what couriers say: a grant with its start costs about 10 us. */
const courierMailStep = 16;

interface CourierMail {
  readonly courier: number;
  readonly reply: CourierReply;
}

/** A request, and the memory that nobody looks at any more when it has been received. */
interface Letter {
  readonly request: NumberedHostRequest;
  readonly memory: Uint8Array<ArrayBuffer> | null;
}

export class ActorHost {
  readonly #ports: HostPorts;
  /** Past this host's own ears. */
  readonly #notifyOut: HostPorts['notify'];
  readonly #reads: Reads;
  readonly #specs: GatheredBodies;
  readonly #desk: CourierDesk;
  readonly #slots: Slots;
  readonly #firing: Firing;
  readonly #watch: Watch;
  readonly #budget: TurnBudget;
  readonly #counters = new HostCounters();
  readonly #bodies: BodyStore;
  readonly #actors: readonly PartitionActor[];
  readonly #byPartition = new Map<PartitionId, PartitionActor>();
  /** What couriers have said. Bounded by the slots that they can grant. */
  readonly #courierMail = new Inbox<CourierMail>(courierMailStep);
  readonly #mailbox = new Inbox<Letter>(mailboxStep, ({ request }) => (request.op === 'schedule-sheaf' ? request.count : 1));
  #firstWalking = 0;
  /** Every partition has been replayed, or has failed: only now is there a position to answer `watch` with. */
  #hasStarted = false;
  #space: SpaceLevel = 'ok';
  /** Of the lease board: in which everything here was taken. */
  #term = 0;
  #draining = false;
  #drainedSent = false;

  constructor(options: HostOptions, ports: HostPorts) {
    this.#ports = { ...ports, notify: (notice) => this.#notify(notice) };
    this.#notifyOut = ports.notify.bind(ports);
    this.#watch = new Watch(this.#notifyOut);
    this.#budget = new TurnBudget(ports.clock);
    this.#reads = new Reads((request) => ports.toReader(request));
    this.#specs = new GatheredBodies(this.#reads);
    this.#desk = new CourierDesk(ports.couriers);
    this.#bodies = new BodyStore(options.readAheadBytesMax);
    const { lease } = ports;
    const mayStart = (): boolean => !this.#draining && this.#space !== 'stop' && (lease === null || lease.isAheadIn(this.#term));
    const actors: PartitionActor[] = [];
    this.#actors = actors;
    this.#slots = new Slots({ clock: ports.clock, actors, desk: this.#desk, mayStart });
    this.#firing = new Firing({ clock: ports.clock, actors, budget: this.#budget, mayStart });
    const shared: HostShared = {
      ports: this.#ports,
      reads: this.#reads,
      specs: this.#specs,
      desk: this.#desk,
      waitingRoom: this.#slots.waitingRoom,
      backlog: this.#slots.backlog,
      counters: this.#counters,
      flows: new LabelFlows(),
      bodies: this.#bodies,
      snapshotRecords: options.snapshotRecords,
      snapshotTurn: new SnapshotTurn(),
      retentionMs: options.retentionMs,
      // What a partition decides before that was announced is left to the log: whoever listens reads it from there.
      isWatched: () => this.#watch.isOn && this.#hasStarted,
      watchFrom: (partition, position) => this.#watch.from([[partition, position]]),
      mayStart,
      takeAdvance: (origin) => this.#slots.takeAdvance(origin),
      isFlooded: () => this.isFlooded || this.#actors.some(({ phase }) => phase === 'recovering'),
      space: () => this.#space,
    };
    for (const [number, partition] of options.partitions.entries()) {
      const actor = new PartitionActor({ partition, number, shared });
      actors.push(actor);
      this.#byPartition.set(partition, actor);
    }
  }

  get actors(): readonly PartitionActor[] {
    return this.#actors;
  }

  /** More was due than the last turn had time for, or very many events are being changed. */
  get isFlooded(): boolean {
    return this.#firing.moreIsDue || this.#actors.some(({ changesMany }) => changesMany);
  }

  /** Begin to replay all partitions; in a cluster each when this node owns it. */
  start(): void {
    for (const actor of this.#actors) actor.start();
  }

  // ---- messages ----

  /** `memory`: all of it, in which all bytes of the requests lie, is the host's from now on. */
  fromRouter(requests: readonly HostRequest[], memory: Uint8Array<ArrayBuffer> | null = null): void {
    const last = memory !== null && requests.every(({ op }) => op === 'schedule-sheaf') ? requests.at(-1) : null;
    for (const request of requests) {
      switch (request.op) {
        case 'watch':
          this.#watchChanges(request);
          break;
        case 'drain':
          this.#draining = true;
          break;
        default:
          this.#mailbox.push({ request, memory: request === last ? memory : null });
      }
    }
  }

  /** In a cluster. */
  obey(order: PartitionOrder): void {
    if (order.op === 'take') this.#begin(order.term);
    guarded(this.#actorOf(order.partition), (actor) => actor.obey(order));
    this.#firing.phaseChanged();
  }

  #begin(term: number): void {
    this.#term = term;
    this.#desk.tellTerm(term);
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
    guarded(this.#actorOf(reply.partition), (actor) => {
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
        default:
          actor.heed(reply);
      }
    });
  }

  fromReader(reply: ReaderReply): void {
    if (reply.op === 'indexed') {
      guarded(this.#actorOf(reply.partition), (actor) => actor.segmentIndexed(reply));
      return;
    }
    const partition = this.#reads.partitionOf(reply);
    if (partition !== null) guarded(this.#actorOf(partition), () => this.#reads.answered(reply));
  }

  fromCourier(courier: number, replies: readonly CourierReply[]): void {
    for (const reply of replies) this.#courierMail.push({ courier, reply });
  }

  #hear({ courier, reply }: CourierMail): void {
    switch (reply.op) {
      case 'grant':
        this.#slots.granted(reply);
        break;
      case 'advance':
        this.#slots.advanced(reply.origin);
        break;
      case 'recall':
        this.#slots.recalled(reply.origin);
        break;
      case 'outcome':
        guarded(this.#actorOf(reply.outcome.partition), (actor) => actor.ended(reply.outcome));
        break;
      case 'unstarted':
        guarded(this.#actorOf(reply.partition), (actor) => actor.unstarted(reply.event));
        break;
      case 'waiting':
        this.#desk.setReason(reply.origin, reply.reason);
        break;
      case 'running':
        guarded(this.#actorOf(reply.partition), (actor) => actor.courierRuns(courier, reply.attempts));
        break;
    }
  }

  /** A courier died and a fresh one stands in its place: what it ran starts again, what was asked of it is asked again. */
  courierLost(courier: number): void {
    // What it has said still counts, and comes before its end.
    this.#courierMail.read(
      (mail) => this.#hear(mail),
      () => false,
    );
    const isLost = (origin: string) => this.#ports.couriers.courierOf(origin) === courier;
    this.#desk.forget(courier);
    this.#slots.courierLost(isLost);
    for (const actor of this.#actors) {
      guarded(actor, () => actor.courierLost(courier, isLost));
      guarded(actor, () => actor.tellSettings(courier));
    }
  }

  // ---- a turn ----

  /** Milliseconds until the next turn is needed without a message; 0: at once; null: never. */
  turn(): number | null {
    this.#budget.beginTurn();
    this.#slots.askAgain();
    this.#courierMail.read((mail) => this.#hear(mail), this.#budget.begin());
    this.#firing.fire();
    this.#slots.askForBacklog(!this.isFlooded && this.#hasStarted);
    this.#readMailbox();
    const isOver = this.#budget.begin();
    for (const actor of this.#actors) {
      // One after the other: while the log of one is read, another takes its snapshot in.
      const hadWork = actor.hasRecoveryWork;
      guarded(actor, () => actor.stepRecovery(this.#ports.clock.monoMs(), isOver));
      if (hadWork && isOver()) break;
    }
    this.#stepWalks(this.#budget.beginWalks());
    for (const actor of this.#actors) guarded(actor, () => actor.keepHouse());
    for (const actor of this.#actors) actor.flush();
    this.#specs.flush();
    this.#desk.flush();
    this.#bodies.endTurn();
    this.#noticeDrained();
    return this.#nextTurnInMs();
  }

  #readMailbox(): void {
    if (this.#isWriterBehind) return;
    const isOver = this.#budget.begin();
    this.#mailbox.read(
      ({ request, memory }) => {
        this.#receive(request);
        // What is new was copied into the batch for the log writer; of other requests bytes are held until they are decided.
        if (memory !== null) letGo(memory);
      },
      () => isOver() || this.#isWriterBehind,
    );
  }

  /** One that has come to the wrong host harms nobody: it is refused, and the next one follows. */
  #receive(request: NumberedHostRequest): void {
    const actor = this.#byPartition.get(request.partition);
    if (actor !== undefined) {
      guarded(actor, () => {
        if (request.op === 'changes') tellPastChanges(request, { actor, reads: this.#reads, ports: this.#ports });
        else if (isEnquiry(request)) actor.enquire(request);
        else if (request.op === 'schedule-sheaf') actor.receiveSheaf(request);
        else actor.receive(request.request, request);
      });
      return;
    }
    const detail = `partition ${request.partition} is not one of this host's`;
    const numbers = request.op === 'schedule-sheaf' ? request.count : 1;
    for (let number = request.request; number < request.request + numbers; number++) {
      this.#ports.reply({ op: 'refused', request: number, code: 'internal', detail, event: null, status: null });
    }
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
      guarded(actor, () => actor.stepWalks(isOver));
      if (isOver()) return;
    }
  }

  #nextTurnInMs(): number | null {
    if (!this.#courierMail.isEmpty || (!this.#mailbox.isEmpty && !this.#isWriterBehind)) return 0;
    const now = this.#ports.clock.wallMs();
    let earliest = Math.min(this.#firing.nextAtMs, this.#slots.isGathering ? now + 1 : Number.POSITIVE_INFINITY);
    for (const actor of this.#actors) {
      if (actor.hasRecoveryWork || actor.hasWalks) return 0;
      if (actor.reloadAtMs !== null) earliest = Math.min(earliest, now + actor.reloadAtMs - this.#ports.clock.monoMs());
      const soonest = Math.min(actor.houseInMs ?? Number.POSITIVE_INFINITY, actor.flushInMs ?? Number.POSITIVE_INFINITY);
      earliest = Math.min(earliest, now + soonest);
    }
    return earliest === Number.POSITIVE_INFINITY ? null : Math.max(0, earliest - now);
  }

  #setSpace(level: SpaceLevel): void {
    this.#space = level;
  }

  // ---- watching, stopping ----

  #watchChanges({ on, round }: { readonly on: boolean; readonly round: number }): void {
    this.#watch.turn(on ? round : null);
    for (const actor of this.#actors) actor.forgetChanges();
    if (on && this.#hasStarted) this.#watch.announce(this.#actors);
  }

  #notify(notice: HostNotice): void {
    this.#notifyOut(notice);
    if (notice.op !== 'phase') return;
    this.#firing.phaseChanged();
    if (this.#hasStarted) {
      if (notice.phase === 'ready') this.#watch.announce([this.#actorOf(notice.partition)]);
    } else if (this.#actors.every((actor) => actor.phase !== 'recovering')) {
      this.#hasStarted = true;
      this.#watch.announce(this.#actors);
    }
  }

  #noticeDrained(): void {
    if (!this.#draining || this.#drainedSent || !this.#courierMail.isEmpty || !this.#mailbox.isEmpty) return;
    if (!this.#actors.every((actor) => actor.isIdle)) return;
    if (!this.#actors.every((actor) => actor.hasLastSnapshot())) return;
    this.#drainedSent = true;
    this.#notifyOut({ op: 'drained' });
  }

  figures(eventLoopDelay: LatencyFigures): HostFigures {
    return figuresOf({
      actors: this.#actors,
      counters: this.#counters,
      desk: this.#desk,
      waitingRoom: this.#slots.waitingRoom,
      backlog: this.#slots.backlog,
      readAheadBytes: this.#bodies.bytes,
      now: this.#ports.clock.wallMs(),
      eventLoopDelay,
    });
  }

  #actorOf(partition: PartitionId): PartitionActor {
    const actor = this.#byPartition.get(partition);
    if (actor === undefined) throw new InvariantError(`partition ${partition} is not one of this host's`);
    return actor;
  }
}
