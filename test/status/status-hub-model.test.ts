/**
 * The hub against a slow obvious model: simulated hosts with queues in both directions, hosts that die with what they had not sent,
 * partitions that come up late, subscribers that come and go, come back with the cursor that they had, and now and then do not take
 * what they get. Whatever happened, each of them must have heard exactly the changes of the logs that lie between its first and its
 * newest cursor, match its filter and are in no gap, in log order per partition; and there is a gap only where the model knows why.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { eventStatuses } from '../../engine/event/status.js';
import type { ChangeSlice, StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import { type EventId, formatEventId } from '../../engine/kernel/event-id.js';
import { type CursorPositions, decodeCursor } from '../../engine/status/cursor.js';
import type { StatusFilter } from '../../engine/status/filter.js';
import type { WatchOrder } from '../../engine/status/host-watch.js';
import type { Span } from '../../engine/status/past-changes.js';
import { StatusHub, type Subscription } from '../../engine/status/status-hub.js';
import type { StatusBatch } from '../../engine/status/subscriber.js';
import { change, newEventId } from './status-changes.js';

const seeds = 150;
const stepsPerSeed = 250;
const hosts = 2;
const partitions = 4;
const hostOf = (partition: number) => partition % hosts;

type Read = { readonly span: Span; readonly done: (answer: ChangeSlice | EngineError) => void };
type Message =
  | { readonly op: 'read'; readonly answer: ChangeSlice | EngineError; readonly read: Read }
  | { readonly op: 'changes'; readonly changes: readonly StatusChange[] }
  | { readonly op: 'watching'; readonly round: number; readonly positions: readonly (readonly [PartitionId, Sequence])[] };

interface Host {
  round: number | null;
  orders: (WatchOrder | Read)[];
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

/** One after the other, the subscriptions of somebody who comes back with the cursor that came last. */
interface Client {
  readonly filter: StatusFilter;
  readonly batches: StatusBatch[];
  /** Where it began, once it has. */
  first: CursorPositions | null;
  /** That it knows of. */
  cursor: string | null;
  subscription: Subscription | null;
  /** Where it began in partitions whose position is unknown in its first cursor: where they came up. */
  cameUpAt: readonly number[];
  /** Between leaving and coming back it hears nothing. */
  isAway: boolean;
  isFull: boolean;
}

