/**
 * The status stream as server-sent events: one subscription to one response.
 *
 * The engine is asked before the head goes out, so that a cursor that is none, or a stop, is a proper refusal. What comes before the
 * client can be written to is not taken; the engine keeps the place.
 */
import type { Engine, StatusBatch, StatusFilter, Subscription } from '../../engine/index.js';
import type { Sequel, SequelEnd } from '../http/reply.js';
import { streamCursorEveryMs } from '../limits.js';
import { changeItems } from './change-item.js';
import { Feed, type FeedWords } from './feed.js';
import { Outlet, type StreamPeer } from './outlet.js';

/** Calls `action` every `everyMs` until the returned function is called. */
type Repeat = (everyMs: number, action: () => void) => () => void;

export interface EventDeskOptions {
  readonly engine: Pick<Engine, 'subscribe'>;
  readonly repeat: Repeat;
  readonly monoMs: () => number;
  /** A client that takes nothing for this long is closed. */
  readonly patienceMs: number;
}

export class EventDesk {
  readonly #options: EventDeskOptions;

  constructor(options: EventDeskOptions) {
    this.#options = options;
  }

  /** Rejects with EngineError. */
  async open(filter: StatusFilter, cursor: string | null): Promise<Sequel> {
    let session: EventSession | null = null;
    const hear = (batch: StatusBatch): boolean => session?.hear(batch) ?? false;
    const subscription = await this.#options.engine.subscribe(filter, hear, cursor);
    return {
      begin: (peer) => {
        session = new EventSession({ ...this.#options, subscription, peer });
        return session;
      },
      abandon: () => subscription.close(),
    };
  }
}

class EventSession implements SequelEnd {
  readonly #outlet: Outlet;
  readonly #feed: Feed;
  readonly #stopLooking: () => void;

  constructor(options: EventDeskOptions & { readonly subscription: Subscription; readonly peer: StreamPeer }) {
    const outlet = new Outlet({ ...options, onClosed: () => this.onClosed() });
    this.#outlet = outlet;
    this.#feed = new Feed({ outlet, words });
    this.#stopLooking = options.repeat(streamCursorEveryMs, () => this.#look());
    this.#feed.begin(options.subscription);
    // What it was offered while it could not be written to.
    options.subscription.resume();
  }

  hear(batch: StatusBatch): boolean {
    return this.#feed.hear(batch);
  }

  onDrain(): void {
    this.#feed.drained();
  }

  onClosed(): void {
    this.#outlet.closed();
    this.#stopLooking();
    this.#feed.close();
  }

  #look(): void {
    this.#outlet.look();
    this.#feed.tellPlace();
  }
}

/** Clients try again after this long. */
const retryMs = 1_000;

const words: FeedWords = {
  begun: (cursor) => `retry: ${retryMs}\n${event('subscribed', cursor, `{"op":"subscribed","cursor":"${cursor}"}`)}`,
  changes: ({ cursor, items }) => event('changes', cursor, `{"op":"changes","cursor":"${cursor}","items":${changeItems(items)}}`),
  cursor: (cursor) => event('cursor', cursor, `{"op":"cursor","cursor":"${cursor}"}`),
  gap: ({ from, to }) => event('gap', to, `{"op":"gap","from":"${from}","to":"${to}"}`),
  lagging: (behind) => `event: lagging\ndata: {"op":"lagging","behind":${behind}}\n\n`,
};

/** JSON is one line. */
function event(name: string, cursor: string, data: string): string {
  return `event: ${name}\nid: ${cursor}\ndata: ${data}\n\n`;
}
