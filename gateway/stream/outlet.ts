/**
 * What goes out to one stream client, and the bound on what it may leave unread.
 *
 * A client that does not read must not cost memory: what the system does not take is kept by the server library. So a stream asks
 * for room before it sends changes, and when there is none it remembers its place instead (`feed.ts`). Small things that are
 * answers (an error, a pong) go out in any case; whoever asks for so many of them and reads none is closed at once. One that has
 * taken nothing for `patienceMs` is closed, whatever it has left unread.
 */
import { streamBacklogBytesMax } from '../../engine/index.js';
import { streamAnswersBytesMax } from '../limits.js';

/** The connection, as a stream needs it. */
export interface StreamPeer {
  send(text: string): void;
  /** Sent and not taken by the system yet, at most. */
  backlogBytes(): number;
  /** That it has not taken everything is certain, and not only possible. */
  isBehind(): boolean;
  end(code: number, reason: string): void;
}

export interface OutletOptions {
  readonly peer: StreamPeer;
  readonly patienceMs: number;
  readonly monoMs: () => number;
  /** It was closed from this side. */
  readonly onClosed: () => void;
}

/** Going on again at every byte that is taken would cut batches into crumbs. */
const roomAgainBytes = streamBacklogBytesMax / 4;

export class Outlet {
  readonly #options: OutletOptions;
  #isOpen = true;
  #sent = 0;
  /** The most that the client was ever seen to have taken, and when that grew last. */
  #taken = Number.NEGATIVE_INFINITY;
  #tookAtMs: number;

  constructor(options: OutletOptions) {
    this.#options = options;
    this.#tookAtMs = options.monoMs();
  }

  get hasRoom(): boolean {
    return this.#isOpen && this.#options.peer.backlogBytes() <= streamBacklogBytesMax;
  }

  /** There was none, and now there is enough to go on for a while. */
  get hasRoomAgain(): boolean {
    return this.#isOpen && this.#options.peer.backlogBytes() <= roomAgainBytes;
  }

  send(text: string): void {
    if (!this.#isOpen) return;
    const { peer } = this.#options;
    this.#sent += Buffer.byteLength(text);
    peer.send(text);
    if (peer.backlogBytes() > streamAnswersBytesMax) this.#end();
  }

  /** To be called every few seconds. */
  look(): void {
    if (!this.#isOpen) return;
    const { peer, patienceMs, monoMs } = this.#options;
    const taken = this.#sent - peer.backlogBytes();
    // What is only in doubt may have been read long ago: a quiet event stream is in doubt for hours.
    if (!peer.isBehind() || taken > this.#taken) {
      this.#taken = Math.max(taken, this.#taken);
      this.#tookAtMs = monoMs();
    } else if (monoMs() - this.#tookAtMs >= patienceMs) {
      this.#end();
    }
  }

  /** The connection has gone. */
  closed(): void {
    this.#isOpen = false;
  }

  #end(): void {
    this.#isOpen = false;
    this.#options.onClosed();
    this.#options.peer.end(1013, 'reading too slowly');
  }
}
