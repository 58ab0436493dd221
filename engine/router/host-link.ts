/**
 * The main thread's end of one actor host: numbers requests, sends what came in one pass of the event loop as one batch,
 * and matches the replies.
 *
 * Bounded: beyond `mailboxItemsMax` requests or `mailboxBytesMax` bytes without an answer a request is refused as
 * `overloaded`, and nothing of it was written. When the host dies every open request is settled: a read may be repeated, of
 * a write nobody knows the outcome. What comes while there is no host waits for the next one, like everything that comes
 * while a partition is replayed.
 */
import type { HostReply } from '../actor/replies.js';
import type { HostRequest, NumberedHostRequest } from '../actor/requests.js';
import type { PartitionId } from '../kernel/brand.js';
import { EngineError } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import { mailboxBytesMax, mailboxItemsMax } from '../kernel/limits.js';
import { encodeMessages } from '../kernel/message-codec.js';

/** A request before it has its number. */
export type Unnumbered = NumberedHostRequest extends infer Request
  ? Request extends NumberedHostRequest
    ? Omit<Request, 'request'>
    : never
  : never;
export type Accepted = Exclude<HostReply, { readonly op: 'refused' }>;

/** Who waits for an answer. Exactly one of the two is called, once; neither may throw. */
export interface Asker {
  answered(reply: Accepted): void;
  refused(error: EngineError): void;
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

export class HostLink {
  readonly #post: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #open = new Map<number, Open>();
  #openBytes = 0;
  #outgoing: HostRequest[] = [];
  #flushIsDue = false;
  #lastRequest = 0;
  #isDown = false;
  /** Null: it takes requests. */
  #closedBecause: EngineError | null = null;

  constructor(post: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#post = post;
  }

  /** Rejects with EngineError: what the host refused, or why it was not asked. */
  ask(request: Unnumbered): Promise<Accepted> {
    return new Promise((resolve, reject) => this.askFor({ answered: resolve, refused: reject }, request));
  }

  /** The same without a promise, for many at once (`schedule-batch.ts`). */
  askFor(asker: Asker, request: Unnumbered): void {
    if (this.#closedBecause !== null) {
      asker.refused(this.#closedBecause);
    } else if (this.#open.size >= mailboxItemsMax || this.#openBytes >= mailboxBytesMax) {
      asker.refused(new EngineError('overloaded', `${this.#open.size} requests wait for partition ${request.partition}`));
    } else {
      const { partition } = request;
      const bytes = bytesOf(request);
      const number = ++this.#lastRequest;
      this.#open.set(number, { isRepeatable: isRepeatable(request), event: eventOf(request), partition, bytes, asker });
      this.#openBytes += bytes;
      this.send({ ...request, request: number } satisfies NumberedHostRequest);
    }
  }

  /** Without an answer to wait for. */
  send(request: HostRequest): void {
    this.#outgoing.push(request);
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => this.#flush());
  }

  answered(replies: readonly HostReply[]): void {
    for (const reply of replies) {
      const open = this.#open.get(reply.request);
      if (open === undefined) continue;
      this.#open.delete(reply.request);
      this.#openBytes -= open.bytes;
      if (reply.op === 'refused') open.asker.refused(refusalOf(reply));
      else open.asker.answered(reply);
    }
  }

  /** Refuses what comes from now on; what is open is still answered. */
  close(because: EngineError): void {
    this.#closedBecause = because;
  }

  /** The host is gone with everything that it had not answered. Until `restored` there is none. */
  lost(detail: string): void {
    this.#isDown = true;
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#openBytes = 0;
    this.#outgoing = [];
    for (const each of open) each.asker.refused(lossOf(each, detail));
  }

  /** A fresh host is there and takes what has come meanwhile. */
  restored(): void {
    this.#isDown = false;
    this.#flush();
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  #flush(): void {
    this.#flushIsDue = false;
    if (this.#isDown || this.#outgoing.length === 0) return;
    const bytes = encodeMessages(this.#outgoing);
    this.#outgoing = [];
    this.#post(bytes);
  }
}

function refusalOf({ code, detail, event, status, errors = [] }: Extract<HostReply, { op: 'refused' }>): EngineError {
  const members: Record<string, string> = {};
  if (event !== null) members.event_id = formatEventId(event);
  if (status !== null) members.event_status = status;
  return new EngineError(code, detail, { members, errors });
}

function lossOf({ isRepeatable, event, partition }: Open, detail: string): EngineError {
  if (isRepeatable) return new EngineError('partition-unavailable', `partition ${partition}: ${detail}`);
  const members = event === null ? {} : { event_id: formatEventId(event) };
  return new EngineError('outcome-unknown', `partition ${partition}: ${detail}`, { members });
}

/** Neither a read nor setting what is set already changes anything, so both can be repeated. */
function isRepeatable(request: Unnumbered): boolean {
  const { op } = request.op === 'find' ? request.about : request;
  return op === 'get' || op === 'history' || op === 'changes' || op === 'configure' || op === 'keep-copy';
}

/** The event that may have been changed. What is put may be there already, under another id. */
function eventOf(request: Unnumbered): EventId | null {
  return 'event' in request && request.op !== 'put' ? request.event : null;
}

/** Of what is long in it. */
function bytesOf(request: Unnumbered): number {
  const asked = request.op === 'find' ? request.about : request;
  if (asked.op === 'schedule' || asked.op === 'put') return asked.body.length;
  return asked.op === 'patch' ? (asked.patch.payload?.length ?? 0) : 0;
}
