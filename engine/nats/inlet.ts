/**
 * Messages out of a work-queue stream: pulled as there is room for them, held until they are acknowledged, handed out again when they are not.
 *
 * The server keeps what is not pulled, so the only memory that producers can fill is the stream's. A pull asks for as many messages and bytes as
 * there is room for; when it is used up or its time is over, the next one follows. A message that is held for long says so now and then, or the server
 * would hand it out a second time.
 *
 *     waiting --link is up--> preparing --stream and consumer are there--> pulling --link is lost--> waiting
 *                                 ^----- they are not, or not as needed: again in a second ------|
 *
 * After a lost connection everything that is held is handed out again under the same sequence; whoever takes messages must be able to see one twice.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { createInbox, nanos } from '@nats-io/transport-node';
import {
  ingestAckWaitMs,
  ingestBytesHeldMax,
  ingestMessagesHeldMax,
  ingestPullBytes,
  ingestPullMessages,
} from '../kernel/limits.js';
import type { NatsLink } from './nats-link.js';
import { ensureIngest, ingestConsumer, ingestStream } from './streams.js';

export interface InletMessage {
  readonly subject: string;
  readonly data: Buffer;
  /** Of its place in the stream. With the instant it tells the message from any other, also when the stream was restored or made anew. */
  readonly sequence: number;
  readonly storedAtMs: number;
  /** Since the epoch, as the server wrote it. */
  readonly storedAtNanos: string;
  /** From 1. */
  readonly deliveries: number;
  header(name: string): string | null;
  /** All of it is safe: the stream may forget it. */
  done(): void;
  /** Hand it out again, not before `afterMs`. */
  again(afterMs: number): void;
}

export interface InletParts {
  readonly link: NatsLink;
  /** Must lead to `done` or `again`. */
  take(message: InletMessage): void;
  /** How many more messages there is room for, as far as is known of what is in them. Asked before each pull. */
  room(): number;
  /** The stream cannot be prepared, for the reason given; null: it is ready. */
  prepared(fault: string | null): void;
}

/** Before stream and consumer are looked after once more, when they are gone or not as needed. */
const prepareAgainMs = 1_000;
/** When there was no room: how long until it is looked again. */
const roomLookMs = 50;
const pullMs = 10_000;
/** Without a message a pull says this often that it lives. */
const heartbeatMs = 2_000;
/** Subject and headers of a message, which count for a pull and not for `max_payload`. */
const headerBytesMax = 64 * 1024;
const noContent = 100;
/** A new leader, a server that goes down, too many pulls. */
const conflict = 409;
const ackBytes = Buffer.from('+ACK');
const workingBytes = Buffer.from('+WPI');

export class Inlet {
  readonly #parts: InletParts;
  readonly #held = new Set<HeldMessage>();
  readonly #unwatch: () => void;
  readonly #keepAlive: NodeJS.Timeout;
  #heldBytes = 0;
  #session: PullSession | null = null;
  #isClosed = false;
  #emptied: (() => void) | null = null;

  constructor(parts: InletParts) {
    this.#parts = parts;
    this.#unwatch = parts.link.watch(({ isConnected }) => this.#linkChanged(isConnected));
    this.#keepAlive = setInterval(() => this.#keepHeldAlive(), ingestAckWaitMs / 4);
    this.#keepAlive.unref();
  }

  /** Messages that were taken and are not done. */
  get held(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#held.size, bytes: this.#heldBytes };
  }

