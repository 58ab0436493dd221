/** A real Escapement in a process of its own, from the build that this file is part of. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { until, within } from './deadline.js';
import { Client } from './http.js';
import { type Exit, Program } from './process.js';

const shipped = new URL('../../gateway/main.js', import.meta.url);
/** As in `npm start` and in the image. */
export const shippedFlags = ['--v8-pool-size=0'];

export interface ServerOptions {
  /** Null: a gateway, which has none. */
  readonly dataDir: string | null;
  /** Of the program; `serve` unless given. */
  readonly command?: 'serve' | 'engine' | 'gateway';
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeFlags?: readonly string[];
  readonly descriptors?: number;
  /** Another program that takes the same flags and prints the same line. */
  readonly script?: URL;
}

/** `msg` and whatever fields a line of the log carries. */
export type LogLine = Readonly<Record<string, unknown>>;

export class Server {
  readonly #options: ServerOptions;
  readonly client: Client;
  #program: Program;
  #url = '';

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.client = new Client(() => this.#url);
    this.#program = this.#spawn();
  }

  /** Resolves when it listens. */
  static async start(options: ServerOptions, withinMs?: number): Promise<Server> {
    const server = new Server(options);
    await server.listening(withinMs);
    return server;
  }

  /** Of the running process; another one after each restart. */
  get url(): string {
    return this.#url;
  }
  get port(): number {
    return Number(new URL(this.#url).port);
  }
  get pid(): number {
    return this.#program.pid;
  }
  get program(): Program {
    return this.#program;
  }

  /** What the running process has logged. */
  logs(): LogLine[] {
    return this.#program.stdout.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  }

  signal(signal: NodeJS.Signals): void {
    this.#program.signal(signal);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#program.kill();
  }

  /** SIGTERM. */
  async stop(withinMs = 20_000): Promise<Exit> {
    this.#program.signal('SIGTERM');
    return within('the server ends after SIGTERM', this.#program.exited, withinMs);
  }

  /** A fresh process on the same data directory; `kill` or `stop` comes before. Resolves when it listens. */
  async restart(withinMs?: number): Promise<void> {
    this.spawn();
    await this.listening(withinMs);
  }

  /** As `restart`, without waiting for anything. */
  spawn(): void {
    this.#program = this.#spawn();
  }

  /** Every partition has been replayed. */
  async ready(withinMs = 20_000): Promise<void> {
    await until('the server is ready', async () => (await this.client.get('/health/ready')).status === 200, withinMs);
  }

  /** As `/health/ready` says; one that does not answer is not. */
  async isReady(): Promise<boolean> {
    return this.client.get('/health/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  #spawn(): Program {
    const { dataDir, command, flags = [], env = {}, nodeFlags = shippedFlags, descriptors, script = shipped } = this.#options;
    const limits = descriptors === undefined ? {} : { descriptors };
    const data = dataDir === null ? [] : ['--data-dir', dataDir];
    const args = [...(command === undefined ? [] : [command]), ...data, '--port', '0', ...flags];
    return new Program({ script, args, env, nodeFlags, ...limits });
  }

  /** Of the process that was spawned last. */
  async listening(withinMs?: number): Promise<void> {
    const [, url] = await this.#program.line(/^Escapement listening on (http:\S+)$/, withinMs);
    this.#url = url!;
  }
}

/** A test, or whoever else clears up behind itself. */
export type Teardowns = Pick<Test, 'teardown'>;

/** A fresh directory, removed with the test. */
export function temporaryDir(t: Teardowns): string {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** On a fresh data directory unless one is given; killed with the test. */
export async function startServer(t: Test, options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await Server.start({ dataDir: temporaryDir(t), ...options });
  t.teardown(async () => {
    await server.client.close();
    await server.kill();
  });
  return server;
}
