/**
 * The hub against a slow obvious model: simulated hosts with queues in both directions, subscribers that come and go, hosts that die
 * with what they had not sent, partitions that come up late. Whatever happened, each subscriber must have heard exactly the changes
 * of the logs that lie between its first and its newest cursor, match its filter and are in no gap, in log order per partition.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { eventStatuses } from '../../engine/event/status.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId } from '../../engine/kernel/event-id.js';
import { type CursorPositions, decodeCursor } from '../../engine/status/cursor.js';
import type { StatusFilter } from '../../engine/status/filter.js';
import { type StatusBatch, StatusHub, type Subscription, type WatchOrder } from '../../engine/status/status-hub.js';
import { change, newEventId } from './status-changes.js';

const seeds = 150;
const stepsPerSeed = 250;
const hosts = 2;
const partitions = 4;
const hostOf = (partition: number) => partition % hosts;

type Message =
  | { readonly op: 'changes'; readonly changes: readonly StatusChange[] }
  | { readonly op: 'watching'; readonly round: number; readonly positions: readonly (readonly [PartitionId, Sequence])[] };

interface Host {
  round: number | null;
  orders: WatchOrder[];
  messages: Message[];
}

interface Partition {
  readonly log: StatusChange[];
  /** Newest sequence; some records are no change. */
  seq: number;
  up: boolean;
  /** Newest sequence when it came up; while it is down, nothing is written. */
  cameUpAt: number;
}

interface Subscriber {
  readonly filter: StatusFilter;
  readonly batches: StatusBatch[];
  subscription: Subscription | null;
  /** Where it began in partitions whose position is unknown in its first cursor: where they came up. */
  cameUpAt: readonly number[];
  closed: boolean;
}

class World {
  readonly random: () => number;
  /** One: the hub is often idle. Many: it hardly ever is. */
  readonly listenersMax: number;
  readonly hosts: Host[] = Array.from({ length: hosts }, () => ({ round: null, orders: [], messages: [] }));
  readonly partitions: Partition[];
  readonly events: EventId[] = Array.from({ length: 8 }, newEventId);
  readonly subscribers: Subscriber[] = [];
  readonly hub = new StatusHub({
    partitions,
    hosts,
    watch: (order) => this.hosts[order.host]!.orders.push(order),
    listenerFailed: (error) => {
      throw error;
    },
  });

