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
import {
  type Clock,
  type Engine,
  type InletMessage,
  ingestAgainMs,
  ingestAgainMsMax,
  ingestEventsHeldMax,
  type NatsDoor,
  type ScheduledEvents,
} from '../../engine/index.js';
import { Inlet } from '../../engine/nats-tools.js';
import { renderResults } from '../handler/batch-results.js';
import { scheduleSheets } from '../handler/scheduled-sheets.js';
import type { DestinationCheck } from '../input/fields/destination.js';
import { takeSteps } from '../steps.js';
import { type MessageEvents, readMessage } from './message-events.js';
import { outcomeOf, type MessageOutcome } from './message-outcome.js';
import { rejectedEvents } from './rejected-events.js';
import { publishRejections } from './rejections.js';
import { readReplySubject } from './reply-subject.js';

export interface IngestionParts {
  readonly engine: Pick<Engine, 'scheduleSheet'>;
  readonly nats: NatsDoor;
  readonly clock: Clock;
  readonly destinations: DestinationCheck;
  /** Memory is short: new events have to wait. */
  readonly isShort: () => boolean;
  /** A message met a defect of ours. It is put back. */
  readonly report: (error: unknown) => void;
}

/** Until the first message has been read: that many events may be in one. */
const eventsGuessed = 100;

interface SettledMessage {
  readonly message: InletMessage;
  readonly events: MessageEvents;
  /** Of its sheets. */
  readonly scheduled: readonly ScheduledEvents[];
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
      take: (message) => this.#take(message),
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

  #take(message: InletMessage): void {
    const { counts } = this.#parts.nats;
    counts.messages++;
    if (message.deliveries > 1) counts.redelivered++;
    takeSteps(readMessage(message, this.#parts), {
      done: (events) => this.#schedule(message, events),
      failed: (error) => this.#fail(message, error),
    });
  }

  #schedule(message: InletMessage, events: MessageEvents): void {
    this.#eventsHeld += events.count;
    this.#eventsUsual += (events.count - this.#eventsUsual) / 16;
    const settled = (scheduled: readonly ScheduledEvents[]) => {
      this.#eventsHeld -= events.count;
      this.#settle({ message, events, scheduled });
    };
    takeSteps(scheduleSheets(events.sheets, { engine: this.#parts.engine, settled }), {
      done: () => undefined,
      failed: (error) => {
        this.#eventsHeld -= events.count;
        this.#fail(message, error);
      },
    });
  }

  /** Throws nothing: the engine has called. */
  #settle(settled: SettledMessage): void {
    const { message, events, scheduled } = settled;
    try {
      const outcome = outcomeOf(events, scheduled);
      if (outcome.mustComeAgain) this.#putBack(message);
      else if (outcome.rejected.size === 0) this.#finish(settled, outcome);
      else this.#reject(settled, outcome).catch((error: unknown) => this.#fail(message, error));
    } catch (error) {
      this.#fail(message, error);
    }
  }

  /** What is rejected is safe elsewhere before the stream forgets it. */
  async #reject(settled: SettledMessage, outcome: MessageOutcome): Promise<void> {
    const { message, events } = settled;
    const rejected = await rejectedEvents(outcome.rejected, events.isUnreadable ? null : message.data);
    const { publisher } = this.#parts.nats;
    const fault = await publishRejections({ message, events: rejected, isUnreadable: events.isUnreadable }, publisher);
    if (fault === null) this.#finish(settled, outcome);
    else this.#putBack(message);
  }

  #finish({ message, events, scheduled }: SettledMessage, { accepted, duplicates, rejected }: MessageOutcome): void {
    const { nats } = this.#parts;
    message.done();
    nats.counts.accepted += accepted;
    nats.counts.duplicates += duplicates;
    nats.counts.rejected += rejected.size;
    const reply = readReplySubject(message.header('escapement-reply'));
    if (reply === null) return;
    nats.link.connection?.publish(reply, renderResults({ batch: events, scheduled, onlyErrors: false }));
  }

  #fail(message: InletMessage, error: unknown): void {
    this.#parts.report(error);
    this.#putBack(message);
  }

  /** It comes again later; what follows may meet the same, so nothing is pulled for a moment. */
  #putBack(message: InletMessage): void {
    this.#parts.nats.counts.putBack++;
    this.#restUntil = performance.now() + ingestAgainMs;
    message.again(Math.min(ingestAgainMs * 2 ** Math.min(message.deliveries - 1, 20), ingestAgainMsMax));
  }
}
