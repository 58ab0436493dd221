/**
 * One seeded history: a world, and somebody who schedules, cancels, repeats and asks, while crashes, clock steps, full disks and
 * moody destinations come in between. At the end all faults stop, everything that was due runs its course, and the
 * checkers look at what is left.
 */
import type { DestinationChange } from '../../engine/destination-desk.js';
import { type EventFilter, everyEvent } from '../../engine/event/event-filter.js';
import { listOrders, listSorts } from '../../engine/event/event-list.js';
import { placeOfOrigin } from '../../engine/event/origin-settings.js';
import type { EventSpec, RetryPolicy } from '../../engine/event/spec.js';
import type { SpecPatch } from '../../engine/event/spec-patch.js';
import type { PartitionId, Slot, WallMs } from '../../engine/kernel/brand.js';
import { aheadMsMax, eventBodyBytesMax } from '../../engine/kernel/limits.js';
import type { Change, Condition } from '../../engine/partition/command.js';
import { parseEventId } from '../../engine/kernel/event-id.js';
import type { Asked } from '../support/simulated-happenings.js';
import { everything } from '../support/simulated-audience.js';
import { SimulatedWorld } from '../support/simulated-world.js';
import { type Climate, seededWeather } from '../support/simulated-weather.js';
import type { Sabotage } from '../support/simulated-sabotage.js';
import { Random } from '../wheel/random.js';
import { Checkers } from './checkers.js';
import { Moods } from './moods.js';
import { endlessWindow } from './stream-exact.js';

export interface HistoryOptions {
  readonly seed: number;
  readonly sabotage?: Partial<Sabotage>;
}

const second = 1_000;
const hour = 3_600_000;
/** A world that has no peace after this long, with no faults any more, hangs. */
const settleMsMax = 50 * hour;
/** On the way of a change from a disk to a client. */
const stallsMax = 100;
const origins = ['http://one.test', 'http://two.test:8080', 'https://three.test'];

export class History {
  readonly seed: number;
  readonly world: SimulatedWorld;
  readonly checkers: Checkers;
  readonly #random: Random;
  readonly #moods: Moods;
  #climate: Climate = { commitFaultEvery: 0, openFaultEvery: 0 };
  #isPeaceful = false;
  /** Everything that was paused has been resumed. */
  #isResumed = false;
  /** By how much the machine's clock was set, all in all. */
  #steppedMs = 0;

