/** What load benches send to: each a process of its own with a port of its own, stopped by its process id. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../test/support/http.js';
import { Server, type ServerOptions } from '../../test/support/server.js';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly client: Client;
  stop(): Promise<void>;
}

export function startBare(): Promise<Target> {
  return start('bare', { script: new URL('../load/bare-server.js', import.meta.url) });
}

/** Where webhooks go, as fast as the machine lets it. */
export function startReceiver(): Promise<Target> {
  return start('receiver', { script: new URL('../load/webhook-receiver.js', import.meta.url) });
}

export interface EscapementOptions {
  /** A fresh one unless one is given. */
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** As shipped: fsync before each answer. Ready when this resolves. */
export function startEscapement({ dataDir, env = {} }: EscapementOptions = {}): Promise<Target> {
  const all = { env: { ESCAPEMENT_LOG_LEVEL: 'warn', ...env } };
  return start('escapement', dataDir === undefined ? all : { ...all, dataDir });
}

const readyMsMax = 60_000;

async function start(name: string, options: Partial<ServerOptions>): Promise<Target> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'escapement-bench-'));
  const server = await Server.start({ ...options, dataDir });
  if (options.script === undefined) await server.ready(readyMsMax);
  return {
    name,
    url: server.url,
    pid: server.pid,
    client: server.client,
    stop: async () => {
      await server.client.close();
      await server.kill();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
