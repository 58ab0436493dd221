/**
 * The shell of an actor host in the simulated world, with its disk threads: what `host-thread.ts` and `host-group.ts` do with
 * ports and timers, done with wires and virtual time. The three live and die together.
 */
import { ActorHost } from '../../engine/actor/host.js';
import type { HostMail } from '../../engine/actor/mail.js';
import type { HostNotice } from '../../engine/actor/notices.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { courierOf } from '../../engine/event/courier-of.js';
import { decodeReplies, decodeRequests, encodeReplies, encodeRequests } from '../../engine/dispatch/courier-mail.js';
import type { CourierReply, CourierRequest } from '../../engine/dispatch/protocol.js';
import type { Attempt } from '../../engine/event/attempt.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { readAheadBytesMax } from '../../engine/kernel/limits.js';
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import type { ReaderReply, ReaderRequest, LogReply, LogRequest } from '../../engine/log/protocol.js';
import type { SimulatedCourier } from './simulated-courier.js';
import { short } from './simulated-destinations.js';
import type { SimulatedDisk } from './simulated-disk.js';
import type { Onlooker } from './simulated-happenings.js';
import { SimulatedReader } from './simulated-reader.js';
import { type Sabotage, sabotagedReply, sabotagedRequest } from './simulated-sabotage.js';
import { type Cancel, type Scheduler, ThreadClock } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';
import { Wire, type WireParts } from './simulated-wire.js';
import { SimulatedWriter } from './simulated-writer.js';

export interface SimulatedHostParts {
  readonly number: number;
  readonly partitions: readonly PartitionId[];
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly disk: SimulatedDisk;
  readonly couriers: () => readonly SimulatedCourier[];
  readonly sabotage: Partial<Sabotage>;
  readonly onlooker: Onlooker;
  /** The host hears that a commit failed. */
  readonly commitFailed: (partition: PartitionId) => void;
  /** What arrives at the main thread. */
  readonly mail: (mail: HostMail) => void;
  /** As it leaves the host: what is decided about an answer is decided here. */
  readonly replying: (reply: HostReply) => void;
}

/** As `setTimeout` of Node: whole milliseconds, at least one. */
const timerMs = (waitMs: number) => Math.max(1, Math.floor(waitMs));

export class SimulatedHost {
  readonly host: ActorHost;
  readonly writer: SimulatedWriter;
  readonly #parts: SimulatedHostParts;
  readonly #clock: ThreadClock;
  readonly #reader: SimulatedReader;
  readonly #wires: { cut(): void }[] = [];
  readonly #fromMain: Wire<HostRequest>;
  readonly #toMain: Wire<HostMail>;
  #toCouriers: Wire<CourierRequest>[] = [];
  #repliesGathered: HostReply[] = [];
  #changesGathered: StatusChange[] = [];
  #turn: Cancel | null = null;
  #turnIsSoon = false;
  #isGone = false;

