/**
 * Where webhooks go in tests: an HTTP server that keeps every request with the moment it came, and answers as each path
 * was told to.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { until, within } from './deadline.js';

export interface Arrival {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Whole milliseconds, cut: never later than it was, so that "early" is judged strictly. */
  readonly atMs: number;
  /** With a fraction, for lags. */
  readonly preciseMs: number;
  readonly id: string;
  readonly attempt: number;
  body: Buffer;
  /** Null while the answer is held back, or when the connection ended before it. */
  answeredAtMs: number | null;
  status: number | null;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly delayMs?: number;
  /** Never answer. */
  readonly hang?: boolean;
}

/** One for all requests to a path, or one for each. */
export type Behaviour = Answer | ((arrival: Arrival) => Answer);

/** For what the system does by itself, however busy it is. */
const patienceMs = 60_000;

export class Receiver {
  readonly arrivals: Arrival[];
  readonly #server: Server;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #watchers = new Set<() => void>();
  readonly #connections = new Set<Socket>();
  /** Those that wait for their answer. */
  inFlight = 0;

  private constructor(arrivals: Arrival[]) {
    this.arrivals = arrivals;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const arrival: Arrival = {
        path: request.url!,
        method: request.method!,
        headers: request.headers,
        atMs: Date.now(),
        preciseMs: performance.timeOrigin + performance.now(),
        id: String(request.headers['webhook-id'] ?? ''),
        attempt: Number(request.headers['escapement-attempt'] ?? 0),
        body: Buffer.alloc(0),
        answeredAtMs: null,
        status: null,
      };
      this.inFlight++;
      response.once('close', () => this.inFlight--);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        arrival.body = Buffer.concat(chunks);
        this.arrivals.push(arrival);
        this.#answer(arrival, response);
        for (const watcher of this.#watchers) watcher();
      });
    });
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
  }

  /** Several may share one list of what came. */
  static async start(arrivals: Arrival[] = []): Promise<Receiver> {
    const receiver = new Receiver(arrivals);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on. A path that was told nothing answers 204. */
  answer(path: string, behaviour: Behaviour): void {
    this.#behaviours.set(path, behaviour);
  }

  at(path: string): Arrival[] {
    return this.arrivals.filter((arrival) => arrival.path === path);
  }

  /** Resolves to everything that came to `path` once it is `count`. */
  async until(path: string, count: number, withinMs?: number): Promise<Arrival[]> {
    let watcher: (() => void) | undefined;
    const enough = new Promise<Arrival[]>((resolve) => {
      watcher = () => {
        const here = this.at(path);
        if (here.length >= count) resolve(here);
      };
      this.#watchers.add(watcher);
      watcher();
    });
    try {
      return await within(`${count} requests to ${path}, ${this.at(path).length} at first`, enough, withinMs);
    } finally {
      this.#watchers.delete(watcher!);
    }
  }

  /** Every event that has come, on whatever path. */
  get events(): ReadonlySet<string> {
    return new Set(this.arrivals.map(({ id }) => id));
  }

  /** Resolves when each of `events`, to which more may be added meanwhile, has come at least once. */
  async untilAll(events: Iterable<string>): Promise<void> {
    await until('everything accepted is delivered', () => {
      const came = this.events;
      return [...events].every((id) => came.has(id));
    });
  }

  /**
   * Resolves when nobody is connected any more, and all that was sent has come. After the end of the only process that sends it is the border
   * between what that one has sent and what comes from the next: connections are accepted in the order in which they were made, so that
   * one of our own is behind all of the dead one's.
   */
  async abandoned(): Promise<void> {
    const last = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
    await once(last, 'connect');
    const { localPort } = last;
    const isAccepted = (): boolean => [...this.#connections].some(({ remotePort }) => remotePort === localPort);
    await until('the last connection is accepted', isAccepted, patienceMs);
    last.destroy();
    await until('nobody is connected', () => this.#connections.size === 0, patienceMs);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(arrival: Arrival, response: ServerResponse): void {
    const behaviour = this.#behaviours.get(arrival.path) ?? {};
    const {
      status = 204,
      headers = {},
      body = '',
      delayMs = 0,
      hang = false,
    } = typeof behaviour === 'function' ? behaviour(arrival) : behaviour;
    if (hang) return;
    const send = (): void => {
      if (response.destroyed) return;
      arrival.answeredAtMs = Date.now();
      arrival.status = status;
      response.writeHead(status, headers).end(body);
    };
    if (delayMs > 0) setTimeout(send, delayMs);
    else send();
  }
}

/** Closed with the test. */
export async function startReceiver(t: Test): Promise<Receiver> {
  const receiver = await Receiver.start();
  t.teardown(() => receiver.close());
  return receiver;
}
