/**
 * Events that come through NATS: each message is read, its events go the way of a batch over HTTP, and only when all of them are durable, or known
 * never to be accepted, does its stream forget it.
 *
 *     taken -> read -> scheduled -> rejections published -> acknowledged -> answered
 *                          |                 |
 *                          +-- cannot be taken now: put back, comes again later, for as long as it takes
 *
 * A message that comes once more (a crash, a lost acknowledgement, an outcome that is not known) meets its own events under the same keys, so
 * nothing has to be remembered here. What waits, waits in the stream: no more is pulled than there is room for, and nothing while memory is short.
 */
import { setImmediate as pause } from 'node:timers/promises';
import {
  type Clock,
  type Engine,
  EngineError,
  Inlet,
  type InletMessage,
  ingestAgainMs,
  ingestAgainMsMax,
  ingestEventsHeldMax,
  type NatsDoor,
  type NewEvent,
  type ScheduleResult,
} from '../../engine/index.js';
import { renderResults } from '../handler/batch-results.js';
import { refusalOf } from '../http/problem.js';
import { UnreadableError } from '../input/batch-forms.js';
import type { DestinationCheck } from '../input/destination.js';
import type { EventBytes } from '../input/event-fields.js';
import { readEvent } from '../input/event-input.js';
import { isRefusal, type Refusal } from '../input/refusal.js';
import { contextOf } from './message-context.js';
import { contentOf } from './message-forms.js';
import { publishRejections, type RejectedEvent } from './rejections.js';
import { readReplySubject } from './reply-subject.js';

export interface IngestionParts {
  readonly engine: Pick<Engine, 'scheduleBatch'>;
  readonly nats: NatsDoor;
  readonly clock: Clock;
  readonly destinations: DestinationCheck;
  /** Memory is short: new events have to wait. */
  readonly isShort: () => boolean;
  /** A message met a defect of ours. It is put back. */
  readonly report: (error: unknown) => void;
}

/** Read between two pauses, about 2 ms. */
const sliceEvents = 500;
const sliceBytes = 256 * 1024;
/** Until the first message has been read: that many events may be in one. */
const eventsGuessed = 100;

/** Of one message, as far as it could be read. `events` and `bytes` are aligned. */
interface Reading {
  readonly events: readonly (NewEvent | Refusal)[];
  readonly bytes: readonly (EventBytes | null)[];
  readonly isUnreadable: boolean;
}

export class Ingestion {
  readonly #parts: IngestionParts;
  readonly #inlet: Inlet;
  /** Read and not yet durable. */
  #eventsHeld = 0;
  /** Events in a message, lately. */
  #eventsUsual = eventsGuessed;
  #restUntil = 0;