  constructor(parts: SimulatedHostParts) {
    this.#parts = parts;
    const { scheduler, weather, partitions, sabotage } = parts;
    this.#clock = new ThreadClock(scheduler, weather);
    this.#fromMain = this.#wire(requestLine, (request) => {
      this.#take(() => this.host.fromRouter([sabotagedRequest(sabotage, request)]));
    });
    this.#toMain = this.#wire(mailLine, (mail) => this.#parts.mail(mail));
    const fromWriter = this.#wire<LogReply>(writerLine, (reply) => {
      // What was in the commit is lost, and attempts that were in it may be made again.
      if (reply.op === 'failed') parts.commitFailed(reply.partition);
      this.#take(() => this.host.fromWriter(reply));
    });
    const fromReader = this.#wire<ReaderReply>(readerLine, (reply) => this.#take(() => this.host.fromReader(reply)), {
      delayMs: weather.readMs,
    });
    this.#reader = new SimulatedReader({
      ...parts,
      forgetsKeys: sabotage.keysForgotten ?? false,
      reply: (reply) => fromReader.send(reply, reply.op === 'replay-batch' ? [reply.batch.buffer] : []),
    });
    const toReader = this.#wire<ReaderRequest>(
      () => '',
      (request) => this.#reader.take(request),
    );
    const link = this.#wire<Parameters<SimulatedReader['notice']>[0]>(
      () => '',
      (notice) => this.#reader.notice(notice),
    );
    this.writer = new SimulatedWriter({
      ...parts,
      reply: (reply) => fromWriter.send(reply),
      notice: (notice) => link.send(notice),
      lies: sabotage.durableTooEarly ?? false,
    });
    const toWriter = this.#wire<LogRequest>(
      () => '',
      (request) => this.writer.take(request),
    );
    this.#toCouriers = parts.couriers().map((courier, at) => this.#connect(at, courier));
    this.host = new ActorHost(
      { partitions, readAheadBytesMax, snapshotRecords: weather.snapshotRecords, retentionMs: weather.retentionMs },
      {
        lease: null,
        clock: this.#clock,
        random: weather.chance,
        // There is no replica here, so nobody asks for one.
        toWriter: (request) => toWriter.send(request as LogRequest, request.op === 'append' ? [request.batch.buffer] : []),
        toReader: (request) => toReader.send(request),
        couriers: {
          couriers: this.#toCouriers.length,
          courierOf: (origin) => courierOf(origin, this.#toCouriers.length),
          send: (courier, requests) => {
            for (const request of requests) if (request.op === 'start') this.#handsOver(request.attempt);
            this.#toCouriers[courier]!.sendBatch(requests);
          },
        },
        reply: (decided) => {
          const reply = sabotagedReply(sabotage, decided);
          parts.replying(reply);
          this.#repliesGathered.push(reply);
        },
        notify: (notice) => this.#toMain.send({ op: 'notice', notice }),
        change: (change) => this.#changesGathered.push(...(sabotage.changesRepeated ? [change, change] : [change])),
      },
    );
    this.#carefully(() => this.host.start());
    this.#turnSoon();
  }

  /** From the router. */
  send(requests: readonly HostRequest[]): void {
    this.#fromMain.sendBatch(requests);
  }

  /** The courier of this number died; a fresh one stands in its place. */
  courierReplaced(number: number, courier: SimulatedCourier): void {
    this.#toCouriers[number]!.cut();
    this.#toCouriers[number] = this.#connect(number, courier);
    this.#take(() => this.host.courierLost(number));
  }

  /** About once a second in production; here when the machine's clock was set. */
  checkClock(): void {
    this.#clock.check();
    this.#turnSoon();
  }

  vanish(): void {
    this.#isGone = true;
    for (const wire of this.#wires) wire.cut();
    this.writer.vanish();
    this.#reader.vanish();
    this.#turn?.();
  }

  #connect(at: number, courier: SimulatedCourier): Wire<CourierRequest> {
    const { number } = this.#parts;
    const back = this.#wire<CourierReply>(courierReplyLine, (reply) => this.#take(() => this.host.fromCourier(at, [reply])), {
      codec: { encode: encodeReplies, decode: decodeReplies },
    });
    courier.attach(number, back);
    return this.#wire<CourierRequest>(courierRequestLine, (request) => courier.receive(number, request), {
      codec: { encode: encodeRequests, decode: decodeRequests },
    });
  }

  #wire<Message>(
    label: (message: Message) => string,
    take: (message: Message) => void,
    { delayMs = this.#parts.weather.messageMs, ...codec }: Partial<Pick<WireParts<Message>, 'delayMs' | 'codec'>> = {},
  ): Wire<Message> {
    const wire = new Wire<Message>({ scheduler: this.#parts.scheduler, delayMs, ...codec, label, take });
    this.#wires.push(wire);
    return wire;
  }

  #handsOver({ event, partition, attempt }: Attempt): void {
    // What has come from a disk is started at once, and leaves with the next turn.
    const wallMs = this.#clock.wallAtLeast;
    this.#parts.onlooker({ what: 'handed-over', event: formatEventId(event), partition, attempt, wallMs });
  }

  /** A message has come: it changes queues now, the work is done in the next turn. */
  #take(work: () => void): void {
    if (this.#isGone) return;
    this.#carefully(work);
    this.#turnSoon();
  }

  #turnSoon(): void {
    if (this.#turnIsSoon || this.#isGone) return;
    this.#turnIsSoon = true;
    this.#turnAfter(this.#parts.weather.turnMs());
  }

  #turnAfter(delayMs: number): void {
    this.#turn?.();
    this.#turn = this.#parts.scheduler.after(delayMs, '', () => {
      this.#turn = null;
      this.#turnIsSoon = false;
      if (this.#isGone) return;
      this.#carefully(() => this.#next(this.host.turn()));
      this.#sendGathered();
    });
  }

  #next(waitMs: number | null): void {
    if (waitMs === 0) this.#turnSoon();
    else if (waitMs !== null && !this.#turnIsSoon) this.#turnAfter(timerMs(waitMs) + this.#parts.weather.timerLateMs());
  }

  #sendGathered(): void {
    if (this.#repliesGathered.length > 0) this.#toMain.send({ op: 'replies', bytes: encodeMessages(this.#repliesGathered) });
    if (this.#changesGathered.length > 0) this.#toMain.send({ op: 'changes', bytes: encodeMessages(this.#changesGathered) });
    this.#repliesGathered = [];
    this.#changesGathered = [];
  }

  #carefully(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.onlooker({ what: 'died', part: `host ${this.#parts.number}`, error: error as Error });
    }
  }
}

