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
import type { StatusBatch, Subscription } from '../../engine/index.js';
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

export class Feed {
  readonly #outlet: Outlet;
  readonly #words: FeedWords;
  #mode: 'opening' | 'open' | 'lagging' | 'closed' = 'opening';
  #subscription: Subscription | null = null;

  constructor({ outlet, words }: { readonly outlet: Outlet; readonly words: FeedWords }) {
    this.#outlet = outlet;
    this.#words = words;
  }

  /** The engine has answered. */
  begin(subscription: Subscription): void {
    if (this.#mode === 'closed') {
      subscription.close();
      return;
    }
    this.#mode = 'open';
    this.#subscription = subscription;
    this.#outlet.send(this.#words.begun(subscription.cursor));
  }

  /** A listener for the engine. */
  hear(batch: StatusBatch): boolean {
    if (this.#mode === 'closed') return true;
    if (this.#mode !== 'open' || !this.#outlet.hasRoom) {
      this.#lag();
      return false;
    }
    const { cursor, items, gapFrom } = batch;
    if (gapFrom !== null) this.#outlet.send(this.#words.gap({ from: gapFrom, to: cursor }));
    else if (items.length > 0) this.#outlet.send(this.#words.changes(batch));
    else this.#outlet.send(this.#words.cursor(cursor));
    return true;
  }

  /** The client has taken something. */
  drained(): void {
    if (this.#mode !== 'lagging' || !this.#outlet.hasRoomAgain) return;
    this.#mode = 'open';
    this.#subscription!.resume();
  }

  /** Every few seconds, so that the client's cursor stays fresh also when nothing happens. */
  tellPlace(): void {
    if (this.#mode === 'open' && this.#outlet.hasRoom) this.#outlet.send(this.#words.cursor(this.#subscription!.place()));
  }

  close(): void {
    this.#mode = 'closed';
    this.#subscription?.close();
  }

  /** How far it is behind is known when the engine has heard that it is. */
  #lag(): void {
    if (this.#mode !== 'open') return;
    this.#mode = 'lagging';
    queueMicrotask(() => {
      if (this.#mode === 'lagging') this.#outlet.send(this.#words.lagging(this.#subscription!.behind()));
    });
  }
}
