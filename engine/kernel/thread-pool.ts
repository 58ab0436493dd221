/**
 * Worker threads: the door to piscina.
 *
 * Actor hosts, log writers, readers and couriers are long-lived tasks, each with a pool of one thread: whoever starts one again
 * after its thread died gets a fresh pool. (In a pool of several, a thread that dies while it is still starting is not
 * replaced, and its task would wait for ever.) Short tasks, such as building an index, share a pool whose threads come with
 * work and go when idle. Waiting in Atomics is off: a thread that sleeps in it runs no timers.
 *
 * What a thread is there for stands in its `process.argv[2]`, for tools that are preloaded into all of them.
 *
 * A thread in the middle of a native call (a disk that does not answer, one endless statement of SQLite) cannot be ended. Its files
 * may then be nobody else's, so the process has to end: `hung` is told.
 */
import type { Transferable, Worker } from 'node:worker_threads';
import type * as piscina from 'piscina';
import { inBackground } from './background-thread.js';
import { require } from './commonjs.js';
import { settlesWithin } from './deadline.js';
import { terminateMsMax } from './limits.js';

const { Piscina } = require('piscina') as typeof piscina;
type Piscina = piscina.Piscina;

export interface ThreadTask<Data> {
  /** Compiled module, and the exported function that takes `data`. */
  readonly module: URL;
  readonly name: string;
  readonly data: Data;
  /** What moves to the thread, foremost ports. */
  readonly transfer: readonly Transferable[];
  /** Of a long task: ends it, whatever it does. */
  readonly end?: AbortSignal;
}

/** Short tasks go, a thread stays for a moment in case another comes. */
const idleMs = 10_000;

/** With a least number of threads the pool would replace one that dies, and keep the new one though it has been destroyed meanwhile. */
const oneThread = { minThreads: 0, maxThreads: 1, idleTimeout: Number.POSITIVE_INFINITY } as const;

interface Running {
  readonly pool: Piscina;
  readonly name: string;
  /** Null until it can take the task. */
  thread: Worker | null;
  /** Once it is to end. */
  end: Promise<void> | null;
}

export class LongTasks {
  readonly #hung: (name: string) => void;
  readonly #running = new Set<Running>();

  /** `hung`: told of a task whose thread does not end within `terminateMsMax`. */
  constructor(hung: (name: string) => void) {
    this.#hung = hung;
  }

  /** Settles when the task has and its thread is gone; rejects when its thread dies, at whatever moment. */
  async run<Data>(task: ThreadTask<Data>): Promise<void> {
    const pool = new Piscina({ ...oneThread, argv: [task.name], ...common });
    const running: Running = { pool, name: task.name, thread: null, end: null };
    this.#running.add(running);
    pool.once('workerCreate', () => (running.thread = pool.threads[0] ?? null));
    task.end?.addEventListener('abort', () => void this.#end(running));
    try {
      // A thread that dies before it has taken the task says so by an event alone.
      await new Promise<void>((resolve, reject) => {
        pool.on('error', reject);
        post(pool, task).then(resolve, reject);
      });
    } finally {
      await this.#end(running);
      this.#running.delete(running);
    }
  }

  /** Ends all of them, whatever they are doing. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => this.#end(running)));
  }

  /** Once for each: a second `destroy` would not wait for the thread. */
  #end(running: Running): Promise<void> {
    if (running.end !== null) return running.end;
    running.end = ended(running);
    void settlesWithin(terminateMsMax, running.end).then((isGone) => {
      if (!isGone) this.#hung(running.name);
    });
    return running.end;
  }
}

/** Also of a thread that has died, which the pool has forgotten: its files are its own until it is gone. */
async function ended({ pool, thread }: Running): Promise<void> {
  const isGone = new Promise<unknown>((resolve) => {
    if (thread === null || thread.threadId < 0) resolve(null);
    else thread.once('exit', resolve);
  });
  await Promise.all([pool.destroy(), isGone]);
}

export class ShortTasks {
  readonly #pool: Piscina;

  constructor({ threads }: { readonly threads: number }) {
    this.#pool = new Piscina({ minThreads: 0, maxThreads: threads, idleTimeout: idleMs, argv: [inBackground.name], ...common });
    // A thread that dies is reported by the rejection of its task.
    this.#pool.on('error', () => undefined);
  }

  run<Data>({ module, name, data, transfer }: ThreadTask<Data>): Promise<void> {
    return post(this.#pool, { module: background, name: inBackground.name, data: { module: module.href, name, data }, transfer });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

const background = new URL('./background-thread.js', import.meta.url);
const common = { atomics: 'disabled', concurrentTasksPerWorker: 1 } as const;

function post<Data>(pool: Piscina, { module, name, data, transfer }: ThreadTask<Data>): Promise<void> {
  return pool.run(data, { filename: module.href, name, transferList: [...transfer] as never }) as Promise<void>;
}
