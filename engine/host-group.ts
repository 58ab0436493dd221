/**
 * One actor host with its disk threads: three threads that live and die together.
 *
 *     main <--> host <--> log writer --(segments)--> reader
 *                 \<----------------------------------/
 *
 * The host holds what the disk threads have not written, and the disk threads hold files that only one of them may write.
 * When one of the three dies, the others cannot go on with a stranger in its place; so all three end, and three fresh ones
 * replay from disk. Ending is a chain: the main thread closes its port to the host, the host its ports to the others. One that
 * does not follow in time is terminated.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { HostThreadData } from './actor/host-thread.js';
import type { HostMail, HostOrder } from './actor/mail.js';
import type { HostOptions } from './actor/host-ports.js';
import type { ReplicaThreadData } from './cluster/replica-thread.js';
import { settlesWithin } from './kernel/deadline.js';
import type { LeaseBoard } from './kernel/lease-board.js';
import { terminateMsMax } from './kernel/limits.js';
import type { LongTasks } from './kernel/thread-pool.js';
import type { LogOptions, PoolReply, PoolRequest } from './log/protocol.js';
import type { ReaderThreadData } from './log/reader-thread.js';
import type { WriterThreadData } from './log/writer-thread.js';
import type { NatsAddress } from './nats/nats-address.js';

/** What a host's threads need to know of the cluster. */
export interface HostCluster {
  readonly nats: NatsAddress;
  /** How many streams the partition logs are in. */
  readonly streams: number;
  readonly lease: LeaseBoard;
}

export interface HostGroupParts {
  readonly number: number;
  readonly tasks: LongTasks;
  readonly options: HostOptions;
  readonly log: LogOptions;
  /** Null: there is no cluster, and the log on this disk is the truth. */
  readonly cluster: HostCluster | null;
  /** A port to each courier for a host that is about to start. */
  connectCouriers(): readonly MessagePort[];
  mail(mail: HostMail): void;
  /** Runs a short task; resolves also when it went wrong. */
  pool(request: PoolRequest): Promise<PoolReply>;
  /** All three have ended although nobody asked them to; `restart` brings fresh ones. */
  died(error: Error): void;
}

export class HostGroup {
  readonly #parts: HostGroupParts;
  #main: MessagePort | null = null;
  #ended: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(parts: HostGroupParts) {
    this.#parts = parts;
  }

  get number(): number {
    return this.#parts.number;
  }

  start(): void {
    const { number, tasks: longTasks, options, log, cluster } = this.#parts;
    const lease = cluster === null ? null : { shared: cluster.lease.shared, host: number };
    const main = new MessageChannel();
    const writer = new MessageChannel();
    const reader = new MessageChannel();
    const link = new MessageChannel();
    const pool = new MessageChannel();
    const couriers = this.#parts.connectCouriers();
    this.#main = main.port1;
    main.port1.on('message', (mail: HostMail) => this.#parts.mail(mail));
    pool.port1.on('message', (request: PoolRequest) => {
      void this.#parts.pool(request).then((reply) => pool.port1.postMessage(reply));
    });
    const laggards = new AbortController();
    const tasks = [
      longTasks.run<HostThreadData>({
        module: new URL('./actor/host-thread.cjs', import.meta.url),
        name: 'actorHost',
        data: { options, main: main.port2, writer: writer.port1, reader: reader.port1, couriers, lease },
        transfer: [main.port2, writer.port1, reader.port1, ...couriers],
        end: laggards.signal,
      }),
      this.#runWriter({ port: writer.port2, link: link.port1, options: log }, laggards.signal),
      longTasks.run<ReaderThreadData>({
        module: new URL('./log/reader-thread.cjs', import.meta.url),
        name: 'logReader',
        data: { port: reader.port2, link: link.port2, pool: pool.port2, options: log },
        transfer: [reader.port2, link.port2, pool.port2],
        end: laggards.signal,
      }),
    ];
    let failure: Error | null = null;
    const ended = Promise.allSettled(tasks);
    for (const task of tasks) {
      task.catch((error: unknown) => {
        if (failure !== null) return;
        failure = error instanceof Error ? error : new Error(String(error));
        main.port1.close();
        void settlesWithin(terminateMsMax, ended).then((isOver) => {
          if (!isOver) laggards.abort();
        });
      });
    }
    this.#ended = ended.then(() => {
      main.port1.close();
      pool.port1.close();
      this.#main = null;
      if (!this.#isClosing) this.#parts.died(failure ?? new Error('an actor host ended without being asked'));
    });
  }

  /** In a cluster replicas stand where the log writer stands without one. */
  #runWriter(data: WriterThreadData, end: AbortSignal): Promise<unknown> {
    const { number, tasks, cluster } = this.#parts;
    const transfer = [data.port, data.link];
    if (cluster === null) {
      const module = new URL('./log/writer-thread.cjs', import.meta.url);
      return tasks.run<WriterThreadData>({ module, name: 'logWriter', data, transfer, end });
    }
    const { nats, streams } = cluster;
    const module = new URL('./cluster/replica-thread.cjs', import.meta.url);
    const name = `escapement replicas of host ${number}`;
    return tasks.run<ReplicaThreadData>({ module, name: 'replicas', data: { ...data, nats, streams, name }, transfer, end });
  }

  /** To nobody while it is down: the link has refused what was open, and settles what comes. */
  post(order: HostOrder, transfer: readonly (ArrayBuffer | MessagePort)[]): void {
    this.#main?.postMessage(order, [...transfer]);
  }

  /** Everything written, files closed, threads ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.post({ op: 'close' }, []);
    await this.#ended;
  }
}
