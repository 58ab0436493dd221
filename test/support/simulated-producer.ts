/**
 * Who asks the engine for things: the gateway's and router's part, with ids and keys made by seed so that a run repeats itself.
 * Knows of each request what it was and what became of it.
 */
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { type EventKey, fingerprintOf, keyOf, slotOfKey } from '../../engine/event/content.js';
import { defaultSpec, type EventSpec } from '../../engine/event/spec.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, formatEventId, mintEventId, parseEventId, partitionOf, slotOf } from '../../engine/kernel/event-id.js';
import { slots } from '../../engine/kernel/limits.js';
import type { Change, Condition, Request } from '../../engine/partition/command.js';
import { sheafOf } from '../actor/sheaves.js';
import type { Asked, Onlooker } from './simulated-happenings.js';
import type { Scheduler } from './simulated-time.js';

export interface SimulatedProducerParts {
  readonly scheduler: Scheduler;
  readonly partitions: number;
  /** In [0, 1): ids come from here. */
  readonly chance: () => number;
  readonly onlooker: Onlooker;
  /** Over the wire to the host that owns the partition; false while it is down. */
  readonly send: (partition: PartitionId, request: HostRequest) => boolean;
}

export class SimulatedProducer {
  /** In the order in which they were asked. */
  readonly requests: Asked[] = [];
  readonly #parts: SimulatedProducerParts;
  readonly #open = new Map<number, Asked>();

  constructor(parts: SimulatedProducerParts) {
    this.#parts = parts;
  }

  /** As a gateway would after validation: what is not given has its default. */
  schedule(fields: Partial<EventSpec>): Asked {
    return this.#new('schedule', fields);
  }

  /** As a node that owns the partition now, of what was kept while nobody did. */
  scheduleKept(fields: Partial<EventSpec>): Asked {
    const { event, body, spec, fingerprint } = this.#prepare(fields);
    return this.#ask({ event, request: { op: 'schedule', body }, spec, fingerprint, isTold: true });
  }

