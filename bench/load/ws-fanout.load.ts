/**
 * How many changes a second reach WebSocket clients, and does each of them see every one once?
 *
 * A started Escapement; sockets that subscribe to everything; events scheduled at a fixed rate over HTTP in batches, each one change. `itemsPerSecond`
 * counts a change once for each socket; changes that became durable together travel in one frame. Milliseconds from the moment at which a change was
 * decided (`at`, in whole milliseconds) to its arrival at each client, which are all in one process and parse every frame: they take more
 * of the machine than the server does. Checked on every socket: each event once, none missing. Good: 200,000 items/s to 100 sockets.
 *
 *   npm run bench -- ws-fanout
 */
import { WebSocket } from 'ws';
import { until } from '../../test/support/deadline.js';
import { type Bench, measured } from '../lib/bench.js';
import { LagHistogram } from '../lib/lag-histogram.js';
import { openLoop } from '../lib/open-loop.js';
import { sampleEvent } from '../lib/sample-body.js';
import { startEscapement } from '../lib/targets.js';

const sizes = { small: 10, full: 100 } as const;
const drainMsMax = 60_000;

/** Sockets. */
export const bench: Bench = {
  name: 'ws-fanout',
  question: 'How many changes a second reach WebSocket clients, and does each of them see every one once?',
  sizes,
  plots: [{ kind: 'percentiles', title: 'Status stream: from a change to its arrival at every socket' }],
  measure: async (sockets) => {
    const { perSecond, seconds } = sockets === sizes.small ? { perSecond: 100, seconds: 0.5 } : { perSecond: 2_000, seconds: 15 };
    const server = await startEscapement();
    const events = perSecond * seconds;
    const audience = new Audience(events);
    try {
      await audience.join(`${server.url.replace('http', 'ws')}/api/v1/stream`, sockets);
      const beganMs = performance.now();
      const { behindMs } = await openLoop({ perSecond, count: events, aheadMs: 0 }, ({ first, atMs }) =>
        server.client.batch(
          atMs.map((_at, place) => sampleEvent({ external_job_id: String(first + place), delay_ms: 3_600_000 })),
        ),
      );
      await until('every socket has seen every event', () => audience.items >= events * sockets, drainMsMax);
      const tookSeconds = (performance.now() - beganMs) / 1_000;
      const { items, frames, repeated, lag } = audience;
      const rate = { itemsPerSecond: Math.round(items / tookSeconds), framesPerSecond: Math.round(frames / tookSeconds) };
      const missing = audience.missing();
      const figures = {
        sockets,
        changesPerSecond: perSecond,
        ...rate,
        missing,
        repeated,
        ...lag.figures(),
        behindMs: Math.round(behindMs),
      };
      return measured([figures], [lag.curve(`${sockets} sockets, ${perSecond.toLocaleString('en-US')} changes/s`)]);
    } finally {
      audience.leave();
      await server.stop();
    }
  },
};

/** All sockets, and for each of them which events it has seen. */
class Audience {
  readonly lag = new LagHistogram();
  items = 0;
  frames = 0;
  repeated = 0;
  readonly #events: number;
  readonly #sockets: WebSocket[] = [];
  readonly #seen: Uint8Array[] = [];

  constructor(events: number) {
    this.#events = events;
  }

  /** Resolves when every one is subscribed. */
  async join(url: string, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#subscribe(url)));
  }

  missing(): number {
    return this.#seen.reduce((sum, seen) => sum + seen.filter((times) => times === 0).length, 0);
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #subscribe(url: string): Promise<void> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const seen = new Uint8Array(this.#events);
    this.#sockets.push(socket);
    this.#seen.push(seen);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', () => socket.send('{"op":"subscribe","id":"all","filter":{},"cursor":"now"}'));
      socket.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as Frame;
        if (frame.op === 'subscribed') resolve();
        else if (frame.op === 'changes') this.#take(frame.items, seen);
        else if (frame.op === 'gap' || frame.op === 'error') reject(new Error(data.toString()));
      });
    });
  }

  #take(items: readonly Item[], seen: Uint8Array): void {
    const now = performance.timeOrigin + performance.now();
    this.frames++;
    this.items += items.length;
    for (const { external_job_id: number, at } of items) {
      if (seen[Number(number)]!++ > 0) this.repeated++;
      this.lag.record(now - Date.parse(at));
    }
  }
}

interface Item {
  readonly external_job_id: string;
  readonly at: string;
}

type Frame = { readonly op: 'changes'; readonly items: readonly Item[] } | { readonly op: 'subscribed' | 'gap' | 'error' };
