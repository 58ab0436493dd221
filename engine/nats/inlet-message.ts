/**
 * A message out of a work-queue stream, held until it is acknowledged.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { nanos } from '@nats-io/transport-node';
import type { Placed } from '../kernel/placed-set.js';
import { deliveryOf } from './delivery-subject.js';

export interface InletMessage {
  readonly subject: string;
  /** Until `done` or `again`: its memory is another message's then. */
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

const ackBytes = Buffer.from('+ACK');
const workingBytes = Buffer.from('+WPI');

export interface HeldMessageParts {
  readonly connection: NatsConnection;
  readonly data: Uint8Array;
  readonly released: () => void;
}

export class HeldMessage implements InletMessage, Placed {
  place = -1;
  readonly subject: string;
  readonly data: Buffer;
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly storedAtNanos: string;
  readonly deliveries: number;
  readonly takenAt = performance.now();
  readonly #reply: string;
  readonly #headers: MsgHdrs | undefined;
  readonly #connection: NatsConnection;
  readonly #released: () => void;

  /** Nothing of `msg` is kept: what it came in would live as long as it is held. `data`: a copy of its own. */
  constructor(msg: Msg, { connection, data, released }: HeldMessageParts) {
    this.#reply = msg.reply!;
    this.#headers = msg.headers;
    this.#connection = connection;
    this.#released = released;
    this.subject = msg.subject;
    this.data = Buffer.from(data.buffer, data.byteOffset, data.length);
    const { deliveries, sequence, storedAtNanos } = deliveryOf(this.#reply);
    this.deliveries = deliveries;
    this.sequence = sequence;
    this.storedAtNanos = storedAtNanos;
    this.storedAtMs = Math.ceil(Number(this.storedAtNanos) / 1_000_000);
  }

  header(name: string): string | null {
    const value = this.#headers?.get(name);
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
    if (!this.#connection.isClosed()) this.#connection.publish(this.#reply, bytes);
  }
}
