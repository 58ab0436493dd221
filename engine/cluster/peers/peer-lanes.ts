/**
 * The two directions of a conversation between nodes: messages are cut into parts that a server takes, and put together again.
 *
 * Invariant: whatever comes out of a lane is everything that was put in, in order, up to some point. A lane that has missed a part gives out
 * nothing more.
 */
import { peerMessageBytesMax } from '../../kernel/limits.js';
import { encodePart, type PeerPart, type PeerTopic } from './peer-message.js';

export class OutLane {
  readonly #conversation: number;
  readonly #publish: (part: Uint8Array<ArrayBuffer>) => void;
  readonly #partBytesMax: () => number;
  #last = 0;

  constructor({
    conversation,
    publish,
    partBytesMax,
  }: {
    readonly conversation: number;
    readonly publish: (part: Uint8Array<ArrayBuffer>) => void;
    readonly partBytesMax: () => number;
  }) {
    this.#conversation = conversation;
    this.#publish = publish;
    this.#partBytesMax = partBytesMax;
  }

  /** Copies `bytes`. */
  send(topic: PeerTopic, bytes: Uint8Array): void {
    const step = this.#partBytesMax();
    for (let from = 0; from === 0 || from < bytes.length; from += step) {
      const part = bytes.subarray(from, from + step);
      const hasMore = from + step < bytes.length;
      this.#publish(encodePart({ topic, hasMore, conversation: this.#conversation, number: ++this.#last, bytes: part }));
    }
  }
}

export interface PeerMessage {
  readonly topic: PeerTopic;
  readonly bytes: Uint8Array;
}

export class InLane {
  #last = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isBroken = false;

  /** A message that is whole now; null: there is more to come, or the lane is broken. */
  take({ topic, hasMore, number, bytes }: PeerPart): PeerMessage | null {
    this.#isBroken ||= number !== this.#last + 1 || this.#bytes + bytes.length > peerMessageBytesMax;
    if (this.#isBroken) {
      this.#parts = [];
      return null;
    }
    this.#last = number;
    if (!hasMore && this.#parts.length === 0) return { topic, bytes };
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (hasMore) return null;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return { topic, bytes: whole };
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }
}
