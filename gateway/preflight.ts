/**
 * What can be refused before anything is touched: an address that cannot be listened on, TLS files that
 * cannot be used, API keys that cannot be read.
 *
 * The gateway opens its port last, when the engine is ready behind it. By then a data directory may have been made and
 * locked, so a port in use would be noticed too late. This opens the port for a moment and gives it back.
 */
import { readFileSync } from 'node:fs';
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
    await refuseUnusable(tls);
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

/** The library that serves TLS says of files only that it does not want them; Node's says why, and whether they belong together. */
async function refuseUnusable({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }): Promise<void> {
  const cert = contentOf('ESCAPEMENT_TLS_CERT', certFile);
  const key = contentOf('ESCAPEMENT_TLS_KEY', keyFile);
  // Loaded where TLS is configured.
  const { createSecureContext } = await import('node:tls');
  const refuse = (what: string, parts: Parameters<typeof createSecureContext>[0]): void => {
    try {
      createSecureContext(parts);
    } catch (error) {
      throw new StartError(`${what} (${(error as Error).message})`);
    }
  };
  refuse(`ESCAPEMENT_TLS_CERT: ${certFile} is no certificate chain in PEM`, { cert });
  refuse(`ESCAPEMENT_TLS_KEY: ${keyFile} is no private key in PEM`, { key });
  refuse(`ESCAPEMENT_TLS_KEY: ${keyFile} is not the key of the certificate in ${certFile}`, { cert, key });
}

function contentOf(variable: string, file: string): Buffer {
  try {
    return readFileSync(file);
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
