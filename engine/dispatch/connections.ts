/**
 * Connections to origins, each busy with one attempt at most or kept for the next.
 *
 * undici's own Pool queues what finds no free connection, without a bound, and a request in that queue cannot be taken
 * back before it has been sent. But a courier never starts more attempts than there are slots, so here every attempt simply
 * takes a connection of its own, an idle one or a new one, and an attempt whose time is up takes its connection with it,
 * also in the middle of connecting. Nothing is queued anywhere.
 *
 * Idle connections are bounded over all origins, the longest idle go first: ten thousand origins with one webhook each
 * would otherwise hold ten thousand sockets.
 */
import type { Socket } from 'node:net';
import type { Connect } from './connector.js';
import { Client } from './undici.js';

/** A destination's headers, all together. */
export const headerBytesMax = 16 * 1024;

export interface ConnectionsOptions {
  readonly connect: Connect;
  /** Connections without an attempt, over all origins. */
  readonly idleMax: number;
  readonly idleMs: number;
}

export class Connection {
  readonly origin: string;
  readonly client: Client;
  idleSinceMs = 0;
  #socket: Socket | null = null;

  constructor(origin: string, connect: Connect) {
    this.origin = origin;
    this.client = new Client(origin, {
      connect: (options, done) => {
        this.#socket = connect(options, done);
      },
      pipelining: 1,
      maxHeaderSize: headerBytesMax,
      // Both are restarted by every byte, so an attempt has a deadline of its own, which no attempt outlives.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Also when it is still connecting, which undici alone would finish first. */
  destroy(): void {
    this.client.destroy(null, () => {
      // What it was busy with has been told already; nobody waits for the socket's last event.
    });
    this.#socket?.destroy();
  }
}

export class Connections {
  readonly #options: ConnectionsOptions;
  /** Per origin; the last one in is the first out, so that spare ones grow old and leave. */
  readonly #idleAt = new Map<string, Connection[]>();
  /** The longest idle first. */
  readonly #idle = new Set<Connection>();
  readonly #busy = new Set<Connection>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#closeOld(), options.idleMs / 2);
    this.#sweep.unref();
  }

  /** Open or opening: for tests and figures. */
  get count(): { readonly busy: number; readonly idle: number } {
    return { busy: this.#busy.size, idle: this.#idle.size };
  }

  take(origin: string): Connection {
    const connection = this.#idleAt.get(origin)?.at(-1);
    if (connection !== undefined) this.#leaveIdle(connection);
    const taken = connection ?? new Connection(origin, this.#options.connect);
    this.#busy.add(taken);
    return taken;
  }

  /** Its attempt has ended in good order. */
  giveBack(connection: Connection): void {
    if (!this.#busy.delete(connection)) return;
    connection.idleSinceMs = performance.now();
    const others = this.#idleAt.get(connection.origin);
    if (others === undefined) this.#idleAt.set(connection.origin, [connection]);
    else others.push(connection);
    this.#idle.add(connection);
    if (this.#idle.size > this.#options.idleMax) this.#closeOldest();
  }

  /** Its attempt was given up, or the connection failed. */
  drop(connection: Connection): void {
    if (this.#busy.delete(connection)) connection.destroy();
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const connection of [...this.#idle, ...this.#busy]) connection.destroy();
    this.#idle.clear();
    this.#idleAt.clear();
    this.#busy.clear();
  }

  #closeOld(): void {
    const before = performance.now() - this.#options.idleMs;
    for (const connection of this.#idle) {
      if (connection.idleSinceMs > before) return;
      this.#leaveIdle(connection);
      connection.destroy();
    }
  }

  #closeOldest(): void {
    for (const connection of this.#idle) {
      this.#leaveIdle(connection);
      connection.destroy();
      return;
    }
  }

  #leaveIdle(connection: Connection): void {
    this.#idle.delete(connection);
    const others = this.#idleAt.get(connection.origin)!;
    others.splice(others.lastIndexOf(connection), 1);
    if (others.length === 0) this.#idleAt.delete(connection.origin);
  }
}
