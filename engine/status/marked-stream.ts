/**
 * The status stream as those outside see it: each cursor is marked with the stream that it is of.
 *
 * A cursor is sequences, and every log has the same ones. In a directory that was restored from a backup the log goes on behind the
 * backup with other records than the one that was lost: a cursor from before would name a place among changes that its holder has
 * never heard of, and nobody would notice. So each data directory has an id for its stream, a restored one another than the one
 * that it was made from, and a cursor with another id is refused. The holder then knows that it has to look for itself.
 *
 *     k3Yw9Q AQQBAQUA        six characters of the id, then the cursor as `cursor.ts` has it
 */
import { EngineError } from '../kernel/errors.js';
import { type CursorPositions, encodeCursor } from './cursor.js';
import type { StatusFilter } from './filter.js';
import type { StatusHub, Subscription } from './status-hub.js';
import type { StatusListener } from './subscriber.js';

export class MarkedStream {
  readonly #hub: Pick<StatusHub, 'subscribe'>;
  readonly #id: string;

  /** `id`: of one length for all, and of characters that need no escape anywhere. */
  constructor({ hub, id }: { readonly hub: Pick<StatusHub, 'subscribe'>; readonly id: string }) {
    this.#hub = hub;
    this.#id = id;
  }

  /** As `StatusHub.subscribe`. */
  async subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    const subscription = await this.#hub.subscribe(
      filter,
      (batch) => {
        const gapFrom = batch.gapFrom === null ? null : this.#marked(batch.gapFrom);
        return listener({ items: batch.items, cursor: this.#marked(batch.cursor), gapFrom });
      },
      cursor === null ? null : this.#unmarked(cursor),
    );
    return {
      cursor: this.#marked(subscription.cursor),
      place: () => this.#marked(subscription.place()),
      behind: () => subscription.behind(),
      resume: () => subscription.resume(),
      close: () => subscription.close(),
    };
  }

  /** A place, whether the stream has been there or not. */
  placeAt(positions: CursorPositions): string {
    return this.#marked(encodeCursor(positions));
  }

  #marked(cursor: string): string {
    return this.#id + cursor;
  }

  #unmarked(text: string): string {
    if (text.startsWith(this.#id)) return text.slice(this.#id.length);
    throw new EngineError('invalid', 'the cursor is not one of this stream: it is damaged, or from before a restore');
  }
}
