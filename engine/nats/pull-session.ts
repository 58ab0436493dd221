/**
 * Pulls of the inlet over one connection, one at a time, until it is lost.
 *
 * A pull asks for as many messages and bytes as there is room for; when it is used up or its time is over, the next one follows.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { createInbox, nanos } from '@nats-io/transport-node';
import { inStep } from '../kernel/in-step.js';
import { ingestConsumer, ingestStream } from './streams.js';

/** When there was no room: how long until it is looked again. */
const roomLookMs = 50;
const pullMs = 10_000;
/** Without a message a pull says this often that it lives. */
const heartbeatMs = 2_000;
const noContent = 100;
/** A new leader, a server that goes down, too many pulls. */
const conflict = 409;

export interface PullSessionParts {
  readonly connection: NatsConnection;
  room(): { readonly messages: number; readonly bytes: number } | null;
  received(msg: Msg): void;
  /** It does not pull any more: nothing has been heard, or the consumer is gone. */
  lost(): void;
}

export class PullSession {
  readonly #parts: PullSessionParts;
  #subscription: Subscription | null = null;
  #inbox = '';
  /** Each pull has a number at the end of its inbox, so that the last word of an earlier one is not taken for its own. */
  #pulls = 0;
  /** Messages that the open pull may still bring; 0: none is open. */
  #open = 0;
  #heardAt = 0;
  #roomTimer: NodeJS.Timeout | null = null;
  #endPulse: () => void = () => undefined;
  #isOver = false;

  constructor(parts: PullSessionParts) {
    this.#parts = parts;
  }

  begin(): void {
    const { connection } = this.#parts;
    this.#inbox = createInbox();
    this.#subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) this.#lose();
        else this.#hear(msg);
      },
    });
    this.#heardAt = performance.now();
    this.#endPulse = inStep(heartbeatMs, () => this.#checkPulse());
    this.#pull();
  }

  roomChanged(): void {
    if (this.#open === 0 && this.#roomTimer === null && this.#subscription !== null && !this.#isOver) this.#pull();
  }

  end(): void {
    this.#isOver = true;
    if (this.#roomTimer !== null) clearTimeout(this.#roomTimer);
    this.#endPulse();
    if (this.#subscription !== null && !this.#parts.connection.isClosed()) this.#subscription.unsubscribe();
  }

  #pull(): void {
    const room = this.#parts.room();
    if (room === null) {
      this.#pullLater();
      return;
    }
    this.#open = room.messages;
    this.#heardAt = performance.now();
    const asked = { batch: room.messages, max_bytes: room.bytes, expires: nanos(pullMs), idle_heartbeat: nanos(heartbeatMs) };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${ingestStream}.${ingestConsumer}`;
    this.#parts.connection.publish(subject, JSON.stringify(asked), { reply: `${this.#inbox}.${++this.#pulls}` });
  }

  #pullLater(): void {
    this.#roomTimer = setTimeout(() => {
      this.#roomTimer = null;
      if (!this.#isOver) this.#pull();
    }, roomLookMs);
  }

  #hear(msg: Msg): void {
    if (this.#isOver) return;
    this.#heardAt = performance.now();
    if (!msg.subject.startsWith(this.#inbox)) {
      this.#open--;
      this.#parts.received(msg);
      if (this.#open === 0) this.#pull();
      return;
    }
    const code = msg.headers?.code ?? 0;
    if (code === noContent || msg.subject !== `${this.#inbox}.${this.#pulls}`) return;
    // That the consumer is gone shows in the words only. Else the pull is over: no messages (404), its time (408).
    if (/deleted/i.test(msg.headers?.description ?? '') || code === 503 || code === 400) {
      this.#lose();
      return;
    }
    this.#open = 0;
    if (code === conflict) this.#pullLater();
    else this.#pull();
  }

  #checkPulse(): void {
    if (this.#open > 0 && performance.now() - this.#heardAt > 3 * heartbeatMs) this.#lose();
  }

  #lose(): void {
    if (this.#isOver) return;
    this.end();
    this.#parts.lost();
  }
}
