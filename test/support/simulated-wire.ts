/**
 * One direction of a port between two threads: what is sent arrives after a while, in order, as a copy.
 *
 * Bytes are encoded as in production, so that nothing shares memory that would not share it there: batches by a message
 * codec, single objects to and from the disk threads by a structured clone that takes the batch's buffer away.
 */
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import type { Scheduler } from './simulated-time.js';

/** How a batch of messages becomes bytes and comes out of them. */
export interface WireCodec<Message> {
  readonly encode: (messages: readonly Message[]) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Message[];
}

export interface WireParts<Message> {
  /** Of batches; the codec for any messages when left out. */
  readonly codec?: WireCodec<Message>;
  readonly scheduler: Scheduler;
  readonly delayMs: () => number;
  /** For the trace; empty lines are left out. */
  readonly label: (message: Message) => string;
  readonly take: (message: Message) => void;
}

export class Wire<Message> {
  readonly #parts: WireParts<Message>;
  #lastArrival = 0;
  #isCut = false;

  constructor(parts: WireParts<Message>) {
    this.#parts = parts;
  }

  /** Nothing arrives any more, not even what is under way. */
  cut(): void {
    this.#isCut = true;
  }

  /** As `postMessage` of a batch of messages in bytes. */
  sendBatch(messages: readonly Message[]): void {
    const { encode, decode } = this.#parts.codec ?? { encode: encodeMessages, decode: decodeMessages<Message> };
    const bytes = encode(messages);
    this.#later(messages.map(this.#parts.label).filter(Boolean).join('; '), () => {
      for (const message of decode(bytes)) {
        if (!this.#isCut) this.#parts.take(message);
      }
    });
  }

  /** As `postMessage` of one object; `moved` buffers are the receiver's from now on. */
  send(message: Message, moved: readonly ArrayBuffer[] = []): void {
    const label = this.#parts.label(message);
    const copy = copyOf(message, moved);
    this.#later(label, () => this.#parts.take(copy));
  }

  #later(label: string, arrive: () => void): void {
    const { scheduler, delayMs } = this.#parts;
    this.#lastArrival = Math.max(this.#lastArrival, scheduler.now + delayMs());
    // As an instant: a difference of instants added up again may come out before the last arrival.
    scheduler.at(this.#lastArrival, label, () => {
      if (!this.#isCut) arrive();
    });
  }
}

/**
 * As `structuredClone`, which takes three times as long for objects of a few fields, and a simulation sends thousands of those. Left to it is what is
 * not plain, and what is taken away from the sender.
 */
function copyOf<Value>(value: Value, moved: readonly ArrayBuffer[]): Value {
  if (typeof value === 'function' || typeof value === 'symbol') return structuredClone(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => copyOf(each, moved)) as Value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return copyOfOther(value, moved);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) copy[key] = copyOf((value as Record<string, unknown>)[key], moved);
  return copy as Value;
}

function copyOfOther<Value extends object>(value: Value, moved: readonly ArrayBuffer[]): Value {
  const own = moved.filter((buffer) => ArrayBuffer.isView(value) && value.buffer === buffer);
  if (value instanceof Uint8Array && own.length === 0) return new Uint8Array(value) as object as Value;
  return structuredClone(value, { transfer: own });
}
