/**
 * What readers have done in the background: indexes built, segments verified, snapshots taken, in a pool of one thread.
 *
 * A task that fails is logged, and whoever asked is told why. One that a stop cuts off is no failure: nothing of it is left half done
 * (an index and a snapshot are there when they are whole), and the next start asks for it again. So that is told, and not logged.
 */
import { ShortTasks } from './kernel/thread-pool.js';
import type { PoolReply, PoolRequest } from './log/protocol.js';
import type { Logger } from './observe/logger.js';

const tasks = {
  index: { module: new URL('./log/index-task.js', import.meta.url), name: 'indexSegment' },
  verify: { module: new URL('./log/verify-task.js', import.meta.url), name: 'verifySegment' },
  snapshot: { module: new URL('./partition/snapshot-task.js', import.meta.url), name: 'takeSnapshot' },
} as const satisfies Record<PoolRequest['op'], unknown>;

export class BackgroundTasks {
  readonly #pool = new ShortTasks({ threads: 1 });
  readonly #logger: Logger;
  #isClosing = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Never rejects. */
  async run(request: PoolRequest): Promise<PoolReply> {
    const { op, task } = request;
    try {
      await this.#pool.run({ ...tasks[op], data: task, transfer: [] });
      return { ...request, detail: null };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (!this.#isClosing) this.#logger.error({ task: op, ...task, detail }, 'a task in the background failed');
      return { ...request, detail };
    }
  }

  /** Cuts off what runs and drops what waits. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#pool.close();
  }
}
