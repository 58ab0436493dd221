/**
 * What can be refused before anything is touched: an address that cannot be listened on, TLS files and API keys
 * that cannot be read.
 *
 * The gateway opens its port last, when the engine is ready behind it. By then a data directory may have been made and
 * locked, so a port in use would be noticed too late. This opens the port for a moment and gives it back.
 */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { type Config, StartError } from '../engine/index.js';
import { readKeyFile } from './access/key-file.js';

/** Throws StartError. */
export async function refuseWhatCannotStart({
  host,
  port,
  tls,
  apiKeys,
}: Pick<Config, 'host' | 'port' | 'tls' | 'apiKeys'>): Promise<void> {
  if (tls !== null) {
    refuseUnreadable('ESCAPEMENT_TLS_CERT', tls.certFile);
    refuseUnreadable('ESCAPEMENT_TLS_KEY', tls.keyFile);
  }
  if (apiKeys !== null) readKeyFile(apiKeys);
  const code = await listenOnce(host, port);
  if (code !== null) throw new StartError(reasons[code]?.(host, port) ?? `cannot listen on ${host} port ${port}: ${code}`);
}

const reasons: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (host, port) => `port ${port} on ${host} is in use: stop what listens there, or set ESCAPEMENT_PORT`,
  EACCES: (_host, port) => `port ${port} needs privileges that this process does not have: set ESCAPEMENT_PORT to one above 1023`,
  EADDRNOTAVAIL: (host) => `${host} is no address of this machine: set ESCAPEMENT_HOST`,
  ENOTFOUND: (host) => `ESCAPEMENT_HOST ${host} cannot be resolved`,
  EAI_AGAIN: (host) => `ESCAPEMENT_HOST ${host} cannot be resolved`,
};

function refuseUnreadable(variable: string, file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new StartError(`${variable}: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Null when it worked, else the system's error code. */
function listenOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
