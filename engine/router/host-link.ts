/**
 * The main thread's end of one actor host: numbers requests, sends what came in one pass of the event loop as one batch,
 * and matches the replies. New events travel in sheaves (`log/event-sheaf.ts`): those of one partition that came in one pass.
 *
 * Bounded: beyond `mailboxItemsMax` requests or `mailboxBytesMax` bytes without an answer a request is refused as
 * `overloaded`, and nothing of it was written. When the host dies every open request is settled: a read may be repeated, of
 * a write nobody knows the outcome. What comes while there is no host waits for the next one, like everything that comes
 * while a partition is replayed.
 */
import type { HostReply } from '../actor/replies.js';
import type { HostRequest, NumberedHostRequest } from '../actor/requests.js';
import type { PartitionId } from '../kernel/brand.js';
import { EngineError, type ErrorCode, InvariantError } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import { leavingEventsMax, mailboxBytesMax, mailboxItemsMax, sheafEventsMax } from '../kernel/limits.js';
import { encodeMessages } from '../kernel/message-codec.js';
import { NumberMap } from '../kernel/number-map.js';
import { type EncodedEvent, EventSheafBuilder } from '../log/event-sheaf.js';
import { type NewEventsAsker, OpenSheaf } from './open-sheaf.js';
import { bytesOf, eventOf, isRepeatable, type Unnumbered } from './unnumbered.js';

export type { Unnumbered };

export type Accepted = Exclude<HostReply, { readonly op: 'refused' }>;

/** Who waits for an answer. Exactly one of the two is called, once; neither may throw. */
export interface Asker {
  answered(reply: Accepted): void;
  refused(error: EngineError): void;
}

/** A new event, and who is to hear of it, under which place. */
export interface NewEventAsked extends EncodedEvent {
  readonly partition: PartitionId;
  readonly asker: NewEventsAsker;
  readonly place: number;
}

/** New events of one partition that have not left yet. */
interface Gathering {
  readonly builder: EventSheafBuilder;
  sheaf: OpenSheaf;
}

/** What is needed of a request while it has no answer. Not its body: a batch of them is bytes by then. */
interface Open {
  readonly isRepeatable: boolean;
  /** Null when it is about none, or its id is not known for certain. */
  readonly event: EventId | null;
  readonly partition: PartitionId;
  readonly bytes: number;
  readonly asker: Asker;
}

/** New events that somebody keeps until they are answered: a sheaf that has left its builder. */
export interface ForwardedSheaf {
  readonly events: Uint8Array;
  /** Some of them may have been asked before, under the same ids: then they are as if asked once. */
  readonly again: boolean;
  /** Somebody may have been told that they are accepted under these ids. */
  readonly told?: boolean;
  readonly sheaf: OpenSheaf;
}

/** What is needed to ask about partitions, whoever owns them. */
export type PartitionLink = Pick<HostLink, 'ask' | 'askFor' | 'schedule'>;

export class HostLink {
  readonly #post: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #encode: (requests: readonly HostRequest[]) => Uint8Array<ArrayBuffer>;
  readonly #lossOfReads: ErrorCode;
  readonly #batchBytesMax: number;
  readonly #open = new NumberMap<number, Open>();
  /** By the number of their first event. */
  readonly #sheaves = new NumberMap<number, OpenSheaf>();
  readonly #gathering = new Map<PartitionId, Gathering>();
  /** Without an answer, events of sheaves each for itself. */
  #openItems = 0;
  #openBytes = 0;
  /** New events since the last flush. */
  #gathered = 0;
  #outgoing: HostRequest[] = [];
  #flushIsDue = false;
  #lastRequest = 0;
  #isDown = false;
  /** Null: it takes requests. */
  #closedBecause: EngineError | null = null;

