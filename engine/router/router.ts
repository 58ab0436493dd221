/**
 * Which actor must hear this? Turns what a front door asks into requests to the host that owns the partition.
 *
 * The slot of a new event comes from its key, so that a repeated request meets the same actor, else from chance among those of the
 * partition whose turn it is (`partition-turns.ts`); the id carries the slot, so every later request finds its partition without a
 * look-up.
 */
import { type EventKey, fingerprintOf, keyOf, randomSlot, slotOfKey } from '../event/content.js';
import type { EventSpec } from '../event/spec.js';
import { encodeSpec } from '../event/spec-codec.js';
import { SpecSheet } from '../event/spec-sheet.js';
import { everyEvent } from '../event/event-filter.js';
import type { LabelFilter } from '../event/label-filter.js';
import type { Statistics } from '../observe/overview.js';
import type { EventView, HistoryEntry } from '../event/view.js';
import type { ChangeSlice, StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { EngineError, InvariantError } from '../kernel/errors.js';
import {
  type EventId,
  eventIdBytes,
  formatEventId,
  mintEventId,
  mintEventIdIn,
  parseEventId,
  partitionOf,
  slotOf,
  slotOfIdIn,
} from '../kernel/event-id.js';
import { decodeMessages } from '../kernel/message-codec.js';
import type { Change, Condition, Question } from '../partition/command.js';
import type { Accepted, PartitionLink } from './host-link.js';
import { labelStatistics } from './label-statistics.js';
import { BulkChanges, type BulkRequest, type BulkResult } from './bulk-changes.js';
import { EventLists, type EventPage, type ListRequest } from './event-lists.js';
import { batchTurnEvents, PartitionTurns } from './partition-turns.js';
import { ScheduledEvents, type ScheduleResult, type SheetAsked } from './scheduled-events.js';

export type { ScheduleResult, SheetAsked };

/** An event as a producer asks for it. The router mints its id and the fingerprint of its content. */
export interface NewEvent {
  readonly spec: EventSpec;
  /** False: no time of any kind was given, so that a repeat a second later is still the same content. */
  readonly timeGiven: boolean;
}

/** What an event is called from outside: its id as text, or the name that its producer has given it. */
export type EventName = string | { readonly externalJobId: string; readonly source: string };

export type PutResult =
  | { readonly created: true; readonly id: string; readonly partition: number }
  | { readonly created: false; readonly view: EventView };
/** `source` null: any. */
export interface ExternalId {
  readonly externalJobId: string;
  readonly source: string | null;
}

/** Log positions of one partition: behind one, up to another. */
interface ChangeSpan {
  readonly partition: PartitionId;
  readonly after: Sequence;
  readonly upTo: Sequence;
}

export class Router {
  readonly #partitions: number;
  readonly #linkOf: (partition: PartitionId) => PartitionLink;
  readonly #lists: EventLists;
  readonly #bulk: BulkChanges;
  readonly #sheet = new SpecSheet();
  readonly #turns: PartitionTurns;

  constructor({ partitions, linkOf }: { partitions: number; linkOf: (partition: PartitionId) => PartitionLink }) {
    this.#partitions = partitions;
    this.#turns = new PartitionTurns(partitions);
    this.#linkOf = linkOf;
    const now = () => performance.now();
    this.#lists = new EventLists({ partitions, linkOf, now });
    this.#bulk = new BulkChanges({ partitions, linkOf, now, wallMs: () => Date.now() });
  }

  schedule(event: NewEvent): Promise<ScheduleResult> {
    return new Promise((resolve, reject) => {
      this.#scheduleAll([event], (events) => {
        const result = resultOf(events, 0);
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    });
  }

  /** Aligned with `events`; one that is refused does not fail the others. */
  scheduleBatch(events: readonly NewEvent[]): Promise<(ScheduleResult | EngineError)[]> {
    return new Promise((resolve, reject) => {
      this.#scheduleAll(events, (settled) => {
        const results: (ScheduleResult | EngineError)[] = [];
        for (let place = 0; place < settled.count; place++) {
          const result = resultOf(settled, place);
          // No result would be true.
          if (result instanceof InvariantError) reject(result);
          else results.push(result);
        }
        resolve(results);
      });
    });
  }

  /** The same for a sheet, which may be cleared when this returns. `settled` may be called before that. */
  scheduleSheet(sheet: SpecSheet, asked: SheetAsked): ScheduledEvents {
    const { count } = sheet;
    const events = new ScheduledEvents({ count, partitions: this.#partitions, asked });
    if (count === 0) asked.settled(events);
    const { ids } = events;
    for (let place = 0; place < count; place++) {
      if (place > 0 && place % batchTurnEvents === 0) this.#turns.pass();
      const createdAtMs = sheet.createdAtMs(place);
      const idAt = place * eventIdBytes;
      mintEventIdIn(ids, idAt, { slot: sheet.slotOf(place) ?? this.#turns.slotAt(createdAtMs), now: createdAtMs });
      const partition = partitionOf(slotOfIdIn(ids, idAt), this.#partitions);
      const bodyAt = sheet.startOf(place);
      const bodyEnd = sheet.endOf(place);
      this.#linkOf(partition).schedule({ asker: events, place, partition, ids, idAt, room: sheet, bodyAt, bodyEnd, createdAtMs });
    }
    return events;
  }

  list(request: ListRequest): Promise<EventPage> {
    return this.#lists.page(request);
  }

  statisticsOf(labels: LabelFilter): Promise<Statistics> {
    return labelStatistics(labels, { partitions: this.#partitions, linkOf: this.#linkOf, wallMs: () => Date.now() });
  }

  cancelMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#bulk.cancel(asked);
  }

  retryMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#bulk.retry(asked);
  }

  /** Newest first. `source` null: over all sources. */
  withExternalId({ externalJobId, source }: ExternalId): Promise<readonly EventView[]> {
    const filter = { ...everyEvent, externalJobId, source: source === null ? null : [source] };
    const key = source === null ? null : { kind: 'external' as const, source, text: externalJobId };
    return this.#lists.withExternalId(filter, key === null ? null : [partitionOf(slotOfKey(key), this.#partitions)]);
  }

  get(name: EventName): Promise<EventView> {
    return this.#view(name, { op: 'get' });
  }

  /** The event as it is behind the change. */
  change(name: EventName, change: Change): Promise<EventView> {
    return this.#view(name, change);
  }

  async history(name: EventName): Promise<readonly HistoryEntry[]> {
    const reply = await this.#ask(name, { op: 'history' });
    if (reply.op !== 'history') throw new InvariantError(`history was answered with ${reply.op}`);
    return reply.entries;
  }

  /** `spec` has an external id: its event is created, or has this spec from now on. */
  async put({ spec, timeGiven }: NewEvent, condition: Condition): Promise<PutResult> {
    const { event, body, partition } = this.#encode({ spec, timeGiven });
    const reply = await this.#linkOf(partition).ask({ op: 'put', partition, event, body, ...condition });
    if (reply.op === 'accepted') return { created: true, id: formatEventId(event), partition };
    if (reply.op === 'event') return { created: false, view: reply.view };
    throw new InvariantError(`an event that was put was answered with ${reply.op}`);
  }

  /** Status changes of the past, a slice of them. `done` is called later, once. */
  readChanges(span: ChangeSpan, done: (answer: ChangeSlice | EngineError) => void): void {
    this.#linkOf(span.partition).askFor(
      {
        answered: (reply) => {
          if (reply.op !== 'changes') throw new InvariantError(`changes were answered with ${reply.op}`);
          const { after, through } = reply;
          done({ after, through, changes: decodeMessages<StatusChange>(reply.changes) });
        },
        refused: done,
      },
      { op: 'changes', ...span },
    );
  }

  #scheduleAll(events: readonly NewEvent[], settled: (events: ScheduledEvents) => void): void {
    const sheet = this.#sheet;
    sheet.clear();
    for (const { spec, timeGiven } of events) sheet.add(spec, timeGiven);
    this.scheduleSheet(sheet, { wantsViews: true, settled });
  }

  #encode({ spec, timeGiven }: NewEvent): { event: EventId; body: Uint8Array; partition: PartitionId } {
    const key = keyOf(spec);
    const event = mintEventId(key === null ? randomSlot() : slotOfKey(key), spec.createdAtMs);
    const body = encodeSpec(spec, key === null ? null : fingerprintOf(spec, timeGiven));
    return { event, body, partition: partitionOf(slotOf(event), this.#partitions) };
  }

  async #view(name: EventName, about: Change | Question): Promise<EventView> {
    const reply = await this.#ask(name, about);
    if (reply.op !== 'event') throw new InvariantError(`${about.op} was answered with ${reply.op}`);
    return reply.view;
  }

  async #ask(name: EventName, about: Change | Question): Promise<Accepted> {
    if (typeof name === 'string') {
      const event = eventOf(name);
      const partition = partitionOf(slotOf(event), this.#partitions);
      return this.#linkOf(partition).ask({ ...about, partition, event });
    }
    const key: EventKey = { kind: 'external', source: name.source, text: name.externalJobId };
    const partition = partitionOf(slotOfKey(key), this.#partitions);
    return this.#linkOf(partition).ask({ op: 'find', partition, key, about });
  }
}

function resultOf(events: ScheduledEvents, place: number): ScheduleResult | EngineError | InvariantError {
  const other = events.otherAt(place);
  if (other instanceof Error) return other;
  if (other !== null) return { replayed: true, view: events.viewAt(place) };
  return { replayed: false, id: events.idAt(place), partition: events.partitionAt(place), isKept: events.isKept(place) };
}

/** A text that cannot be one of our ids names no event. */
function eventOf(id: string): EventId {
  const event = parseEventId(id);
  if (event === null) throw new EngineError('not-found', `there is no event ${JSON.stringify(id.slice(0, 64))}`);
  return event;
}
