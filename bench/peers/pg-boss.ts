/** pg-boss: jobs in PostgreSQL, taken in batches of 1,000 by four workers of this process, which ask every half second: as often as it lets them. */
import { loadPackage, packageMissing } from './packages.js';
import { type Contestant, payloadFor } from './peer.js';
import { postgresMissing, startPostgres } from './servers.js';

interface PgBoss {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string): Promise<void>;
  send(name: string, data: object, options: { readonly startAfter: Date }): Promise<unknown>;
  insert(jobs: readonly { readonly name: string; readonly data: object; readonly startAfter: Date }[]): Promise<unknown>;
  work(
    name: string,
    options: object,
    handle: (jobs: readonly { readonly data: { readonly at: number } }[]) => Promise<void>,
  ): Promise<unknown>;
  stop(options: object): Promise<void>;
}

const queue = 'bench';
const workers = 4;

export const pgBoss: Contestant = {
  name: 'pg-boss, PostgreSQL',
  durable: 'fsync',
  missing: () => packageMissing('pg-boss') ?? postgresMissing(),
  start: async () => {
    const { default: Boss } = await loadPackage<{ readonly default: new (options: object) => PgBoss }>('pg-boss');
    const server = await startPostgres();
    const boss = new Boss({ connectionString: `postgres://bench@127.0.0.1:${server.port}/postgres`, max: 32, schedule: false });
    boss.on('error', (error) => console.error(error));
    await boss.start();
    await boss.createQueue(queue);
    return {
      insert: (atMs) => boss.send(queue, payloadFor(atMs), { startAfter: new Date(atMs) }),
      insertMany: (all) => boss.insert(all.map((atMs) => ({ name: queue, data: payloadFor(atMs), startAfter: new Date(atMs) }))),
      consume: async (handled) => {
        for (let worker = 0; worker < workers; worker++) {
          await boss.work(queue, { batchSize: 1_000, pollingIntervalSeconds: 0.5 }, async (jobs) => {
            for (const { data } of jobs) handled(data.at);
          });
        }
      },
      stop: async () => {
        await boss.stop({ graceful: false, wait: true });
        await server.stop();
      },
    };
  },
};