  constructor({ seed, sabotage = {} }: HistoryOptions) {
    this.seed = seed;
    const random = new Random(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let warm = 0; warm < 8; warm++) random.next();
    this.#random = random;
    this.#moods = new Moods(random);
    const originConcurrency = 1 + random.below(4);
    const partitions = 1 + random.below(3);
    this.world = new SimulatedWorld({
      weather: seededWeather(random, () => this.#climate),
      respond: this.#moods.respond,
      partitions,
      // As in production, each has something to do.
      hosts: Math.min(partitions, 1 + random.below(2)),
      couriers: 2 + random.below(2),
      replayWindow: random.pick([endlessWindow, endlessWindow, 20]),
      courier: { originConcurrency, breaker: random.next() < 0.7, recoveryRate: random.pick([2, 50, 1_000]) },
      sabotage,
    });
    this.checkers = new Checkers(this.world, { originConcurrency });
  }

  /** Throws BrokenPromise. */
  async run(): Promise<void> {
    const actions = 15 + this.#random.below(60);
    this.world.start();
    if (this.#random.next() < 0.7) this.world.watch(true);
    for (let action = 0; action < actions; action++) {
      this.#act();
      await this.world.scheduler.advance(this.#pause());
      if (this.world.isQuiet) this.checkers.quiet();
    }
    await this.#settle();
    // The last changes may have become durable in the moment before: they are on their way to those who listen, over threads that stand still.
    await this.world.scheduler.advance(second + stallsMax * this.world.options.weather.stallMsMax);
    this.checkers.end();
  }

  #pause(): number {
    const random = this.#random;
    const kind = random.below(10);
    if (kind < 4) return 0;
    if (kind < 7) return random.next() * 20;
    if (kind < 9) return random.next() * 3 * second;
    // While the disk fails, everything is replayed every few seconds: an hour of that shows nothing new.
    const isFailing = this.world.disk.isFull || this.#climate.openFaultEvery > 0;
    return random.next() * (isFailing ? 20 * second : random.pick([60 * second, 60 * second, hour]));
  }

  /** All faults end; then time passes until nothing is left to do. */
  async #settle(): Promise<void> {
    const { world } = this;
    this.#isPeaceful = true;
    this.#climate = { commitFaultEvery: 0, openFaultEvery: 0 };
    this.#moods.allWell();
    if (!world.isUp) world.start();
    world.emptyDisk();
    // What was accepted before the clock was set back is due when the clock is there again.
    if (this.#steppedMs < 0) world.stepWall(-this.#steppedMs);
    const until = world.scheduler.now + settleMsMax;
    for (let waitMs = second; world.scheduler.now < until; waitMs = Math.min(waitMs * 2, hour)) {
      this.#followOn();
      await world.scheduler.advance(waitMs);
      if (!world.isUp) world.start();
      if (!this.#isResumed) this.#resume();
      else if (world.isQuiet && !this.#isBusy) break;
    }
    if (!world.isQuiet) throw new Error(`nothing comes to rest: ${this.#unrest()}`);
    this.checkers.quiet();
  }

  /** Something is due, or will be within two hours. */
  get #isBusy(): boolean {
    const horizon = this.world.scheduler.wall + 2 * hour;
    return this.world.hosts.some(({ host }) =>
      host.actors.some(({ phase, state: { columns } }) => {
        if (phase !== 'ready') return false;
        for (let row = 0; row < columns.rows; row++) {
          const handle = row as Parameters<typeof columns.isLive>[0];
          if (columns.isLive(handle) && (columns.status(handle) === 'DISPATCHED' || columns.dueAtMs(handle) < horizon))
            return true;
        }
        return false;
      }),
    );
  }

  #unrest(): string {
    const { hosts, producer, isUp } = this.world;
    const actors = hosts.flatMap(({ host }) =>
      host.actors.map((actor) => `${actor.partition} ${actor.phase} ${actor.unsynced} unsynced`),
    );
    return `${isUp ? 'up' : 'down'}, ${producer.open} requests without an answer, partitions ${actors.join(', ')}`;
  }

  // ---- what happens ----

  #act(): void {
    const random = this.#random;
    const { world } = this;
    if (!world.isUp) {
      world.start();
      return;
    }
    const lot = random.below(100);
    if (lot < 30) this.#schedule();
    else if (lot < 42) for (let burst = 1 + random.below(3); burst > 0; burst--) this.#change();
    else if (lot < 54) this.#about('cancel');
    else if (lot < 58) this.#about(random.pick(['get', 'history']));
    else if (lot < 60) this.#setOrigin();
    else if (lot < 62) this.#list();
    else if (lot < 64) this.#changeMany();
    else if (lot < 66) this.#repeat();
    else if (lot < 74) this.#moods.change(random.pick(origins));
    else if (lot < 77) world.crash(random.pick(['power-loss', 'kill']));
    else if (lot < 79) world.crashHost(random.below(2));
    else if (lot < 81) world.crashCourier(random.below(world.options.couriers));
    else if (lot < 84) this.#stepWall(random.pick([1, -1]) * random.pick([10, 700, 30 * second, hour, 24 * hour]));
    else if (lot < 87) this.#climate = { commitFaultEvery: random.pick([0, 2, 10]), openFaultEvery: random.pick([0, 0, 3]) };
    else if (lot < 89) random.next() < 0.5 ? world.fillDisk() : world.emptyDisk();
    else if (lot < 90) world.watch(random.next() < 0.7);
    else if (lot < 92) this.#follow();
    else if (lot < 93) this.#poison();
    else if (lot < 94) world.drain(() => undefined);
    else if (lot < 95 && random.next() < 0.3) this.#damage();
    else for (let burst = random.below(12); burst > 0; burst--) this.#schedule();
  }

  /** Somebody listens, is cut off, comes back, stops reading, or goes on. */
  #follow(): void {
    const random = this.#random;
    const { audience } = this.world;
    const client = random.pick(audience.clients.length === 0 ? [null] : audience.clients);
    const lot = random.below(6);
    if (client === null || lot < 2) {
      if (audience.clients.length < 6)
        audience.join({ ...everything, ...random.pick([{}, { source: ['shop'] }, { status: ['DELIVERED', 'DEAD'] as const }]) });
    } else if (client.isAway) audience.comeBack(client);
    else if (client.isFull) audience.takeAgain(client);
    else if (lot < 4) client.isFull = true;
    else audience.leave(client);
    audience.tick();
  }

