/**
 * I7: each event goes through the states as the contract draws them, one record for each step; and whoever watches sees each of
 * these steps once, in order, unless it is told of a gap.
 *
 * The table is the contract's, written down again: the engine's own would agree with itself.
 */
import { isAboutEvent, isOutcome, type LogRecord, recordKinds, statusesOf, statusOfKind } from '../../engine/event/record.js';
import { decodeDispatched, decodeOutcome } from '../../engine/event/outcome-codec.js';
import type { EventStatus } from '../../engine/event/status.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

const next: Readonly<Record<EventStatus, readonly EventStatus[]>> = {
  SCHEDULED: ['DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DISPATCHED: ['DELIVERED', 'RETRYING', 'DEAD'],
  RETRYING: ['DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DELIVERED: [],
  DEAD: ['SCHEDULED'],
  CANCELLED: ['SCHEDULED'],
  EXPIRED: ['SCHEDULED'],
};

/** Records that keep the state, and in which states. */
const keeps: Readonly<Record<number, readonly EventStatus[]>> = {
  [recordKinds.changed]: ['SCHEDULED', 'RETRYING'],
  [recordKinds.hastened]: ['SCHEDULED', 'RETRYING'],
  [recordKinds.retriesStopped]: ['DISPATCHED'],
};

export class LegalTransitions implements Checker {
  readonly name = 'legal-transitions';
  readonly #scene: Scene;
  /** Where a watcher stands in each partition: what it was told to go on behind, and what it has seen since. */
  readonly #shown = new Map<PartitionId, number>();
  readonly #announced = new Map<PartitionId, number>();
  /** `partition/seq` of every change that came. */
  readonly #seen = new Set<string>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    switch (happening.what) {
      case 'watched':
        for (const partition of happening.partitions) this.#announced.delete(partition);
        break;
      case 'watching':
        for (const [partition, seq] of happening.positions) {
          const shown = this.#shown.get(partition) ?? 0;
          if (seq < shown) this.#complain(`a watcher of partition ${partition} saw ${shown} and is told to go on behind ${seq}`);
          this.#shown.set(partition, seq);
          this.#announced.set(partition, seq);
        }
        break;
      case 'changed':
        this.#showed(happening.change);
        break;
      default:
    }
  }

  quiet(): void {
    this.end();
  }

  end(): void {
    for (const partition of this.#scene.world.partitions) {
      for (const [event, records] of this.#scene.stored.all(partition)) this.#walk(event, records);
    }
  }

  #walk(event: string, records: readonly LogRecord[]): void {
    let prev = 0;
    let attempt = 0;
    const statuses = statusesOf(records);
    for (const [index, record] of records.entries()) {
      const status = statuses[index]!;
      const before = statuses[index - 1] ?? null;
      const isLegal = before === null ? record.kind === recordKinds.accepted : isAllowed(record, { before, status });
      if (!isLegal) this.#complain(`event ${event} moves from ${before} to ${status} at sequence ${record.seq}`);
      if (record.prev !== prev)
        this.#complain(`sequence ${record.seq} of ${event} names ${record.prev} as its previous, expected ${prev}`);
      prev = record.seq;
      if (record.kind === recordKinds.dispatched && decodeDispatched(record.body).attempt !== ++attempt) {
        this.#complain(`sequence ${record.seq} of ${event} is not attempt ${attempt}`);
      }
      if (isOutcome(record.kind) && decodeOutcome(record.body).attempt !== attempt) {
        this.#complain(`sequence ${record.seq} of ${event} is not about attempt ${attempt}`);
      }
    }
  }

  #showed({ partition, seq, event, status, version }: StatusChange): void {
    const shown = this.#shown.get(partition) ?? 0;
    const announced = this.#announced.get(partition);
    const name = `${partition}/${seq}`;
    if (this.#seen.has(name)) this.#complain(`a watcher of partition ${partition} sees ${seq} twice`);
    // Was on its way when the watcher was told to go on behind it: passed over.
    if (announced === undefined || seq <= announced) return;
    this.#seen.add(name);
    if (!this.#follows(partition, { shown, seq }))
      this.#complain(`a watcher of partition ${partition} saw ${shown} and then ${seq}`);
    this.#shown.set(partition, seq);
    if (this.#scene.world.disk.log(partition).isDamaged) return;
    const records = this.#scene.stored.of(partition, formatEventId(event));
    const at = records.findIndex((record) => record.seq === seq);
    if (at === -1) this.#complain(`a watcher of partition ${partition} saw ${seq}, which is not stored`);
    if (statusesOf(records)[at] !== status || version !== at + 1) {
      this.#complain(`a watcher saw ${status}, version ${version}, of sequence ${seq}; stored is version ${at + 1}`);
    }
  }

  /** With nothing between but records that are about no event. */
  #follows(partition: PartitionId, { shown, seq }: { readonly shown: number; readonly seq: number }): boolean {
    const log = this.#scene.world.disk.log(partition);
    if (seq === shown + 1 || log.isDamaged) return true;
    return [...log.records(shown + 1, seq - shown - 1)].every((record) => !isAboutEvent(record));
  }

  #complain(detail: string): never {
    throw new BrokenPromise(this.name, detail);
  }
}

/** What was accepted without its owner, who had to refuse it, ends as nothing else does. */
function isAllowed({ kind }: LogRecord, { before, status }: { before: EventStatus; status: EventStatus }): boolean {
  if (kind === recordKinds.refused) return before === 'SCHEDULED';
  return statusOfKind[kind] === null ? (keeps[kind] ?? []).includes(before) : next[before].includes(status);
}
