/**
 * The newest figures of every thread of this node in one place, and what they come to together: the numbers of `/metrics`, and this node's part of
 * statistics.
 *
 * A thread reports the whole of its counters, so a lost report costs nothing. But a thread that dies takes its counters with it
 * and its successor starts at 0, while Prometheus and people expect totals that never go back. So for each host the board keeps
 * what its predecessors had counted (`carried`) and adds the living one's report to it. Levels (pending, waiting, overdue) are not
 * added up: they are the newest report's, and the dead host's last one until the successor has spoken. Those of a partition stand until somebody
 * counts it anew, because events do not vanish with the thread that held them, or until it is elsewhere.
 *
 * Lives on the main thread. Everything here is since the process started; nothing is stored.
 */
import type { EventStatus, WaitReason } from '../event/status.js';
import type { PartitionId } from '../kernel/brand.js';
import type { CourierFigures, HostFigures, LatencyFigures, PartitionLevels, PartitionPhase } from './figures.js';
import { LatencyRecorder, noLatency, sumLatency } from './latency.js';
import { pendingOf } from './overview.js';
import { nothingCounted, type QueueLevels, sumLevels, sumQueues, type Totals, type TotalsSource } from './totals.js';

export const counterNames = ['accepted', 'fired', 'delivered', 'failed', 'dead', 'cancelled', 'expired', 'records'] as const;
export type CounterName = (typeof counterNames)[number];

const latencyNames = ['fireLag', 'overdueLag', 'delivery', 'commit'] as const;
export type LatencyName = (typeof latencyNames)[number];

const levelNames = ['overdue', 'longestBacklog', 'parked', 'readAheadBytes'] as const;
export type LevelName = (typeof levelNames)[number];

/** What grows only. */
type Grown = Readonly<Record<CounterName, number> & Record<LatencyName, LatencyFigures>>;

interface HostPlace {
  /** By hosts in this place that are gone. */
  carried: Grown;
  newest: HostFigures;
  /** How often figures have come. */
  tellings: number;
  /** `newest` comes from one that is gone: its counters are in `carried`, its levels still stand. */
  gone: boolean;
}

export class FiguresBoard implements TotalsSource {
  readonly #hosts = new Map<number, HostPlace>();
  readonly #couriers = new Map<number, CourierFigures>();
  /** A courier sends samples; they are gathered here, over all threads that had its number. */
  readonly #courierDelays = new Map<number, LatencyRecorder>();
  readonly #loopDelays = new Map<string, LatencyFigures>();
  readonly #phases = new Map<PartitionId, PartitionPhase>();
  readonly #freeBytes = new Map<number, number>();
  readonly #partitions = new Map<PartitionId, PartitionLevels>();
  #revision = 0;
  /** How often a journal was not what this node knew of it. */
  dataLosses = 0;

  get revision(): number {
    return this.#revision;
  }

  host(host: number, figures: HostFigures): void {
    const place = this.#hosts.get(host);
    if (place === undefined) {
      this.#hosts.set(host, { carried: nothing, newest: figures, tellings: 1, gone: false });
    } else {
      // A successor that nobody announced shows by counters that went back.
      if (!place.gone && counterNames.some((name) => figures[name] < place.newest[name])) this.hostGone(host);
      place.newest = figures;
      place.tellings++;
      place.gone = false;
    }
    for (const [partition, levels] of figures.levels) this.#partitions.set(partition, levels);
    this.#revision++;
  }

  /** To be told when a host's thread has ended, before its successor reports. */
  hostGone(host: number): void {
    const place = this.#hosts.get(host);
    if (place === undefined || place.gone) return;
    place.carried = added([place.carried, place.newest]);
    place.gone = true;
  }

  courier(courier: number, figures: CourierFigures): void {
    this.#couriers.set(courier, figures);
    const delays = this.#courierDelays.get(courier) ?? new LatencyRecorder();
    this.#courierDelays.set(courier, delays);
    for (const delayMs of figures.loopDelaysMs) delays.record(delayMs);
  }

  courierGone(courier: number): void {
    this.#couriers.delete(courier);
  }

