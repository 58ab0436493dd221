/**
 * A TCP proxy on a port of its own that does to connections what networks do: it loses, holds, delays, and slows down.
 *
 *     const proxy = await TcpProxy.start(t, nats.port);
 *     connect(proxy.url);
 *     proxy.hold('down');      // what the server says stays here
 *     proxy.cut();             // ... and is lost: whoever waited for an answer does not know what became of it
 *     proxy.flow();            // a reconnect finds everything as it was
 *
 * Bytes are never dropped out of the middle of a connection that goes on: TCP does not do that either.
 */
import { createServer, connect, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { freePort } from './nats-server.js';

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down';

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  readonly held: { readonly direction: Direction; readonly bytes: Buffer }[];
}

export class TcpProxy {
  readonly port: number;
  readonly #target: number;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  readonly #holding = new Set<Direction>();
  #delayMs = 0;
  #isRefusing = false;
  /** Bytes that have passed. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** To `target` on this machine. Closed with the test. */
  static async start(t: Test, target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(proxy.port, '127.0.0.1', resolve);
    });
    t.teardown(() => proxy.close());
    return proxy;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Connections that stand. */
  get lines(): number {
    return this.#lines.size;
  }

  /** What comes in these directions stays here, until `flow` or `cut`. */
  hold(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#holding.add(direction);
  }

  /** Everything comes this much later, in order. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** As if there were no proxy; what was held goes on. */
  flow(): void {
    this.#holding.clear();
    this.#delayMs = 0;
    this.#isRefusing = false;
    for (const line of this.#lines) for (const { direction, bytes } of line.held.splice(0)) this.#pass(line, direction, bytes);
  }

  /** Every connection is lost, with what is held. */
  cut(): void {
    for (const { client, server } of this.#lines) {
      client.destroy();
      server.destroy();
    }
    this.#lines.clear();
  }

  /** The same, and there will be no others until `flow`. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    const line: Line = { client, server, held: [] };
    this.#lines.add(line);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes) => this.#take(line, 'up', bytes));
    server.on('data', (bytes) => this.#take(line, 'down', bytes));
    const end = () => {
      this.#lines.delete(line);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      // That the other end is gone is what this is for.
      socket.on('error', () => undefined);
      socket.on('close', end);
    }
  }

  #take(line: Line, direction: Direction, bytes: Buffer): void {
    if (this.#delayMs > 0) setTimeout(() => this.#pass(line, direction, bytes), this.#delayMs).unref();
    else this.#pass(line, direction, bytes);
  }

  #pass(line: Line, direction: Direction, bytes: Buffer): void {
    if (!this.#lines.has(line)) return;
    if (this.#holding.has(direction)) {
      line.held.push({ direction, bytes });
      return;
    }
    this.passed[direction] += bytes.length;
    (direction === 'up' ? line.server : line.client).write(bytes);
  }
}