function requestLine(request: HostRequest): string {
  return 'event' in request ? `${request.op} ${short(formatEventId(request.event))} (#${request.request})` : request.op;
}

function replyLine(reply: HostReply): string {
  return `#${reply.request} is answered: ${reply.op === 'refused' ? reply.code : reply.op === 'event' ? reply.view.status : reply.op}`;
}

function mailLine(mail: HostMail): string {
  switch (mail.op) {
    case 'replies':
      return decodeMessages<HostReply>(mail.bytes).map(replyLine).join('; ');
    case 'changes':
      return '';
    case 'notice':
      return noticeLine(mail.notice);
  }
}

function noticeLine(notice: HostNotice): string {
  return notice.op === 'phase' ? `partition ${notice.partition} is ${notice.phase} ${notice.detail ?? ''}` : notice.op;
}

function writerLine(reply: LogReply): string {
  switch (reply.op) {
    case 'durable':
      return `partition ${reply.partition} is durable up to ${reply.seq}`;
    case 'failed':
      return `a commit of partition ${reply.partition} failed behind ${reply.durable}: ${reply.failure}`;
    case 'reopened':
      return `partition ${reply.partition} is reopened`;
    case 'sealed':
      return `segment ${reply.first} of partition ${reply.partition} ends before ${reply.next}`;
    case 'held':
      return `the -wal file of partition ${reply.partition} is ${reply.isHeld ? 'held' : 'free'}`;
    case 'space':
      return `space: ${reply.level}`;
  }
}

function readerLine(reply: ReaderReply): string {
  return reply.op === 'replay-done'
    ? `replay ends at ${reply.last}`
    : reply.op === 'indexed'
      ? `indexed before ${reply.next}`
      : '';
}

function courierRequestLine(request: CourierRequest): string {
  return request.op === 'start' ? `start ${short(formatEventId(request.attempt.event))} ${request.attempt.attempt}` : '';
}

function courierReplyLine(reply: CourierReply): string {
  switch (reply.op) {
    case 'outcome':
      return `outcome of ${short(formatEventId(reply.outcome.event))} ${reply.outcome.attempt}: ${reply.outcome.kind}`;
    case 'running':
      return `running in partition ${reply.partition}: ${reply.attempts.map(({ event }) => short(formatEventId(event))).join() || 'nothing'}`;
    default:
      return '';
  }
}
