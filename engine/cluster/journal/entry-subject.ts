/**
 * Entries under one subject of a stream, read in order and added behind the newest: a journal, or a base.
 *
 * *Fence.* An entry is accepted only if the newest one of the subject is the one that its writer knows as the newest. So two nodes that both
 * believe to be the owner cannot both write: the opening entry of the second one moves the fence under the first.
 *
 * *A publish without an answer* may have been stored or not. It is made again with the same fence and the same message id, which a stream drops when
 * it has it already. "Wrong last sequence" is not always somebody else's doing (a replicated stream was seen to say it to its only writer, and a
 * publish that was stored moves the fence under its own repetition): then the newest entry is read from the leader. Is it this one, it is
 * stored; is it still the one before, it is tried again; else somebody has been faster. "Duplicate" without a sequence means that the first copy is
 * still being written, and proves nothing.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { JetStreamApiError, type MsgRequest, type StoredMsg } from '@nats-io/jetstream';
import { headers as newHeaders } from '@nats-io/transport-node';
import { type Entry, headersOf, isSame, readEntry, type StoredEntry } from './journal-entry.js';
import type { StreamClients, StreamDoor } from './stream-door.js';

export type Published =
  | { readonly kind: 'stored'; readonly place: number }
  /** Somebody else's entry is the newest, or the subject has lost its tail. Null: it is empty. */
  | { readonly kind: 'refused'; readonly newest: StoredEntry | null };

export interface EntrySubjectParts {
  readonly door: StreamDoor;
  readonly stream: string;
  readonly subject: string;
}

const wrongLastSequence: readonly number[] = [10_071, 10_164];

export class EntrySubject {
  readonly #parts: EntrySubjectParts;

  constructor(parts: EntrySubjectParts) {
    this.#parts = parts;
  }

  get stream(): string {
    return this.#parts.stream;
  }

  get subject(): string {
    return this.#parts.subject;
  }

  /** As its stream's leader knows it; null: there is none. */
  newest(): Promise<StoredEntry | null> {
    return this.#parts.door.ask((clients) => this.#readNewest(clients));
  }

  /** The first one at `place` or behind it. */
  from(place: number): Promise<StoredEntry | null> {
    const { door, stream, subject } = this.#parts;
    return door.ask(async ({ manager }) => {
      const question = { seq: Math.max(1, place), next_by_subj: subject };
      // The server knows this form, the client's types do not.
      const message = await manager.streams.getMessage(stream, question as MsgRequest);
      return message === null ? null : this.#stored(message);
    });
  }

  /** `after`: the place of the newest entry as the writer knows it; 0: none. */
  publish(entry: Entry, after: number): Promise<Published> {
    return this.#parts.door.ask(async (clients) => {
      try {
        return await this.#send(clients, { entry, after });
      } catch (error) {
        if (!(error instanceof JetStreamApiError) || !wrongLastSequence.includes(error.code)) throw error;
        return await this.#settle(clients, { entry, after });
      }
    });
  }

  /** What the message at `place` says. Throws as `readEntry`. */
  read(message: Parameters<typeof readEntry>[0]): StoredEntry {
    return readEntry(message, `entry ${message.place} of ${this.#parts.subject}`);
  }

  async #send({ js }: StreamClients, { entry, after }: { entry: Entry; after: number }): Promise<Published> {
    const { door, subject } = this.#parts;
    const headers = newHeaders();
    for (const [name, value] of headersOf(entry)) headers.set(name, value);
    const { seq, duplicate } = await js.publish(subject, entry.body, {
      headers,
      msgID: this.#messageId(entry, after),
      expect: { lastSubjectSequence: after },
      timeout: door.tryMs,
    });
    if (duplicate && seq === 0) throw new Error('the stream is still writing the first copy');
    return { kind: 'stored', place: seq };
  }

  async #settle(clients: StreamClients, { entry, after }: { entry: Entry; after: number }): Promise<Published> {
    const newest = await this.#readNewest(clients);
    if (newest !== null && newest.place > after && isSame(newest, entry)) return { kind: 'stored', place: newest.place };
    if ((newest?.place ?? 0) === after) throw new Error('the stream said "wrong last sequence", and it is not');
    return { kind: 'refused', newest };
  }

  /** Entries without records have the sequences of those behind them: the fence tells them apart, the chain tells what is in them. */
  #messageId({ epoch, first, chain }: Entry, after: number): string {
    return `${this.#parts.subject}:${epoch}:${first}:${after}:${chain}`;
  }

  async #readNewest({ manager }: StreamClients): Promise<StoredEntry | null> {
    const { stream, subject } = this.#parts;
    const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
    return message === null ? null : this.#stored(message);
  }

  #stored({ header, data, seq }: StoredMsg): StoredEntry {
    return this.read({ header: (name) => header?.get(name) ?? '', body: data, place: seq });
  }
}