  constructor(seed: number) {
    this.random = mulberry32(seed);
    this.listenersMax = this.pick([1, 2, 20]);
    this.partitions = Array.from({ length: partitions }, () => {
      const seq = this.below(5);
      return { log: [], seq, up: this.below(4) > 0, cameUpAt: seq };
    });
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  step(): void {
    const dice = this.below(100);
    if (dice < 45) this.write(this.below(partitions));
    else if (dice < 60) this.takeOrder(this.below(hosts));
    else if (dice < 80) this.deliver(this.below(hosts));
    else if (dice < 87) this.subscribe();
    else if (dice < 92) this.leave();
    else if (dice < 95) this.restart(this.below(hosts));
    else if (dice < 98) this.comeUp(this.below(partitions));
    else this.hub.refresh();
  }

  /** Some records, durable at once; the host sends them if it is watched. */
  write(number: number): void {
    const partition = this.partitions[number]!;
    if (!partition.up) return;
    // Now and then with one that was sent before or that nobody asked for.
    const changes: StatusChange[] = this.below(4) === 0 ? partition.log.slice(-1) : [];
    for (let count = this.below(4); count >= 0; count--) {
      partition.seq += 1;
      if (this.below(5) === 0) continue;
      const one = change(number, partition.seq, {
        event: this.pick(this.events),
        externalJobId: this.pick([null, 'job-1', 'job-2']),
        source: this.pick(['shop', 'bank']),
        type: this.pick([null, 'order']),
        status: this.pick(eventStatuses),
      });
      partition.log.push(one);
      changes.push(one);
    }
    const host = this.hosts[hostOf(number)]!;
    if (host.round !== null) host.messages.push({ op: 'changes', changes });
  }

  takeOrder(number: number): void {
    const host = this.hosts[number]!;
    const order = host.orders.shift();
    if (order === undefined) return;
    host.round = order.on ? order.round : null;
    if (host.round !== null) this.announce(host, this.numbersUpOn(number));
  }

  announce(host: Host, numbers: readonly number[]): void {
    if (host.round === null) return;
    const positions = numbers.map((number) => [number as PartitionId, this.partitions[number]!.seq as Sequence] as const);
    host.messages.push({ op: 'watching', round: host.round, positions });
  }

  numbersUpOn(host: number): number[] {
    return this.partitions.flatMap(({ up }, number) => (up && hostOf(number) === host ? [number] : []));
  }

  deliver(host: number): void {
    const message = this.hosts[host]!.messages.shift();
    if (message?.op === 'changes') this.hub.publish(message.changes);
    if (message?.op === 'watching') this.hub.watching({ host, round: message.round, positions: message.positions });
  }

  /** Its queues are lost, its partitions come up later. */
  restart(number: number): void {
    for (const partition of this.numbersUpOn(number)) this.goDown(this.partitions[partition]!);
    this.hosts[number] = { round: null, orders: [], messages: [] };
    this.hub.hostStarted(number);
  }

  goDown(partition: Partition): void {
    partition.up = false;
    partition.cameUpAt = partition.seq;
  }

  comeUp(number: number): void {
    const partition = this.partitions[number]!;
    if (partition.up) return;
    partition.up = true;
    this.announce(this.hosts[hostOf(number)]!, [number]);
  }

  subscribe(): void {
    if (this.hub.size >= this.listenersMax) return;
    const maybe = <Value>(list: readonly Value[]) => (this.below(3) === 0 ? list : null);
    const filter: StatusFilter = {
      status: maybe([this.pick(eventStatuses), this.pick(eventStatuses)]),
      source: maybe([this.pick(['shop', 'bank', 'nobody'])]),
      type: maybe(['order']),
      eventId: maybe([this.pick(this.events), this.pick(this.events)].map(formatEventId)),
      externalJobId: maybe([this.pick(['job-1', 'job-2', 'job-3'])]),
    };
    const subscriber: Subscriber = { filter, batches: [], subscription: null, cameUpAt: [], closed: false };
    this.subscribers.push(subscriber);
    void this.hub
      .subscribe(filter, (batch) => {
        if (subscriber.subscription === null || subscriber.closed) throw new Error('a batch outside of the subscription');
        subscriber.batches.push(batch);
      })
      .then((subscription) => {
        subscriber.subscription = subscription;
        subscriber.cameUpAt = this.partitions.map(({ cameUpAt }) => cameUpAt);
      });
  }

  leave(): void {
    const subscriber = this.pick(this.subscribers.filter(({ subscription, closed }) => subscription !== null && !closed));
    if (subscriber?.subscription == null) return;
    subscriber.closed = true;
    subscriber.subscription.close();
  }

  /** Until everyone has heard everything. */
  async settle(): Promise<void> {
    for (let number = 0; number < partitions; number++) this.comeUp(number);
    while (this.hosts.some((host) => host.orders.length + host.messages.length > 0)) {
      for (let host = 0; host < hosts; host++) {
        this.takeOrder(host);
        this.deliver(host);
      }
      await nextTurn();
    }
    this.hub.refresh();
  }

  /** What is wrong with what this subscriber has heard; null: nothing. */
  verdict({ filter, batches, subscription, cameUpAt, closed }: Subscriber): string | null {
    if (subscription === null) return 'it never began';
    const from = positionsOf(subscription.cursor).map((position, number) => position ?? cameUpAt[number]!);
    const to = positionsOf(batches.at(-1)?.cursor ?? subscription.cursor);
    const gaps = batches.filter((batch) => batch.gapFrom !== null);
    for (const [number, { log, seq }] of this.partitions.entries()) {
      const upTo = to[number] ?? from[number]!;
      if (!closed && upTo !== seq && log.some((one) => one.seq > upTo))
        return `it stands at ${upTo} of ${seq} in partition ${number}`;
      const lost = gaps.map((gap) => [positionsOf(gap.gapFrom!)[number] ?? 0, positionsOf(gap.cursor)[number] ?? 0] as const);
      const expected = log.filter(
        (one) =>
          one.seq > from[number]! &&
          one.seq <= upTo &&
          passes(filter, one) &&
          !lost.some(([after, last]) => one.seq > after && one.seq <= last),
      );
      const heard = batches.flatMap((batch) => batch.items).filter((one) => one.partition === number);
      const [wanted, got] = [expected, heard].map((list) => list.map((one) => one.seq).join(' '));
      if (wanted !== got) return `partition ${number}: expected ${wanted}, heard ${got}`;
    }
    return null;
  }
}

function positionsOf(cursor: string): CursorPositions {
  const positions = decodeCursor(cursor, partitions);
  if (positions === null) throw new Error(`no cursor: ${cursor}`);
  return positions;
}

function passes(filter: StatusFilter, one: StatusChange): boolean {
  if (filter.status !== null && !filter.status.includes(one.status)) return false;
  if (filter.source !== null && !filter.source.includes(one.source)) return false;
  if (filter.type !== null && (one.type === null || !filter.type.includes(one.type))) return false;
  if (filter.eventId !== null && !filter.eventId.includes(formatEventId(one.event))) return false;
  return filter.externalJobId === null || (one.externalJobId !== null && filter.externalJobId.includes(one.externalJobId));
}

/** A small seeded generator (public domain, Tommy Ettinger). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

t.test('each subscriber hears what lies between its cursors, once and in order, whatever happens', async (t) => {
  let [heard, gaps] = [0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const world = new World(seed);
    for (let step = 0; step < stepsPerSeed; step++) {
      world.step();
      if (world.below(3) === 0) await nextTurn();
      else for (let microtask = 0; microtask < 4; microtask++) await null;
    }
    await world.settle();
    for (const [index, subscriber] of world.subscribers.entries()) {
      const wrong = world.verdict(subscriber);
      if (wrong !== null) t.fail(`seed ${seed}, subscriber ${index}: ${wrong}`);
      heard += subscriber.batches.flatMap((batch) => batch.items).length;
      gaps += subscriber.batches.filter((batch) => batch.gapFrom !== null).length;
    }
  }
  t.ok(heard > 1_000, `${heard} changes heard: the model says something`);
  t.ok(gaps > 10, `${gaps} gaps: hosts did lose changes`);
});
