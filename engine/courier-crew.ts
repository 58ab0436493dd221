/**
 * All couriers of a node: number 0 on the main thread for the handlers of an embedding program (`LOCAL`), the others each on
 * a thread of its own for everything that crosses a network.
 *
 * A courier thread that dies is replaced; every host gets a port to the fresh one and starts again what the old one ran.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type CourierPorts, runCourierOn } from './dispatch/courier-ports.js';
import type { CourierNats, CourierThreadData, CourierThreadOptions } from './dispatch/courier-thread.js';
import { LocalDeliverer, type LocalHandler } from './dispatch/local-deliverer.js';
import type { DestinationAnswer, DestinationQuestion } from './dispatch/destination.js';
import type { CourierControl, CourierNotice, SettingsTold } from './dispatch/protocol.js';
import { SystemTiming } from './dispatch/timing.js';
import { courierOf } from './event/courier-of.js';
import { natsOrigin } from './event/origin.js';
import { settlesWithin } from './kernel/deadline.js';
import { EngineError } from './kernel/errors.js';
import type { PartitionId } from './kernel/brand.js';
import type { LeaseBoard } from './kernel/lease-board.js';
import { localConcurrency } from './kernel/limits.js';
import type { LongTasks } from './kernel/thread-pool.js';

/** Somebody waits for the answer of a courier thread. */
interface Asker {
  readonly resolve: (answer: DestinationAnswer) => void;
  readonly reject: (error: EngineError) => void;
}

export interface CourierCrewParts {
  readonly threads: number;
  readonly tasks: LongTasks;
  readonly options: CourierThreadOptions;
  /** Null: NATS is not configured. */
  readonly nats: CourierNats | null;
  readonly handlers: Readonly<Record<string, LocalHandler>>;
  /** In a cluster: until when this node may act as an owner. Null without one. */
  readonly lease: LeaseBoard | null;
  notice(courier: number, notice: CourierNotice): void;
  /** A fresh courier stands in the place of one that died; `connect` gives a host its port. */
  replaced(courier: number, error: Error): void;
  /** A host broke the slot protocol with the courier on this thread: a bug, that host must start anew. */
  broken(host: number, error: unknown): void;
}

class CourierThread {
  readonly control: MessagePort;
  readonly ended: Promise<void>;
  readonly #askers = new Map<number, Asker>();
  #lastAsked = 0;

  constructor({ tasks, options, lease }: CourierCrewParts, nats: CourierNats | null) {
    const channel = new MessageChannel();
    this.control = channel.port1;
    this.ended = tasks.run<CourierThreadData>({
      module: new URL('./dispatch/courier-thread.cjs', import.meta.url),
      name: 'runCourierThread',
      data: { options, nats, workerPort: channel.port2, lease: lease?.shared ?? null },
      transfer: [channel.port2],
    });
  }

  tell(order: CourierControl, transfer: readonly MessagePort[] = []): void {
    this.control.postMessage(order, [...transfer]);
  }

  ask(question: DestinationQuestion): Promise<DestinationAnswer> {
    return new Promise((resolve, reject) => {
      const number = ++this.#lastAsked;
      this.#askers.set(number, { resolve, reject });
      this.tell({ op: 'ask', number, question });
    });
  }

  answered({ number, answer }: Extract<CourierNotice, { op: 'answer' }>): void {
    this.#askers.get(number)?.resolve(answer);
    this.#askers.delete(number);
  }

  /** Nobody will answer any more. */
  lost(): void {
    const error = new EngineError(
      'partition-unavailable',
      'the courier of this destination died; another one has taken its place',
    );
    for (const { reject } of this.#askers.values()) reject(error);
    this.#askers.clear();
  }
}

export class CourierCrew {
  readonly #parts: CourierCrewParts;
  readonly #local: CourierPorts;
  readonly #threads: CourierThread[] = [];
  /** Nodes that make attempts. */
  #sharers = 1;
  #isClosing = false;
  /** Called by each `drained` notice while draining. */
  #drained: () => void = () => undefined;

