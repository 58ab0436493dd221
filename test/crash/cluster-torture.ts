/**
 * Random faults on a cluster of real processes under load: nodes and nats-servers are killed, stopped and frozen, nodes come and go.
 *
 *     salvo:  one to three faults at once (`cluster-faults.ts`) -> all is well again, or the next one before that
 *     end:    the producers stop -> everything comes to its end -> every event is read -> all nodes stop, and one with nothing but what NATS
 *             holds reads every event again -> verdict
 *
 * What has to hold is what holds for one server (`verdict.ts`), with one more reason for an attempt to be made again: its partition was taken from an owner
 * that had not released it (`tenures.ts`). Clients of the status stream, which lose their node and go on at another one, hear each change of each event once. Besides: epochs in all markers and entries of journals that were ever written, what a fresh node makes of the journals, and how long
 * takeovers took, as the product tells it; and each death of an event comes on `escapement.dead.*` (`dead-letters.ts`).
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { usualLogStreams } from '../../engine/cluster/journal/log-streams.js';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import { auditJournals } from '../cluster/journal-audit.js';
import { auditMarkers } from '../cluster/marker-audit.js';
import { type Cluster, Cluster as ClusterOfProcesses } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import type { NatsServer } from '../support/nats-server.js';
import type { LogLine } from '../support/server.js';
import { describe, type Fault, isHindrance, planSalvo, type Setting } from './cluster-faults.js';
import { compareDeaths, deathsIn, hearDeadLetters } from './dead-letters.js';
import { Load, withReceivers } from './load.js';
import { seededRandom } from './plan.js';
import { type Takeover, Tenures, type Trouble } from './tenures.js';
import { Follower } from './follower.js';
import { type Figures, judge, type LastWord } from './verdict.js';
import { Ways } from './ways.js';

export interface ClusterTortureOptions {
  readonly nats: readonly NatsServer[];
  readonly seed: number;
  /** Another salvo? */
  readonly more: (salvo: number) => boolean;
  readonly eventsPerSecond: number;
  readonly partitions: number;
  /** Clients of the status stream. */
  readonly followers: number;
  /** Instead of what the seed chooses. */
  readonly salvos?: readonly (readonly Fault[])[];
  readonly report: (line: string) => void;
  /** How long a partition of a node that is killed while all else is well may be without an owner: what is promised, and more where others keep the machine busy. */
  readonly takeoverMsMax: number;
  /** Where everything that processes log is to be kept. */
  readonly logDir?: string;
  /** Of the nodes, if not as they ship. */
  readonly nodeFlags?: readonly string[];
}

export interface ClusterFigures extends Figures {
  readonly salvos: number;
  readonly faults: number;
  /** Of all journals. */
  readonly entries: number;
  readonly reads: number;
  /** Changes that clients of the stream were told, and how often one was cut off. */
  readonly told: number;
  readonly cuts: number;
  /** Messages that told of a death. */
  readonly deadLetters: number;
  /** Answered with 202. */
  readonly kept: number;
  /** From owners that had released their partition, and from others. */
  readonly handOvers: number;
  readonly takeovers: number;
  /** Of the latter: nothing that was done explains them. */
  readonly unexplained: number;
  /** As the product tells it: of a single kill while all else was well, and of any partition that was released. */
  readonly quietTakeoverMsMax: number;
  readonly handOverMsMax: number;
}

export interface ClusterTortureResult {
  readonly violations: readonly string[];
  readonly figures: ClusterFigures;
}

const setting = { nodes: ['a', 'b', 'c'], gateways: ['g'], guests: ['d'] };
/** One that knows nothing but what NATS holds. */
const freshNode = 'fresh';
const lanes = 24;
/** Without partitions that move on, and everybody back. */
const wellWithinMs = 90_000;
const viewEveryMs = 500;
/** Until they have heard of everything, when nothing happens any more. */
const heardWithinMs = 30_000;
const breathMs = [500, 3_000] as const;
/** So often a salvo waits until what the one before has done is over. */
const calmShare = 0.7;

export function tortureCluster(options: ClusterTortureOptions): Promise<ClusterTortureResult> {
  return withReceivers(async (receivers) => {
    const env = { ESCAPEMENT_LOG_LEVEL: options.logDir === undefined ? 'warn' : 'info' };
    const ways = await Ways.open(setting.nodes, options.nats);
    const envOf = Object.fromEntries(setting.nodes.map((name) => [name, { ESCAPEMENT_NATS_URL: ways.urlsOf(name) }]));
    const { partitions, nodeFlags } = options;
    const flags = nodeFlags === undefined ? {} : { nodeFlags };
    const cluster = new ClusterOfProcesses(options.nats, { ...setting, ...flags, partitions, env, envOf });
    try {
      await cluster.start();
      const { seed, eventsPerSecond } = options;
      const retentionMs = Number.POSITIVE_INFINITY;
      const load = new Load({ client: cluster.client, seed, eventsPerSecond, lanes, retentionMs, isCluster: true }, receivers);
      return await new ClusterTorture(options, { cluster, load, ways }).run();
    } finally {
      await cluster.close();
      await ways.close();
    }
  });
}

