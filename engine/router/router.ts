/**
 * Which actor must hear this? Turns what a front door asks into requests to the host that owns the partition.
 *
 * The slot of a new event comes from its key, so that a repeated request meets the same actor, else from chance; the id
 * carries the slot, so every later request finds its partition without a look-up.
 */
import { fingerprintOf, keyOf, randomSlot, slotOfKey } from '../event/content.js';
import type { EventSpec } from '../event/spec.js';
import { encodeSpec } from '../event/spec-codec.js';
import type { EventView, HistoryEntry } from '../event/view.js';
import type { PartitionId } from '../kernel/brand.js';
import { EngineError, InvariantError } from '../kernel/errors.js';
import { type EventId, mintEventId, parseEventId, partitionOf, slotOf } from '../kernel/event-id.js';
import type { HostLink } from './host-link.js';
import { ScheduleAsker, ScheduleBatch, type ScheduleResult } from './schedule-batch.js';

export type { ScheduleResult };

/** An event as a producer asks for it. The router mints its id and the fingerprint of its content. */
export interface NewEvent {
  readonly spec: EventSpec;
  /** False: no time of any kind was given, so that a repeat a second later is still the same content. */
  readonly timeGiven: boolean;
}

export class Router {
  readonly #partitions: number;
  readonly #linkOf: (partition: PartitionId) => HostLink;

  constructor({ partitions, linkOf }: { partitions: number; linkOf: (partition: PartitionId) => HostLink }) {
    this.#partitions = partitions;
    this.#linkOf = linkOf;
  }

  async schedule(event: NewEvent): Promise<ScheduleResult> {
    const [result] = await this.scheduleBatch([event]);
    if (result instanceof EngineError) throw result;
    return result!;
  }

  /** Aligned with `events`; one that is refused does not fail the others. */
  scheduleBatch(events: readonly NewEvent[]): Promise<(ScheduleResult | EngineError)[]> {
    return new Promise((resolve, reject) => {
      const batch = new ScheduleBatch({ size: events.length, resolve, reject });
      for (let index = 0; index < events.length; index++) this.#send(events[index]!, { batch, index });
    });
  }

  get(id: string): Promise<EventView> {
    return this.#view('get', id);
  }

  cancel(id: string): Promise<EventView> {
    return this.#view('cancel', id);
  }

  async history(id: string): Promise<readonly HistoryEntry[]> {
    const event = eventOf(id);
    const partition = partitionOf(slotOf(event), this.#partitions);
    const reply = await this.#linkOf(partition).ask({ op: 'history', partition, event });
    if (reply.op !== 'history') throw new InvariantError(`history was answered with ${reply.op}`);
    return reply.entries;
  }

  #send({ spec, timeGiven }: NewEvent, { batch, index }: { batch: ScheduleBatch; index: number }): void {
    const key = keyOf(spec);
    const event = mintEventId(key === null ? randomSlot() : slotOfKey(key), spec.createdAtMs);
    const body = encodeSpec(spec, key === null ? null : fingerprintOf(spec, timeGiven));
    const partition = partitionOf(slotOf(event), this.#partitions);
    this.#linkOf(partition).askFor(new ScheduleAsker({ batch, index, event, partition }), {
      op: 'schedule',
      partition,
      event,
      body,
    });
  }

  async #view(op: 'get' | 'cancel', id: string): Promise<EventView> {
    const event = eventOf(id);
    const partition = partitionOf(slotOf(event), this.#partitions);
    const reply = await this.#linkOf(partition).ask({ op, partition, event });
    if (reply.op !== 'event') throw new InvariantError(`${op} was answered with ${reply.op}`);
    return reply.view;
  }
}

/** A text that cannot be one of our ids names no event. */
function eventOf(id: string): EventId {
  const event = parseEventId(id);
  if (event === null) throw new EngineError('not-found', `there is no event ${JSON.stringify(id.slice(0, 64))}`);
  return event;
}
