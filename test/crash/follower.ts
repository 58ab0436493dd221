/**
 * A client of the status stream that is cut off at random, comes back with its last cursor, and now and then stops reading.
 *
 * Of each event it keeps how far it has been told: as every change of an event makes the next version, whoever is told 1, 2, 3 of
 * each has been told everything once and in order.
 */
import { WebSocket } from 'ws';
import { pause } from '../support/deadline.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import type { ChangeItem } from '../support/stream-client.js';

export interface FollowerOptions {
  readonly name: string;
  readonly kind: 'websocket' | 'events';
  /** Null: all. */
  readonly source: string | null;
  readonly random: () => number;
  /** Of the running process. */
  readonly url: () => string;
}

interface Line {
  cut(): void;
  pause(): void;
  resume(): void;
  readonly closed: Promise<void>;
}

/** Between two tries to reach a server that is down. */
const retryMs = 50;
const onlineMs = [100, 3_000] as const;
const awayMs = 500;
const silentMs = 1_000;
/** States that an attempt ends in. */
const outcomes: readonly string[] = ['DELIVERED', 'RETRYING', 'DEAD'];

export class Follower {
  readonly #options: FollowerOptions;
  readonly name: string;
  /** By event: the version told last, and its state. */
  readonly told = new Map<string, { version: number; status: string }>();
  /** By event and number, when it was told how an attempt has ended. */
  readonly #outcomes = new Map<string, number>();
  /** What must not be. */
  readonly complaints: string[] = [];
  items = 0;
  cuts = 0;
  gaps = 0;
  lagging = 0;
  #cursor: string | null = null;
  #begun: () => void = () => undefined;
  #isStopping = false;
  #end: () => void = () => undefined;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  #done: Promise<void> = Promise.resolve();
  /** Frames of a line that was cut are not looked at any more. */
  #line = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.name = options.name;
  }

  /** Resolves when it has begun to listen for the first time; from then on it is cut and comes back. */
  start(): Promise<void> {
    const begun = new Promise<void>((resolve) => {
      this.#begun = resolve;
    });
    this.#done = this.#live();
    return begun;
  }

  /** From now on its line stays. */
  rest(): void {
    this.#isStopping = true;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#end();
    await this.#done;
  }

  async #live(): Promise<void> {
    const { random } = this.#options;
    let isStopped = false;
    void this.#stopped.then(() => {
      isStopped = true;
    });
    while (!isStopped) {
      const line = await this.#connect();
      if (line === null) {
        await pause(retryMs);
        continue;
      }
      const over = Promise.race([line.closed, this.#stopped]);
      if (!this.#isStopping) {
        await Promise.race([over, pause(onlineMs[0] + random() * (onlineMs[1] - onlineMs[0]))]);
        if (random() < 0.3) {
          line.pause();
          await Promise.race([over, pause(random() * silentMs)]);
          line.resume();
          await Promise.race([over, pause(random() * silentMs)]);
        }
      }
      if (this.#isStopping) await over;
      this.cuts++;
      this.#line++;
      line.cut();
      if (!this.#isStopping) await Promise.race([this.#stopped, pause(random() * awayMs)]);
    }
  }

  async #connect(): Promise<Line | null> {
    const number = ++this.#line;
    const hear = (frame: Readonly<Record<string, unknown>>): void => {
      if (number === this.#line) this.#hear(frame);
    };
    try {
      return this.#options.kind === 'websocket' ? await this.#openSocket(hear) : await this.#openEvents(hear);
    } catch {
      // The server is down: nothing was told.
      return null;
    }
  }

  async #openSocket(hear: (frame: Readonly<Record<string, unknown>>) => void): Promise<Line> {
    const socket = new WebSocket(`${this.#options.url().replace(/^http/, 'ws')}/api/v1/stream`);
    socket.on('message', (data) => hear(JSON.parse(String(data)) as Record<string, unknown>));
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      void closed.then(() => reject(new Error('closed')));
    });
    const { source } = this.#options;
    socket.send(
      JSON.stringify({
        op: 'subscribe',
        id: 'f',
        cursor: this.#cursor ?? 'now',
        ...(source === null ? {} : { filter: { source } }),
      }),
    );
    return { closed, cut: () => socket.terminate(), pause: () => socket.pause(), resume: () => socket.resume() };
  }

  async #openEvents(hear: (frame: Readonly<Record<string, unknown>>) => void): Promise<Line> {
    const { source, url } = this.#options;
    const query = source === null ? '' : `?source=${source}`;
    const headers: Record<string, string> = this.#cursor === null ? {} : { 'last-event-id': this.#cursor };
    const client = await EventStreamClient.connect(url(), `/api/v1/stream/sse${query}`, headers, ({ data }) => hear(data));
    if (client.response.statusCode !== 200) {
      client.close();
      throw new Error('not now');
    }
    const closed = new Promise<void>((resolve) => client.response.once('close', () => resolve()));
    return { closed, cut: () => client.close(), pause: () => client.pause(), resume: () => client.resume() };
  }

  #hear(frame: Readonly<Record<string, unknown>>): void {
    if (typeof frame['cursor'] === 'string') this.#cursor = frame['cursor'];
    switch (frame['op']) {
      case 'subscribed':
        this.#begun();
        break;
      case 'changes':
        for (const item of frame['items'] as ChangeItem[]) this.#hearItem(item);
        break;
      case 'lagging':
        this.lagging++;
        break;
      case 'gap':
        this.gaps++;
        break;
      case 'error':
        this.complaints.push(`${this.#options.name} is refused: ${JSON.stringify(frame)}`);
        break;
      default:
    }
  }

  /** When it was told how this attempt has ended; null: it was not, or not yet. */
  toldAtMs(id: string, attempt: number): number | null {
    return this.#outcomes.get(`${id} ${attempt}`) ?? null;
  }

  #hearItem({ event_id, version, status, ['source']: source, ['attempt']: attempt }: ChangeItem): void {
    this.items++;
    if (outcomes.includes(status)) this.#outcomes.set(`${event_id} ${String(attempt)}`, Date.now());
    const before = this.told.get(event_id)?.version ?? 0;
    if (version !== before + 1)
      this.#complain(`${this.#options.name} is told version ${version} of ${event_id} behind ${before}`);
    if (this.#options.source !== null && source !== this.#options.source)
      this.#complain(`${this.#options.name} hears of ${String(source)}`);
    this.told.set(event_id, { version, status });
  }

  /** The first ones tell enough. */
  #complain(what: string): void {
    if (this.complaints.length < 5) this.complaints.push(what);
  }
}