  constructor(parts: IngestionParts) {
    this.#parts = parts;
    const { nats } = parts;
    this.#inlet = new Inlet({
      link: nats.link,
      take: (message) => void this.#take(message),
      room: () => this.#room(),
      prepared: (fault) => nats.ingestFault(fault),
    });
  }

  /** Takes nothing more; what was taken comes to its end, for at most `withinMs`. */
  close(withinMs: number): Promise<void> {
    return this.#inlet.close(withinMs);
  }

  #room(): number {
    if (performance.now() < this.#restUntil || this.#parts.isShort()) return 0;
    return Math.ceil((ingestEventsHeldMax - this.#eventsHeld) / this.#eventsUsual);
  }

  async #take(message: InletMessage): Promise<void> {
    const { counts } = this.#parts.nats;
    counts.messages++;
    if (message.deliveries > 1) counts.redelivered++;
    let held = 0;
    try {
      const reading = await this.#read(message);
      held = reading.events.length;
      this.#eventsHeld += held;
      this.#eventsUsual += (held - this.#eventsUsual) / 16;
      await this.#handOn(message, reading);
    } catch (error) {
      this.#parts.report(error);
      this.#putBack(message);
    } finally {
      this.#eventsHeld -= held;
    }
  }

  async #handOn(message: InletMessage, reading: Reading): Promise<void> {
    const { engine, nats } = this.#parts;
    const valid = reading.events.filter((event): event is NewEvent => !isRefusal(event));
    const scheduled = valid.length === 0 ? [] : await engine.scheduleBatch(valid);
    if (scheduled.some(mayComeAgain)) {
      this.#putBack(message);
      return;
    }
    const rejected = rejectedOf(reading, scheduled);
    if (rejected.length > 0) {
      const fault = await publishRejections({ message, events: rejected, isUnreadable: reading.isUnreadable }, nats.publisher);
      if (fault !== null) {
        this.#putBack(message);
        return;
      }
    }
    message.done();
    this.#count(scheduled, rejected.length);
    const reply = readReplySubject(message.header('escapement-reply'));
    if (reply !== null) {
      nats.link.connection?.publish(reply, renderResults({ events: reading.events, scheduled, onlyErrors: false }));
    }
  }

  async #read(message: InletMessage): Promise<Reading> {
    const context = contextOf(message, this.#parts);
    if (isRefusal(context)) return unreadable(context);
    const events: (NewEvent | Refusal)[] = [];
    const bytes: (EventBytes | null)[] = [];
    let sinceBytes = 0;
    try {
      const content = contentOf(message.data);
      for (const event of content.events) {
        const own = content.isArray ? { ...context, idempotencyKey: `${context.idempotencyKey}:${events.length}` } : context;
        events.push(isRefusal(event) ? event : readEvent(event, own));
        bytes.push(isRefusal(event) ? null : event);
        sinceBytes += isRefusal(event) ? 0 : event.span.end - event.span.at;
        if (events.length % sliceEvents !== 0 && sinceBytes < sliceBytes) continue;
        sinceBytes = 0;
        await pause();
      }
    } catch (error) {
      if (error instanceof UnreadableError) return unreadable(error.refusal);
      throw error;
    }
    return { events, bytes, isUnreadable: false };
  }

  /** It comes again later; what follows may meet the same, so nothing is pulled for a moment. */
  #putBack(message: InletMessage): void {
    this.#parts.nats.counts.putBack++;
    this.#restUntil = performance.now() + ingestAgainMs;
    message.again(Math.min(ingestAgainMs * 2 ** Math.min(message.deliveries - 1, 20), ingestAgainMsMax));
  }

  #count(scheduled: readonly (ScheduleResult | EngineError)[], rejected: number): void {
    const { counts } = this.#parts.nats;
    counts.rejected += rejected;
    for (const result of scheduled) {
      if (result instanceof EngineError) continue;
      if (result.replayed) counts.duplicates++;
      else counts.accepted++;
    }
  }
}

function unreadable(refusal: Refusal): Reading {
  return { events: [refusal], bytes: [null], isUnreadable: true };
}

/** Also where it is not known what became of it: the next delivery finds the event, or makes it. */
function mayComeAgain(result: ScheduleResult | EngineError): boolean {
  return result instanceof EngineError && (result.retryable || result.code === 'outcome-unknown' || result.code === 'internal');
}

function rejectedOf({ events, bytes }: Reading, scheduled: readonly (ScheduleResult | EngineError)[]): RejectedEvent[] {
  const rejected: RejectedEvent[] = [];
  let next = 0;
  for (const [index, event] of events.entries()) {
    const result = isRefusal(event) ? event : scheduled[next++]!;
    if (result instanceof EngineError) rejected.push({ index, refusal: refusalOf(result), event: sliceOf(bytes[index]!) });
    else if (isRefusal(result)) rejected.push({ index, refusal: result, event: sliceOf(bytes[index]!) });
  }
  return rejected;
}

function sliceOf(bytes: EventBytes | null): Buffer | null {
  return bytes === null ? null : bytes.body.subarray(bytes.span.at, bytes.span.end);
}