class World {
  readonly random: () => number;
  /** One: the hub is often idle. Many: it hardly ever is. */
  readonly listenersMax: number;
  readonly hosts: Host[] = Array.from({ length: hosts }, () => ({ round: null, orders: [], messages: [] }));
  readonly partitions: Partition[];
  readonly events: EventId[] = Array.from({ length: 8 }, newEventId);
  readonly clients: Client[] = [];
  readonly tasks: (() => void)[] = [];
  readonly hub = new StatusHub({
    partitions,
    hosts,
    hostOf,
    replayWindow: 1_000_000,
    watch: (order) => this.hosts[order.host]!.orders.push(order),
    read: (span, done) => this.hosts[hostOf(span.partition)]!.orders.push({ span, done }),
    soon: (task) => this.tasks.push(task),
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
    else if (dice < 76) this.deliver(this.below(hosts));
    else if (dice < 81) this.work();
    else if (dice < 85) this.subscribe();
    else if (dice < 88) this.leave();
    else if (dice < 91) this.comeBack();
    else if (dice < 94) this.fillOrEmpty();
    else if (dice < 96) this.restart(this.below(hosts));
    else if (dice < 98) this.comeUp(this.below(partitions));
    else this.hub.tick();
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
    if ('span' in order) {
      host.messages.push({ op: 'read', read: order, answer: this.answer(order) });
      return;
    }
    host.round = order.on ? order.round : null;
    if (host.round !== null) this.announce(host, this.numbersUpOn(number));
  }

  /** A slice of the log: some of it, all of it, or why not. */
  answer({ span: { partition, after, upTo } }: Read): ChangeSlice | EngineError {
    const { up, log } = this.partitions[partition]!;
    if (!up) return new EngineError('partition-unavailable', 'down');
    if (this.below(12) === 0) return new EngineError('overloaded', 'not now');
    const through = Math.min(upTo, after + 1 + this.below(12)) as Sequence;
    return { after, through, changes: log.filter(({ seq }) => seq > after && seq <= through) };
  }

  work(): void {
    for (const task of this.tasks.splice(0)) task();
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
    if (message?.op === 'read') message.read.done(message.answer);
    if (message?.op === 'watching') this.hub.watching({ host, round: message.round, positions: message.positions });
  }

  /** Its queues are lost, its partitions come up later. */
  restart(number: number): void {
    for (const partition of this.numbersUpOn(number)) this.goDown(this.partitions[partition]!);
    const { orders, messages } = this.hosts[number]!;
    this.hosts[number] = { round: null, orders: [], messages: [] };
    const open = [
      ...orders.filter((order) => 'span' in order),
      ...messages.flatMap((message) => (message.op === 'read' ? [message.read] : [])),
    ];
    for (const { done } of open) done(new EngineError('partition-unavailable', 'its host died'));
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
    const client: Client = {
      filter,
      batches: [],
      first: null,
      cursor: null,
      subscription: null,
      cameUpAt: [],
      isAway: false,
      isFull: false,
    };
    this.clients.push(client);
    this.connect(client);
  }

  connect(client: Client): void {
    client.isAway = false;
    let isBegun = false;
    const hear = (batch: StatusBatch): boolean => {
      if (!isBegun || client.isAway) throw new Error('a batch outside of the subscription');
      if (client.isFull) return false;
      client.batches.push(batch);
      client.cursor = batch.cursor;
      return true;
    };
    void this.hub.subscribe(client.filter, hear, client.cursor).then((subscription) => {
      isBegun = true;
      client.subscription = subscription;
      if (client.first === null) {
        client.first = positionsOf(subscription.cursor);
        client.cameUpAt = this.partitions.map(({ cameUpAt }) => cameUpAt);
      }
      client.cursor = subscription.cursor;
    });
  }

  leave(): void {
    const client = this.pick(this.clients.filter(({ subscription }) => subscription !== null));
    if (client?.subscription == null) return;
    // Some have heard where they stand; what they were told last counts in any case.
    if (this.below(2) === 0) client.cursor = client.subscription.place();
    client.isAway = true;
    client.subscription.close();
    client.subscription = null;
  }

  comeBack(): void {
    const client = this.pick(this.clients.filter(({ isAway }) => isAway));
    if (client === undefined || this.hub.size >= this.listenersMax) return;
    this.connect(client);
  }

  fillOrEmpty(): void {
    const client = this.pick(this.clients.filter(({ subscription }) => subscription !== null));
    if (client === undefined) return;
    client.isFull = !client.isFull;
    if (!client.isFull) client.subscription!.resume();
  }

  /** Until everyone has come back and heard everything. */
  async settle(): Promise<void> {
    for (let number = 0; number < partitions; number++) this.comeUp(number);
    for (const client of this.clients) {
      client.isFull = false;
      client.subscription?.resume();
      if (!client.isAway) continue;
      this.connect(client);
    }
    let quiet = 0;
    for (let round = 0; quiet < 5; round++) {
      if (round > 5_000) throw new Error('it does not come to rest');
      const isQuiet = this.tasks.length === 0 && this.hosts.every((host) => host.orders.length + host.messages.length === 0);
      quiet = isQuiet ? quiet + 1 : 0;
      for (let host = 0; host < hosts; host++) {
        this.takeOrder(host);
        this.deliver(host);
      }
      await nextTurn();
      this.work();
      this.hub.tick();
    }
  }

  /** What is wrong with what this client has heard; null: nothing. */
  verdict({ filter, batches, first, subscription, cameUpAt }: Client): string | null {
    if (first === null || subscription === null) return 'it never began';
    const from = first.map((position, number) => position ?? cameUpAt[number]!);
    const to = positionsOf(subscription.place());
    const gaps = batches.filter((batch) => batch.gapFrom !== null);
    const groundless = gaps.find((gap) => !isFromTheUnknown(gap));
    if (groundless !== undefined) return `a gap from ${positionsOf(groundless.gapFrom!).join()} has no reason`;
    for (const [number, { log, seq }] of this.partitions.entries()) {
      const upTo = to[number] ?? from[number]!;
      if (upTo !== seq && log.some((one) => one.seq > upTo)) return `it stands at ${upTo} of ${seq} in partition ${number}`;
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
    return this.cursorsAreExact(batches, from) ? null : 'a cursor has passed other changes than were told with it';
  }

  /** Whoever had gone on from any of these cursors would have been told of the rest, and of nothing else. */
  cursorsAreExact(batches: readonly StatusBatch[], from: readonly number[]): boolean {
    const told = [...from];
    for (const { cursor, items } of batches) {
      for (const { partition, seq } of items) {
        if (seq <= told[partition]!) return false;
        told[partition] = seq;
      }
      for (const [number, position] of positionsOf(cursor).entries()) {
        if (position === null) continue;
        if (position < told[number]!) return false;
        told[number] = position;
      }
    }
    return true;
  }
}

/** The log tells everything, so a gap goes from where a position was unknown and nowhere else. */
function isFromTheUnknown({ gapFrom, cursor }: StatusBatch): boolean {
  const from = positionsOf(gapFrom!);
  return positionsOf(cursor).every((position, partition) => from[partition] === null || from[partition] === position);
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
  let [heard, gaps, returns] = [0, 0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const world = new World(seed);
    for (let step = 0; step < stepsPerSeed; step++) {
      world.step();
      if (world.below(3) === 0) await nextTurn();
      else for (let microtask = 0; microtask < 4; microtask++) await null;
    }
    returns += world.clients.filter(({ isAway }) => isAway).length;
    await world.settle();
    for (const [index, client] of world.clients.entries()) {
      const wrong = world.verdict(client);
      if (wrong !== null) t.fail(`seed ${seed}, client ${index}: ${wrong}`);
      heard += client.batches.flatMap((batch) => batch.items).length;
      gaps += client.batches.filter((batch) => batch.gapFrom !== null).length;
    }
  }
  t.ok(heard > 1_000, `${heard} changes heard: the model says something`);
  t.ok(gaps > 0, `${gaps} gaps`);
  t.ok(returns > 10, `${returns} came back`);
});