  /**
   * `lossOfReads`: why a read is refused that was lost with its host. `batchBytesMax`: a batch ends with the sheaf that takes it beyond this.
   * `encode`: lays a batch out for `post`, which owns its memory unless this is given.
   */
  constructor(
    post: (bytes: Uint8Array<ArrayBuffer>) => void,
    {
      lossOfReads = 'partition-unavailable',
      batchBytesMax = Number.POSITIVE_INFINITY,
      encode = encodeMessages,
    }: {
      readonly lossOfReads?: 'partition-unavailable' | 'not-owner';
      readonly batchBytesMax?: number;
      readonly encode?: (requests: readonly HostRequest[]) => Uint8Array<ArrayBuffer>;
    } = {},
  ) {
    this.#post = post;
    this.#encode = encode;
    this.#lossOfReads = lossOfReads;
    this.#batchBytesMax = batchBytesMax;
  }

  /** Rejects with EngineError: what the host refused, or why it was not asked. */
  ask(request: Unnumbered): Promise<Accepted> {
    return new Promise((resolve, reject) => this.askFor({ answered: resolve, refused: reject }, request));
  }

  /** The same without a promise. */
  askFor(asker: Asker, request: Unnumbered): void {
    const { partition } = request;
    const refusal = this.#refusal(partition);
    if (refusal !== null) {
      asker.refused(refusal);
    } else {
      const bytes = bytesOf(request);
      const number = ++this.#lastRequest;
      this.#open.set(number, { isRepeatable: isRepeatable(request), event: eventOf(request), partition, bytes, asker });
      this.#openItems++;
      this.#openBytes += bytes;
      this.send({ ...request, request: number } satisfies NumberedHostRequest);
    }
  }

  /** A new event. Copies it. */
  schedule(event: NewEventAsked): void {
    const { partition, asker, place } = event;
    const refusal = this.#refusal(partition);
    if (refusal !== null) {
      asker.refused(place, refusal);
      return;
    }
    const bytes = event.bodyEnd - event.bodyAt;
    const gathering = this.#gatheringOf(partition);
    gathering.builder.append(event);
    gathering.sheaf.add(asker, place, bytes);
    this.#openItems++;
    this.#openBytes += bytes;
    if (gathering.builder.isFull || ++this.#gathered >= leavingEventsMax) this.#flush();
    else this.#flushSoon();
  }

  /** The same for a whole sheaf. */
  forward(forwarded: ForwardedSheaf): void {
    const { sheaf } = forwarded;
    const refusal = this.#refusal(sheaf.partition);
    if (refusal !== null) {
      sheaf.lost(() => refusal);
      return;
    }
    this.#openItems += sheaf.count;
    this.#openBytes += sheaf.bytes;
    this.#sendSheaf(forwarded);
    this.#flushSoon();
  }

  /** Without an answer to wait for. */
  send(request: HostRequest): void {
    this.#outgoing.push(request);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  answered(replies: readonly HostReply[]): void {
    for (const reply of replies) {
      const open = this.#open.get(reply.request);
      if (open === undefined) {
        this.#answeredInSheaf(reply);
        continue;
      }
      this.#open.delete(reply.request);
      this.#openItems--;
      this.#openBytes -= open.bytes;
      if (reply.op === 'refused') open.asker.refused(refusalOf(reply));
      else open.asker.answered(reply);
    }
  }

  #answeredInSheaf(reply: HostReply): void {
    const place = reply.request % sheafEventsMax;
    const first = reply.request - place;
    const sheaf = this.#sheaves.get(first);
    if (sheaf === undefined) return;
    const before = sheaf.left;
    if (reply.op === 'accepted') sheaf.accepted(place, reply.count);
    else if (reply.op === 'replayed') sheaf.replayed(place, reply.view);
    else if (reply.op === 'duplicate') sheaf.replayed(place, { id: reply.event, status: reply.status });
    else if (reply.op === 'refused') sheaf.refused(place, refusalOf(reply));
    else sheaf.refused(place, new InvariantError(`a new event was answered with ${reply.op}`));
    this.#openItems -= before - sheaf.left;
    if (sheaf.left > 0) return;
    this.#sheaves.delete(first);
    this.#openBytes -= sheaf.bytes;
  }

  /** Refuses what comes from now on; what is open is still answered. */
  close(because: EngineError): void {
    this.#closedBecause = because;
  }

