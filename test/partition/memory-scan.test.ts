/** Lists out of memory against the obvious way: all events in an array, filtered and sorted. */
import t from 'tap';
import { type EventFilter, everyEvent, matchesView } from '../../engine/event/event-filter.js';
import {
  comparePlaces,
  type ListPlace,
  type ListQuery,
  listOrders,
  listSorts,
  placeOf,
  readEntries,
} from '../../engine/event/event-list.js';
import { recordKinds } from '../../engine/event/record.js';
import { type DeliveryType, deliveryTypes, type EventSpec } from '../../engine/event/spec.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import { type EventStatus, eventStatuses } from '../../engine/event/status.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId } from '../../engine/kernel/event-id.js';
import { MemoryScan, type RowTaker } from '../../engine/partition/memory-scan.js';
import { TopRows } from '../../engine/partition/top-rows.js';
import { now } from '../event/specs.js';
import { Random } from '../wheel/random.js';
import { failedOutcome, TestPartition } from './partition-fixture.js';

const sources = ['a', 'b', 'c'];
const types = ['x', 'y', null];
const destinations = ['https://example.org/1', 'https://example.org/2'];
const tagValues = ['red', 'green', 'blue'];

interface Known {
  readonly id: EventId;
  readonly spec: EventSpec;
  readonly status: EventStatus;
}

