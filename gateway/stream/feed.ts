/**
 * One subscription on its way to a client.
 *
 * Modes
 *   opening  The engine has not answered.
 *   open     Batches go out as they come. There is no room for one: say so -> lagging.
 *   lagging  The engine keeps the place. The client has read on: go on from there -> open.
 *   closed   For good.
 *
 * Every frame that goes out carries a cursor that covers exactly what went out before and with it, so that whoever goes on from the
 * last one that came misses nothing and gets nothing twice.
 */
import { type Engine, EngineError, type StatusBatch, type StatusFilter, type Subscription } from '../../engine/index.js';
import type { Outlet } from './outlet.js';

/** How it is said: as messages of a WebSocket, or as server-sent events. */
export interface FeedWords {
  begun(cursor: string): string;
  changes(batch: StatusBatch): string;
  /** How far it has come. */
  cursor(cursor: string): string;
  /** Changes between the two cursors cannot be told. */
  gap(range: { readonly from: string; readonly to: string }): string;
  /** No more until the client has read on; so many log positions behind. */
  lagging(behind: number): string;
}

export interface FeedOptions {
  readonly engine: Pick<Engine, 'subscribe'>;
  readonly filter: StatusFilter;
  /** Null: from now on. */
  readonly cursor: string | null;
  readonly outlet: Outlet;
  readonly words: FeedWords;
  /** The engine did not open it. */
  readonly refused: (error: EngineError) => void;
  /** An error that is no refusal: a defect. */
  readonly report: (error: unknown) => void;
}

export class Feed {
  readonly #options: FeedOptions;
  #mode: 'opening' | 'open' | 'lagging' | 'closed' = 'opening';
  #subscription: Subscription | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    const { engine, filter, cursor, refused, report } = options;
    engine
      .subscribe(filter, (batch) => this.#hear(batch), cursor)
      .then(
        (subscription) => this.#opened(subscription),
        (error: unknown) => {
          if (this.#mode === 'closed') return;
          this.#mode = 'closed';
          if (!(error instanceof EngineError)) report(error);
          refused(error instanceof EngineError ? error : new EngineError('internal', 'the subscription failed'));
        },
      );
  }

  /** The client has taken something. */
  drained(): void {
    if (this.#mode !== 'lagging' || !this.#options.outlet.hasRoomAgain) return;
    this.#mode = 'open';
    this.#subscription!.resume();
  }

  /** Every few seconds, so that the client's cursor stays fresh also when nothing happens. */
  tellPlace(): void {
    const { outlet, words } = this.#options;
    if (this.#mode === 'open' && outlet.hasRoom) outlet.send(words.cursor(this.#subscription!.place()));
  }

  close(): void {
    this.#mode = 'closed';
    this.#subscription?.close();
  }

  #opened(subscription: Subscription): void {
    if (this.#mode === 'closed') {
      subscription.close();
      return;
    }
    this.#mode = 'open';
    this.#subscription = subscription;
    this.#options.outlet.send(this.#options.words.begun(subscription.cursor));
  }

  #hear(batch: StatusBatch): boolean {
    const { outlet, words } = this.#options;
    if (this.#mode === 'closed') return true;
    if (!outlet.hasRoom) {
      this.#lag();
      return false;
    }
    const { cursor, items, gapFrom } = batch;
    if (gapFrom !== null) outlet.send(words.gap({ from: gapFrom, to: cursor }));
    else if (items.length > 0) outlet.send(words.changes(batch));
    else outlet.send(words.cursor(cursor));
    return true;
  }

  /** How far it is behind is known when the engine has heard that it is. */
  #lag(): void {
    const { outlet, words } = this.#options;
    this.#mode = 'lagging';
    queueMicrotask(() => {
      if (this.#mode === 'lagging') outlet.send(words.lagging(this.#subscription!.behind()));
    });
  }
}