class ClusterTorture {
  readonly #options: ClusterTortureOptions;
  readonly #cluster: Cluster;
  readonly #load: Load;
  readonly #ways: Ways;
  readonly #random: () => number;
  readonly #setting: Setting;
  readonly #troubles: Trouble[] = [];
  /** A single kill of a node while all was well, until all is well again. */
  readonly #quietKills: Trouble[] = [];
  /** As the product told it, by partition and epoch. */
  readonly #told = new Map<string, number>();
  readonly #complaints: string[] = [];
  readonly #followers: readonly Follower[];
  #faults = 0;
  #deadLetters = 0;
  #isWell = true;
  #isWatching = true;

  constructor(
    options: ClusterTortureOptions,
    { cluster, load, ways }: { readonly cluster: Cluster; readonly load: Load; readonly ways: Ways },
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#load = load;
    this.#ways = ways;
    this.#random = seededRandom(options.seed + 4);
    this.#followers = Array.from(
      { length: options.followers },
      (_, at) =>
        new Follower({
          name: `client ${at + 1} of the stream`,
          kind: at % 2 === 0 ? 'websocket' : 'events',
          source: null,
          random: seededRandom(options.seed + 5 + at),
          url: () => cluster.door(),
        }),
    );
    this.#setting = { ...setting, nats: options.nats.map((_, at) => natsName(at)) };
  }

  async run(): Promise<ClusterTortureResult> {
    try {
      return await this.#run();
    } catch (error) {
      this.#isWatching = false;
      this.#load.halt();
      for (const follower of this.#followers) void follower.stop();
      for (const name of this.#cluster.names) this.#noteComplaints(name);
      throw new Error(`the run has come to no end; so far: ${this.#complaints.join('; ') || 'no complaints'}`, { cause: error });
    }
  }

  async #run(): Promise<ClusterTortureResult> {
    const { more, salvos, report } = this.#options;
    const load = this.#load;
    const watching = this.#watch();
    await Promise.all(this.#followers.map((follower) => follower.start()));
    load.start();
    await this.#breathe();
    let salvo = 0;
    for (; more(salvo); salvo++) {
      const faults = salvos?.[salvo] ?? planSalvo(this.#random, this.#setting);
      report(
        `salvo ${salvo + 1}: ${load.ledger.count('accepted')} accepted, ${load.arrivals.length} arrived; ${faults.map(describe).join('; ')}`,
      );
      const quietKill = this.#isQuietKill(faults) ? Date.now() : null;
      await this.#fire(faults);
      if (this.#random() < calmShare || quietKill !== null) await this.#untilWell();
      if (quietKill !== null)
        this.#quietKills.push({ target: faults[0]!.target, isNats: false, fromMs: quietKill, toMs: Date.now() });
      await this.#breathe();
    }
    await this.#untilWell();
    await load.stop();
    await load.settle();
    const lastWords = await load.lastWords();
    await this.#hearFollowers(lastWords);
    await this.#hearDeaths(lastWords);
    this.#isWatching = false;
    await watching;
    const readAgain = await this.#readAfresh();
    this.#compare(lastWords, readAgain);
    return this.#verdict(lastWords, salvo);
  }

  // ---- harm ----

  async #fire(faults: readonly Fault[]): Promise<void> {
    this.#isWell = false;
    await Promise.all(
      faults.map(async (fault) => {
        await pause(fault.afterMs);
        this.#troubles.push(await this.#carryOut(fault));
      }),
    );
    this.#faults += faults.length;
  }

  #isQuietKill([fault, ...others]: readonly Fault[]): boolean {
    const isOfNode = fault?.harm === 'kill' && this.#setting.nodes.includes(fault.target);
    return this.#isWell && others.length === 0 && isOfNode;
  }

  async #carryOut(fault: Fault): Promise<Trouble> {
    const { target } = fault;
    const isNats = this.#setting.nats.includes(target);
    const fromMs = Date.now();
    if (isNats) await this.#harmNats(fault);
    else if (isHindrance(fault.harm)) await this.#ways.hinder({ node: target, by: fault.harm, forMs: fault.forMs });
    else if (fault.harm === 'visit') await this.#receiveGuest(fault);
    else await this.#harmNode(fault);
    return { target, isNats, fromMs, toMs: Date.now() };
  }

  async #harmNode({ harm, target, forMs, emptied }: Fault): Promise<void> {
    const cluster = this.#cluster;
    if (harm === 'freeze') {
      cluster.freeze(target);
      await pause(forMs);
      cluster.thaw(target);
      return;
    }
    await (harm === 'kill' ? this.#kill(target) : this.#stop(target));
    await pause(forMs);
    await cluster.restart(target, { emptied });
  }

  async #harmNats({ harm, target, forMs }: Fault): Promise<void> {
    const server = this.#options.nats[this.#setting.nats.indexOf(target)]!;
    if (harm === 'freeze') {
      server.signal('SIGSTOP');
      await pause(forMs);
      server.signal('SIGCONT');
      return;
    }
    await (harm === 'kill' ? server.kill() : server.stop());
    await pause(forMs);
    await server.restart();
  }

  async #receiveGuest({ target, forMs, emptied, leavesBy }: Fault): Promise<void> {
    await this.#cluster.join(target, 'serve', { emptied });
    await pause(forMs);
    await (leavesBy === 'kill' ? this.#kill(target) : this.#stop(target));
  }

  async #kill(name: string): Promise<void> {
    await this.#cluster.kill(name);
    this.#noteComplaints(name);
  }

  async #stop(name: string): Promise<void> {
    await this.#cluster.stop(name);
    this.#noteComplaints(name);
  }

  /** Every partition is served, and by the right one. */
  async #untilWell(): Promise<void> {
    await this.#cluster.shared(this.#setting.nodes, wellWithinMs);
    this.#isWell = true;
  }

  async #breathe(): Promise<void> {
    const [from, to] = breathMs;
    await pause(from + this.#random() * (to - from));
  }

  // ---- what is seen ----

  async #watch(): Promise<void> {
    while (this.#isWatching) {
      // Whoever is asked may be killed before it answers.
      const view = await this.#cluster.view().catch(() => null);
      for (const { partition, epoch, last_takeover_ms } of view?.partitions ?? []) {
        if (last_takeover_ms !== null) this.#told.set(keyOf(partition, epoch), last_takeover_ms);
      }
      await pause(viewEveryMs);
    }
  }

  /** For whoever looks for the cause of a broken promise. */
  #keepEvidence({ takeovers }: Tenures): void {
    const { logDir, nats } = this.#options;
    if (logDir === undefined) return;
    for (const [at, { log }] of nats.entries()) writeFileSync(join(logDir, `${natsName(at)}.log`), log.join('\n'));
    const arrivals = this.#load.arrivals.map(({ id, attempt, atMs, answeredAtMs, status }) => {
      return { id, attempt, atMs, answeredAtMs, status, toldAtMs: this.#toldAtMs(id, attempt) };
    });
    const entries = this.#load.ledger.entries.map((entry) => ({ ...entry, ids: [...entry.ids] }));
    for (const [name, rows] of Object.entries({ troubles: this.#troubles, takeovers, arrivals, entries }))
      writeFileSync(join(logDir, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** Nothing that is done here is a reason for a partition to stop, or for a defect. */
  #noteComplaints(name: string): void {
    const server = this.#cluster.node(name);
    const { logDir } = this.#options;
    if (logDir !== undefined)
      appendFileSync(join(logDir, `${name}.log`), server.program.stdout.map((line) => `${line}\n`).join(''));
    for (const line of server.logs()) {
      if (isComplaint(line)) this.#complaints.push(`${name} logged: ${JSON.stringify(line)}`);
    }
    for (const line of server.program.stderr) this.#complaints.push(`${name} wrote: ${line}`);
  }

  /** By a node that makes its copies of what the journals hold, when all others have stopped. */
  async #readAfresh(): Promise<Map<string, LastWord>> {
    const { nodes, gateways } = this.#setting;
    // At once, as when somebody stops all of it: none of them has an heir, and nobody waits for one.
    await Promise.all([...nodes, ...gateways].map((name) => this.#stop(name)));
    await this.#cluster.join(freshNode);
    await this.#cluster.shared([freshNode], wellWithinMs);
    const words = await this.#load.lastWords();
    await this.#stop(freshNode);
    return words;
  }

  #compare(owners: ReadonlyMap<string, LastWord>, fresh: ReadonlyMap<string, LastWord>): void {
    for (const [id, { event, history }] of owners) {
      const other = fresh.get(id)!;
      if (JSON.stringify([event, history]) !== JSON.stringify([other.event, other.history]))
        this.#complaints.push(`${id}: its owner said ${JSON.stringify(event)}, the journal says ${JSON.stringify(other.event)}`);
    }
  }

  /** Of everything, once and in order, whichever nodes they were connected to. */
  async #hearFollowers(lastWords: ReadonlyMap<string, LastWord>): Promise<void> {
    const versions = new Map([...lastWords.values()].map(({ event }) => [event.id, event.version]));
    for (const follower of this.#followers) {
      follower.rest();
      const missing = (): string[] =>
        [...versions].filter(([id, version]) => follower.told.get(id)?.version !== version).map(([id]) => id);
      await until('it has heard of everything', () => missing().length === 0, heardWithinMs).catch(() => undefined);
      const { name, complaints, gaps } = follower;
      const left = missing();
      if (left.length > 0) this.#complaints.push(`${name} has not heard all of ${left.length} events, such as ${left[0]}`);
      if (gaps > 0) this.#complaints.push(`${name} was told of ${gaps} gaps`);
      this.#complaints.push(...complaints);
      await follower.stop();
    }
  }

  /** While the owners are there to tell of them. */
  async #hearDeaths(lastWords: ReadonlyMap<string, LastWord>): Promise<void> {
    const deaths = deathsIn(lastWords);
    const letters = await this.#onNats((connection) => hearDeadLetters(connection, deaths));
    this.#deadLetters = letters.length;
    this.#complaints.push(...compareDeaths(deaths, letters));
  }

  async #onNats<Result>(ask: (connection: NatsConnection) => Promise<Result>): Promise<Result> {
    const connection = await connect({ servers: this.#options.nats.map(({ url }) => url) });
    return ask(connection).finally(() => connection.close());
  }

  // ---- judgement ----

  async #verdict(lastWords: ReadonlyMap<string, LastWord>, salvos: number): Promise<ClusterTortureResult> {
    const { ledger, arrivals, readers } = this.#load;
    const { partitions } = this.#cluster;
    const shape = { partitions, streams: usualLogStreams(partitions) };
    const audit = await this.#onNats((connection) => auditMarkers(connection, shape));
    const journals = await this.#onNats((connection) => auditJournals(connection, shape));
    const tenures = new Tenures(audit.markers, this.#troubles, partitions);
    this.#keepEvidence(tenures);
    const retentionMs = Number.POSITIVE_INFINITY;
    const { violations, figures } = judge({
      ledger,
      arrivals,
      upheavals: tenures,
      lastWords,
      retentionMs,
      toldAtMs: (id, attempt) => this.#toldAtMs(id, attempt),
      // As long as it has a lease.
      mayLose: ({ fromMs, toMs }) => toMs - fromMs <= sessionTtlMs,
    });
    const handOvers = tenures.takeovers.filter(({ isInOrder }) => isInOrder);
    const takeovers = tenures.takeovers.filter(({ isInOrder }) => !isInOrder);
    const quiet = takeovers.filter((takeover) => this.#isOfQuietKill(takeover));
    const tooSlow = quiet.filter((takeover) => (this.#toldOf(takeover) ?? 0) > this.#options.takeoverMsMax);
    return {
      violations: [
        ...violations,
        ...audit.faults,
        ...journals.faults,
        ...tooSlow.map((takeover) => `partition ${takeover.partition} was served again after ${this.#toldOf(takeover)} ms`),
        ...this.#complaints,
      ],
      figures: {
        ...figures,
        salvos,
        faults: this.#faults,
        entries: journals.entries,
        reads: readers.reads,
        told: sum(this.#followers.map(({ items }) => items)),
        cuts: sum(this.#followers.map(({ cuts }) => cuts)),
        deadLetters: this.#deadLetters,
        kept: ledger.entries.filter(({ isKept }) => isKept).length,
        handOvers: handOvers.length,
        takeovers: takeovers.length,
        unexplained: takeovers.filter(({ troubleFromMs }) => troubleFromMs === null).length,
        quietTakeoverMsMax: Math.max(0, ...quiet.map((takeover) => this.#toldOf(takeover) ?? 0)),
        handOverMsMax: Math.max(0, ...handOvers.map((takeover) => this.#toldOf(takeover) ?? 0)),
      },
    };
  }

  /** By the first of the clients that were. */
  #toldAtMs(id: string, attempt: number): number | null {
    const told = this.#followers.flatMap((follower) => follower.toldAtMs(id, attempt) ?? []);
    return told.length === 0 ? null : Math.min(...told);
  }

  #isOfQuietKill({ from, atMs }: Takeover): boolean {
    return this.#quietKills.some(({ target, fromMs, toMs }) => target === from && atMs > fromMs && atMs < toMs);
  }

  #toldOf({ partition, epoch }: Takeover): number | undefined {
    return this.#told.get(keyOf(partition, epoch));
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((one, other) => one + other, 0);
}

function natsName(at: number): string {
  return `nats-${at + 1}`;
}

function keyOf(partition: number, epoch: number): string {
  return `${partition}:${epoch}`;
}

function isComplaint({ level }: LogLine): boolean {
  return level === 'error' || level === 'fatal';
}
