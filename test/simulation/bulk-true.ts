/**
 * What a bulk change says is so: as many events as it names have been changed, on disk; when it says that there is no more, none
 * that matched all the while is left as it was. What it has cancelled is cancelled as if each had been asked for alone, also when the
 * answer is lost with a crash (`cancel-honoured`, `no-loss`).
 */
import { matchesSpec } from '../../engine/event/event-filter.js';
import { type LogRecord, type RecordKind, recordKinds, statusesOf } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { bulkWorkMs } from '../../engine/kernel/limits.js';
import type { SimulatedLog } from '../support/simulated-disk.js';
import type { Asked, BulkAction, Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

const kindOf: Readonly<Record<BulkAction['op'], RecordKind>> = { cancel: recordKinds.cancelled, retry: recordKinds.retried };
const statesOf = { cancel: ['SCHEDULED', 'RETRYING'], retry: ['DEAD', 'CANCELLED', 'EXPIRED'] };

/** What a partition decides at the end of its time is on disk after this. */
const lingerMs = 10_000;

interface Begun {
  /** The newest record of each partition. */
  readonly last: ReadonlyMap<PartitionId, number>;
  /** Somebody else has asked for the same meanwhile. */
  isAlone: boolean;
}

export class BulkTrue implements Checker {
  readonly name = 'bulk-true';
  readonly #scene: Scene;
  readonly #begun = new Map<BulkAction, Begun>();
  /** Changes of single events of which nobody knows yet what has become of them. */
  readonly #openChanges = new Set<Asked>();
  /** Until then partitions may go on with a bulk change whose answer was lost with another one's host. */
  #lingersUntilMs = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'asked' && happening.asked.change !== null) {
      this.#openChanges.add(happening.asked);
      this.#disturb();
    }
    if (happening.what === 'answered') this.#openChanges.delete(happening.asked);
    if (happening.what === 'disturbed') {
      this.#disturb();
      this.#forgetLost(happening);
    }
    if (happening.what !== 'change-many') return;
    const { action } = happening;
    if (action.outcome === null) this.#begin(action);
    else {
      const begun = this.#begun.get(action)!;
      this.#begun.delete(action);
      if (action.outcome === 'done') this.#judge(action, begun);
      else this.#lingersUntilMs = this.#scene.world.scheduler.now + bulkWorkMs + lingerMs;
    }
  }

  /** What a host has not decided when it dies, it never will. */
  #forgetLost({ by, partition }: Extract<Happening, { what: 'disturbed' }>): void {
    const isAll = by === 'kill' || by === 'power-loss';
    if (isAll) this.#lingersUntilMs = 0;
    for (const asked of this.#openChanges) {
      if (isAll || (by === 'host-crash' && asked.partition === partition)) this.#openChanges.delete(asked);
    }
  }

  #begin(action: BulkAction): void {
    const { world } = this.#scene;
    const last = new Map(world.partitions.map((partition) => [partition, world.disk.log(partition).last] as const));
    const isAlone = this.#begun.size === 0 && this.#openChanges.size === 0 && world.scheduler.now >= this.#lingersUntilMs;
    this.#disturb();
    this.#begun.set(action, { last, isAlone });
  }

  #disturb(): void {
    for (const begun of this.#begun.values()) begun.isAlone = false;
  }

  #judge(action: BulkAction, { last, isAlone }: Begun): void {
    const { op, limit } = action;
    const { matched, changed, hasMore } = action.result!;
    if (changed > limit || changed > matched) this.#complain(action, `at most ${limit} of ${matched} could be`);
    let found = 0;
    for (const partition of this.#scene.world.partitions) {
      const log = this.#scene.world.disk.log(partition);
      // What follows in a damaged log cannot be read.
      if (log.isDamaged) return;
      for (const [event, records] of this.#scene.stored.all(partition)) {
        const since = records.filter(({ seq }) => seq > last.get(partition)! && seq <= log.synced);
        found += since.filter(({ kind }) => kind === kindOf[op]).length;
        if (!hasMore && since.length === 0 && this.#isMeant(action, records, log))
          this.#complain(action, `and no more, but ${event} of partition ${partition} was left out`);
      }
    }
    if (found < changed || (isAlone && found !== changed)) this.#complain(action, `${found} are in the log`);
  }

  /** What stands before the beginning of the log has outlived the retention, unless it was carried forward: that is left aside. */
  #isMeant({ op, filter }: BulkAction, records: readonly LogRecord[], { synced, beginning }: SimulatedLog): boolean {
    const newest = records.at(-1)!.seq;
    if (newest > synced || newest < beginning) return false;
    return statesOf[op].includes(statusesOf(records).at(-1)!) && matchesSpec(filter, standingOf(records).spec);
  }

  #complain({ op, filter, result }: BulkAction, detail: string): never {
    throw new BrokenPromise(
      this.name,
      `a bulk ${op} of ${JSON.stringify(filter)} says that it has changed ${result!.changed}: ${detail}`,
    );
  }
}
