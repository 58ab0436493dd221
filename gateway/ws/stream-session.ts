/**
 * The status stream of one WebSocket: its subscriptions and its statistics. What it may leave unread is `stream/outlet.ts`'s, how
 * a subscription fares `stream/feed.ts`'s.
 */
import { type Engine, EngineError, type Statistics } from '../../engine/index.js';
import { isRefusal } from '../input/refusal.js';
import { streamCursorEveryMs, streamStatisticsAgeMsMax, streamSubscriptionsMax } from '../limits.js';
import { Feed } from '../stream/feed.js';
import { Outlet, type StreamPeer } from '../stream/outlet.js';
import type { SubscribeMessage } from './client-message.js';
import { readClientMessage } from './client-message.js';
import { errorFrame, pongFrame, statisticsFrame, subscriptionFrames } from './server-frame.js';

/** Calls `action` every `everyMs` until the returned function is called. */
export type Repeat = (everyMs: number, action: () => void) => () => void;

export interface StreamDeskOptions {
  readonly engine: Pick<Engine, 'subscribe' | 'statistics'>;
  readonly repeat: Repeat;
  readonly monoMs: () => number;
  /** A client that takes nothing for this long is closed. */
  readonly patienceMs: number;
  readonly report: (error: unknown) => void;
}

/** Opens sessions, and computes statistics once for all of them. */
export class StreamDesk {
  readonly #options: StreamDeskOptions;
  #statistics: { readonly frame: string; readonly atMs: number } | null = null;

  constructor(options: StreamDeskOptions) {
    this.#options = options;
  }

  open(peer: StreamPeer): StreamSession {
    return new StreamSession({ ...this.#options, peer, statisticsFrame: () => this.#statisticsFrame() });
  }

  #statisticsFrame(): string {
    const nowMs = this.#options.monoMs();
    if (this.#statistics === null || nowMs - this.#statistics.atMs >= streamStatisticsAgeMsMax) {
      const statistics: Statistics = this.#options.engine.statistics();
      this.#statistics = { frame: statisticsFrame(statistics), atMs: nowMs };
    }
    return this.#statistics.frame;
  }
}

interface SessionOptions extends StreamDeskOptions {
  readonly peer: StreamPeer;
  readonly statisticsFrame: () => string;
}

export class StreamSession {
  readonly #options: SessionOptions;
  readonly #outlet: Outlet;
  readonly #feeds = new Map<string, Feed>();
  readonly #stopLooking: () => void;
  #stopStatistics: (() => void) | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#outlet = new Outlet({ ...options, onClosed: () => this.onClosed() });
    this.#stopLooking = options.repeat(streamCursorEveryMs, () => this.#look());
  }

  onMessage(bytes: Buffer): void {
    const message = readClientMessage(bytes);
    if (isRefusal(message)) this.#outlet.send(errorFrame({ ...message.members, code: message.code, detail: message.detail }));
    else if (message.op === 'subscribe') this.#subscribe(message);
    else if (message.op === 'unsubscribe') this.#unsubscribe(message.id);
    else if (message.op === 'stats') this.#repeatStatistics(message.everyMs);
    else this.#outlet.send(pongFrame);
  }

  /** The system has taken some of what was sent. */
  onDrain(): void {
    for (const feed of this.#feeds.values()) feed.drained();
  }

  /** The socket has gone, whoever closed it. */
  onClosed(): void {
    this.#outlet.closed();
    this.#stopLooking();
    this.#stopStatistics?.();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #subscribe({ id, filter, cursor }: SubscribeMessage): void {
    if (this.#feeds.has(id)) {
      this.#refuse(id, 'this id is subscribed already');
    } else if (this.#feeds.size >= streamSubscriptionsMax) {
      this.#refuse(id, `a socket holds at most ${streamSubscriptionsMax} subscriptions`);
    } else {
      const feed = new Feed({ outlet: this.#outlet, words: subscriptionFrames(id) });
      this.#feeds.set(id, feed);
      this.#options.engine
        .subscribe(filter, (batch) => feed.hear(batch), cursor)
        .then(
          (subscription) => feed.begin(subscription),
          (error: unknown) => this.#openFailed({ id, feed, error }),
        );
    }
  }

  #openFailed({ id, feed, error }: { id: string; feed: Feed; error: unknown }): void {
    if (this.#feeds.get(id) === feed) this.#feeds.delete(id);
    if (!(error instanceof EngineError)) this.#options.report(error);
    const { code, message } = error instanceof EngineError ? error : { code: 'internal', message: 'the subscription failed' };
    this.#outlet.send(errorFrame({ id, code, detail: message }));
  }

  #unsubscribe(id: string): void {
    const feed = this.#feeds.get(id);
    if (feed === undefined) this.#refuse(id, 'this id is not subscribed');
    else feed.close();
    this.#feeds.delete(id);
  }

  #refuse(id: string, detail: string): void {
    this.#outlet.send(errorFrame({ id, code: 'invalid', detail }));
  }

  #look(): void {
    this.#outlet.look();
    for (const feed of this.#feeds.values()) feed.tellPlace();
  }

  /** Sent at once and then every so often, unless the client is behind; a second request replaces the first. */
  #repeatStatistics(everyMs: number): void {
    this.#stopStatistics?.();
    const { repeat, statisticsFrame: frame } = this.#options;
    const tell = (): void => {
      if (this.#outlet.hasRoom) this.#outlet.send(frame());
    };
    this.#stopStatistics = repeat(everyMs, tell);
    tell();
  }
}
