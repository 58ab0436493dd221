/**
 * Worker threads: the door to piscina.
 *
 * Actor hosts, log writers, readers and couriers are long-lived tasks, one to a thread; short tasks (building an index) have
 * a pool of their own. A thread that dies rejects its task, and the pool brings a fresh one. Waiting in Atomics is off: a
 * thread that sleeps in it runs no timers.
 */
import type { Transferable } from 'node:worker_threads';
import { Piscina } from 'piscina';

export interface ThreadTask<Data> {
  /** Compiled module, and the exported function that takes `data`. */
  readonly module: URL;
  readonly name: string;
  readonly data: Data;
  /** What moves to the thread, foremost ports. */
  readonly transfer: readonly Transferable[];
}

export class ThreadPool {
  readonly #piscina: Piscina;

  /** `keepAlive`: all threads from the start and for ever; otherwise they come with work and go when idle. */
  constructor({ threads, keepAlive }: { readonly threads: number; readonly keepAlive: boolean }) {
    this.#piscina = new Piscina({
      minThreads: keepAlive ? threads : 0,
      maxThreads: threads,
      ...(keepAlive ? { idleTimeout: Number.POSITIVE_INFINITY } : { idleTimeout: 10_000 }),
      atomics: 'disabled',
      concurrentTasksPerWorker: 1,
    });
    // A thread that dies is reported by the rejection of its task as well.
    this.#piscina.on('error', () => undefined);
  }

  /** Settles when the task does; rejects when its thread dies. */
  run<Data>({ module, name, data, transfer }: ThreadTask<Data>): Promise<void> {
    return this.#piscina.run(data, { filename: module.href, name, transferList: [...transfer] as never }) as Promise<void>;
  }

  /** Ends all threads, whatever they are doing. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
