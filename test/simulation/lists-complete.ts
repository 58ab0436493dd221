/**
 * A list that is walked to its end shows every event that was there all the while exactly once, whatever happened meanwhile; what it
 * shows matches its filter, and nothing is shown twice unless its place in the list has changed.
 */
import { type EventFilter, matchesSpec } from '../../engine/event/event-filter.js';
import { type LogRecord, recordKinds, statusesOf } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Happening, Listing } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

/** By event, what was durable of it when the walk began: how many records. */
type Before = ReadonlyMap<PartitionId, ReadonlyMap<string, number>>;

export class ListsComplete implements Checker {
  readonly name = 'lists-complete';
  readonly #scene: Scene;
  readonly #before = new Map<Listing, Before>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'list') return;
    const { listing } = happening;
    if (listing.outcome === null) this.#before.set(listing, this.#durable());
    else if (listing.outcome === 'done') this.#judge(listing, this.#before.get(listing)!);
  }

  #judge({ request, shown }: Listing, before: Before): void {
    const { world, stored } = this.#scene;
    const times = new Map<string, number>();
    for (const view of shown) {
      const event = formatEventId(view.id);
      times.set(event, (times.get(event) ?? 0) + 1);
      const isMeant = matches(request.filter, view.status) && matchesSpec(request.filter, view.spec);
      if (!isMeant) throw new BrokenPromise(this.name, `${event} is listed as ${view.status}, which was not asked for`);
    }
    for (const [partition, events] of before) {
      const { isDamaged, beginning } = world.disk.log(partition);
      if (isDamaged) continue;
      for (const [event, known] of events) {
        const records = stored.of(partition, event);
        // It has outlived the retention, unless it was carried forward: that is left aside.
        if ((records.at(-1)?.seq ?? 0) < beginning) continue;
        const since = records.slice(known);
        const hasMoved = since.some(({ kind }) => kind === recordKinds.changed || kind === recordKinds.retried);
        const count = times.get(event) ?? 0;
        if (count > 1 && !hasMoved) throw new BrokenPromise(this.name, `${event} is listed ${count} times`);
        if (count === 0 && !hasMoved && isThereAllTheWhile(request.filter, records, known))
          throw new BrokenPromise(this.name, `${event} was there all the while and is not listed`);
      }
    }
  }

  #durable(): Before {
    const { world, stored } = this.#scene;
    return new Map(
      world.partitions.map((partition) => {
        const { synced } = world.disk.log(partition);
        const counts = new Map<string, number>();
        for (const [event, records] of stored.all(partition)) {
          const durable = records.filter(({ seq }) => seq <= synced).length;
          if (durable > 0) counts.set(event, durable);
        }
        return [partition, counts] as const;
      }),
    );
  }
}

/** `known`: records of it at the beginning. In each state that it had since it must match. */
function isThereAllTheWhile(filter: EventFilter, records: readonly LogRecord[], known: number): boolean {
  const statuses = statusesOf(records).slice(known - 1);
  return matchesSpec(filter, standingOf(records).spec) && statuses.every((status) => matches(filter, status));
}

function matches({ status }: EventFilter, found: NonNullable<EventFilter['status']>[number]): boolean {
  return status === null || status.includes(found);
}
