/**
 * The status stream of one socket: its subscriptions, its statistics, and the bound on what it may leave unread.
 *
 * A client that does not read must not cost memory: what the system does not take is kept by the server library, and once
 * that is more than `streamBacklogBytesMax` the socket is closed with 1013. Frames are at most `streamFrameItemsMax`
 * changes long, so that the bound is looked at often enough.
 *
 * A subscription is *opening* until the engine has answered; what it sends before is kept and follows `subscribed`. It is
 * *open* until `unsubscribe` or the end of the socket; an answer that comes after that is closed at once.
 *
 * Cursors: a frame that ends a batch carries the batch's cursor; a frame in its middle carries the one before, so that
 * whoever goes on from any cursor misses nothing.
 */
import {
  type Engine,
  EngineError,
  type StatusBatch,
  type Statistics,
  type StatusFilter,
  type Subscription,
  streamBacklogBytesMax,
} from '../../engine/index.js';
import { isRefusal } from '../input/refusal.js';
import { streamCursorEveryMs, streamFrameItemsMax, streamStatisticsAgeMsMax, streamSubscriptionsMax } from '../limits.js';
import { readClientMessage } from './client-message.js';
import { changesFrame, cursorFrame, errorFrame, gapFrame, pongFrame, statisticsFrame, subscribedFrame } from './server-frame.js';

/** The socket as a session needs it. */
export interface StreamPeer {
  send(text: string): void;
  /** Sent and not taken by the system yet. */
  backlogBytes(): number;
  end(code: number, reason: string): void;
}

/** Calls `action` every `everyMs` until the returned function is called. */
export type Repeat = (everyMs: number, action: () => void) => () => void;

export interface StreamDeskOptions {
  readonly engine: Pick<Engine, 'subscribe' | 'statistics'>;
  readonly repeat: Repeat;
  readonly monoMs: () => number;
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

interface OpenSubscription {
  cursor: string;
  /** Null while opening. */
  close: (() => void) | null;
  /** Batches that came while opening. */
  early: StatusBatch[];
}

export class StreamSession {
  readonly #options: SessionOptions;
  readonly #subscriptions = new Map<string, OpenSubscription>();
  #stopCursors: (() => void) | null = null;
  #stopStatistics: (() => void) | null = null;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  onMessage(bytes: Buffer): void {
    const message = readClientMessage(bytes);
    if (isRefusal(message)) this.#send(errorFrame({ code: message.code, detail: message.detail }));
    else if (message.op === 'subscribe') this.#subscribe(message.id, message.filter);
    else if (message.op === 'unsubscribe') this.#unsubscribe(message.id);
    else if (message.op === 'stats') this.#repeatStatistics(message.everyMs);
    else this.#send(pongFrame);
  }

  /** The socket has gone, whoever closed it. */
  onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopCursors?.();
    this.#stopStatistics?.();
    for (const subscription of this.#subscriptions.values()) subscription.close?.();
    this.#subscriptions.clear();
  }

  #subscribe(id: string, filter: StatusFilter): void {
    if (this.#subscriptions.has(id)) this.#refuse(id, 'this id is subscribed already');
    else if (this.#subscriptions.size < streamSubscriptionsMax) this.#open(id, filter);
    else this.#refuse(id, `a socket holds at most ${streamSubscriptionsMax} subscriptions`);
  }

  #open(id: string, filter: StatusFilter): void {
    const subscription: OpenSubscription = { cursor: '', close: null, early: [] };
    this.#subscriptions.set(id, subscription);
    this.#stopCursors ??= this.#options.repeat(streamCursorEveryMs, () => this.#sendCursors());
    const onBatch = (batch: StatusBatch): void => {
      if (this.#subscriptions.get(id) !== subscription) return;
      if (subscription.close === null) subscription.early.push(batch);
      else this.#sendChanges({ id, subscription, batch });
    };
    this.#options.engine.subscribe(filter, onBatch).then(
      (opened) => {
        if (this.#subscriptions.get(id) === subscription) this.#opened({ id, subscription, opened });
        else opened.close();
      },
      (error: unknown) => this.#openFailed({ id, subscription, error }),
    );
  }

  #opened({ id, subscription, opened }: { id: string; subscription: OpenSubscription; opened: Subscription }): void {
    subscription.cursor = opened.cursor;
    subscription.close = () => opened.close();
    this.#send(subscribedFrame(id, opened.cursor));
    for (const batch of subscription.early.splice(0)) this.#sendChanges({ id, subscription, batch });
  }

  #openFailed({ id, subscription, error }: { id: string; subscription: OpenSubscription; error: unknown }): void {
    if (this.#subscriptions.get(id) === subscription) this.#subscriptions.delete(id);
    if (error instanceof EngineError) {
      this.#send(errorFrame({ id, code: error.code, detail: error.message }));
    } else {
      this.#options.report(error);
      this.#send(errorFrame({ id, code: 'internal', detail: 'the subscription failed' }));
    }
  }

  #unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) this.#refuse(id, 'this id is not subscribed');
    else subscription.close?.();
    this.#subscriptions.delete(id);
  }

  #refuse(id: string, detail: string): void {
    this.#send(errorFrame({ id, code: 'invalid', detail }));
  }

  #sendChanges({ id, subscription, batch }: { id: string; subscription: OpenSubscription; batch: StatusBatch }): void {
    const { items, gapFrom } = batch;
    if (gapFrom !== null) this.#send(gapFrame({ id, from: gapFrom, to: batch.cursor }));
    for (let from = 0; from < items.length && !this.#closed; from += streamFrameItemsMax) {
      const to = from + streamFrameItemsMax;
      const cursor = to < items.length ? subscription.cursor : batch.cursor;
      this.#send(changesFrame({ id, cursor, items: items.slice(from, to) }));
    }
    subscription.cursor = batch.cursor;
  }

  #sendCursors(): void {
    for (const [id, { cursor, close }] of this.#subscriptions) {
      if (close !== null) this.#send(cursorFrame(id, cursor));
    }
  }

  /** Sent at once and then every so often; a second request replaces the first. */
  #repeatStatistics(everyMs: number): void {
    this.#stopStatistics?.();
    const { repeat, statisticsFrame: frame } = this.#options;
    this.#stopStatistics = repeat(everyMs, () => this.#send(frame()));
    this.#send(frame());
  }

  #send(text: string): void {
    if (this.#closed) return;
    const { peer } = this.#options;
    peer.send(text);
    if (peer.backlogBytes() <= streamBacklogBytesMax) return;
    this.onClosed();
    peer.end(1013, 'reading too slowly');
  }
}
