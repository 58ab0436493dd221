/**
 * graphile-worker: jobs in PostgreSQL, taken in batches by one worker of this process.
 *
 * A job for later is found by asking, every 20 ms here (2 s unless it is told otherwise); a batch of 500 is fetched at once.
 */
import { loadPackage, packageMissing } from './packages.js';
import { type Contestant, payloadFor } from './peer.js';
import { postgresMissing, startPostgres } from './servers.js';

interface Graphile {
  readonly makeWorkerUtils: (options: object) => Promise<Utils>;
  readonly run: (options: object) => Promise<{ stop(): Promise<void> }>;
  readonly Logger: new (factory: () => () => void) => object;
}
interface Utils {
  migrate(): Promise<void>;
  addJob(identifier: string, payload: object, options: { readonly runAt: Date }): Promise<unknown>;
  addJobs(jobs: readonly { readonly identifier: string; readonly payload: object; readonly runAt: Date }[]): Promise<unknown>;
  release(): Promise<void>;
}

const pollInterval = 20;
const preset = { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0 } } as const;
const concurrency = 100;

export const graphileWorker: Contestant = {
  name: 'graphile-worker, PostgreSQL',
  durable: 'fsync',
  missing: () => packageMissing('graphile-worker') ?? postgresMissing(),
  start: async () => {
    const { makeWorkerUtils, run, Logger } = await loadPackage<Graphile>('graphile-worker');
    const server = await startPostgres();
    const connectionString = `postgres://bench@127.0.0.1:${server.port}/postgres`;
    const logger = new Logger(() => () => undefined);
    const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 32 });
    await utils.migrate();
    let runner: { stop(): Promise<void> } | null = null;
    return {
      insert: (atMs) => utils.addJob('e', payloadFor(atMs), { runAt: new Date(atMs) }),
      insertMany: (all) =>
        utils.addJobs(all.map((atMs) => ({ identifier: 'e', payload: payloadFor(atMs), runAt: new Date(atMs) }))),
      consume: async (handled) => {
        const taskList = { e: async ({ at }: { readonly at: number }) => handled(at) };
        const options = {
          connectionString,
          logger,
          taskList,
          concurrency,
          pollInterval,
          maxPoolSize: 12,
          noHandleSignals: true,
          preset,
        };
        runner = await run(options);
      },
      stop: async () => {
        await runner?.stop();
        await utils.release();
        await server.stop();
      },
    };
  },
};
