/**
 * Other ids of events: a request that was answered "accepted" under an id of its own, and turned out to repeat an earlier one.
 *
 *     202 with id B --kept, no owner--> taken in: the same key as event A --alias record--> whoever asks for B is told of A
 *
 * Only in a cluster, where events are accepted while nobody owns their partition (`cluster/peers/kept-events.ts`). An alias is kept as long as its
 * event: retention carries its record forward (`actor/life/retention.ts`), and what it has not carried goes with its segment.
 *
 * Part of the state: follows from the records alone.
 */
import { type Alias, decodeAlias } from '../event/alias-codec.js';
import type { AliasRecord } from '../event/record.js';
import type { Sequence } from '../kernel/brand.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';

/** An alias and the record that holds it. */
export interface KeptAlias extends Alias {
  readonly seq: Sequence;
}

export class Aliases {
  /** By the text of the alias, oldest record first. */
  readonly #rows = new Map<string, KeptAlias>();

  get size(): number {
    return this.#rows.size;
  }

  /** The event that is meant by this id; the id itself when it is nobody's alias. */
  eventOf(id: EventId): EventId {
    if (this.#rows.size === 0) return id;
    return this.#rows.get(formatEventId(id))?.event ?? id;
  }

  has(id: EventId): boolean {
    return this.#rows.size > 0 && this.#rows.has(formatEventId(id));
  }

  /** In the order of the log. */
  rows(): IterableIterator<KeptAlias> {
    return this.#rows.values();
  }

  /** As `rows` of an earlier table had them, a part of them. */
  restore(rows: Iterable<KeptAlias>): void {
    for (const row of rows) this.#rows.set(formatEventId(row.alias), row);
  }

  apply({ seq, body }: Pick<AliasRecord, 'seq' | 'body'>): void {
    const row = { ...decodeAlias(body), seq };
    const name = formatEventId(row.alias);
    // Carried forward, it stands behind all that were there.
    this.#rows.delete(name);
    this.#rows.set(name, row);
  }

  /** Records before `first` are gone. */
  removeBefore(first: Sequence): void {
    for (const [name, { seq }] of this.#rows) {
      if (seq >= first) return;
      this.#rows.delete(name);
    }
  }
}