  /** The host is gone with everything that it had not answered. Until `restored` there is none. */
  lost(detail: string): void {
    this.#isDown = true;
    for (const gathering of this.#gathering.values()) this.#closeSheaf(gathering);
    const open = [...this.#open.values()];
    const sheaves = [...this.#sheaves.values()];
    this.#open.clear();
    this.#sheaves.clear();
    this.#openItems = 0;
    this.#openBytes = 0;
    this.#outgoing = [];
    for (const each of open) each.asker.refused(this.#lossOf(each, detail));
    for (const sheaf of sheaves)
      sheaf.lost((event) => this.#lossOf({ isRepeatable: false, event, partition: sheaf.partition }, detail));
  }

  /** A fresh host is there and takes what has come meanwhile. */
  restored(): void {
    this.#isDown = false;
    this.#flush();
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Something was asked and has no answer. */
  get isOwed(): boolean {
    return this.#openItems > 0;
  }

  #flush(): void {
    this.#gathered = 0;
    for (const gathering of this.#gathering.values()) this.#closeSheaf(gathering);
    if (this.#isDown || this.#outgoing.length === 0) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#postInBatches(outgoing);
  }

  #postInBatches(requests: readonly HostRequest[]): void {
    let from = 0;
    let bytes = 0;
    for (let end = 1; end < requests.length; end++) {
      const request = requests[end - 1]!;
      if (request.op === 'schedule-sheaf') bytes += request.events.length;
      if (bytes < this.#batchBytesMax) continue;
      this.#post(this.#encode(requests.slice(from, end)));
      from = end;
      bytes = 0;
    }
    this.#post(this.#encode(from === 0 ? requests : requests.slice(from)));
  }

  /** Why nothing more is taken; null: it is. */
  #refusal(partition: PartitionId): EngineError | null {
    if (this.#closedBecause !== null) return this.#closedBecause;
    if (this.#openItems < mailboxItemsMax && this.#openBytes < mailboxBytesMax) return null;
    return new EngineError('overloaded', `${this.#openItems} requests wait for partition ${partition}`);
  }

  #lossOf({ isRepeatable, event, partition }: Omit<Open, 'bytes' | 'asker'>, detail: string): EngineError {
    if (isRepeatable) return new EngineError(this.#lossOfReads, `partition ${partition}: ${detail}`);
    const members = event === null ? {} : { event_id: formatEventId(event) };
    return new EngineError('outcome-unknown', `partition ${partition}: ${detail}`, { members });
  }

  #gatheringOf(partition: PartitionId): Gathering {
    const known = this.#gathering.get(partition);
    if (known !== undefined) return known;
    const gathering = { builder: new EventSheafBuilder(), sheaf: new OpenSheaf(partition) };
    this.#gathering.set(partition, gathering);
    return gathering;
  }

  /** What has been gathered leaves with the next flush. */
  #closeSheaf(gathering: Gathering): void {
    const { builder, sheaf } = gathering;
    if (sheaf.count === 0) return;
    // What leaves at once is copied only then.
    this.#sendSheaf({ events: this.#isDown ? builder.take() : builder.lend(), again: false, sheaf });
    gathering.sheaf = new OpenSheaf(sheaf.partition);
  }

  #sendSheaf({ events, again, told = false, sheaf }: ForwardedSheaf): void {
    const first = (Math.floor(this.#lastRequest / sheafEventsMax) + 1) * sheafEventsMax;
    this.#lastRequest = first + sheafEventsMax - 1;
    this.#sheaves.set(first, sheaf);
    const { partition, count } = sheaf;
    const repeats = { ...(again ? { again } : {}), ...(told ? { told } : {}), ...(sheaf.wantsViews ? {} : { brief: true }) };
    this.#outgoing.push({ op: 'schedule-sheaf', request: first, partition, count, events, ...repeats });
  }
}

function refusalOf({ code, detail, event, status, errors = [] }: Extract<HostReply, { op: 'refused' }>): EngineError {
  const members: Record<string, string> = {};
  if (event !== null) members.event_id = formatEventId(event);
  if (status !== null) members.event_status = status;
  return new EngineError(code, detail, { members, errors });
}