  /** Pulls nothing more and waits for what is held, at most `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#isClosed = true;
    this.#unwatch();
    this.#session?.end();
    this.#session = null;
    if (this.#held.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#emptied = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    clearInterval(this.#keepAlive);
  }

  #linkChanged(isConnected: boolean): void {
    this.#session?.end();
    this.#session = null;
    if (isConnected && !this.#isClosed) void this.#begin(this.#parts.link.connection!);
  }

  async #begin(connection: NatsConnection): Promise<void> {
    const session = new PullSession({
      connection,
      room: () => this.#room(connection),
      received: (message) => this.#receive(message, connection),
      // A server that is still removing a stream while the same one is made anew has been seen to end up with one that answers no publish.
      lost: () => this.#beginLater(session),
    });
    this.#session = session;
    try {
      await ensureIngest(connection);
    } catch (error) {
      if (this.#session !== session) return;
      this.#parts.prepared(error instanceof Error ? error.message : String(error));
      this.#beginLater(session);
      return;
    }
    if (this.#session !== session) return;
    this.#parts.prepared(null);
    session.begin();
  }

  #beginLater(session: PullSession): void {
    const timer = setTimeout(() => {
      if (this.#session === session) this.#linkChanged(this.#parts.link.connection !== null);
    }, prepareAgainMs);
    timer.unref();
  }

  #room(connection: NatsConnection): { readonly messages: number; readonly bytes: number } | null {
    const messages = Math.min(ingestPullMessages, ingestMessagesHeldMax - this.#held.size, this.#parts.room());
    // One message always fits: a pull that could not bring the next one would be over at once.
    const bytes = Math.max(ingestPullBytes, connection.info!.max_payload + headerBytesMax);
    const hasRoom = this.#heldBytes === 0 || this.#heldBytes + bytes <= ingestBytesHeldMax;
    return messages > 0 && hasRoom ? { messages, bytes } : null;
  }

  #receive(msg: Msg, connection: NatsConnection): void {
    const message = new HeldMessage(msg, connection, () => {
      if (!this.#held.delete(message)) return;
      this.#heldBytes -= message.data.length;
      if (this.#held.size === 0) this.#emptied?.();
      this.#session?.roomChanged();
    });
    this.#held.add(message);
    this.#heldBytes += message.data.length;
    this.#parts.take(message);
  }

  #keepHeldAlive(): void {
    const before = performance.now() - ingestAckWaitMs / 4;
    for (const message of this.#held) {
      // In the order in which they came.
      if (message.takenAt > before) return;
      message.stillWorking();
    }
  }
}

class HeldMessage implements InletMessage {
  readonly subject: string;
  readonly data: Buffer;
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly storedAtNanos: string;
  readonly deliveries: number;
  readonly takenAt = performance.now();
  readonly #msg: Msg;
  readonly #connection: NatsConnection;
  readonly #released: () => void;

  constructor(msg: Msg, connection: NatsConnection, released: () => void) {
    this.#msg = msg;
    this.#connection = connection;
    this.#released = released;
    this.subject = msg.subject;
    this.data = Buffer.from(msg.data.buffer, msg.data.byteOffset, msg.data.length);
    // $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<sequence>.<place>.<instant>.<pending>[.<random>]
    const tokens = msg.reply!.split('.');
    const at = tokens.length === 9 ? 4 : 6;
    this.deliveries = Number(tokens[at]);
    this.sequence = Number(tokens[at + 1]);
    this.storedAtNanos = tokens[at + 3]!;
    this.storedAtMs = Math.ceil(Number(this.storedAtNanos) / 1_000_000);
  }

  header(name: string): string | null {
    const value = this.#msg.headers?.get(name);
    return value === undefined || value === '' ? null : value;
  }

  done(): void {
    this.#say(ackBytes);
    this.#released();
  }

  again(afterMs: number): void {
    this.#say(Buffer.from(`-NAK {"delay": ${nanos(afterMs)}}`));
    this.#released();
  }

  stillWorking(): void {
    this.#say(workingBytes);
  }

  /** What is lost with a connection is said again with the next delivery. */
  #say(bytes: Uint8Array): void {
    if (!this.#connection.isClosed()) this.#connection.publish(this.#msg.reply!, bytes);
  }
}

interface PullSessionParts {
  readonly connection: NatsConnection;
  room(): { readonly messages: number; readonly bytes: number } | null;
  received(msg: Msg): void;
  /** It does not pull any more: nothing has been heard, or the consumer is gone. */
  lost(): void;
}

/** Pulls over one connection, one at a time, until it is lost. */
class PullSession {
  readonly #parts: PullSessionParts;
  #subscription: Subscription | null = null;
  #inbox = '';
  /** Each pull has a number at the end of its inbox, so that the last word of an earlier one is not taken for its own. */
  #pulls = 0;
  /** Messages that the open pull may still bring; 0: none is open. */
  #open = 0;
  #heardAt = 0;
  #roomTimer: NodeJS.Timeout | null = null;
  #pulse: NodeJS.Timeout | null = null;
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
    this.#pulse = setInterval(() => this.#checkPulse(), heartbeatMs);
    this.#pulse.unref();
    this.#pull();
  }

  roomChanged(): void {
    if (this.#open === 0 && this.#roomTimer === null && this.#subscription !== null && !this.#isOver) this.#pull();
  }

  end(): void {
    this.#isOver = true;
    if (this.#roomTimer !== null) clearTimeout(this.#roomTimer);
    if (this.#pulse !== null) clearInterval(this.#pulse);
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
