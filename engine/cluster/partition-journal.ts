/**
 * The journal of one partition as a client of JetStream: reads it in order, adds an entry behind the newest, hears of what others add.
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
import {
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type MsgRequest,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import { headers as newHeaders, type NatsConnection } from '@nats-io/transport-node';
import type { PartitionId } from '../kernel/brand.js';
import { journalTryMs, journalReadAheadEntries } from '../kernel/limits.js';
import type { NatsLink } from '../nats/nats-link.js';
import { type Entry, headersOf, isSame, readEntry, type StoredEntry } from './journal-entry.js';
import { journalSubject, logStreamOf } from './log-streams.js';
import { Persistence } from './persistence.js';

export type Published =
  | { readonly kind: 'stored'; readonly place: number }
  /** Somebody else's entry is the newest, or the journal has lost its tail. Null: it is empty. */
  | { readonly kind: 'refused'; readonly newest: StoredEntry | null };

export interface PartitionJournalParts {
  readonly link: NatsLink;
  readonly partition: PartitionId;
  /** How many streams there are. */
  readonly streams: number;
  /** One try waits this long for its acknowledgement. */
  readonly tryMs?: number;
}

const wrongLastSequence: readonly number[] = [10_071, 10_164];
/** The consumer of somebody who follows is forgotten by the server after this long without him. */
const forgottenAfterNs = 60_000_000_000;
const pullMs = 10_000;

export class PartitionJournal {
  readonly #parts: PartitionJournalParts;
  readonly #persistence: Persistence;
  readonly #stream: string;
  readonly #subject: string;
  #clients: { readonly connection: NatsConnection; readonly js: JetStreamClient; readonly manager: JetStreamManager } | null =
    null;

  constructor(parts: PartitionJournalParts) {
    this.#parts = parts;
    this.#persistence = new Persistence(parts.link);
    this.#stream = logStreamOf(parts.partition, parts.streams);
    this.#subject = journalSubject(parts.partition);
  }

  /** Why nothing comes back at the moment; null: nothing is in the way. */
  get obstacle(): string | null {
    return this.#persistence.obstacle;
  }

  /** As its stream's leader knows it; null: there is none. */
  newest(): Promise<StoredEntry | null> {
    return this.#persistence.ask((connection) => this.#readNewest(connection));
  }

  /** The first one at `place` or behind it. */
  from(place: number): Promise<StoredEntry | null> {
    return this.#persistence.ask(async (connection) => {
      const { manager } = await this.#clientsOf(connection);
      const question = { seq: Math.max(1, place), next_by_subj: this.#subject };
      // The server knows this form, the client's types do not.
      const message = await manager.streams.getMessage(this.#stream, question as MsgRequest);
      return message === null ? null : this.#stored(message);
    });
  }

  /** `after`: the place of the newest entry as the writer knows it; 0: none. */
  publish(entry: Entry, after: number): Promise<Published> {
    return this.#persistence.ask(async (connection) => {
      try {
        return await this.#send(connection, { entry, after });
      } catch (error) {
        if (!(error instanceof JetStreamApiError) || !wrongLastSequence.includes(error.code)) throw error;
        return await this.#settle(connection, { entry, after });
      }
    });
  }

  /** Every entry behind `after`, in order, until the result is called. `left`: how many there are behind it. */
  follow(after: number, hear: (entry: StoredEntry, left: number) => void, failed: (error: unknown) => void): () => void {
    let isOver = false;
    let messages: ConsumerMessages | null = null;
    const take = (message: JsMsg) => {
      if (isOver) return;
      try {
        const { headers, data, seq, info } = message;
        hear(this.#read({ header: (name) => headers?.get(name) ?? '', body: data, place: seq }), info.pending);
      } catch (error) {
        failed(error);
      }
    };
    const begin = async (connection: NatsConnection) => {
      const { js } = await this.#clientsOf(connection);
      const consumer = await js.consumers.get(this.#stream, {
        filter_subjects: this.#subject,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: after + 1,
        inactive_threshold: forgottenAfterNs,
      });
      if (isOver) return;
      messages = await consumer.consume({ max_messages: journalReadAheadEntries, expires: pullMs, callback: take });
      if (isOver) await messages.close();
    };
    this.#persistence.ask(begin).catch(failed);
    return () => {
      isOver = true;
      // Its connection may be gone, and with it the consumer.
      messages?.close().catch(() => undefined);
    };
  }

  /** Whoever waits is told that it is over. */
  close(): void {
    this.#persistence.close();
  }

  async #send(connection: NatsConnection, { entry, after }: { entry: Entry; after: number }): Promise<Published> {
    const { js } = await this.#clientsOf(connection);
    const headers = newHeaders();
    for (const [name, value] of headersOf(entry)) headers.set(name, value);
    const { seq, duplicate } = await js.publish(this.#subject, entry.body, {
      headers,
      msgID: this.#messageId(entry, after),
      expect: { lastSubjectSequence: after },
      timeout: this.#parts.tryMs ?? journalTryMs,
    });
    if (duplicate && seq === 0) throw new Error('the stream is still writing the first copy');
    return { kind: 'stored', place: seq };
  }

  async #settle(connection: NatsConnection, { entry, after }: { entry: Entry; after: number }): Promise<Published> {
    const newest = await this.#readNewest(connection);
    if (newest !== null && newest.place > after && isSame(newest, entry)) return { kind: 'stored', place: newest.place };
    if ((newest?.place ?? 0) === after) throw new Error('the stream said "wrong last sequence", and it is not');
    return { kind: 'refused', newest };
  }

  /** Entries without records have the sequences of those behind them: the fence tells them apart, the chain tells what is in them. */
  #messageId({ epoch, first, chain }: Entry, after: number): string {
    return `${this.#parts.partition}:${epoch}:${first}:${after}:${chain}`;
  }

  async #readNewest(connection: NatsConnection): Promise<StoredEntry | null> {
    const { manager } = await this.#clientsOf(connection);
    const message = await manager.streams.getMessage(this.#stream, { last_by_subj: this.#subject });
    return message === null ? null : this.#stored(message);
  }

  #stored({ header, data, seq }: StoredMsg): StoredEntry {
    return this.#read({ header: (name) => header?.get(name) ?? '', body: data, place: seq });
  }

  #read(message: Parameters<typeof readEntry>[0]): StoredEntry {
    return readEntry(message, `entry ${message.place} of the journal of partition ${this.#parts.partition}`);
  }

  async #clientsOf(connection: NatsConnection): Promise<{ readonly js: JetStreamClient; readonly manager: JetStreamManager }> {
    if (this.#clients?.connection === connection) return this.#clients;
    const options = { timeout: this.#parts.tryMs ?? journalTryMs };
    const manager = await jetstreamManager(connection, { checkAPI: false, ...options });
    this.#clients = { connection, js: jetstream(connection, options), manager };
    return this.#clients;
  }
}
