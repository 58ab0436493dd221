/**
 * What guards a promise: it sees everything that happens in a simulated world, looks at what is stored when nothing is under
 * way, and throws when the promise is broken.
 */
import { decodeAlias } from '../../engine/event/alias-codec.js';
import { aliasKind, carriedKind, isAboutEvent, type LogRecord } from '../../engine/event/record.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { SimulatedDisk, SimulatedLog } from '../support/simulated-disk.js';
import type { Happening } from '../support/simulated-happenings.js';
import type { SimulatedWorld } from '../support/simulated-world.js';

export interface Checker {
  readonly name: string;
  /** At the moment itself, in the middle of a step. */
  happened?(happening: Happening): void;
  /** All partitions work (or have stopped for good), and nothing waits for the disk or an answer. */
  quiet?(): void;
  /** The run is over: everything that could become due in a reasonable time has. */
  end?(): void;
}

/** What a checker judges by. */
export interface Scene {
  readonly world: SimulatedWorld;
  readonly stored: StoredEvents;
}

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
  readonly checker: string;

  constructor(checker: string, detail: string) {
    super(`${checker}: ${detail}`);
    this.checker = checker;
  }
}

interface Known {
  readonly rewrites: number;
  last: number;
  readonly events: Map<string, LogRecord[]>;
  /** Sequences of `carried` records, and of the newest that each stands for. */
  readonly carried: Map<Sequence, Sequence>;
  /** By alias: the event. */
  readonly aliases: Map<string, string>;
}

/** The records of each event as they stand on the disk, readable or not yet synced, oldest first. */
export class StoredEvents {
  readonly #disk: SimulatedDisk;
  readonly #known = new Map<PartitionId, Known>();

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  /** Empty when there is none. `id`: also an alias of the event. */
  of(partition: PartitionId, id: string): readonly LogRecord[] {
    return this.all(partition).get(this.eventOf(partition, id)) ?? [];
  }

  /** What an alias stands for; the id itself if it is none. */
  eventOf(partition: PartitionId, id: string): string {
    return this.aliases(partition).get(id) ?? id;
  }

  aliases(partition: PartitionId): ReadonlyMap<string, string> {
    return this.#knownOf(partition).aliases;
  }

  /** Those that no crash can take away. */
  syncedOf(partition: PartitionId, id: string): readonly LogRecord[] {
    const { synced } = this.#disk.log(partition);
    return this.of(partition, id).filter(({ seq }) => seq <= synced);
  }

  all(partition: PartitionId): ReadonlyMap<string, readonly LogRecord[]> {
    return this.#knownOf(partition).events;
  }

  #knownOf(partition: PartitionId): Known {
    const log = this.#disk.log(partition);
    let known = this.#known.get(partition);
    if (known === undefined || known.rewrites !== log.rewrites) {
      known = { rewrites: log.rewrites, last: 0, events: new Map(), carried: new Map(), aliases: new Map() };
      this.#known.set(partition, known);
    }
    if (!log.isDamaged) takeIn(log, known);
    return known;
  }
}

function takeIn(log: SimulatedLog, known: Known): void {
  for (const stored of log.records(known.last + 1)) {
    // Carrying forward is no change: what follows it, follows what it stands for.
    if (stored.kind === carriedKind) known.carried.set(stored.seq, known.carried.get(stored.prev) ?? stored.prev);
    if (stored.kind === aliasKind) {
      const { alias, event } = decodeAlias(stored.body);
      known.aliases.set(formatEventId(alias), formatEventId(event));
    }
    if (!isAboutEvent(stored)) continue;
    const record = { ...stored, prev: known.carried.get(stored.prev) ?? stored.prev };
    const event = formatEventId(record.event);
    const records = known.events.get(event);
    if (records === undefined) known.events.set(event, [record]);
    else records.push(record);
  }
  known.last = log.last;
}
