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
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import {
  ingestAckWaitMs,
  ingestBytesHeldMax,
  ingestMessagesHeldMax,
  ingestPullBytes,
  ingestPullMessages,
} from '../kernel/limits.js';
import { inStep } from '../kernel/in-step.js';
import { KeptMemory } from '../kernel/kept-memory.js';
import { PlacedSet } from '../kernel/placed-set.js';
import { HeldMessage, type InletMessage } from './inlet-message.js';
import type { NatsLink } from './nats-link.js';
import { PullSession } from './pull-session.js';
import { ensureIngest } from './streams.js';

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
/** Subject and headers of a message, which count for a pull and not for `max_payload`. */
const headerBytesMax = 64 * 1024;

/** Of memory for messages that none is in: as many as are held of arrays of usual events. */
const keptBytesMax = 8 * 1024 * 1024;

export class Inlet {
  readonly #parts: InletParts;
  readonly #held = new PlacedSet<HeldMessage>();
  readonly #unwatch: () => void;
  readonly #endKeepAlive: () => void;
  #heldBytes = 0;
  /** Of messages. What they came in is garbage at once that way, and not only when they are done. */
  readonly #memory = new KeptMemory(keptBytesMax);
  #session: PullSession | null = null;
  #isClosed = false;
  #emptied: (() => void) | null = null;

  constructor(parts: InletParts) {
    this.#parts = parts;
    this.#unwatch = parts.link.watch(({ isConnected }) => this.#linkChanged(isConnected));
    this.#endKeepAlive = inStep(ingestAckWaitMs / 4, () => this.#keepHeldAlive());
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
    this.#endKeepAlive();
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
    const data = this.#memory.keep(msg.data);
    const released = () => {
      if (!this.#held.delete(message)) return;
      this.#heldBytes -= data.length;
      this.#memory.free(data);
      if (this.#held.size === 0) this.#emptied?.();
      this.#session?.roomChanged();
    };
    const message = new HeldMessage(msg, { connection, data, released });
    this.#held.add(message);
    this.#heldBytes += message.data.length;
    this.#parts.take(message);
  }

  #keepHeldAlive(): void {
    const before = performance.now() - ingestAckWaitMs / 4;
    for (const message of this.#held) if (message.takenAt <= before) message.stillWorking();
  }
}
