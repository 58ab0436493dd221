/**
 * The thread of an actor host: ports, a timer and the clock around `ActorHost`. A long-lived task of the worker pool.
 *
 * Messages are taken in as they come and change nothing but queues; the work is done in turns, one at the end of each pass
 * of the event loop in which a message came, so that all that arrived together is decided, written and answered together.
 * Between turns a timer waits for the next deadline. The event loop counts whole milliseconds, so a timer cannot hit one: it
 * is set to come early, and the rest, a millisecond or two, is slept away in the thread itself, in naps between which
 * messages are taken in; a turn is run only if one came. (Timers alone: 0.6 ms late at the median. Looking at the clock without a
 * nap: a busy core whenever something is due in the next millisecond.)
 *
 * While more is due than a turn takes, or very many events are changed, it steps aside behind each turn (`kernel/nap.ts`).
 */
import type { MessagePort } from 'node:worker_threads';
import { courierOf } from '../event/courier-of.js';
import { decodeReplies, encodeRequests } from '../dispatch/courier-mail.js';
import type { StatusChange } from '../event/status-change.js';
import { SystemClock } from '../kernel/clock.js';
import { InvariantError } from '../kernel/errors.js';
import { LeaseBoard } from '../kernel/lease-board.js';
import { loopDelayPeriodMs } from '../kernel/loop-delay.js';
import { decodeMessages, encodeMessages } from '../kernel/message-codec.js';
import { nap, stepAside } from '../kernel/nap.js';
import { Rest } from '../kernel/rest.js';
import type { ReaderReply, WriterReply, WriterRequest } from '../log/protocol.js';
import { EventLoopDelay } from '../observe/event-loop.js';
import { ActorHost } from './host.js';
import type { HostOptions } from './host-ports.js';
import type { HostMail, HostOrder } from './mail.js';
import { rehearse } from './rehearsal.js';
import type { HostReply } from './replies.js';
import type { HostNotice } from './notices.js';
import type { HostRequest } from './requests.js';

const clockCheckEveryMs = 1_000;

export interface HostThreadData {
  readonly options: HostOptions;
  /** `HostMail` to the main thread, `HostOrder` from it. */
  readonly main: MessagePort;
  readonly writer: MessagePort;
  readonly reader: MessagePort;
  /** By number; the first is the main thread's own courier. */
  readonly couriers: readonly MessagePort[];
  /** Of a cluster's lease board, and which host this is there; null without a cluster. */
  readonly lease: { readonly shared: SharedArrayBuffer; readonly host: number } | null;
}

/** Ends after `close`, or when the main thread has closed its port; rejects when a neighbour thread is gone. */
export function actorHost(data: HostThreadData): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = new HostThread(data);
    thread.run(resolve, reject);
  });
}

class HostThread {
  readonly #main: MessagePort;
  readonly #writer: MessagePort;
  readonly #reader: MessagePort;
  readonly #couriers: MessagePort[];
  readonly #host: ActorHost;
  /** Shows that this thread lives. */
  readonly #beat: () => void;
  readonly #clock = new SystemClock();
  readonly #loopDelay = new EventLoopDelay({ clock: this.#clock });
  #toWriter: WriterRequest[] = [];
  #replies: HostReply[] = [];
  #changes: StatusChange[] = [];
  #turnIsDue = false;
  #turns = 0;
  readonly #rest = new Rest();
  #timer: NodeJS.Timeout | null = null;
  readonly #intervals: NodeJS.Timeout[] = [];
  #isOpen = true;
  #end: (error: Error | null) => void = () => undefined;