  /** Several in one batch: those of one partition travel as one sheaf. */
  scheduleTogether(batch: readonly Partial<EventSpec>[]): void {
    const prepared = batch.map((fields) => this.#prepare(fields));
    for (let partition = 0; partition < this.#parts.partitions; partition++) {
      const own = prepared.filter(({ event }) => partitionOf(slotOf(event), this.#parts.partitions) === partition);
      if (own.length === 0) continue;
      const first = this.requests.length + 1;
      for (const { event, body, spec, fingerprint } of own)
        this.#note({ event, request: { op: 'schedule', body }, spec, fingerprint });
      if (this.#parts.send(partition as PartitionId, sheafOf(first, partition as PartitionId, own))) continue;
      for (let number = first; number < first + own.length; number++) this.#open.delete(number);
    }
  }

  /** A whole spec under an external id. */
  put(fields: Partial<EventSpec> & Pick<EventSpec, 'externalJobId'>, condition: Condition = {}): Asked {
    return this.#new('put', fields, condition);
  }

  /** A body that no gateway would send, perhaps to a partition that the host does not have. */
  scheduleRaw(event: EventId, body: Uint8Array, wrong: PartitionId | null = null): Asked {
    return this.#ask({ event, request: { op: 'schedule', body }, wrong: wrong ?? undefined });
  }

  /** About an event by its id as text. */
  about(op: 'cancel' | 'get' | 'history', event: string): Asked {
    return op === 'cancel' ? this.change({ op }, event) : this.#ask({ event: parseEventId(event)!, request: { op } });
  }

  change(change: Change, event: string): Asked {
    return this.#ask({ event: parseEventId(event)!, request: change, change });
  }

  /** A change of the event that has this external id, whichever it is. */
  changeNamed(change: Change, { source, externalJobId }: { readonly source: string; readonly externalJobId: string }): Asked {
    const key: EventKey = { kind: 'external', source, text: externalJobId };
    const request = { op: 'find', key, about: change } as const;
    return this.#ask({ event: this.mint(slotOfKey(key)), request, change, about: `${source} ${externalJobId}` });
  }

  mint(slot: Slot): EventId {
    const event = mintEventId(slot, Math.floor(this.#parts.scheduler.wall) as WallMs);
    for (let at = 9; at < event.length; at++) event[at] = Math.floor(this.#parts.chance() * 256);
    event[8] = 0x80;
    return event;
  }

  /** As it leaves the host. */
  replying(replies: HostReply): void {
    for (const reply of oneByOne(replies)) {
      const asked = this.#open.get(reply.request);
      if (asked !== undefined) this.#parts.onlooker({ what: 'answered', asked, reply });
    }
  }

  /** As it arrives. */
  replied(replies: HostReply): void {
    for (const reply of oneByOne(replies)) {
      const asked = this.#open.get(reply.request);
      if (asked === undefined) continue;
      this.#open.delete(reply.request);
      asked.reply = reply;
    }
  }

  /** Partitions whose host is gone: nobody will answer what is open there. */
  lost(partitions: readonly PartitionId[]): void {
    for (const [number, { partition }] of this.#open) if (partitions.includes(partition)) this.#open.delete(number);
  }

  get open(): number {
    return this.#open.size;
  }

  #new(op: 'schedule' | 'put', fields: Partial<EventSpec>, condition: Condition = {}): Asked {
    const { event, body, spec, fingerprint } = this.#prepare(fields);
    return this.#ask({ event, request: { op, body, ...condition }, spec, fingerprint });
  }

  #prepare(fields: Partial<EventSpec>) {
    const now = Math.floor(this.#parts.scheduler.wall) as WallMs;
    const spec: EventSpec = {
      ...defaultSpec,
      source: 'tests',
      scheduledAtMs: now,
      destination: 'http://receiver.test/hook',
      method: fields.deliveryType === 'LOCAL' ? null : 'POST',
      payload: Buffer.from('{"n":1}'),
      createdAtMs: now,
      ...fields,
    };
    const key = keyOf(spec);
    const event = this.mint(key === null ? (Math.floor(this.#parts.chance() * slots) as Slot) : slotOfKey(key));
    const fingerprint = key === null ? null : fingerprintOf(spec, 'scheduledAtMs' in fields);
    return { event, body: encodeSpec(spec, fingerprint), spec, fingerprint };
  }

  #ask(question: Question): Asked {
    const { event, request, wrong } = question;
    const asked = this.#note(question);
    const { number, partition } = asked;
    const to = wrong ?? partition;
    const sent =
      request.op === 'schedule'
        ? { ...sheafOf(number, to, [{ event, body: request.body }]), ...(asked.isTold ? { again: true, told: true } : {}) }
        : ({ ...request, request: number, partition: to, event } as HostRequest);
    if (!this.#parts.send(partition, sent)) this.#open.delete(number);
    return asked;
  }

  /** It is asked from now on, under the next number. */
  #note({ event, request, spec = null, fingerprint = null, change = null, about, isTold = false }: Question): Asked {
    const partition = partitionOf(slotOf(event), this.#parts.partitions);
    const number = this.requests.length + 1;
    const asked: Asked = {
      number,
      op: request.op,
      event: formatEventId(event),
      about: about ?? formatEventId(event),
      change,
      partition,
      spec,
      isTold,
      fingerprint: fingerprint === null ? null : Buffer.from(fingerprint).toString('hex'),
      reply: null,
    };
    this.requests.push(asked);
    this.#open.set(number, asked);
    this.#parts.onlooker({ what: 'asked', asked });
    return asked;
  }
}

/** What answers several requests, as an answer to each. */
function oneByOne(reply: HostReply): HostReply[] {
  if (reply.op !== 'accepted') return [reply];
  return Array.from({ length: reply.count }, (_, place) => ({ op: 'accepted', request: reply.request + place, count: 1 }));
}

/** A request before it has its number and its event. */
type Unnamed =
  | { readonly op: 'schedule'; readonly body: Uint8Array }
  | (Condition & { readonly op: 'put'; readonly body: Uint8Array })
  | Change
  | { readonly op: 'get' | 'history' }
  | Extract<Request, { op: 'find' }>;

interface Question {
  readonly event: EventId;
  readonly request: Unnamed;
  readonly spec?: EventSpec | null;
  readonly fingerprint?: Uint8Array | null;
  readonly change?: Change | null;
  readonly about?: string;
  readonly isTold?: boolean;
  /** Where it is sent by mistake; without it, to the partition of its id. */
  readonly wrong?: PartitionId | undefined;
}
