/**
 * Processes that belong together: each writes into a log file of its own, and they end in the order that is asked for.
 *
 * What is worth knowing is shown as well, behind the name of who said it: what its `isShown` picks, and that it has ended without being asked to.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { PreparationError } from './step.mjs';

/** Longer than any of them takes by itself to stop. */
const stopMsMax = 45_000;
const startMsMax = 60_000;
const lastLines = 5;

export class Members {
  #members = [];
  #isStopping = false;

  get isStopping() {
    return this.#isStopping;
  }

  /**
   * Resolves with what `ready` matched in its output, and its process id. `ready`: a pattern for one line; `isShown`: of one line; `role`: for `stop`.
   */
  start({ name, role, line: [program, ...args], env = process.env, logFile, ready, isShown }) {
    // Of a process group of its own: Ctrl-C at a terminal goes to us alone, and we stop them in order.
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
    this.#members.push({ role, child, ended });
    const log = createWriteStream(logFile);
    const last = [];
    return new Promise((resolve, reject) => {
      const fail = (what) => reject(new PreparationError([`${name} ${what}; its log is ${logFile}`, ...last].join('\n  ')));
      const limit = setTimeout(() => fail('does not start'), startMsMax);
      child.once('error', (error) => fail(`cannot be started: ${error.message}`));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (text) => {
          log.write(`${text}\n`);
          last.push(text);
          if (last.length > lastLines) last.shift();
          if (!this.#isStopping && isShown(text)) show(name, text);
          const match = ready.exec(text);
          if (match === null) return;
          clearTimeout(limit);
          resolve({ match, pid: child.pid });
        });
      }
      void ended.then((how) => {
        clearTimeout(limit);
        log.end();
        if (!this.#isStopping) show(name, `has ended (${how})`);
        fail(`has ended (${how})`);
      });
    });
  }

  /** One role after the other, and all of a role together. */
  async stop(roles) {
    this.#isStopping = true;
    for (const role of roles) await Promise.all(this.#members.filter((member) => member.role === role).map(stopMember));
  }

  kill() {
    for (const { child } of this.#members) child.kill('SIGKILL');
  }
}

function show(name, text) {
  console.log(`${name.padEnd(9)} | ${text}`);
}

async function stopMember({ child, ended }) {
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await ended;
  clearTimeout(limit);
}
