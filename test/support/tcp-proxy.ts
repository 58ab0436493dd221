/**
 * A TCP proxy on a port of its own that does to connections what networks do: it loses, holds, delays, and slows down.
 *
 *     const proxy = await TcpProxy.start(t, nats.port);
 *     connect(proxy.url);
 *     proxy.hold('down');      // what the server says stays here
 *     proxy.cut();             // ... and is lost: whoever waited for an answer does not know what became of it
 *     proxy.flow();            // a reconnect finds everything as it was
 *
 * Bytes are never dropped out of the middle of a connection that goes on, and none overtakes another: TCP does not do that either. For what no network does, an
 * `interpreter` hears all that comes, and may pass on something else of the same length.
 */
import { createServer, connect, type Server, type Socket } from 'node:net';
import { freePort } from './nats-server.js';
import type { Teardowns } from './server.js';

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down';

/** What came, one character for each byte; its answer is as long. */
export type Interpreter = (text: string, direction: Direction) => string;

interface Held {
  readonly bytes: Buffer;
  readonly cameAt: number;
}

/** One direction of one connection. */
class Flow {
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #proxy: TcpProxy;
  #held: Held[] = [];
  #passedAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(proxy: TcpProxy, direction: Direction, to: Socket) {
    this.#proxy = proxy;
    this.#direction = direction;
    this.#to = to;
  }

  take(bytes: Buffer): void {
    this.#held.push({ bytes: this.#proxy.interpreted(bytes, this.#direction), cameAt: performance.now() });
    this.pump();
  }

  /** What may go goes, in order. */
  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#held.length > 0) {
      const [{ bytes, cameAt }] = this.#held as [Held];
      const waitMs = this.#proxy.waitMs(this.#direction, { cameAt, passedAt: this.#passedAt });
      if (waitMs === null) return;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        this.#timer.unref();
        return;
      }
      const count = Math.min(bytes.length, this.#proxy.bytesAtOnce);
      this.#to.write(bytes.subarray(0, count));
      this.#passedAt = performance.now();
      this.#proxy.passed[this.#direction] += count;
      if (count === bytes.length) this.#held.shift();
      else this.#held[0] = { bytes: bytes.subarray(count), cameAt };
    }
  }

  end(): void {
    this.#held = [];
    this.pump();
  }
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  readonly flows: readonly Flow[];
}

/** What is slow passes in so many pieces a second at most. */
const piecesPerSecond = 10;

export class TcpProxy {
  readonly port: number;
  readonly #target: number;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  readonly #holding = new Set<Direction>();
  #delayMs = 0;
  #bytesPerSecond: number | null = null;
  #isRefusing = false;
  #interpreter: Interpreter | null = null;
  /** Bytes that have passed. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** To `target` on this machine. Closed with the test. */
  static async start(t: Teardowns, target: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.to(target);
    t.teardown(() => proxy.close());
    return proxy;
  }

  /** The same, to be closed by whoever asks. */
  static async to(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(proxy.port, '127.0.0.1', resolve);
    });
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

  /** So much and no more passes, of each connection and direction. */
  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** From now on, also behind `flow`. It may `hold` what it hears. */
  interpret(interpreter: Interpreter): void {
    this.#interpreter = interpreter;
  }

  /** As if there were no proxy; what was held goes on. */
  flow(): void {
    this.#holding.clear();
    this.#delayMs = 0;
    this.#bytesPerSecond = null;
    this.#isRefusing = false;
    for (const { flows } of this.#lines) for (const flow of flows) flow.pump();
  }

  /** Every connection is lost, with what is held. */
  cut(): void {
    for (const { client, server, flows } of this.#lines) {
      for (const flow of flows) flow.end();
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

  /** For its connections. */
  interpreted(bytes: Buffer, direction: Direction): Buffer {
    if (this.#interpreter === null) return bytes;
    const passed = Buffer.from(this.#interpreter(bytes.toString('latin1'), direction), 'latin1');
    if (passed.length !== bytes.length) throw new Error(`${bytes.length} bytes were interpreted as ${passed.length}`);
    return passed;
  }

  /** For its connections. 0: what came then may go, behind what has passed; null: it is held. */
  waitMs(direction: Direction, { cameAt, passedAt }: { readonly cameAt: number; readonly passedAt: number }): number | null {
    if (this.#holding.has(direction)) return null;
    const pieceMs = this.#bytesPerSecond === null ? 0 : 1_000 / piecesPerSecond;
    return Math.max(0, Math.max(cameAt + this.#delayMs, passedAt + pieceMs) - performance.now());
  }

  get bytesAtOnce(): number {
    return this.#bytesPerSecond === null ? Number.POSITIVE_INFINITY : Math.ceil(this.#bytesPerSecond / piecesPerSecond);
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    const [up, down] = [new Flow(this, 'up', server), new Flow(this, 'down', client)];
    const line: Line = { client, server, flows: [up, down] };
    this.#lines.add(line);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes) => up.take(bytes));
    server.on('data', (bytes) => down.take(bytes));
    const end = () => {
      this.#lines.delete(line);
      for (const flow of line.flows) flow.end();
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      // That the other end is gone is what this is for.
      socket.on('error', () => undefined);
      socket.on('close', end);
    }
  }
}
