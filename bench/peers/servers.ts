/**
 * The servers that peers need, each on a free port with a directory of its own that goes with it: Redis and PostgreSQL from the system's
 * packages, nats-server as everywhere in the project.
 *
 * Set up as a user who reads the manual would: enough memory, no snapshots beside the log, and syncing as the bench asks for.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connect as connectTo } from 'node:net';
import { settlesWithin } from '../../engine/kernel/deadline.js';
import { until } from '../../test/support/deadline.js';
import { freePort } from '../../test/support/nats-server.js';
import { Program } from '../../test/support/process.js';

export interface PeerServer {
  readonly port: number;
  stop(): Promise<void>;
}

const readyMsMax = 20_000;
const goneMsMax = 3_000;
/** Of Debian and its like: who may run PostgreSQL when this process is root, as it refuses to be root. */
const nobody = 65_534;

export function redisMissing(): string | null {
  return onPath('redis-server') === null ? 'redis-server: apt-get install redis-server' : null;
}

export function postgresMissing(): string | null {
  return postgresDir() === null ? 'PostgreSQL: apt-get install postgresql' : null;
}

export function natsMissing(): string | null {
  return natsServer() === null ? 'nats-server: npm run nats-server fetches one, or says how to get it' : null;
}

export function startRedis({ appendfsync }: { readonly appendfsync: 'everysec' | 'always' }): Promise<PeerServer> {
  return start(({ dir, port }) => ({
    program: onPath('redis-server')!,
    args: ['--port', String(port), '--dir', dir, '--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''],
  }));
}

export function startPostgres(): Promise<PeerServer> {
  return start(({ dir, port }) => {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(dir, nobody, nobody);
    const as = isRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : [];
    const run = (name: string): string[] => [...as, join(postgresDir()!, name)];
    const [initdb, ...rest] = run('initdb');
    const made = spawnSync(initdb!, [...rest, '-D', join(dir, 'db'), '-U', 'bench', '-A', 'trust', '--no-sync'], {
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: dir,
      shared_buffers: '512MB',
      max_wal_size: '4GB',
    };
    const [program, ...args] = [...run('postgres'), '-D', join(dir, 'db'), '-p', String(port)];
    const more = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // It listens before it answers.
    return { program: program!, args: [...args, ...more], says: /ready to accept connections/ };
  });
}

export function startNatsServer({ sync }: { readonly sync: 'always' | '2m' }): Promise<PeerServer> {
  return start(({ dir, port }) => {
    const file = join(dir, 'nats.conf');
    const store = JSON.stringify(join(dir, 'store'));
    writeFileSync(
      file,
      `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${store}, sync_interval: ${sync}, max_file_store: 8GB }\n`,
    );
    return { program: natsServer()!, args: ['--config', file] };
  });
}

interface Place {
  readonly dir: string;
  readonly port: number;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** On stderr, when it is ready; else it is when it listens. */
  readonly says?: RegExp;
}

async function start(command: (place: Place) => Command): Promise<PeerServer> {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-peer-'));
  const port = await freePort();
  const { program, args, says } = command({ dir, port });
  const running = new Program({ script: program, args });
  const stop = async (): Promise<void> => {
    // PostgreSQL waits for the last client to be gone, which are about to be; at SIGINT it cuts them off.
    running.signal('SIGTERM');
    if (!(await settlesWithin(goneMsMax, running.exited))) running.signal('SIGINT');
    await running.exited;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const isReady = async () => (says === undefined || running.stderr.some((line) => says.test(line))) && listens(port);
    await until(`${program} is ready`, isReady, readyMsMax);
  } catch (error) {
    await stop();
    throw new Error([...running.stdout, ...running.stderr].slice(-5).join('\n'), { cause: error });
  }
  return { port, stop };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function onPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (existsSync(path) && isExecutable(path)) return path;
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not for us, which is what is asked.
    return false;
  }
}

/** Debian keeps them off the PATH, one folder for each version. */
function postgresDir(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  const dirs = [...versions.map((version) => join(root, version, 'bin')), ...(process.env.PATH ?? '').split(delimiter)];
  return dirs.find((dir) => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'postgres'))) ?? null;
}

/** Where the scripts of the project look for it is known in one place only. */
function natsServer(): string | null {
  const script = join(import.meta.dirname, '..', '..', '..', '.scripts', 'nats-server.mjs');
  const { status, stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
