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
import { type Arrival, Receiver } from '../support/receiver.js';
import { Server, type ServerOptions } from '../support/server.js';
import { Ledger } from './ledger.js';
import { Operators } from './operators.js';
import { type Fate, fates, seededRandom } from './plan.js';
import { Producers } from './producers.js';
import { Readers } from './readers.js';
import { type Figures, judge, type LastWord, type Life } from './verdict.js';

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
  readonly server?: Pick<ServerOptions, 'script' | 'flags'>;
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
/** A process that was just spawned sends nothing for this long; what is read meanwhile still comes from the one before. */
const bootMsMin = 200;
const settleMsMax = 60_000;
const readsAtOnce = 32;

export async function torture(options: TortureOptions): Promise<TortureResult> {
  const receiver = await Receiver.start();
  const held = await Receiver.start(receiver.arrivals);
  const server = await Server.start({ dataDir: options.dataDir, env: { ESCAPEMENT_LOG_LEVEL: 'warn' }, ...options.server });
  try {
    // The first kill is to hit load, however slow the machine; `first-moments.test.ts` kills what is not yet ready.
    await server.ready();
    return await new Torture({ options, receiver, held, server }).run();
  } finally {
    await server.client.close();
    await server.kill();
    await receiver.close();
    await held.close();
  }
}

class Torture {
  readonly #options: TortureOptions;
  readonly #receiver: Receiver;
  /** Another origin, which is paused now and then. */
  readonly #held: Receiver;
  readonly #server: Server;
  readonly #random: () => number;
  readonly #ledger = new Ledger();
  readonly #lives: { startedAtMs: number; killedAtMs: number | null }[] = [];
  /** What processes have logged before they were killed. */
  readonly #logged: string[] = [];
  #startMsMax = 0;

  constructor({
    options,
    receiver,
    held,
    server,
  }: { options: TortureOptions; receiver: Receiver; held: Receiver; server: Server }) {
    this.#options = options;
    this.#receiver = receiver;
    this.#held = held;
    this.#server = server;
    this.#random = seededRandom(options.seed);
    for (const fate of fates) receiver.answer(`/${fate}`, behaviours[fate]);
  }

  get #arrivals(): readonly Arrival[] {
    return this.#receiver.arrivals;
  }

  async run(): Promise<TortureResult> {
    this.#lives.push({ startedAtMs: Date.now(), killedAtMs: null });
    const { client } = this.#server;
    const retentionMs = this.#options.retentionMs ?? Number.POSITIVE_INFINITY;
    const operators = new Operators({
      client,
      retentionMs,
      ledger: this.#ledger,
      random: seededRandom(this.#options.seed + 2),
      heldUrl: this.#held.url,
      incarnation: () => this.#lives.length - 1,
    });
    const producers = new Producers({
      client,
      ledger: this.#ledger,
      random: seededRandom(this.#options.seed + 1),
      urlOf: (fate: Fate) => `${(fate === 'held' ? this.#held : this.#receiver).url}/${fate}`,
      lanes,
      eventsPerSecond: this.#options.eventsPerSecond,
      mayPut: retentionMs === Number.POSITIVE_INFINITY,
      operators,
    });
    const readers = new Readers({
      client,
      ledger: this.#ledger,
      arrivals: () => this.#arrivals,
      random: seededRandom(this.#options.seed + 3),
      retentionMs,
    });
    producers.start();
    operators.start();
    readers.start();
    let round = 0;
    while (this.#options.more(round)) await this.#round(++round);
    await producers.stop();
    await operators.stop();
    await readers.stop();
    await this.#settle();
    const lastWords = await this.#readAll();
    this.#noteComplaints();
    const { violations, figures } = judge({
      ledger: this.#ledger,
      arrivals: this.#arrivals,
      lives: this.#lives satisfies Life[],
      lastWords,
      retentionMs,
    });
    return {
      violations: [...violations, ...this.#logged],
      figures: { ...figures, rounds: round, kills: this.#lives.length - 1, startMsMax: this.#startMsMax, reads: readers.reads },
    };
  }

  async #round(round: number): Promise<void> {
    const [from, to] = this.#options.loadMs;
    await pause(from + this.#random() * (to - from));
    const acceptedBefore = this.#ledger.count('accepted');
    await this.#kill();
    if (this.#random() < 1 / killedWhileStarting) {
      this.#spawn();
      await pause(this.#random() * 900);
      await this.#kill();
    }
    this.#options.betweenLives?.();
    this.#spawn();
    const startedAt = performance.now();
    await this.#server.listening();
    await this.#server.ready();
    const startMs = Math.round(performance.now() - startedAt);
    this.#startMsMax = Math.max(this.#startMsMax, startMs);
    this.#options.report(
      `round ${round}: ${acceptedBefore} accepted, ${this.#arrivals.length} arrived, started again in ${startMs} ms`,
    );
  }

  #spawn(): void {
    this.#lives.push({ startedAtMs: Date.now() + bootMsMin, killedAtMs: null });
    this.#server.spawn();
  }

  async #kill(): Promise<void> {
    this.#noteComplaints();
    this.#server.signal('SIGKILL');
    this.#lives.at(-1)!.killedAtMs = Date.now();
    await this.#server.kill();
  }

  /** Nothing in this test is a reason for a partition to stop or for a defect. */
  #noteComplaints(): void {
    for (const line of this.#server.logs()) {
      if (line['level'] === 'error' || line['level'] === 'fatal') this.#logged.push(`logged: ${JSON.stringify(line)}`);
    }
    for (const line of this.#server.program.stderr) this.#logged.push(`stderr: ${line}`);
  }

  /** Until nothing is pending and nothing has come for a moment. */
  async #settle(): Promise<void> {
    await until(
      'nothing is pending any more',
      async () => {
        const { text } = await this.#server.client.get('/metrics');
        const pending = [...text.matchAll(/^escapement_events_pending(?:\{.*\})? (\S+)$/gm)];
        const sum = pending.reduce((total, [, value]) => total + Number(value), 0);
        return pending.length > 0 && sum === 0 && this.#receiver.inFlight + this.#held.inFlight === 0;
      },
      settleMsMax,
    );
    // What must not come any more has a moment to come all the same.
    await pause(500);
  }

  async #readAll(): Promise<Map<string, LastWord>> {
    const ids = new Set(this.#arrivals.map(({ id }) => id));
    for (const entry of this.#ledger.entries) for (const id of entry.ids) ids.add(id);
    const queue = [...ids];
    const lastWords = new Map<string, LastWord>();
    const { client } = this.#server;
    const lane = async (): Promise<void> => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        const event = await client.event(id);
        const history = await client.history(id);
        lastWords.set(id, {
          status: Math.max(event.status, history.status),
          readAtMs: Date.now(),
          event: event.body,
          history: history.body.data,
        });
      }
    };
    await Promise.all(Array.from({ length: readsAtOnce }, lane));
    return lastWords;
  }
}

/** 4xx does not open the breaker, which would hold everything up for longer than this test lasts. */
const behaviours: Readonly<Record<Fate, (arrival: Arrival) => { readonly status?: number; readonly delayMs?: number }>> = {
  prompt: () => ({}),
  slow: ({ id }) => ({ delayMs: 50 + (id.charCodeAt(id.length - 1) % 16) * 60 }),
  'second-try': ({ attempt }) => (attempt === 1 ? { status: 429 } : {}),
  refused: () => ({ status: 400 }),
  held: () => ({}),
};