  /** Everybody listens again. */
  #followOn(): void {
    const { audience } = this.world;
    for (const client of audience.clients) {
      audience.comeBack(client);
      audience.takeAgain(client);
    }
    audience.tick();
  }

  #stepWall(byMs: number): void {
    this.#steppedMs += byMs;
    this.world.stepWall(byMs);
  }

  #schedule(): void {
    const random = this.#random;
    if (random.next() < 0.85) this.world.producer.schedule(this.#event());
    else this.world.producer.scheduleTogether(Array.from({ length: 2 + random.below(8) }, () => this.#event()));
  }

  #event(): Partial<EventSpec> {
    const random = this.#random;
    const wall = Math.floor(this.world.scheduler.wall);
    const scheduledAtMs = (wall +
      random.pick([-hour, 0, 0, 0, random.below(50), random.below(5_000), random.below(hour), aheadMsMax])) as WallMs;
    const fields: Partial<EventSpec> = {
      scheduledAtMs,
      destination: `${random.pick(origins)}/hook`,
      priority: random.below(10),
      maxRetries: random.below(4),
      retry: this.#retry(),
      timeoutMs: 100 + random.below(8_000),
      payload: random.next() < 0.1 ? null : Buffer.alloc(random.below(random.pick([20, 2_000])), 0x20),
    };
    return { ...fields, ...this.#local(), ...this.#key(), ...this.#expiry(scheduledAtMs) };
  }

  #retry(): RetryPolicy {
    const random = this.#random;
    return {
      strategy: random.pick(['exponential', 'linear', 'fixed']),
      initialMs: random.pick([0, 1, 50, 1_000]),
      maxMs: random.pick([100, 20_000]),
      multiplier: 2,
      jitter: random.pick(['full', 'none']),
    };
  }

  #local(): Partial<EventSpec> {
    return this.#random.next() < 0.15 ? { deliveryType: 'LOCAL', destination: 'handler', method: null } : {};
  }

  /** Few names, so that they meet again. */
  #key(): Partial<EventSpec> {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.35) return { externalJobId: `job-${random.below(12)}`, source: random.pick(['shop', 'bank']) };
    if (kind < 0.5) return { idempotencyKey: `key-${random.below(6)}` };
    return {};
  }

  #expiry(scheduledAtMs: number): Partial<EventSpec> {
    const random = this.#random;
    if (random.next() < 0.75) return {};
    return { expiresAtMs: (scheduledAtMs + random.pick([0, 1, random.below(40), random.below(20_000), hour])) as WallMs };
  }

  /** Never more slots than without it: `slots-kept` counts on it. */
  #setOrigin(): void {
    const random = this.#random;
    const change = random.pick<DestinationChange>([
      { paused: true },
      { paused: true },
      { paused: false },
      { concurrency: 1 },
      { concurrency: null },
      { ratePerSecond: random.pick([0.5, 20, null]) },
      { closeBreaker: true },
      { paused: false, concurrency: null, ratePerSecond: null },
    ]);
    this.world.operator.configure(random.pick([...origins, 'local:handler']), change);
  }

  /** Nothing stays paused. Where a partition that keeps its settings has stopped for good, no change is acknowledged. */
  #resume(): void {
    const { world } = this;
    for (const origin of [...origins, 'local:handler']) {
      const setting = world.operator.configure(origin, { paused: false, ratePerSecond: null });
      const again = () => {
        const { home, second: copy } = placeOfOrigin(origin, world.partitions.length);
        const isStopped = world.disk.log(home).isDamaged || world.disk.log(copy ?? home).isDamaged;
        if (setting.outcome === null) world.scheduler.after(second, '', again);
        else if (setting.outcome === 'refused' && !isStopped) this.#isResumed = false;
      };
      again();
    }
    this.#isResumed = true;
  }

  #about(op: 'cancel' | 'get' | 'history'): void {
    const { producer } = this.world;
    const known = producer.requests.filter((asked) => asked.op === 'schedule');
    const isUnknown = known.length === 0 || this.#random.next() < 0.05;
    // The newest ones are the interesting ones.
    const place = Math.floor(known.length * (1 - this.#random.next() ** 2)) - 1;
    const event = isUnknown ? null : known[Math.max(0, place)]!.event;
    if (event !== null) producer.about(op, event);
  }

  /** By an operator or a producer, by its id or by its name: mostly of an event that is in the right state for it. */
  #change(): void {
    const random = this.#random;
    const { producer } = this.world;
    const wall = Math.floor(this.world.scheduler.wall);
    const at = () => (wall + random.pick([-hour, 0, 0, random.below(50), random.below(5_000), random.below(hour)])) as WallMs;
    const isPut = random.next() < 0.25;
    const change = this.#anyChange(at);
    const wantsFinished = !isPut && change.op === 'retry';
    const asked = this.#suitable((event) => this.#isPending(event) !== wantsFinished);
    if (asked === null) return;
    const { source, externalJobId } = asked.spec!;
    if (isPut) {
      const name = { source, externalJobId: externalJobId ?? `job-${random.below(12)}` };
      const fields = { ...name, destination: `${random.pick(origins)}/put`, maxRetries: random.below(4), retry: this.#retry() };
      producer.put({ ...fields, scheduledAtMs: at() }, this.#condition());
    } else if (externalJobId !== null && random.next() < 0.5) producer.changeNamed(change, { source, externalJobId });
    else producer.change(change, asked.event);
  }

  /** In pages of a few, so that much happens between them. */
  #list(): void {
    const random = this.#random;
    const { enquirer } = this.world;
    const status = random.pick<EventFilter['status']>([
      null,
      null,
      ['SCHEDULED', 'RETRYING'],
      ['DELIVERED', 'DEAD'],
      ['CANCELLED'],
    ]);
    enquirer.list({
      filter: { ...this.#anyFilter(), status },
      sort: random.pick(listSorts),
      order: random.pick(listOrders),
      limit: 1 + random.below(random.pick([3, 40])),
    });
  }

  #changeMany(): void {
    const random = this.#random;
    const limit = random.pick([1 + random.below(5), 1_000]);
    this.world.enquirer.changeMany(random.pick(['cancel', 'cancel', 'retry']), { filter: this.#anyFilter(), limit });
  }

  #anyFilter(): EventFilter {
    const random = this.#random;
    return {
      ...everyEvent,
      ...random.pick([{}, { source: ['shop'] }, { source: ['default', 'bank'] }, { externalJobId: `job-${random.below(12)}` }]),
      ...random.pick([{}, {}, { priority: [random.below(10), random.below(10), random.below(10)] }]),
      ...random.pick([{}, {}, { destination: [`${random.pick(origins)}/hook`] }]),
    };
  }

  /** Of several newer ones the first that suits, or else the last; null: nobody has asked for any. */
  #suitable(suits: (event: string) => boolean): Asked | null {
    const known = this.world.producer.requests.filter(({ op, spec }) => (op === 'schedule' || op === 'put') && spec !== null);
    let asked: Asked | null = null;
    for (let tries = 0; tries < 6 && known.length > 0; tries++) {
      asked = known[Math.max(0, Math.floor(known.length * (1 - this.#random.next() ** 2)) - 1)]!;
      if (suits(asked.event)) break;
    }
    return asked;
  }

  #isPending(event: string): boolean {
    const id = parseEventId(event)!;
    return this.world.hosts.some(({ host }) => host.actors.some(({ state }) => state.handleOf(id) !== null));
  }

  #anyChange(at: () => WallMs): Change {
    const random = this.#random;
    const expiry = () => (random.next() < 0.7 ? null : ((at() + random.below(20_000)) as WallMs));
    const kind = random.below(10);
    if (kind < 4) {
      const patch: SpecPatch = {
        ...(random.next() < 0.6 && { time: { scheduledAtMs: at(), delayMs: null } }),
        ...(random.next() < 0.5 && { payload: Buffer.from(`"${random.below(1_000_000)}"`) }),
        ...(random.next() < 0.3 && { priority: random.below(10) }),
        ...(random.next() < 0.3 && { maxRetries: random.below(4) }),
        ...(random.next() < 0.2 && { expiresAtMs: expiry() }),
        ...(random.next() < 0.2 && { tags: [[`t${random.below(20)}`, random.pick(['a', 'b', null])]] as const }),
      };
      return { op: 'patch', patch, ...this.#condition() };
    }
    if (kind < 7) {
      const more = random.next() < 0.3 ? { expiresAtMs: expiry() } : {};
      return { op: 'retry', times: { scheduledAtMs: at(), delayMs: null, ...more }, ...this.#condition() };
    }
    return kind < 9 ? { op: 'fire', ...this.#condition() } : { op: 'cancel', stopRetries: true };
  }

  #condition(): Condition {
    return this.#random.next() < 0.8 ? {} : { versions: [1 + this.#random.below(4)] };
  }

  /** The same request once more, or nearly. */
  #repeat(): void {
    const random = this.#random;
    const asked = this.world.producer.requests.filter(({ spec, fingerprint }) => spec !== null && fingerprint !== null);
    if (asked.length === 0) return;
    const { spec } = random.pick(asked);
    const fields = random.next() < 0.7 ? spec! : { ...spec!, priority: (spec!.priority + 1) % 10 };
    const { producer } = this.world;
    const repeated = { ...fields, createdAtMs: Math.floor(this.world.scheduler.wall) as WallMs };
    if (random.next() < 0.5) producer.schedule(repeated);
    else producer.scheduleKept(repeated);
  }

  /** F21, what no gateway or router lets through: a body that cannot be read, of a future format, far too large, or sent astray. */
  #poison(): void {
    const random = this.#random;
    const body = random.pick([new Uint8Array(random.below(70)), Buffer.alloc(200, 9), Buffer.alloc(eventBodyBytesMax + 1, 7)]);
    const wrong = random.next() < 0.2 ? (999 as PartitionId) : null;
    this.world.producer.scheduleRaw(this.world.producer.mint(random.below(4_096) as Slot), body, wrong);
  }

  /** A bit flips in what is stored. Whoever reads it must notice; the next replay stops its partition. */
  #damage(): void {
    const log = this.world.disk.log(this.#random.pick(this.world.partitions));
    if (this.#isPeaceful || log.last === 0 || !this.world.isQuiet) return;
    log.damage((1 + this.#random.below(log.last)) as Parameters<typeof log.damage>[0]);
    this.world.crash('kill');
  }
}
