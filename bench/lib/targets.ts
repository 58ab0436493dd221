/** What load benches send to: each a process of its own with a port of its own, stopped by its process id. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '../../test/support/server.js';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export function startBare(): Promise<Target> {
  return start('bare', { script: new URL('../load/bare-server.js', import.meta.url) });
}

/** As shipped, on a fresh data directory: fsync before each answer. */
export async function startEscapement(env: Readonly<Record<string, string>> = {}): Promise<Target> {
  return start('escapement', { env: { ESCAPEMENT_LOG_LEVEL: 'warn', ...env }, ready: true });
}

interface Start {
  readonly script?: URL;
  readonly env?: Readonly<Record<string, string>>;
  readonly ready?: boolean;
}

async function start(name: string, { script, env = {}, ready = false }: Start): Promise<Target> {
  const dataDir = mkdtempSync(join(tmpdir(), 'escapement-bench-'));
  const server = await Server.start({ dataDir, env, ...(script === undefined ? {} : { script }) });
  if (ready) await server.ready();
  return {
    name,
    url: server.url,
    pid: server.pid,
    stop: async () => {
      await server.client.close();
      await server.kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
