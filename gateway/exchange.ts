/**
 * One request and its one answer.
 *
 * Modes. *Open*: the answer may be written. *Sealed*: an answer that closes the connection is on its way; nothing else is
 * taken. *Following*: the head is out, and what follows it has no end of its own. *Over*: answered, or the client has gone; the
 * response must not be touched any more.
 *
 * An answer that closes leaves only when the server has done with the packet that the request came in. Written at once, it
 * would make room for the next request in that packet, and where the end of a request is in doubt the next one may be
 * somebody else's, smuggled in. While the answer is pending the server library drops the connection at a further request.
 */
import type { Caller } from './access/gatekeeper.js';
import type { RequestId } from './http/request-id.js';
import { headOf, type Reply, type Sequel, type SequelEnd } from './http/reply.js';
import { EventStream } from './stream/event-stream.js';

/** The response of the server library, as far as it is used here. */
export interface OpenResponse {
  onAborted(handler: () => void): unknown;
  cork(write: () => void): unknown;
  /** With further lines of the head, if they are in it. */
  writeStatus(line: string | Uint8Array): unknown;
  end(body: string | Uint8Array, close: boolean): unknown;
  endWithoutBody(length?: number, close?: boolean): unknown;
  write(piece: string): boolean;
  onWritable(handler: () => boolean): unknown;
}

export interface ExchangeOptions {
  readonly response: OpenResponse;
  readonly requestId: RequestId;
  readonly method: string;
  readonly watcher: ExchangeWatcher;
}

/** Told of all exchanges. */
export interface ExchangeWatcher {
  /** The head of an answer without an end is out. */
  following(exchange: Exchange): void;
  over(exchange: Exchange): void;
}

export class Exchange {
  readonly requestId: RequestId;
  readonly #response: OpenResponse;
  readonly #isHead: boolean;
  readonly #watcher: ExchangeWatcher;
  #mode: 'open' | 'sealed' | 'following' | 'over' = 'open';
  #stream: EventStream | null = null;
  #sequelEnd: SequelEnd | null = null;
  /** Who has asked; null until somebody was let in. */
  caller: Caller | null = null;
  /** Of the body, counted so far. */
  bodyBytes = 0;

  constructor({ response, requestId, method, watcher }: ExchangeOptions) {
    this.#response = response;
    this.requestId = requestId;
    this.#isHead = method === 'HEAD';
    this.#watcher = watcher;
    response.onAborted(() => this.#end());
  }

  get isOpen(): boolean {
    return this.#mode === 'open';
  }

  /** Too late is no error: the client did not wait. */
  answer(reply: Reply): void {
    if (this.#mode !== 'open') {
      reply.sequel?.abandon();
      return;
    }
    if (reply.close) {
      this.#mode = 'sealed';
      setImmediate(() => this.#write(reply));
    } else {
      this.#write(reply);
    }
  }

  /** In one piece, in one packet if it fits. */
  #write(reply: Reply): void {
    if (this.#mode === 'over') {
      reply.sequel?.abandon();
      return;
    }
    this.#response.cork(() => this.#writeCorked(reply));
    // The library has copied what it could not send.
    reply.laidOut?.giveBack();
    if (reply.sequel === undefined) this.#end();
    else this.#follow(reply.sequel);
  }

  /** Ends what follows the head, if anything does. */
  endFollowing(): void {
    this.#stream?.end();
  }

  #follow(sequel: Sequel): void {
    this.#mode = 'following';
    this.#watcher.following(this);
    const body = this.#response;
    this.#stream = new EventStream({ body, onDrain: () => this.#sequelEnd?.onDrain(), onEnded: () => this.#end() });
    this.#sequelEnd = sequel.begin(this.#stream);
  }

  #writeCorked(reply: Reply): void {
    const { close, sequel } = reply;
    const body = reply.laidOut?.body() ?? reply.body;
    const response = this.#response;
    const head = headOf(reply, this.requestId);
    // Told of a length, the library waits for as many bytes and cuts off the next request.
    const goesOn = this.#isHead && !close;
    response.writeStatus(goesOn ? `${head}\r\nContent-Length: ${Buffer.byteLength(body)}` : head);
    if (sequel !== undefined) response.write(String(body));
    else if (goesOn) response.endWithoutBody();
    else if (this.#isHead) response.endWithoutBody(Buffer.byteLength(body), close);
    else response.end(body, close);
  }

  #end(): void {
    if (this.#mode === 'over') return;
    this.#mode = 'over';
    this.#stream?.closed();
    this.#sequelEnd?.onClosed();
    this.#watcher.over(this);
  }
}