class World {
  readonly random: Random;
  readonly partition = new TestPartition();
  readonly ids: EventId[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  live(): void {
    const { random, partition } = this;
    partition.now += random.below(3);
    if (random.below(3) === 0 || this.ids.length === 0) {
      this.ids.push(partition.schedule(this.#fields()));
      return;
    }
    const id = random.pick(this.ids);
    const handle = partition.state.handleOf(id);
    if (handle === null) return;
    if (partition.state.columns.status(handle) !== 'DISPATCHED') {
      const next = random.below(5);
      if (next === 0) partition.do({ op: 'cancel', event: id });
      else if (next === 1) partition.expire(id);
      else partition.dispatch(id);
    } else {
      const attempt = partition.state.columns.attempts(handle);
      partition.end(id, random.below(2) === 0 ? { attempt } : { attempt, ...failedOutcome });
    }
  }

  #fields(): Partial<EventSpec> {
    const { random, partition } = this;
    return {
      source: random.pick(sources),
      type: random.pick(types),
      destination: random.pick(destinations),
      priority: random.below(10),
      maxRetries: random.below(2),
      deliveryType: random.pick(deliveryTypes),
      scheduledAtMs: (now + random.below(50)) as WallMs,
      createdAtMs: partition.now as WallMs,
      tags: random.below(2) === 0 ? [] : [['color', random.pick(tagValues)]],
      externalJobId: random.below(3) === 0 ? `job-${random.below(5_000)}` : null,
    };
  }

  events(): Known[] {
    const newest = new Map<string, number>();
    for (const { event, kind } of this.partition.log) newest.set(formatEventId(event), kind);
    const accepted = this.partition.log.filter(({ kind }) => kind === recordKinds.accepted);
    return accepted.map(({ event, body }) => {
      return { id: event, spec: decodeSpec(body), status: eventStatuses[newest.get(formatEventId(event))! - 1]! };
    });
  }

  filter(events: readonly Known[]): EventFilter {
    const { random } = this;
    const some = <Value>(values: readonly Value[]): Value[] | null =>
      random.below(4) > 0 ? null : [random.pick(values), random.pick(values)];
    const span = (from: number) => ({
      fromMs: (from + random.below(20)) as WallMs,
      toMs: (from + 20 + random.below(40)) as WallMs,
    });
    const known = events.flatMap(({ spec }) => (spec.externalJobId === null ? [] : [spec.externalJobId]));
    return {
      status: some(eventStatuses),
      source: some(sources),
      type: some(['x', 'y', 'z']),
      destination: some(destinations),
      priority: random.below(4) > 0 ? null : [1, 2, 3, 4, 5],
      deliveryType: some<DeliveryType>(deliveryTypes),
      tags: random.below(4) > 0 ? [] : [{ name: 'color', values: [random.pick(tagValues), random.pick(tagValues)] }],
      scheduled: random.below(4) > 0 ? null : span(now),
      created: random.below(4) > 0 ? null : span(now),
      externalJobId: random.below(8) > 0 || known.length === 0 ? null : random.pick(known),
    };
  }
}

/** Places of a page as the obvious way finds them. */
function expectedPage(events: readonly Known[], { filter, sort, order, after, limit }: ListQuery): ListPlace[] {
  const direction = order === 'asc' ? 1 : -1;
  const places = events
    .filter((event) => matchesView(filter, { ...event, spec: event.spec as never }))
    .map((event) => placeOf(sort, event));
  return places
    .filter((place) => after === null || direction * comparePlaces(place, after) > 0)
    .sort((one, other) => direction * comparePlaces(one, other))
    .slice(0, limit);
}

const named = (places: readonly ListPlace[]) => places.map(({ ms, id }) => `${ms} ${formatEventId(id)}`);

t.test('pages of every filter, sort and order are those of an array', async (t) => {
  for (let seed = 1; seed <= 15; seed++) {
    const world = new World(seed);
    for (let step = 0; step < 400; step++) world.live();
    const events = world.events();
    for (let ask = 0; ask < 20; ask++) {
      const { random } = world;
      let after: ListPlace | null = null;
      const query = {
        filter: ask === 0 ? everyEvent : world.filter(events),
        sort: random.pick(listSorts),
        order: random.pick(listOrders),
        limit: 1 + random.below(40),
      };
      for (let page = 0; page < 500; page++) {
        const top: TopRows = new TopRows({ ...query, after });
        const scan = new MemoryScan({ state: world.partition.state, filter: query.filter, taker: top, order: query.order });
        while (!scan.step());
        const direction = query.order === 'asc' ? 1 : -1;
        const found = readEntries(top.entries).sort((one, other) => direction * comparePlaces(one, other));
        const expected = expectedPage(events, { ...query, after });
        // Hashes of tags let others through as well; everything else is exact here.
        const names = new Set(named(expected));
        const verified = named(found).filter((name) => names.has(name));
        const coverage: ListPlace | 'end' = top.coverage;
        const isSame = query.filter.tags.length > 0 ? verified.length <= expected.length : found.length === expected.length;
        if (!isSame || (query.filter.tags.length === 0 && JSON.stringify(named(found)) !== JSON.stringify(named(expected))))
          t.same(named(found), named(expected), `seed ${seed}, ask ${ask}, page ${page}`);
        if (coverage === 'end') {
          if (query.filter.tags.length > 0) t.same(verified, named(expected), `seed ${seed}, ask ${ask}, last page`);
          break;
        }
        after = coverage;
      }
    }
  }
});

t.test('the newest are found without all blocks of rows, and what is told of them is whole', async (t) => {
  for (let seed = 1; seed <= 2; seed++) {
    const world = new World(seed);
    for (let step = 0; step < 8_000; step++) world.live();
    const events = world.events();
    const { state } = world.partition;
    const rows = state.columns.rows + state.finished.size;
    for (let ask = 0; ask < 6; ask++) {
      const filter: EventFilter = ask === 0 ? everyEvent : { ...world.filter(events), tags: [] };
      const query = { filter, sort: 'created_at', order: 'desc', limit: 1 + world.random.below(40) } as const;
      let after: ListPlace | null = null;
      for (let page = 0; page < 4; page++) {
        const top: TopRows = new TopRows({ ...query, after });
        const { scan, looked } = counted(world, top, query);
        while (!scan.step());
        const found = named(readEntries(top.entries).sort((one, other) => comparePlaces(other, one)));
        const expected = expectedPage(events, { ...query, after });
        if (JSON.stringify(found) !== JSON.stringify(named(expected)))
          t.same(found, named(expected), `seed ${seed}, ask ${ask}, page ${page}`);
        if (ask === 0 && page === 0) t.ok(looked() < 0.75 * rows, `${looked()} of ${rows}`);
        const { coverage }: TopRows = top;
        if (coverage === 'end') {
          t.same(expectedPage(events, { ...query, after: expected.at(-1) ?? after }), [], 'nothing follows the end');
          break;
        }
        after = coverage;
      }
    }
  }
});

/** A walk, and how many rows it has offered. */
function counted(world: World, top: TopRows, { filter, order }: Pick<ListQuery, 'filter' | 'order'>) {
  let offered = 0;
  const taker: RowTaker = {
    take: (rows, at) => {
      offered++;
      top.take(rows, at);
    },
    passesOver: (newestMs) => top.passesOver(newestMs),
  };
  const scan = new MemoryScan({ state: world.partition.state, filter, taker, order });
  return { scan, looked: () => offered };
}

for (const limit of [100_000, 30]) {
  for (const order of listOrders) {
    const title = `an event that is there the whole time is met although it moves while the scan goes on: ${limit}, ${order}`;
    t.test(title, async (t) => {
      for (let seed = 1; seed <= 2; seed++) {
        const world = new World(seed);
        for (let step = 0; step < 5_000; step++) world.live();
        const before = world.events();
        const top = new TopRows({ sort: 'created_at', order, after: null, limit });
        const scan = new MemoryScan({ state: world.partition.state, filter: everyEvent, taker: top, order });
        while (!scan.step()) for (let step = 0; step < 200; step++) world.live();
        scan.catchUp();
        while (!scan.step());
        const { coverage } = top;
        const direction = order === 'asc' ? 1 : -1;
        const met = new Set(named(readEntries(top.entries)));
        const missing = before
          .map((event) => placeOf('created_at', event))
          .filter((place) => coverage === 'end' || direction * comparePlaces(place, coverage as ListPlace) <= 0)
          .filter((place) => !met.has(named([place])[0]!));
        if (missing.length > 0) t.equal(missing.length, 0, `seed ${seed}`);
        t.equal(coverage === 'end', limit === 100_000);
      }
    });
  }
}
