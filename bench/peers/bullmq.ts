/** BullMQ: delayed jobs in Redis, an append-only file synced every second or at every write. One worker of this process. */
import { loadPackage, packageMissing } from './packages.js';
import { type Contestant, type Peer, payloadFor } from './peer.js';
import { redisMissing, startRedis } from './servers.js';

interface Queue {
  add(name: string, data: object, options: JobOptions): Promise<unknown>;
  addBulk(jobs: readonly { readonly name: string; readonly data: object; readonly opts: JobOptions }[]): Promise<unknown>;
  close(): Promise<void>;
}
interface JobOptions {
  readonly delay: number;
  readonly removeOnComplete: true;
}
interface Worker {
  waitUntilReady(): Promise<unknown>;
  close(force: boolean): Promise<void>;
}
interface BullMq {
  readonly Queue: new (name: string, options: object) => Queue;
  readonly Worker: new (
    name: string,
    handle: (job: { readonly data: { readonly at: number } }) => Promise<void>,
    options: object,
  ) => Worker;
}

const concurrency = 256;

export function bullmq(appendfsync: 'everysec' | 'always'): Contestant {
  return {
    name: `BullMQ, Redis ${appendfsync}`,
    durable: appendfsync === 'always' ? 'fsync' : 'a second later',
    missing: () => packageMissing('bullmq') ?? redisMissing(),
    start: async () => {
      const { Queue, Worker } = await loadPackage<BullMq>('bullmq');
      const server = await startRedis({ appendfsync });
      const connection = { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null };
      const queue = new Queue('bench', { connection });
      let worker: Worker | null = null;
      const optionsAt = (atMs: number): JobOptions => ({ delay: Math.max(0, atMs - Date.now()), removeOnComplete: true });
      const peer: Peer = {
        insert: (atMs) => queue.add('e', payloadFor(atMs), optionsAt(atMs)),
        insertMany: (all) => queue.addBulk(all.map((atMs) => ({ name: 'e', data: payloadFor(atMs), opts: optionsAt(atMs) }))),
        consume: async (handled) => {
          worker = new Worker('bench', async ({ data }) => handled(data.at), { connection, concurrency });
          await worker.waitUntilReady();
        },
        stop: async () => {
          await worker?.close(true);
          await queue.close();
          await server.stop();
        },
      };
      return peer;
    },
  };
}
