/**
 * A cluster of real processes on a nats-server: nodes that own partitions, gateways that do not, and a client that goes to any of those that live.
 *
 *     const cluster = await startCluster(t, { nodes: ['a', 'b', 'c'] });
 *     await cluster.node('b').kill();
 *     await cluster.owned();
 *
 * Times are those of service (a session lives for 8 s), since what is tested is what ships.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { stopMsMax } from '../../engine/kernel/limits.js';
import { until, within } from './deadline.js';
import { Client } from './http.js';
import { type NatsServer, startNats } from './nats-server.js';
import { Server, type ServerOptions, shippedFlags } from './server.js';

export interface ClusterOptions {
  /** Each with a gateway and partitions. */
  readonly nodes: readonly string[];
  readonly gateways?: readonly string[];
  /** With partitions, and no gateway. */
  readonly engines?: readonly string[];
  readonly partitions?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Of single nodes, by name: they go before those of all. */
  readonly envOf?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly nodeFlags?: readonly string[];
  /** Another program than the one that ships, which takes the same commands. */
  readonly script?: URL;
  /** Where NATS is for those of a role; without: the servers, with the login that they were started with. */
  readonly natsUrlOf?: (role: NodeRole) => string;
}

/** As the contract has it. */
export interface ClusterAnswer {
  readonly nodes: readonly {
    readonly id: string;
    readonly address: string | null;
    readonly alive: boolean;
    readonly partitions: readonly number[];
  }[];
  readonly partitions: readonly {
    readonly partition: number;
    readonly owner: string | null;
    readonly epoch: number;
    readonly standby: string | null;
    readonly standby_lag: number | null;
    readonly last_takeover_ms: number | null;
    readonly takeover_duplicates: number | null;
    readonly data_loss_count: number | null;
  }[];
}

export interface Renewal {
  /** Its data directory is removed before. */
  readonly emptied?: boolean;
}

export type NodeRole = NonNullable<ServerOptions['command']>;

/** Two for each of three: every node has one to give away and one to keep. Each costs every node files and a replay at each start. */
const usualPartitions = 6;

/** A node that starts waits for NATS. */
const startMsMax = 60_000;

export class Cluster {
  /** Goes to those that live, in turn. */
  readonly client: Client;
  readonly nats: readonly NatsServer[];
  readonly #options: ClusterOptions;
  /** Of the nodes' data. */
  readonly #dir = mkdtempSync(join(tmpdir(), 'escapement-cluster-'));
  readonly #nodes = new Map<string, Server>();
  /** Those without a gateway. */
  readonly #engines = new Set<string>();
  /** Those that take requests, as far as is known here. */
  readonly #doors = new Set<string>();
  #turn = 0;

  constructor(nats: readonly NatsServer[], options: ClusterOptions) {
    this.nats = nats;
    this.#options = options;
    this.client = new Client(() => this.door());
  }

  /** Everything is up and every partition is owned when this resolves. */
  async start(): Promise<void> {
    const { nodes, engines = [], gateways = [] } = this.#options;
    await Promise.all([
      ...nodes.map((name) => this.join(name)),
      ...engines.map((name) => this.join(name, 'engine')),
      ...gateways.map((name) => this.join(name, 'gateway')),
    ]);
    await this.shared([...nodes, ...engines]);
  }

  /** Nothing is left of it but NATS. */
  async close(): Promise<void> {
    await this.client.close();
    await Promise.all(
      [...this.#nodes.values()].map(async (server) => {
        await server.client.close();
        await server.kill();
      }),
    );
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get partitions(): number {
    return this.#options.partitions ?? usualPartitions;
  }

  /** Also of those that have ended. */
  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  node(name: string): Server {
    const server = this.#nodes.get(name);
    if (server === undefined) throw new Error(`there is no node ${name}`);
    return server;
  }

