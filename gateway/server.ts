/**
 * The only user of uWebSockets.js: sockets on this side, plain requests, replies and stream sessions on the other.
 *
 * What the library leaves to its user, and what is done about it here, once and for every path:
 *
 * - Requests are valid only until the handler returns: everything needed is copied out of them first.
 * - A response may be gone at any moment, and touching it then is an error; headers are written as they come, CR and LF
 *   and all: `Exchange` sees to both.
 * - It reads requests that can be read in two ways: `RequestHead` refuses them, and the connection is closed.
 * - It limits no body: lengths are judged as declared and as counted, singly and together.
 * - It closes connections that stay silent for about 12 s, whether in the head, in the body or between requests.
 * - A second request that arrives while the first waits for its answer (pipelining) closes the connection. No client in
 *   use does that; over a connection they wait for each answer.
 * - A request line that arrives in two packets is answered with 505: known, and gone with the official build.
 */
import {
  App,
  type HttpRequest,
  type HttpResponse,
  SSLApp,
  type TemplatedApp,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import type { us_listen_socket, us_socket, us_socket_context_t, WebSocket } from 'uWebSockets.js';
import { StartError } from '../engine/index.js';
import type { Caller } from './access/gatekeeper.js';
import { type Call, type Calls, noRoomForBody, tooLarge } from './calls.js';
import type { Connections } from './connections.js';
import { Exchange, type ExchangeWatcher } from './exchange.js';
import { isLarge, joinInSteps } from './http/joined-body.js';
import { RequestHead } from './http/request-head.js';
import { type Reply, upgradeHeadOf } from './http/reply.js';
import { RequestId } from './http/request-id.js';
import { LateRefusal } from './late-refusal.js';
import {
  bodyBytesInFlightMax,
  streamAnswersBytesMax,
  streamIdleSecondsMax,
  streamMessageBytesMax,
  streamMessageReceivedBytesMax,
} from './limits.js';
import { busyPaths, streamPath } from './routes.js';
import type { StreamDesk, StreamSession } from './ws/stream-session.js';

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly calls: Calls;
  readonly stream: StreamDesk;
  readonly connections: Connections;
}

/** Refuse the port if another process has it; without it the library shares ports between processes. */
const exclusivePort = 1;
type Listen = (host: string, port: number, options: number, onListen: (socket: us_listen_socket | false) => void) => TemplatedApp;

/** What the library says of a message that it has not taken. */
const sendDropped = 2;

/** Hangs on each WebSocket. Set when it opens, between the upgrade and its first message. */
interface StreamSocket {
  readonly caller: Caller;
  session: StreamSession | null;
}

/** `method` and `path` as sent. */
interface Arrived {
  readonly response: HttpResponse;
  readonly request: HttpRequest;
  readonly method: string;
  readonly path: string;
}

interface Admitted {
  readonly response: HttpResponse;
  readonly exchange: Exchange;
  readonly call: Call;
  readonly head: RequestHead;
  readonly method: string;
  readonly path: string;
  readonly query: string;
}