  constructor(parts: CourierCrewParts) {
    this.#parts = parts;
    this.#local = runCourierOn({
      // A handler of one's own program needs no circuit breaker: there is no other to protect.
      options: { ...parts.options, originConcurrency: localConcurrency, breaker: false },
      deliverer: new LocalDeliverer(parts.handlers),
      timing: new SystemTiming(),
      lease: parts.lease,
      failed: (host, error) => parts.broken(host, error),
    });
    for (let thread = 0; thread < parts.threads; thread++) this.#start(thread);
  }

  /** How many a host must be connected to. */
  get size(): number {
    return 1 + this.#threads.length;
  }

  /** The host's end of a new connection; what it had under the same number is void. */
  connect(courier: number, host: number): MessagePort {
    const { port1, port2 } = new MessageChannel();
    if (courier === 0) this.#local.attach(host, port1);
    else this.#threads[courier - 1]!.tell({ op: 'attach', host, port: port1 }, [port1]);
    return port2;
  }

  /** What it knows of origins, or sets for them. Rejects with EngineError when it dies meanwhile. */
  ask(courier: number, question: DestinationQuestion): Promise<DestinationAnswer> {
    return courier === 0 ? this.#local.courier.ask(question) : this.#threads[courier - 1]!.ask(question);
  }

  /** What a partition that another node owns keeps of settings: to each courier what is its own. */
  settingsTold({ partition, position, rows }: SettingsTold): void {
    const ownRows = (courier: number) => rows.filter(({ origin }) => courierOf(origin, this.size) === courier);
    this.#local.courier.settingsTold({ partition, position, rows: ownRows(0) });
    for (const [index, thread] of this.#threads.entries()) {
      thread.tell({ op: 'settings', partition, position, rows: ownRows(index + 1) });
    }
  }

  /** Nobody owns the partition who could tell it. */
  settingsLost(partition: PartitionId): void {
    this.#local.courier.settingsLost(partition);
    for (const thread of this.#threads) thread.tell({ op: 'settings-lost', partition });
  }

  /** The session of this node is over: what was told may be out of date. */
  forgetSettings(): void {
    this.#local.courier.forgetSettings();
    for (const thread of this.#threads) thread.tell({ op: 'settings-forgotten' });
  }

  /** So many nodes make attempts. */
  shareAmong(sharers: number): void {
    this.#sharers = sharers;
    for (const thread of this.#threads) thread.tell({ op: 'share', sharers });
  }

  /** No new attempts; resolves when none is running, or after `drainMs`. */
  async drain(drainMs: number): Promise<void> {
    let open = this.#threads.length;
    const threads = new Promise<void>((resolve) => {
      this.#drained = () => {
        open--;
        if (open <= 0) resolve();
      };
      if (open === 0) resolve();
    });
    for (const thread of this.#threads) thread.tell({ op: 'drain', drainMs });
    await Promise.all([this.#local.drain(drainMs), settlesWithin(drainMs, threads)]);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const thread of this.#threads) thread.tell({ op: 'close' });
    await Promise.allSettled([this.#local.close(), ...this.#threads.map((thread) => thread.ended)]);
  }

  #start(index: number): void {
    const hasNats = courierOf(natsOrigin, 1 + this.#parts.threads) === index + 1;
    const thread = new CourierThread(this.#parts, hasNats ? this.#parts.nats : null);
    this.#threads[index] = thread;
    thread.tell({ op: 'share', sharers: this.#sharers });
    thread.control.on('message', (notice: CourierNotice) => {
      if (notice.op === 'drained') this.#drained();
      if (notice.op === 'answer') thread.answered(notice);
      this.#parts.notice(index + 1, notice);
    });
    void thread.ended.finally(() => thread.lost()).catch(() => undefined);
    thread.ended.catch((error: unknown) => {
      thread.control.close();
      if (this.#isClosing) return;
      this.#drained();
      this.#start(index);
      this.#parts.replaced(index + 1, error instanceof Error ? error : new Error(String(error)));
    });
  }
}
