/**
 * A node's letter box on NATS: what others publish for its session, and the way to publish for theirs. Core NATS, nothing is kept.
 *
 * What is published while the connection is away is dropped here: kept by the client it would arrive at some later time, when those who asked have
 * been told that it is lost.
 *
 * One of the files that know the client's packages. Main thread.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { letGo } from '../../kernel/let-go.js';
import { peerPartBytesMax } from '../../kernel/limits.js';
import type { NatsLink } from '../../nats/nats-link.js';
import type { ClusterCounts } from '../../observe/cluster-counts.js';
import { decodePart, type PeerPart, peerPattern, peerSubject, senderOf } from './peer-message.js';

export interface PeerPostParts {
  readonly link: NatsLink;
  /** Of this node; null: it has none, and nobody can write to it. */
  readonly session: string | null;
  /** What goes and comes is counted here. */
  readonly counts: ClusterCounts;
  take(from: string, part: PeerPart): void;
  /** `take` has thrown: the client would stop to read, without a word and for seconds. */
  notUnderstood(from: string, error: unknown): void;
  /** Whether letters come and go at the moment. */
  changed(isUp: boolean): void;
}

/** Room for the head of a part in a server's limit. */
const headRoom = 256;

export class PeerPost {
  readonly #parts: PeerPostParts;
  readonly #unwatch: () => void;
  #session: string | null;
  #connection: NatsConnection | null = null;
  #subscription: Subscription | null = null;
  #isConnected = false;
  /** Parts that have been published. The client copies them when this pass of the event loop has come to its end. */
  #left: Uint8Array<ArrayBuffer>[] = [];

  constructor(parts: PeerPostParts) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#unwatch = parts.link.watch(({ isConnected }) => this.#linkChanged(isConnected));
  }

  get isUp(): boolean {
    return this.#isConnected && this.#session !== null;
  }

  get partBytesMax(): number {
    const serverMax = this.#connection?.info?.max_payload ?? peerPartBytesMax;
    return Math.min(peerPartBytesMax, serverMax - headRoom);
  }

  /** The session is another one from now on. Does not call `changed`. */
  rename(session: string | null): void {
    this.#session = session;
    this.#subscription?.unsubscribe();
    this.#subscription = null;
    this.#subscribe();
  }

  /** Takes the part, and the memory that it lies in. */
  publish(to: string, part: Uint8Array<ArrayBuffer>): void {
    if (!this.#isConnected || this.#session === null) return;
    this.#connection?.publish(peerSubject({ to, from: this.#session }), part);
    if (this.#left.push(part) === 1) setImmediate(() => this.#letGo());
    const { counts } = this.#parts;
    counts.messagesSent++;
    counts.bytesSent += part.length;
  }

  close(): void {
    this.#unwatch();
    this.#subscription?.unsubscribe();
    this.#isConnected = false;
  }

  #letGo(): void {
    const left = this.#left;
    this.#left = [];
    for (const part of left) letGo(part);
  }

  #linkChanged(isConnected: boolean): void {
    const { connection } = this.#parts.link;
    if (isConnected && connection !== this.#connection) {
      // Another connection knows nothing of what the one before had subscribed to; one that has come back does.
      this.#connection = connection;
      this.#subscription = null;
    }
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    this.#subscribe();
    this.#parts.changed(this.isUp);
  }

  #take(from: string, part: PeerPart): void {
    try {
      this.#parts.take(from, part);
    } catch (error) {
      this.#parts.notUnderstood(from, error);
    }
  }

  #subscribe(): void {
    if (!this.isUp || this.#subscription !== null) return;
    this.#subscription = this.#connection!.subscribe(peerPattern(this.#session!), {
      callback: (error, message) => {
        if (error !== null) return;
        const part = decodePart(message.data);
        const { counts } = this.#parts;
        counts.messagesReceived++;
        counts.bytesReceived += message.data.length;
        if (part !== null) this.#take(senderOf(message.subject), part);
      },
    });
  }
}
