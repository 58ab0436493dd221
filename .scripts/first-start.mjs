/**
 * The first start of what was built, with one event: what V8 has made by then of the functions that are called is what every later start begins with.
 *
 * What loading alone calls is kept without it. Functions that a start and a first event call besides were a twelfth of what a start costs (docs/internals/performance/).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { PreparationError, root } from './step.mjs';

const startedMsMax = 60_000;
const lookEveryMs = 20;

/**
 * `program`: its path from the root. Where it cannot start, a machine that forbids listening say, later starts take longer, which
 * is said; whoever starts what is really broken will hear of it then. With CI=true it is an error.
 */
export async function startOnce(program) {
  try {
    await startToKeep(program);
  } catch (error) {
    if (process.env.CI === 'true') throw new PreparationError(`what was built does not start: ${error.message}`);
    console.log(`  what was built did not start once, so that each start will take longer: ${error.message}`);
  }
}

async function startToKeep(program) {
  const dataDir = join(root, 'build', '.first-start');
  rmSync(dataDir, { recursive: true, force: true });
  const flags = ['--v8-pool-size=0', '--require', join(root, '.scripts/keep-code.cjs')];
  const args = ['serve', '--port', '0', '--data-dir', dataDir, '--durability', 'os'];
  // Nothing of the surroundings: they may speak of the server that is meant to run later.
  const child = spawn(process.execPath, [...flags, join(root, program), ...args], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const stop = AbortSignal.timeout(startedMsMax);
  try {
    await Promise.race([exited.then(() => Promise.reject(new Error('it ended'))), firstEvent(child, stop)]);
    child.send('keep');
    await once(child, 'message', { signal: stop });
  } catch (error) {
    throw new Error(`${error.message}${said === '' ? '' : `\n${said.trimEnd()}`}`);
  } finally {
    child.kill('SIGTERM');
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** One that asks the server's own health page. Resolves when it has been delivered. */
async function firstEvent(child, signal) {
  const url = await listening(child, signal);
  const json = async (...request) => (await fetch(...request)).json();
  const body = JSON.stringify({ destination: `${url}/health/live`, method: 'GET' });
  const headers = { 'content-type': 'application/json' };
  const { id } = await json(`${url}/api/v1/events`, { method: 'POST', headers, body, signal });
  for (;;) {
    const { status } = await json(`${url}/api/v1/events/${id}`, { signal });
    if (status === 'DELIVERED') return;
    await pause(lookEveryMs, undefined, { signal });
  }
}

async function listening(child, signal) {
  for await (const line of createInterface({ input: child.stdout, signal })) {
    const [, url] = /^Escapement listening on (\S+)$/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error('it never listened');
}
