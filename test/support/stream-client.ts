/** A client of the status stream that keeps every frame. */
import { WebSocket } from 'ws';
import { until } from './deadline.js';

export interface ChangeItem {
  readonly event_id: string;
  readonly status: string;
  readonly version: number;
  readonly [field: string]: unknown;
}

export interface Frame {
  readonly op: string;
  readonly id?: string;
  readonly cursor?: string;
  readonly items?: readonly ChangeItem[];
  readonly [field: string]: unknown;
}

export class StreamClient {
  readonly frames: Frame[] = [];
  readonly #socket: WebSocket;
  /** Null while it is open. */
  closed: { readonly code: number; readonly reason: string } | null = null;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    // An error is followed by `close`, which is what tests look at.
    socket.on('error', () => undefined);
  }

  static async connect(serverUrl: string, path = '/api/v1/stream'): Promise<StreamClient> {
    const socket = new WebSocket(serverUrl.replace(/^http/, 'ws') + path);
    const client = new StreamClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Subscribed when this resolves, and its answer. */
  async subscribe(id: string, filter?: Readonly<Record<string, unknown>>, cursor = 'now'): Promise<Frame> {
    this.send({ op: 'subscribe', id, ...(filter === undefined ? {} : { filter }), cursor });
    return this.frame(`${id} is subscribed`, (frame) => frame.op === 'subscribed' && frame.id === id);
  }

  frame(what: string, matches: (frame: Frame) => boolean, withinMs = 10_000): Promise<Frame> {
    return until(what, () => this.frames.find(matches), withinMs);
  }

  /** What a subscription has heard so far, in order. */
  items(id: string): ChangeItem[] {
    return this.frames.filter((frame) => frame.op === 'changes' && frame.id === id).flatMap(({ items }) => items!);
  }

  /** Stop taking what comes. */
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }
}
