/**
 * The body of an event stream, as a stream client needs it: pieces out, and what of them the system has not taken.
 *
 * The server library tells how much a WebSocket has left unread, but not how much an HTTP response has. All it says is, for a piece
 * too large for its own buffer of 16 KiB, whether the system took it whole, and now and then that the connection can be written to
 * again. So what is written counts as unread until a large piece has gone through; when too much is in doubt, the next piece is made
 * large with a comment, which clients pass over. After a piece that did not go through such a comment is written again, at growing
 * intervals, when the connection can be written to: it goes through when everything before it has.
 */
import type { StreamPeer } from './outlet.js';

/** The response of the server library, behind its head. */
export interface ResponseBody {
  cork(write: () => void): unknown;
  /** False: the system did not take all of it. Sure only for pieces above the library's buffer. */
  write(piece: string): boolean;
  /** The connection can be written to again. Must return true. */
  onWritable(handler: () => boolean): unknown;
  end(body: string, close: boolean): unknown;
}

export interface EventStreamOptions {
  readonly body: ResponseBody;
  readonly onDrain: () => void;
  /** Ended from this side. */
  readonly onEnded: () => void;
}

const libraryBufferBytes = 16 * 1024;
/** A comment that is larger than the library's buffer. */
const filler = `:${' '.repeat(libraryBufferBytes)}\n\n`;
/** In doubt at most before it is made sure: the filler costs an eighth of it. */
const doubtBytesMax = 128 * 1024;
const askAgainMs = 250;
const askAgainMsMax = 8_000;

export class EventStream implements StreamPeer {
  readonly #options: EventStreamOptions;
  #unread = 0;
  #isBlocked = false;
  #askAgainMs = askAgainMs;
  #timer: NodeJS.Timeout | null = null;
  #isOpen = true;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    options.body.onWritable(() => {
      this.#askLater();
      return true;
    });
  }

  send(text: string): void {
    if (!this.#isOpen) return;
    const isLarge = Buffer.byteLength(text) > libraryBufferBytes;
    const isDoubtful = !this.#isBlocked && this.#unread > doubtBytesMax;
    this.#write(isDoubtful && !isLarge ? text + filler : text);
  }

  backlogBytes(): number {
    return this.#unread;
  }

  isBehind(): boolean {
    return this.#isBlocked;
  }

  /** There is no code to give: the client comes back by itself, with the last cursor that it has. */
  end(): void {
    if (!this.#isOpen) return;
    this.closed();
    // Told to close, the library would write the header that announces it, here in the middle of the body.
    this.#options.body.cork(() => this.#options.body.end('', false));
    this.#options.onEnded();
  }

  /** The connection has gone. */
  closed(): void {
    this.#isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #write(text: string): void {
    const { body } = this.#options;
    const bytes = Buffer.byteLength(text);
    let isTaken = false;
    body.cork(() => {
      isTaken = body.write(text);
    });
    const isSure = bytes > libraryBufferBytes;
    this.#isBlocked = isSure ? !isTaken : this.#isBlocked;
    this.#unread = isSure && isTaken ? 0 : this.#unread + bytes;
  }

  /** The system has taken something; whether all of it, the next filler will show. */
  #askLater(): void {
    if (!this.#isBlocked || this.#timer !== null || !this.#isOpen) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#write(filler);
      if (this.#isBlocked) {
        this.#askAgainMs = Math.min(this.#askAgainMs * 2, askAgainMsMax);
      } else {
        this.#askAgainMs = askAgainMs;
        this.#options.onDrain();
      }
    }, this.#askAgainMs);
    this.#timer.unref();
  }
}
