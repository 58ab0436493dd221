/**
 * One cluster for all test files of a process that take owners away (`.scripts/test-files.mjs`): six engines with a partition each, and a gateway; for a file that runs by
 * itself it is that file's own. Each file is given it as it began, with every engine up and all partitions shared; so the file that leaves some of them dead comes last.
 */
import { Webhook } from 'standardwebhooks';
import type t from 'tap';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { shippedFlags } from '../support/server.js';
import { until } from '../support/deadline.js';
import { type NatsServer, startNats } from '../support/nats-server.js';
import type { Arrival } from '../support/receiver.js';
import { TcpProxy } from '../support/tcp-proxy.js';

export const engines: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Each of six has one. */
export const partitions = 6;
/** The threads of this one stand still for two times to live, when it gets SIGUSR2 (`thread-pauser.ts`). */
export const pausable = 'b';
/** These have ways to NATS that can be obstructed. */
const apart = ['c', 'd'] as const;

/** Each signs with its own, so that what comes says which of them has sent it. */
const secrets = new Map(engines.map((name) => [name, `whsec_${Buffer.alloc(24, name).toString('base64')}`]));

/** Which of the engines has sent this. */
export function senderOf({ headers, body }: Arrival): string | undefined {
  const signed = headers as Record<string, string>;
  return engines.find((name) => {
    try {
      new Webhook(secrets.get(name)!).verify(body, signed);
      return true;
    } catch {
      return false; // Another one's.
    }
  });
}

export interface SixOwners {
  readonly cluster: Cluster;
  readonly nats: NatsServer;
  readonly ways: Readonly<Record<(typeof apart)[number], TcpProxy>>;
}

let shared: Promise<SixOwners> | null = null;

/** Killed with the process's tests. */
export async function sixOwners(root: typeof t): Promise<SixOwners> {
  shared ??= start(root);
  const { cluster } = await shared;
  await cluster.shared(engines, 60_000);
  // Some may have two for a moment.
  const hasOne = async () =>
    (await cluster.view()).nodes.every(({ id, partitions }) => partitions.length === (id === 'g' ? 0 : 1));
  await until('each has its own', hasOne, 60_000);
  return shared;
}

async function start(root: typeof t): Promise<SixOwners> {
  const nats = await startNats(root);
  const ways = { c: await TcpProxy.start(root, nats.port), d: await TcpProxy.start(root, nats.port) };
  const cluster = await startCluster(root, {
    nats: [nats],
    nodes: [],
    engines,
    gateways: ['g'],
    partitions,
    envOf: Object.fromEntries(
      engines.map((name) => {
        const way = apart.find((each) => each === name);
        const env = {
          ESCAPEMENT_WEBHOOK_SECRET: secrets.get(name)!,
          ...(name === pausable ? { PAUSE_MS: String(2 * sessionTtlMs) } : {}),
          ...(way === undefined ? {} : { ESCAPEMENT_NATS_URL: ways[way].url }),
        };
        return [name, env];
      }),
    ),
    nodeFlags: [...shippedFlags, '--import', new URL('../crash/thread-pauser.js', import.meta.url).href],
  });
  return { cluster, nats, ways };
}
