/**
 * `escapement health`: does the server that runs with these settings answer? For the health check of a container.
 *
 * Such a check is a process of its own every few seconds, on the cores of those who fire events. Loading the whole program takes half a second of CPU
 * and 90 MB each time, so this file imports no more than the settings, and runs by itself: `node build/engine/health-check.js` is a quarter of that.
 *
 * It reads the same variables as the server, so that a check needs no word of its own about port or TLS. Over TLS it does not ask whose certificate it
 * is shown: it goes to the very address that the server is told to listen on, says nothing that is secret, and a certificate that was renewed in its
 * file and not yet in the server must not look like a server that hangs.
 */
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Command, command, readInvocation } from './command-line.js';
import { settings, surroundingsOf } from './config.js';
import { StartError } from './kernel/errors.js';
import { yesOrNo } from './settings.js';

const { host, port, tlsCert } = settings;
const exitCodes = { well: 0, notWell: 1 };
/** Less than what container runtimes wait by default, so that it is this program that says what is wrong. */
const answerMsMax = 2_500;

export function healthCommand(): Command {
  return command({
    name: 'health',
    summary: 'asks a running server on this machine how it is, for health checks of containers',
    parameters: [],
    settings: {
      host,
      port,
      tlsCert,
      ready: {
        name: 'READY',
        form: yesOrNo(['true', 'false']),
        fallback: false,
        meaning: 'whether it takes work (/health/ready), instead of whether it lives (/health/live)',
        flagOnly: true as const,
      },
    },
    explanation: `It takes the settings of the server: host, port, certificate.
Exit codes: 0 it is well, 1 it is not, or did not answer within ${answerMsMax / 1_000} s; stderr says which.`,
    async run({ values }) {
      if (values.port === 0) throw new StartError('which port? The server that is meant has to listen on a fixed one');
      const url = `${values.tlsCert === null ? 'http' : 'https'}://${askedHost(values.host)}:${values.port}/health/${values.ready ? 'ready' : 'live'}`;
      const fault = await faultOf(url);
      if (fault === null) return exitCodes.well;
      process.stderr.write(`escapement: ${url} ${fault}\n`);
      return exitCodes.notWell;
    },
  });
}

/** A server that listens on every address is asked at loopback. */
function askedHost(listening: string): string {
  if (listening === '0.0.0.0') return '127.0.0.1';
  const address = listening === '::' ? '::1' : listening;
  return address.includes(':') ? `[${address}]` : address;
}

/** Null: it answered 200. Node's clients are loaded here, since the server has this file, too, and no use for them: 8 ms of its start. */
async function faultOf(url: string): Promise<string | null> {
  const isSecure = url.startsWith('https:');
  const { request } = isSecure ? await import('node:https') : await import('node:http');
  return new Promise((resolve) => {
    request(url, { agent: false, signal: AbortSignal.timeout(answerMsMax), ...(isSecure && { rejectUnauthorized: false }) })
      .on('response', (response) => {
        response.resume();
        resolve(response.statusCode === 200 ? null : `answers ${response.statusCode}`);
      })
      .on('error', ({ name, message }) => resolve(name === 'AbortError' ? 'does not answer' : `cannot be asked: ${message}`))
      .end();
  });
}

async function main(): Promise<void> {
  const set = { commands: [healthCommand()], settings };
  try {
    const invocation = readInvocation(set, surroundingsOf(['health', ...process.argv.slice(2)]));
    if (invocation.do === 'print') process.stdout.write(`${invocation.text}\n`);
    else process.exitCode = Number(await invocation.run());
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`escapement: ${error.message}\n`);
    process.exitCode = exitCodes.notWell;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) void main();
