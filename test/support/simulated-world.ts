/**
 * A whole node without a thread: the real actor hosts and couriers, a simulated disk, simulated destinations and virtual time.
 *
 *     producer --wire--> host (real core) --wire--> writer, reader --> disk
 *     audience <--wire--  |  ^
 *                         v  | wire
 *                       courier (real core) --> destinations
 *
 * Parts come and go as their threads and processes would: a power loss takes everything but the disk, and of the disk what was
 * not synced; a kill spares the page cache; a host dies with its writer and reader; a courier dies alone.
 *
 * Whoever builds a world chooses the weather and says what happens next; onlookers judge.
 */
import type { HostMail } from '../../engine/actor/mail.js';
import type { HostNotice } from '../../engine/actor/notices.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { CourierOptions } from '../../engine/dispatch/courier.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { drainMsMax } from '../../engine/kernel/limits.js';
import { decodeMessages } from '../../engine/kernel/message-codec.js';
import { SimulatedAudience } from './simulated-audience.js';
import { SimulatedCourier } from './simulated-courier.js';
import type { HeldAttempt, Respond } from './simulated-destinations.js';
import { SimulatedDisk } from './simulated-disk.js';
import type { Disturbance, Happening, Onlooker } from './simulated-happenings.js';
import { SimulatedEnquirer } from './simulated-enquirer.js';
import { SimulatedHost } from './simulated-host.js';
import type { Sabotage } from './simulated-sabotage.js';
import { SimulatedOperator } from './simulated-operator.js';
import { SimulatedProducer } from './simulated-producer.js';
import { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';

export interface WorldOptions {
  readonly weather: Weather;
  readonly respond: Respond;
  readonly partitions?: number;
  readonly hosts?: number;
  /** The first one serves local handlers. */
  readonly couriers?: number;
  readonly courier?: Partial<CourierOptions>;
  readonly sabotage?: Partial<Sabotage>;
  /** Log positions that a stream cursor may lie back. */
  readonly replayWindow?: number;
}

const courierDefaults = {
  originConcurrency: 4,
  attemptsInFlightMax: 100,
  breaker: true,
  originsMax: 1_000,
  recoveryRate: 1_000,
} satisfies Partial<CourierOptions>;
/** A host that died is started anew after this long. */
const hostRestartMs = 250;

export class SimulatedWorld {
  readonly scheduler = new Scheduler();
  readonly disk: SimulatedDisk;
  readonly producer: SimulatedProducer;
  readonly operator: SimulatedOperator;
  readonly enquirer: SimulatedEnquirer;
  readonly audience: SimulatedAudience;
  readonly options: Required<WorldOptions>;
  readonly #onlookers: Onlooker[] = [];
  #hosts: (SimulatedHost | null)[];
  #couriers: SimulatedCourier[] = [];
  #isUp = false;
  #isStopping = false;
  #incarnation = 0;
  #drainedHosts = 0;

  constructor(options: WorldOptions) {
    this.options = { partitions: 2, hosts: 1, couriers: 2, courier: {}, sabotage: {}, replayWindow: 1_000_000, ...options };
    const { partitions, hosts, weather } = this.options;
    this.disk = new SimulatedDisk(this.partitions);
    this.#hosts = Array.from({ length: hosts }, () => null);
    this.producer = new SimulatedProducer({
      scheduler: this.scheduler,
      partitions,
      chance: weather.chance,
      onlooker: (happening) => this.happened(happening),
      send: (partition, request) => this.#sendTo(partition, request),
    });
    this.operator = new SimulatedOperator({
      scheduler: this.scheduler,
      weather,
      partitions,
      couriers: this.options.couriers,
      courier: (number) => (this.#isUp ? this.#couriers[number]! : null),
      send: (partition, request) => this.#sendTo(partition, request),
      onlooker: (happening) => this.happened(happening),
      pausesIgnored: this.options.sabotage.pausesIgnored ?? false,
    });
    this.enquirer = new SimulatedEnquirer({
      scheduler: this.scheduler,
      partitions,
      send: (partition, request) => this.#sendTo(partition, request),
      onlooker: (happening) => this.happened(happening),
    });
    this.audience = new SimulatedAudience({
      scheduler: this.scheduler,
      weather,
      partitions,
      hosts,
      replayWindow: this.options.replayWindow,
      send: (host, request) => {
        this.#hosts[host]?.send([request]);
        return this.#hosts[host] !== null;
      },
      onlooker: (happening) => this.happened(happening),
      forgetsChanges: this.options.sabotage.pastForgotten ?? false,
    });
  }

  get partitions(): PartitionId[] {
    return Array.from({ length: this.options.partitions }, (_, partition) => partition as PartitionId);
  }

  /** Those that are up. */
  get hosts(): SimulatedHost[] {
    return this.#hosts.filter((host) => host !== null);
  }

  get couriers(): readonly SimulatedCourier[] {
    return this.#couriers;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Every partition works or has stopped for good, nothing waits for the disk, and nobody waits for an answer. */
  get isQuiet(): boolean {
    if (!this.#isUp || this.hosts.length < this.#hosts.length || this.producer.open > 0) return false;
    if (this.operator.open + this.enquirer.open > 0) return false;
    return this.hosts.every(({ host }) =>
      host.actors.every(({ phase, unsynced }) => phase === 'failed' || (phase === 'ready' && unsynced === 0)),
    );
  }

  /** Attempts that wait for somebody to end them. */
  get held(): HeldAttempt[] {
    return this.#couriers.flatMap(({ destinations }) => [...destinations.held]);
  }

  onlooker(onlooker: Onlooker): void {
    this.#onlookers.push(onlooker);
  }

  /** What an onlooker throws ends the run. */
  happened(happening: Happening): void {
    try {
      for (const onlooker of this.#onlookers) onlooker(happening);
    } catch (error) {
      this.scheduler.fail(error as Error);
    }
  }

  // ---- coming and going ----

  start(): void {
    this.#isUp = true;
    this.#isStopping = false;
    this.#drainedHosts = 0;
    this.#incarnation++;
    this.#couriers = Array.from({ length: this.options.couriers }, (_, number) => this.#newCourier(number));
    for (let number = 0; number < this.#hosts.length; number++) this.#startHost(number);
    this.audience.start();
  }

  /** Everything stops at once. `power-loss`: also of the disk, what was not synced, may be gone. */
  crash(by: 'power-loss' | 'kill'): void {
    if (!this.#isUp) return;
    this.#vanish();
    const { survivors } = this.options.weather;
    for (const log of this.disk.logs.values()) {
      if (by === 'kill') log.tearCommit(survivors);
      else log.losePower(survivors);
    }
    this.#disturbed(by);
  }

  /** A host dies with its writer and reader; another one comes by itself. */
  crashHost(number: number): void {
    const host = this.#hosts[number] ?? null;
    if (host === null) return;
    host.vanish();
    this.#hosts[number] = null;
    const partitions = this.#partitionsOf(number);
    for (const partition of partitions) this.disk.log(partition).tearCommit(this.options.weather.survivors);
    this.producer.lost(partitions);
    this.operator.lost(partitions);
    this.enquirer.lost(partitions);
    this.audience.hostLost(partitions);
    for (const partition of partitions) this.#disturbed('host-crash', { partition });
    for (const courier of this.#couriers) courier.detach(number);
    const incarnation = this.#incarnation;
    this.scheduler.after(hostRestartMs, `host ${number} is started anew`, () => {
      if (this.#isUp && !this.#isStopping && incarnation === this.#incarnation) this.#restartHost(number);
    });
  }

  /** A courier dies; the fresh one is there at once. */
  crashCourier(number: number): void {
    const dead = this.#couriers[number];
    if (!this.#isUp || dead === undefined) return;
    dead.vanish();
    this.#disturbed('courier-crash', { courier: dead.name });
    this.#couriers[number] = this.#newCourier(number);
    for (const host of this.hosts) host.courierReplaced(number, this.#couriers[number]);
  }

  /**
   * An orderly stop: nothing new starts, what runs may end, everything decided becomes durable, then all parts are gone. Calls
   * `done` with whether every attempt ended in time.
   */
  drain(done: (clean: boolean) => void): void {
    if (!this.#isUp || this.#isStopping) return;
    this.#isStopping = true;
    let open = this.#couriers.length;
    let left = 0;
    for (const host of this.hosts) host.send([{ op: 'drain' }]);
    for (const courier of this.#couriers) {
      courier.drain(drainMsMax, (running) => {
        left += running;
        open--;
      });
    }
    const incarnation = this.#incarnation;
    const deadline = this.scheduler.now + drainMsMax;
    const look = () => {
      if (incarnation !== this.#incarnation || !this.#isUp) return;
      const isDrained = open === 0 && this.#drainedHosts >= this.#hosts.length;
      if (isDrained || this.scheduler.now >= deadline) this.#stop({ isClean: isDrained && left === 0, done });
      else this.scheduler.after(5, '', look);
    };
    look();
  }

  /** An orderly stop comes to its end; one that was cut short is like a kill. */
  #stop({ isClean, done }: { readonly isClean: boolean; readonly done: (clean: boolean) => void }): void {
    this.#vanish();
    for (const log of this.disk.logs.values()) log.losePower(this.options.weather.survivors);
    if (!isClean) this.#disturbed('kill');
    done(isClean);
  }

  // ---- time and space ----

  /** The machine's clock is set; threads notice within a second, each in its own time. */
  stepWall(byMs: number): void {
    this.scheduler.stepWall(byMs);
    for (const host of this.hosts) {
      this.scheduler.after(this.options.weather.chance() * 1_000, 'a host looks at the clock', () => host.checkClock());
    }
  }

  fillDisk(): void {
    this.disk.isFull = true;
  }

  emptyDisk(): void {
    this.disk.isFull = false;
    for (const { writer } of this.hosts) writer.setSpace('ok');
  }

  // ---- watching ----

  /** Somebody listens to all status changes from now on, or no longer. */
  watch(on: boolean): void {
    this.audience.watch(on);
  }

  // ---- what the parts are made of ----

  #startHost(number: number): void {
    const host = new SimulatedHost({
      number,
      partitions: this.#partitionsOf(number),
      scheduler: this.scheduler,
      weather: this.options.weather,
      disk: this.disk,
      couriers: () => this.#couriers,
      sabotage: this.options.sabotage,
      onlooker: (happening) => this.happened(happening),
      commitFailed: (partition) => this.#disturbed('commit-failed', { partition }),
      replying: (reply) => this.producer.replying(reply),
      mail: (mail) => this.#take(number, mail),
    });
    this.#hosts[number] = host;
  }

  #restartHost(number: number): void {
    this.#startHost(number);
    this.audience.hostStarted(number);
  }

  #take(host: number, mail: HostMail): void {
    switch (mail.op) {
      case 'replies':
        for (const reply of decodeMessages<HostReply>(mail.bytes)) {
          this.producer.replied(reply);
          this.operator.replied(reply);
          this.enquirer.replied(reply);
          this.audience.replied(reply);
        }
        break;
      case 'changes': {
        const changes = decodeMessages<StatusChange>(mail.bytes);
        for (const change of changes) this.happened({ what: 'changed', change });
        this.audience.publish(changes);
        break;
      }
      case 'notice':
        this.#noticed(host, mail.notice);
    }
  }

  #noticed(host: number, notice: HostNotice): void {
    switch (notice.op) {
      case 'watching':
        this.audience.watched(host, notice);
        break;
      case 'phase':
        this.happened({ what: 'phase', partition: notice.partition, phase: notice.phase, detail: notice.detail });
        break;
      case 'drained':
        this.#drainedHosts++;
        this.happened({ what: 'drained' });
        break;
      default:
    }
  }

  #newCourier(number: number): SimulatedCourier {
    return new SimulatedCourier({
      name: `${number}.${this.#incarnation}.${this.scheduler.steps}`,
      scheduler: this.scheduler,
      weather: this.options.weather,
      options: { ...courierDefaults, partitions: this.options.partitions, ...this.options.courier },
      respond: this.options.respond,
      onlooker: (happening) => this.happened(happening),
    });
  }

  #sendTo(partition: PartitionId, request: HostRequest): boolean {
    const host = this.#hosts[partition % this.#hosts.length] ?? null;
    if (host === null || this.#isStopping) return false;
    host.send([request]);
    return true;
  }

  #partitionsOf(host: number): PartitionId[] {
    return this.partitions.filter((partition) => partition % this.#hosts.length === host);
  }

  #vanish(): void {
    this.#isUp = false;
    for (const host of this.hosts) host.vanish();
    for (const courier of this.#couriers) courier.vanish();
    this.#hosts = this.#hosts.map(() => null);
    this.producer.lost(this.partitions);
    this.operator.lost(this.partitions);
    this.enquirer.lost(this.partitions);
    this.audience.vanish();
  }

  #disturbed(by: Disturbance, about: { partition?: PartitionId; courier?: string } = {}): void {
    const { partition = null, courier = null } = about;
    this.scheduler.note(`==== ${by}${partition === null ? '' : ` of partition ${partition}`}`);
    this.happened({ what: 'disturbed', by, partition, courier, nowMs: this.scheduler.now });
  }
}
