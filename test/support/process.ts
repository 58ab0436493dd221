/**
 * Programs that tests start, Node's and others: their output line by line, signals, and the certainty that none is left behind. Each is
 * ended by its own process id, also when the test that started it fails or is interrupted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './deadline.js';

export interface ProgramOptions {
  /** For Node; or the path of a program that is not Node's. */
  readonly script: URL | string;
  readonly args?: readonly string[];
  /** On top of this process's environment, less every variable of Escapement. */
  readonly env?: Readonly<Record<string, string>>;
  /** In front of the script. */
  readonly nodeFlags?: readonly string[];
  readonly cwd?: string;
  /** How many files it may open: `ulimit -n`. */
  readonly descriptors?: number;
}

/** `code` is null when a signal ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const living = new Set<ChildProcess>();

function killAll(): void {
  for (const child of living) child.kill('SIGKILL');
}

process.on('exit', killAll);
// Node runs no `exit` handlers when one of these ends it; SIGALRM is how tap ends a file that takes too long.
for (const signal of ['SIGALRM', 'SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

export class Program {
  readonly pid: number;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Resolves when it has ended and everything that it wrote has been read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<(line: string) => void>();

  constructor({ script, args = [], env = {}, nodeFlags = [], cwd, descriptors }: ProgramOptions) {
    const program = typeof script === 'string' ? [script] : [process.execPath, ...nodeFlags, fileURLToPath(script)];
    const line = [...program, ...args];
    // `exec`: it stays one process, with the id that we know.
    if (descriptors !== undefined) line.unshift('sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh');
    this.#child = spawn(line[0]!, line.slice(1), {
      env: { ...ownEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const child = this.#child;
    if (child.pid === undefined) throw new Error(`${String(script)} could not be started`);
    this.pid = child.pid;
    living.add(child);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.stdout.push(line);
      for (const watcher of this.#watchers) watcher(line);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => this.stderr.push(line));
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        living.delete(child);
        resolve({ code, signal });
      });
    });
  }

  /** False if it has ended. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  /** SIGKILL, and gone when this resolves. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** Resolves to the first line of stdout, past or future, that matches. Rejects when it ends before, with what it said. */
  async line(pattern: RegExp, withinMs = 20_000): Promise<RegExpExecArray> {
    for (const line of this.stdout) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    let watcher: ((line: string) => void) | undefined;
    const found = new Promise<RegExpExecArray>((resolve) => {
      watcher = (line) => {
        const match = pattern.exec(line);
        if (match !== null) resolve(match);
      };
      this.#watchers.add(watcher);
    });
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(
        `ended (${code ?? signal}) before it wrote ${pattern}: ${[...this.stdout, ...this.stderr].slice(-5).join('\n')}`,
      );
    });
    try {
      return await within(`a line ${pattern}`, Promise.race([found, ended]), withinMs);
    } finally {
      this.#watchers.delete(watcher!);
    }
  }
}

/** A developer's own settings must not change what a test sees. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ESCAPEMENT_')));
}