  /** Of a thread that reports nothing else: `gateway`, `writer-0`, `reader-0`. */
  loopDelay(thread: string, figures: LatencyFigures): void {
    this.#loopDelays.set(thread, figures);
  }

  phase(partition: PartitionId, phase: PartitionPhase): void {
    this.#phases.set(partition, phase);
    if (phase !== 'elsewhere' || !this.#partitions.delete(partition)) return;
    this.#revision++;
  }

  /** Free space under the data directory, as a host's log writer last saw it. */
  freeBytes(host: number, bytes: number): void {
    this.#freeBytes.set(host, bytes);
  }

  totals(): Totals {
    return { ...sumLevels([...this.#partitions.values()]), ...this.queues(), counted: this.counted(), before: nothingCounted };
  }

  counted(): Totals['counted'] {
    return {
      accepted: this.counter('accepted'),
      fired: this.counter('fired'),
      delivered: this.counter('delivered'),
      failed: this.counter('failed'),
      fireLag: this.latency('fireLag'),
      delivery: this.latency('delivery'),
    };
  }

  queues(): QueueLevels {
    return sumQueues(this.#newest());
  }

  /** Of each partition that works here, or did until its host ended. */
  get partitions(): ReadonlyMap<PartitionId, PartitionLevels> {
    return this.#partitions;
  }

  /** Since the process started; never goes back. */
  counter(name: CounterName): number {
    return total(this.#grown().map((grown) => grown[name]));
  }

  /** For each host, how often it has told its figures. */
  get tellings(): readonly number[] {
    return [...this.#hosts.values()].map(({ tellings }) => tellings);
  }

  /** Since the process started; no count of it ever goes back. */
  latency(name: LatencyName): LatencyFigures {
    return sumLatency(this.#latencies(name));
  }

  level(name: LevelName): number {
    return total(this.#newest().map((figures) => figures[name]));
  }

  byStatus(): Readonly<Record<EventStatus, number>> {
    return sumLevels([...this.#partitions.values()]).byStatus;
  }

  waiting(): Readonly<Record<WaitReason, number>> {
    return this.queues().waiting;
  }

  /** Events that are not finished. */
  get pending(): number {
    return pendingOf(this.byStatus());
  }

  get oldestOverdueMs(): number | null {
    return this.queues().oldestOverdueMs;
  }

  /** Null until a log writer has said it. The smallest, should they disagree: they look at one disk at different moments. */
  get diskFreeBytes(): number | null {
    return this.#freeBytes.size === 0 ? null : Math.min(...this.#freeBytes.values());
  }

  get couriers(): ReadonlyMap<number, CourierFigures> {
    return this.#couriers;
  }

  get phases(): ReadonlyMap<PartitionId, PartitionPhase> {
    return this.#phases;
  }

  /** By the name of the thread. */
  loopDelays(): ReadonlyMap<string, LatencyFigures> {
    const delays = new Map(this.#loopDelays);
    for (const [host, place] of this.#hosts) delays.set(`host-${host}`, place.newest.eventLoopDelay);
    for (const [courier, recorder] of this.#courierDelays) delays.set(`courier-${courier}`, recorder.figures());
    return delays;
  }

  #newest(): HostFigures[] {
    return [...this.#hosts.values()].map((place) => place.newest);
  }

  /** Each host's own and what was carried over. */
  #grown(): Grown[] {
    return [...this.#hosts.values()].flatMap((place) => (place.gone ? [place.carried] : [place.carried, place.newest]));
  }

  #latencies(name: LatencyName): LatencyFigures[] {
    return this.#grown().map((grown) => grown[name]);
  }
}

function total(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function added(list: readonly Grown[]): Grown {
  const counters = counterNames.map((name) => [name, total(list.map((grown) => grown[name]))]);
  const latencies = latencyNames.map((name) => [name, sumLatency(list.map((grown) => grown[name]))]);
  return Object.fromEntries([...counters, ...latencies]) as Grown;
}

const nothing: Grown = {
  accepted: 0,
  fired: 0,
  delivered: 0,
  failed: 0,
  dead: 0,
  cancelled: 0,
  expired: 0,
  records: 0,
  fireLag: noLatency,
  overdueLag: noLatency,
  delivery: noLatency,
  commit: noLatency,
};