  constructor({ options, main, writer, reader, couriers, lease }: HostThreadData) {
    const board = lease === null ? null : new LeaseBoard(lease.shared);
    this.#beat = lease === null ? () => undefined : () => board!.beat(lease.host);
    this.#main = main;
    this.#writer = writer;
    this.#reader = reader;
    this.#couriers = [...couriers];
    this.#host = new ActorHost(options, {
      lease: board,
      clock: this.#clock,
      random: Math.random,
      toWriter: (request) => this.#toWriter.push(request),
      toReader: (request) => reader.postMessage(request),
      couriers: {
        couriers: couriers.length,
        courierOf: (origin) => courierOf(origin, couriers.length),
        send: (courier, requests) => {
          const bytes = encodeRequests(requests);
          this.#couriers[courier]!.postMessage(bytes, [bytes.buffer]);
        },
      },
      reply: (reply) => this.#replies.push(reply),
      notify: (notice) => this.#notify(notice),
      change: (change) => this.#changes.push(change),
    });
  }

  run(resolve: () => void, reject: (error: Error) => void): void {
    this.#end = (error) => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      if (this.#timer !== null) clearTimeout(this.#timer);
      for (const interval of this.#intervals) clearInterval(interval);
      for (const port of [this.#main, this.#writer, this.#reader, ...this.#couriers]) port.close();
      if (error === null) resolve();
      else reject(error);
    };
    this.#listen(this.#main, 'main thread', (order: HostOrder) => this.#obey(order));
    this.#listen(this.#writer, 'log writer', (replies: readonly WriterReply[]) => {
      for (const reply of replies) this.#host.fromWriter(reply);
    });
    this.#listen(this.#reader, 'reader', (reply: ReaderReply) => this.#host.fromReader(reply));
    for (const [number, port] of this.#couriers.entries()) this.#listenToCourier(number, port);
    this.#loopDelay.begin();
    this.#intervals.push(
      setInterval(() => this.#look(), loopDelayPeriodMs),
      setInterval(() => this.#checkClock(), clockCheckEveryMs),
    );
    rehearse();
    this.#host.start();
    this.#turnSoon();
  }

  #listen<Message>(port: MessagePort, name: string, take: (message: Message) => void): void {
    port.on('message', (message: Message) => {
      if (!this.#isOpen) return;
      take(message);
      this.#turnSoon();
    });
    // The main thread ends this one by closing its port. A disk thread that is gone ends it too: everything is replayed then.
    port.on('close', () => this.#end(port === this.#main ? null : new InvariantError(`the ${name} of an actor host is gone`)));
  }

  /** A courier that dies is replaced by the main thread, with a port of its own. */
  #listenToCourier(number: number, port: MessagePort): void {
    port.on('message', (bytes: Uint8Array) => {
      if (!this.#isOpen || this.#couriers[number] !== port) return;
      this.#host.fromCourier(number, decodeReplies(bytes));
      this.#turnSoon();
    });
  }

  #obey(order: HostOrder): void {
    switch (order.op) {
      case 'requests':
        this.#host.fromRouter(decodeMessages<HostRequest>(order.bytes), order.bytes);
        break;
      case 'courier':
        this.#couriers[order.courier]!.close();
        this.#couriers[order.courier] = order.port;
        this.#listenToCourier(order.courier, order.port);
        this.#host.courierLost(order.courier);
        break;
      case 'close':
        this.#close();
        break;
      default:
        this.#host.obey(order);
    }
  }

  #turnSoon(): void {
    if (this.#turnIsDue || !this.#isOpen) return;
    this.#turnIsDue = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnIsDue = false;
    if (!this.#isOpen) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#turns++;
    const waitMs = this.#host.turn();
    this.#sendGathered();
    if (waitMs === null) return;
    if (waitMs >= timedWaitMsMin) {
      this.#timer = setTimeout(() => this.#turn(), Math.min(Math.floor(waitMs) - timerLateMs, timerMsMax));
    } else if (waitMs > 0) {
      this.#napUntil(this.#clock.monoMs() + waitMs);
    } else {
      if (this.#host.isFlooded) stepAside();
      this.#turnSoon();
    }
  }

  /** Behind each nap messages are taken in. One that has come has its turn, and the rest is slept away behind that. */
  #napUntil(endsAtMs: number): void {
    nap(Math.min(endsAtMs - this.#clock.monoMs(), napMs));
    setImmediate(() => {
      if (this.#turnIsDue || !this.#isOpen) return;
      if (this.#clock.monoMs() < endsAtMs) this.#napUntil(endsAtMs);
      else this.#turn();
    });
  }

  /** A message wakes a thread up, which costs more than to lay out what is in it: so there is one for each neighbour. */
  #sendGathered(): void {
    this.#sendToWriter();
    if (this.#replies.length > 0) {
      const bytes = encodeMessages(this.#replies);
      this.#replies = [];
      this.#mail({ op: 'replies', bytes }, [bytes.buffer]);
    }
    this.#sendChanges();
  }

  #sendChanges(): void {
    if (this.#changes.length === 0) return;
    const bytes = encodeMessages(this.#changes);
    this.#changes = [];
    this.#mail({ op: 'changes', bytes }, [bytes.buffer]);
  }

  #sendToWriter(): void {
    if (this.#toWriter.length === 0) return;
    const requests = this.#toWriter;
    this.#toWriter = [];
    this.#writer.postMessage(
      requests,
      requests.flatMap((request) => (request.op === 'append' ? [request.batch.buffer] : [])),
    );
  }

  #mail(mail: HostMail, transfer: ArrayBuffer[] = []): void {
    this.#main.postMessage(mail, transfer);
  }

  #look(): void {
    this.#beat();
    this.#loopDelay.turn();
    if (this.#rest.isOver(this.#turns)) this.#mailFigures();
  }

  /** Behind every change that they count. */
  #mailFigures(): void {
    this.#sendChanges();
    this.#mail({ op: 'notice', notice: { op: 'figures', figures: this.#host.figures(this.#loopDelay.figures()) } });
  }

  /** Whoever hears that a partition works can show what it holds. */
  #notify(notice: HostNotice): void {
    if (notice.op === 'phase' && notice.phase === 'ready') this.#mailFigures();
    this.#mail({ op: 'notice', notice });
  }

  #checkClock(): void {
    const step = this.#clock.check();
    if (step !== null) this.#mail({ op: 'notice', notice: { op: 'clock-step', stepMs: step.stepMs } });
    // Whatever the clock did, the wheels must see it.
    this.#turnSoon();
  }

  /** The disk threads finish first, so that their last words are not mistaken for a failure. */
  #close(): void {
    for (const port of [this.#writer, this.#reader]) port.removeAllListeners('close');
    let open = 2;
    const closed = () => {
      if (--open === 0) this.#end(null);
    };
    this.#writer.on('close', closed);
    this.#reader.on('close', closed);
    this.#toWriter.push({ op: 'close' });
    this.#sendToWriter();
    this.#reader.postMessage({ op: 'close' });
  }
}

/** `setTimeout` turns anything above 2^31 - 1 ms into 1 ms, ... */
const timerMsMax = 2 ** 31 - 1;
/** ... and comes up to a millisecond late, ... */
const timerLateMs = 1;
/** ... so that it is of no use for less than this. */
const timedWaitMsMin = 2;
/** How much later a message is seen that comes during a nap. A shorter one costs more turns: this one 5 % of a core at worst. */
const napMs = 0.25;
