/**
 * A refusal that closes the connection, of a request whose body is still coming: what comes is thrown away, and the answer leaves behind it.
 *
 * To close a connection with bytes unread is to reset it, and a client that is still sending learns of the reset (EPIPE, ECONNRESET) and not of the answer:
 * three of four clients that sent 600 KB in chunks never saw their 413. One that has stopped sending without an end, to see what we say, is answered
 * when nothing has come for a while; one that never stops, too: whether it sees the answer is its own doing then.
 */
import { refusedBodyMsMax, refusedBodySilenceMs } from './limits.js';

export class LateRefusal {
  readonly #leave: () => void;
  readonly #looking: NodeJS.Timeout;
  #looksLeft = Math.ceil(refusedBodyMsMax / refusedBodySilenceMs);
  #heard = true;

  /** `leave`: called once. */
  constructor(leave: () => void) {
    this.#leave = leave;
    this.#looking = setInterval(() => this.#look(), refusedBodySilenceMs);
  }

  /** Something of the body has come. */
  heard(isLast: boolean): void {
    this.#heard = true;
    if (isLast) this.#end();
  }

  #look(): void {
    if (!this.#heard || --this.#looksLeft === 0) this.#end();
    this.#heard = false;
  }

  #end(): void {
    clearInterval(this.#looking);
    this.#leave();
  }
}
