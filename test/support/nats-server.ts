/**
 * nats-server processes of a test's own: one, or a cluster of three, on free ports with stores of their own.
 *
 * A test that starts one says so, so that it is skipped where there is no nats-server to be had (a failure with CI=true):
 *
 *     t.test('an event is published to its subject', needsNats, async (t) => {
 *       const nats = await startNats(t);
 *
 * JetStream syncs each write, as it must where it is relied upon: its default is every two minutes.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Test } from 'tap';
import { until, within } from './deadline.js';
import { type Exit, Program } from './process.js';
import { type Teardowns, temporaryDir } from './server.js';

/** Options of a test that starts a nats-server. */
export const needsNats: { readonly skip: string | false } = { skip: whySkipped() };

function whySkipped(): string | false {
  const { path, fault } = program();
  if (path !== null) return false;
  if (process.env.CI === 'true') throw new Error(fault);
  return 'no nats-server: npm run nats-server fetches one, or says how to get it';
}

/** For a test that runs it by itself; it has `needsNats`. */
export function natsServerPath(): string {
  const { path, fault } = program();
  if (path === null) throw new Error(fault);
  return path;
}

/** Where the scripts of the project look for it is known in one place only. `npm test` has looked for all files: a process each time would be 20 s of a core. */
function program(): { readonly path: string | null; readonly fault: string } {
  const found = process.env['TEST_NATS_SERVER'];
  if (found !== undefined) return { path: found, fault: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['.scripts/nats-server.mjs'], { encoding: 'utf8' });
  return { path: status === 0 ? stdout.trim() : null, fault: stderr };
}

export interface NatsOptions {
  /** More lines of the configuration. */
  readonly config?: string;
  /** `user:password@`, for a configuration that asks for one. */
  readonly login?: string;
  /** In a cluster each has its own. */
  readonly name?: string;
  /** Any free one unless given. */
  readonly port?: number;
  /** Variables that the configuration names. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Seat {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  readonly config: string;
  readonly login: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class NatsServer {
  readonly #seat: Seat;
  readonly #file: string;
  #program: Program;
  /** Of the processes before. */
  #said: readonly string[] = [];

  constructor(seat: Seat) {
    this.#seat = seat;
    this.#file = join(seat.dir, 'nats.conf');
    mkdirSync(seat.dir, { recursive: true });
    writeFileSync(this.#file, configurationOf(seat));
    this.#program = this.#spawn();
  }

  get url(): string {
    return `nats://${this.#seat.login}127.0.0.1:${this.#seat.port}`;
  }
  get port(): number {
    return this.#seat.port;
  }
  get pid(): number {
    return this.#program.pid;
  }
  /** What it has said so far, also before it was started again. */
  get log(): readonly string[] {
    return [...this.#said, ...this.#program.stderr];
  }
  /** Where JetStream keeps its files. */
  get storeDir(): string {
    return join(this.#seat.dir, 'store');
  }

  /** JetStream answers; in a cluster that means that there is a leader. */
  async ready(withinMs = 20_000): Promise<void> {
    await until(
      `JetStream answers at ${this.url}`,
      async () => {
        try {
          await withConnection(this.url, (connection) => jetstreamManager(connection, { timeout: 500 }));
          return true;
        } catch (error) {
          const exit = await Promise.race([this.#program.exited, null]);
          if (exit !== null) throw new Error(`nats-server ended: ${this.#program.stderr.slice(-5).join('\n')}`, { cause: error });
          return false;
        }
      },
      withinMs,
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#program.signal(signal);
  }

  async kill(): Promise<void> {
    await this.#program.kill();
  }

  /** SIGTERM. */
  stop(): Promise<Exit> {
    this.#program.signal('SIGTERM');
    return within('nats-server ends after SIGTERM', this.#program.exited);
  }

  /** A fresh process on the same port and store; `kill` or `stop` comes before. */
  async restart(): Promise<void> {
    this.#said = this.log;
    this.#program = this.#spawn();
    await this.ready();
  }

  #spawn(): Program {
    return new Program({ script: natsServerPath(), args: ['--config', this.#file], env: this.#seat.env ?? {} });
  }
}

/** Killed with the test. */
export async function startNats(
  t: Teardowns,
  { config = '', login = '', name = 'n1', port, env = {} }: NatsOptions = {},
): Promise<NatsServer> {
  const server = new NatsServer({ name, dir: temporaryDir(t), port: port ?? (await freePort()), config, login, env });
  t.teardown(() => server.kill());
  await server.ready();
  return server;
}

/** Three that form one cluster; killed with the test. `tellsClients`: whoever knows one of them hears of the others. */
export async function startNatsCluster(
  t: Teardowns,
  { config = '', tellsClients = true }: Pick<NatsOptions, 'config'> & { readonly tellsClients?: boolean } = {},
): Promise<readonly NatsServer[]> {
  const dir = temporaryDir(t);
  const names = ['n1', 'n2', 'n3'];
  const routes: number[] = [];
  for (const _ of names) routes.push(await freePort());
  const servers: NatsServer[] = [];
  t.teardown(() => Promise.all(servers.map((server) => server.kill())));
  for (const [index, name] of names.entries()) {
    const cluster = inCluster({ port: routes[index]!, routes, tellsClients });
    servers.push(new NatsServer({ name, dir: join(dir, name), port: await freePort(), config: cluster + config, login: '' }));
  }
  await Promise.all(servers.map((server) => server.ready()));
  return servers;
}

interface ClusterSeat {
  /** Where it listens for others. */
  readonly port: number;
  /** Where it looks for others; it hears of the rest from them. */
  readonly routes: readonly number[];
  readonly tellsClients?: boolean;
}

/** What the configuration of one server of a cluster says of it. */
export function inCluster({ port, routes, tellsClients = true }: ClusterSeat): string {
  const others = routes.map((route) => `nats://127.0.0.1:${route}`).join(', ');
  return `cluster { name: test, listen: "127.0.0.1:${port}", no_advertise: ${!tellsClients}, routes: [${others}] }\n`;
}

/** A client that is closed with the test. */
export async function connectNats(t: Test, url: string): Promise<NatsConnection> {
  const connection = await connect({ ...target(url), maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true });
  t.teardown(() => connection.close());
  return connection;
}

async function withConnection(url: string, use: (connection: NatsConnection) => Promise<unknown>): Promise<void> {
  const connection = await connect({ ...target(url), reconnect: false, timeout: 1_000 });
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}

/** The client reads no login out of an address. */
function target(url: string): { readonly servers: string; readonly user?: string; readonly pass?: string } {
  const { host, username, password } = new URL(url);
  return username === '' ? { servers: host } : { servers: host, user: username, pass: password };
}

function configurationOf({ name, dir, port, config }: Seat): string {
  const store = JSON.stringify(join(dir, 'store'));
  return [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    `jetstream { store_dir: ${store}, sync_interval: always, max_file_store: 4GB, max_memory_store: 256MB }`,
    config,
  ].join('\n');
}

/** Below the range from which the system gives ports to whoever asks for any: between a look and the start nobody else takes it. */
const portsFrom = 12_000;
const ports = 18_000;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = portsFrom + Math.floor(Math.random() * ports);
    if (!given.has(port) && (await canListen(port))) {
      given.add(port);
      return port;
    }
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
