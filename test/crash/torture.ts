/**
 * `kill -9` under load, again and again on one data directory.
 *
 *     round:  load for about a second -> kill -9 at a random moment -> start again, now and then killed while starting
 *     end:    the producers stop -> everything comes to its end -> every event is read -> verdict
 *
 * What it shows is that nothing acknowledged depends on the memory of the process. That it does not depend on the memory
 * of the system either (a write that was never fsynced survives `kill -9`, but no power cut) is the simulator's part: its
 * store drops and tears what was not synced.
 */
import { pause, until } from '../support/deadline.js';
import { Server, type ServerOptions } from '../support/server.js';
import { Load, withReceivers } from './load.js';
import { seededRandom } from './plan.js';
import { type Life, Lives } from './upheaval.js';
import { type Figures, judge } from './verdict.js';

export interface TortureOptions {
  readonly dataDir: string;
  readonly seed: number;
  /** Another round? */
  readonly more: (round: number) => boolean;
  readonly eventsPerSecond: number;
  /** How long a process lives under load, from and to. */
  readonly loadMs: readonly [from: number, to: number];
  readonly report: (line: string) => void;
  /** Where it is days, nothing goes while this runs. */
  readonly retentionMs?: number;
  /** How the server is started, if not as it ships. */
  readonly server?: Pick<ServerOptions, 'script' | 'flags' | 'nodeFlags'>;
  /** A process that has lived for so long is not killed before this has happened. */
  readonly ripe?: { readonly what: string; readonly isThere: () => boolean };
  /** Done to the data directory between two processes. */
  readonly betweenLives?: () => void;
}

export interface TortureResult {
  readonly violations: readonly string[];
  readonly figures: Figures & {
    readonly rounds: number;
    readonly kills: number;
    readonly startMsMax: number;
    /** Events that were asked for under load, and answered. */
    readonly reads: number;
  };
}

const lanes = 8;
/** One round in so many, the new process is killed while it starts. */
const killedWhileStarting = 4;
/** An outcome takes about as long as the answer to a read: through a thread or two and, where that is changing, a group commit. */
const outcomeDurableWithinReads = 40;
/** However busy the machine is. */
const startMsMax = 60_000;
const ripeMsMax = 40_000;

export function torture(options: TortureOptions): Promise<TortureResult> {
  return withReceivers(async (receivers) => {
    const server = await Server.start({ dataDir: options.dataDir, env: { ESCAPEMENT_LOG_LEVEL: 'warn' }, ...options.server });
    try {
      // The first kill is to hit load, however slow the machine; `first-moments.test.ts` kills what is not yet ready.
      await server.ready(startMsMax);
      const { seed, eventsPerSecond, retentionMs = Number.POSITIVE_INFINITY } = options;
      const load = new Load({ client: server.client, seed, eventsPerSecond, lanes, retentionMs, isCluster: false }, receivers);
      return await new Torture(options, { server, load }).run();
    } finally {
      await server.client.close();
      await server.kill();
    }
  });
}

class Torture {
  readonly #options: TortureOptions;
  readonly #server: Server;
  readonly #load: Load;
  readonly #random: () => number;
  readonly #lives: { startedAtMs: number; killedAtMs: number | null }[] = [];
  /** What processes have logged before they were killed. */
  readonly #logged: string[] = [];
  #startMsMax = 0;

  constructor(options: TortureOptions, { server, load }: { readonly server: Server; readonly load: Load }) {
    this.#options = options;
    this.#server = server;
    this.#load = load;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<TortureResult> {
    this.#lives.push({ startedAtMs: Date.now(), killedAtMs: null });
    const load = this.#load;
    load.start();
    let round = 0;
    while (this.#options.more(round)) await this.#round(++round);
    await load.stop();
    await load.settle();
    const lastWords = await load.lastWords();
    this.#noteComplaints();
    const { violations, figures } = judge({
      ledger: load.ledger,
      arrivals: load.arrivals,
      upheavals: new Lives(this.#lives satisfies Life[]),
      lastWords,
      retentionMs: this.#options.retentionMs ?? Number.POSITIVE_INFINITY,
      toldAtMs: (id, attempt) => load.readers.toldAtMs(id, attempt),
      mayLose: (span) => load.readers.countBetween(span) <= outcomeDurableWithinReads,
    });
    return {
      violations: [...violations, ...this.#logged],
      figures: {
        ...figures,
        rounds: round,
        kills: this.#lives.length - 1,
        startMsMax: this.#startMsMax,
        reads: load.readers.reads,
      },
    };
  }

  async #round(round: number): Promise<void> {
    const [from, to] = this.#options.loadMs;
    await pause(from + this.#random() * (to - from));
    const { ripe } = this.#options;
    if (ripe !== undefined) await until(ripe.what, ripe.isThere, ripeMsMax);
    const acceptedBefore = this.#load.ledger.count('accepted');
    await this.#kill();
    if (this.#random() < 1 / killedWhileStarting) {
      this.#spawn();
      await pause(this.#random() * 900);
      await this.#kill();
    }
    this.#options.betweenLives?.();
    this.#spawn();
    const startedAt = performance.now();
    await this.#server.listening(startMsMax);
    await this.#server.ready(startMsMax);
    const startMs = Math.round(performance.now() - startedAt);
    this.#startMsMax = Math.max(this.#startMsMax, startMs);
    this.#options.report(
      `round ${round}: ${acceptedBefore} accepted, ${this.#load.arrivals.length} arrived, started again in ${startMs} ms`,
    );
  }

  #spawn(): void {
    this.#lives.push({ startedAtMs: Date.now(), killedAtMs: null });
    this.#server.spawn();
  }

  async #kill(): Promise<void> {
    this.#noteComplaints();
    this.#server.signal('SIGKILL');
    this.#lives.at(-1)!.killedAtMs = Date.now();
    await this.#server.kill();
    // What comes from now on was sent by the next one.
    await this.#load.abandoned();
  }

  /** Nothing in this test is a reason for a partition to stop or for a defect. */
  #noteComplaints(): void {
    for (const line of this.#server.logs()) {
      if (line['level'] === 'error' || line['level'] === 'fatal') this.#logged.push(`logged: ${JSON.stringify(line)}`);
    }
    for (const line of this.#server.program.stderr) this.#logged.push(`stderr: ${line}`);
  }
}