export class Server {
  readonly #options: ServerOptions;
  readonly #app: TemplatedApp;
  readonly #sockets = new Set<WebSocket<StreamSocket>>();
  /** Answers without an end. */
  readonly #following = new Set<Exchange>();
  #listening: us_listen_socket | null = null;
  #bodyBytes = 0;
  #exchanges = 0;
  #onIdle: (() => void) | null = null;
  readonly #watcher: ExchangeWatcher = {
    following: (exchange) => void this.#following.add(exchange),
    over: (exchange) => {
      this.#bodyBytes -= exchange.bodyBytes;
      this.#exchanges--;
      if (this.#following.size > 0) this.#following.delete(exchange);
      if (this.#exchanges === 0) this.#onIdle?.();
    },
  };

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#app = makeApp(options);
    this.#app.filter((response, change) => this.#onConnection(response, change));
    this.#app.ws<StreamSocket>(streamPath, this.#streamBehaviour());
    for (const path of busyPaths) {
      this.#app.post(path, (response, request) => this.#onRequest({ response, request, method: 'POST', path }));
    }
    this.#app.any('/*', (response, request) => {
      this.#onRequest({ response, request, method: request.getCaseSensitiveMethod(), path: request.getUrl() });
    });
  }

  /** Resolves to the port. Throws StartError. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    const listen = this.#app.listen.bind(this.#app) as unknown as Listen;
    const socket = await new Promise<us_listen_socket | false>((resolve) => listen(host, port, exclusivePort, resolve));
    if (socket === false) {
      throw new StartError(`cannot listen on ${host} port ${port}: the port is in use or the address is not of this machine`);
    }
    this.#listening = socket;
    return us_socket_local_port(socket as unknown as us_socket);
  }

  /** Stop listening, let requests under way finish for at most `graceMs`, close every connection. */
  async close(graceMs: number): Promise<void> {
    if (this.#listening !== null) us_listen_socket_close(this.#listening);
    this.#listening = null;
    for (const socket of [...this.#sockets]) socket.end(1001, 'stopping');
    for (const exchange of [...this.#following]) exchange.endFollowing();
    await this.#idleWithin(graceMs);
    this.#app.close();
  }

  /** The keys have changed: whoever may no longer listen is sent away. */
  recheckStreams(): void {
    for (const socket of [...this.#sockets]) {
      if (!this.#options.calls.mayStay(socket.getUserData().caller)) socket.end(1008, 'the API key is no longer valid');
    }
    for (const exchange of [...this.#following]) {
      if (!this.#options.calls.mayStay(exchange.caller!)) exchange.endFollowing();
    }
  }

  #onConnection(response: HttpResponse, change: number | undefined): void {
    const { connections } = this.#options;
    if (change !== 1) connections.closed();
    else if (!connections.opened(new Uint8Array(response.getRemoteAddress()))) response.close();
  }

  #onRequest({ response, request, method, path }: Arrived): void {
    const head = readHead(request);
    const exchange = this.#begin({ response, head, method });
    const query = request.getQuery() ?? '';
    const admitted = this.#options.calls.admit({ method, path, query, head });
    if (!('status' in admitted)) this.#proceed({ response, exchange, call: admitted, head, method, path, query });
    else if (admitted.close && isBodyComing(head)) refuseLate({ response, exchange }, admitted);
    else exchange.answer(admitted);
  }

  #begin({ response, head, method }: { response: HttpResponse; head: RequestHead; method: string }): Exchange {
    this.#exchanges++;
    return new Exchange({ response, requestId: new RequestId(head.requestId), method, watcher: this.#watcher });
  }

  #proceed(admitted: Admitted): void {
    if (admitted.head.bodyBytes === 0) this.#perform(admitted, emptyBody);
    else this.#receive(admitted);
  }

  #perform({ exchange, call, head, method, path, query }: Admitted, body: Buffer): void {
    const { contentType, idempotencyKey, ifMatch, traceparent, lastEventId } = head;
    const { requestId } = exchange;
    const { parameter } = call;
    const request = {
      method,
      path,
      query,
      requestId,
      contentType,
      idempotencyKey,
      ifMatch,
      traceparent,
      lastEventId,
      parameter,
      body,
    };
    exchange.caller = call.caller;
    this.#options.calls.perform(call, request, exchange);
  }

  /** Chunks are ours only during the callback, so each is copied if it is kept; whoever sends too much gets an answer and no more. */
  #receive(admitted: Admitted): void {
    const { response, exchange, call } = admitted;
    const chunks: Buffer[] = [];
    let refusal: LateRefusal | null = null;
    response.onData((data, isLast) => {
      if (!exchange.isOpen) return;
      if (refusal === null) {
        const reply = this.#counted(admitted, data.byteLength);
        if (reply === null) {
          chunks.push(isLast && chunks.length === 0 && call.route.readsAtOnce ? Buffer.from(data) : copyOf(data));
        } else {
          chunks.length = 0;
          refusal = new LateRefusal(() => exchange.answer(reply));
        }
      }
      if (refusal !== null) {
        refusal.heard(isLast);
        return;
      }
      if (!isLast) return;
      if (chunks.length === 1) this.#perform(admitted, chunks[0]!);
      else if (isLarge(exchange.bodyBytes))
        void joinInSteps(chunks, exchange.bodyBytes).then((body) => this.#perform(admitted, body));
      else this.#perform(admitted, Buffer.concat(chunks));
    });
  }

  /** More of the body has come. Why there is too much of it, which is let go of then. */
  #counted({ exchange, call, path }: Admitted, bytes: number): Reply | null {
    exchange.bodyBytes += bytes;
    this.#bodyBytes += bytes;
    const isTooLarge = exchange.bodyBytes > call.route.bodyBytesMax;
    if (!isTooLarge && this.#bodyBytes <= bodyBytesInFlightMax) return null;
    this.#bodyBytes -= exchange.bodyBytes;
    exchange.bodyBytes = 0;
    return isTooLarge ? tooLarge(call.route, path) : noRoomForBody(path);
  }

  async #idleWithin(graceMs: number): Promise<void> {
    if (this.#exchanges === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #streamBehaviour(): Parameters<TemplatedApp['ws']>[1] & object {
    return {
      maxPayloadLength: streamMessageReceivedBytesMax,
      idleTimeout: streamIdleSecondsMax,
      sendPingsAutomatically: true,
      // The session stops, or closes a socket, by itself; this is the library's own net far below it.
      maxBackpressure: 4 * streamAnswersBytesMax,
      upgrade: (response, request, context) => this.#onUpgrade({ response, request, context }),
      open: (socket) => this.#onStreamOpen(socket as WebSocket<StreamSocket>),
      message: (socket, message) => {
        if (message.byteLength > streamMessageBytesMax) socket.end(1009, 'the message is too long');
        else (socket as WebSocket<StreamSocket>).getUserData().session?.onMessage(Buffer.from(new Uint8Array(message)));
      },
      drain: (socket) => (socket as WebSocket<StreamSocket>).getUserData().session?.onDrain(),
      close: (socket) => this.#onStreamClose(socket as WebSocket<StreamSocket>),
    };
  }

  #onUpgrade({
    response,
    request,
    context,
  }: {
    response: HttpResponse;
    request: HttpRequest;
    context: us_socket_context_t;
  }): void {
    const head = readHead(request);
    const admitted = this.#options.calls.admitUpgrade({ query: request.getQuery() ?? '', head });
    if ('status' in admitted) {
      this.#begin({ response, head, method: 'GET' }).answer(admitted);
      return;
    }
    const { caller, headers } = admitted;
    response.writeStatus(upgradeHeadOf(headers, new RequestId(head.requestId)));
    response.upgrade<StreamSocket>({ caller, session: null }, head.webSocketKey!, '', '', context);
  }

  #onStreamOpen(socket: WebSocket<StreamSocket>): void {
    this.#sockets.add(socket);
    socket.getUserData().session = this.#options.stream.open({
      send: (text) => {
        // Dropped, which only happens far beyond what the session allows: the client must not miss it unawares.
        if (socket.send(text) === sendDropped) socket.end(1013, 'reading too slowly');
      },
      backlogBytes: () => socket.getBufferedAmount(),
      isBehind: () => socket.getBufferedAmount() > 0,
      end: (code, reason) => socket.end(code, reason),
    });
  }

  /** The connection filter is not told of sockets that were upgraded, so they are counted out here. */
  #onStreamClose(socket: WebSocket<StreamSocket>): void {
    this.#sockets.delete(socket);
    this.#options.connections.closed();
    socket.getUserData().session?.onClosed();
  }
}

const emptyBody = Buffer.alloc(0);

/** Behind a head whose framing can be trusted. Who has asked whether to send it was told to by the library. */
function isBodyComing(head: RequestHead): boolean {
  return head.bodyBytes !== 0 && head.framingFault() === null;
}

function refuseLate({ response, exchange }: Pick<Admitted, 'response' | 'exchange'>, reply: Reply): void {
  const refusal = new LateRefusal(() => exchange.answer(reply));
  response.onData((_data, isLast) => {
    if (exchange.isOpen) refusal.heard(isLast);
  });
}

function copyOf(data: ArrayBuffer): Buffer {
  return Buffer.from(new Uint8Array(data));
}

function readHead(request: HttpRequest): RequestHead {
  const head = new RequestHead();
  request.forEach((name, value) => head.take(name, value));
  return head;
}

function makeApp({ tls }: ServerOptions): TemplatedApp {
  if (tls === null) return App();
  try {
    return SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  } catch (error) {
    throw new StartError(`cannot use the TLS files ${tls.certFile} and ${tls.keyFile}: ${(error as Error).message}`);
  }
}