  dataDirOf(name: string): string {
    return join(this.#dir, name);
  }

  /** With the data that a node of this name has left, if there was one. Resolves when it listens. */
  async join(name: string, role: NodeRole = 'serve', { emptied = false }: Renewal = {}): Promise<Server> {
    const {
      env = {},
      envOf = {},
      nodeFlags = shippedFlags,
      script,
      natsUrlOf = () => this.nats.map(({ url }) => url).join(','),
    } = this.#options;
    if (emptied) this.#empty(name);
    const server = await Server.start(
      {
        dataDir: role === 'gateway' ? null : this.dataDirOf(name),
        command: role,
        env: {
          ESCAPEMENT_CLUSTER: 'true',
          ESCAPEMENT_NATS_URL: natsUrlOf(role),
          ESCAPEMENT_NODE_ID: name,
          ESCAPEMENT_PARTITIONS: String(this.partitions),
          ...env,
          ...envOf[name],
        },
        nodeFlags,
        ...(script === undefined ? {} : { script }),
      },
      startMsMax,
    );
    this.#nodes.set(name, server);
    if (role === 'engine') this.#engines.add(name);
    this.#openDoor(name);
    return server;
  }

  /** `kill -9`. */
  async kill(name: string): Promise<void> {
    this.#doors.delete(name);
    await this.node(name).kill();
  }

  /** SIGTERM; how long it took, which is at most what a stop may take. `client` asks it nothing more when it says that it is not ready, as a balancer does. */
  async stop(name: string): Promise<number> {
    const server = this.node(name);
    const since = performance.now();
    server.signal('SIGTERM');
    await until(`${name} says that it is not ready`, async () => !(await server.isReady()));
    this.#doors.delete(name);
    await within(`${name} ends after SIGTERM`, server.program.exited, stopMsMax.inCluster);
    return performance.now() - since;
  }

  /** The same node, with the same data unless it is `emptied`; `kill` or `stop` comes before. Resolves when it listens, for which NATS has to be there. */
  async restart(name: string, { emptied = false }: Renewal = {}): Promise<void> {
    if (emptied) this.#empty(name);
    await this.node(name).restart(startMsMax);
    this.#openDoor(name);
  }

  /** SIGSTOP: it is asked nothing more, as a balancer would do that looks at its health. */
  freeze(name: string): void {
    this.#doors.delete(name);
    this.node(name).signal('SIGSTOP');
  }

  thaw(name: string): void {
    this.node(name).signal('SIGCONT');
    this.#openDoor(name);
  }

  /** As a gateway sees it: any of those that live unless one is named. */
  async view(name?: string): Promise<ClusterAnswer> {
    const client = name === undefined ? this.client : this.node(name).client;
    const { status, body, text } = await client.get<ClusterAnswer>('/api/v1/cluster');
    if (status !== 200) throw new Error(`GET /cluster was answered ${status} ${text}`);
    return body;
  }

  /** Every partition has an owner among `names`, which own about as many each, and every gateway sees it. */
  async shared(names: readonly string[], withinMs = 30_000): Promise<ClusterAnswer> {
    const share = Math.ceil(this.partitions / names.length);
    /** When all others have as many as they may have. */
    const leastHasOne = this.partitions > (names.length - 1) * share;
    const isShared = ({ nodes, partitions }: ClusterAnswer): boolean => {
      const isServed = partitions.every(
        ({ owner, last_takeover_ms }) => owner !== null && names.includes(owner) && last_takeover_ms !== null,
      );
      const has = (name: string): boolean => nodes.some(({ id, partitions }) => id === name && partitions.length > 0);
      const isFair = nodes.every((node) => node.partitions.length <= share + 1) && (!leastHasOne || names.every(has));
      return isServed && isFair;
    };
    const seen = new Map<string, string>();
    try {
      return await until(
        `partitions are shared by ${names.join(', ')}`,
        async () => {
          seen.clear();
          let found: ClusterAnswer | null = null;
          // One after the other: what one does not see yet the others need not be asked, as each answer costs two processes a millisecond.
          for (const door of [...this.#doors]) {
            const view = await this.view(door);
            seen.set(door, shares(view));
            if (!isShared(view)) return null;
            found ??= view;
          }
          return found;
        },
        withinMs,
      );
    } catch (error) {
      throw new Error(
        `partitions are not shared by ${names.join(', ')}: ${Array.from(seen, (each) => each.join(' sees ')).join('; ')}`,
        {
          cause: error,
        },
      );
    }
  }

  #empty(name: string): void {
    rmSync(this.dataDirOf(name), { recursive: true, force: true });
  }

  #openDoor(name: string): void {
    if (!this.#engines.has(name)) this.#doors.add(name);
  }

  /** The next node that takes requests, in turn. */
  door(): string {
    const doors = [...this.#doors];
    if (doors.length === 0) throw new Error('no node takes requests');
    return this.node(doors[this.#turn++ % doors.length]!).url;
  }
}

/** How many partitions each node has, and which have none that serves them. */
function shares({ nodes, partitions }: ClusterAnswer): string {
  const unserved = partitions.filter(({ owner, last_takeover_ms }) => owner === null || last_takeover_ms === null);
  const counts = nodes.map(({ id, alive, partitions: { length } }) => `${id}${alive ? '' : ' (gone)'}: ${length}`);
  return `${counts.join(', ')}; not served: ${unserved.map(({ partition, owner }) => `${partition} of ${owner}`).join(', ') || 'none'}`;
}

/** On a nats-server of its own unless some are given. Everything is up and every partition is owned; killed with the test. */
export async function startCluster(t: Test, { nats, ...options }: ClusterOptions & { readonly nats?: readonly NatsServer[] }) {
  const cluster = new Cluster(nats ?? [await startNats(t)], options);
  t.teardown(() => cluster.close());
  await cluster.start();
  return cluster;
}
