/**
 * The journal of one partition as a client of JetStream: entries behind each other (`entry-subject.ts`), what others add, and the removal of
 * what nobody needs any more.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { PartitionId } from '../../kernel/brand.js';
import { journalReadAheadEntries } from '../../kernel/limits.js';
import { BulkReading } from './bulk-reading.js';
import { EntrySubject, type Published } from './entry-subject.js';
import type { EntryTurns } from './entry-turns.js';
import type { Entry, StoredEntry } from './journal-entry.js';
import { journalSubject, logStreamOf } from './log-streams.js';
import type { StreamClients, StreamDoor } from './stream-door.js';

export interface PartitionJournalParts {
  readonly door: StreamDoor;
  readonly partition: PartitionId;
  /** How many streams there are. */
  readonly streams: number;
  /** Of readings in bulk; shared by all partitions of a thread. */
  readonly pulls: Pick<EntryTurns, 'inTurn'>;
}

/** The consumer of somebody who follows is forgotten by the server after this long without him. */
const forgottenAfterNs = 60_000_000_000;
const pullMs = 10_000;
/** A consumer with nothing to send says so as often. One that has missed two is looked for elsewhere: its server may have died, and the client by itself waits for its pull to end. */
const beatMs = 2_000;

/** As the client calls them. */
const silences: ReadonlySet<string> = new Set(['heartbeats_missed', 'consumer_deleted', 'consumer_not_found', 'no_responders']);

/** Whoever follows a journal. */
export interface JournalListener {
  /** `left`: how many entries there are behind it. */
  hear(entry: StoredEntry, left: number): void;
  /** Nothing comes any more, whatever is added. To be followed anew. */
  silent(): void;
  failed(error: unknown): void;
}

export class PartitionJournal {
  readonly #door: StreamDoor;
  readonly #stream: string;
  readonly #subject: string;
  readonly #entries: EntrySubject;
  readonly #pulls: Pick<EntryTurns, 'inTurn'>;

  constructor({ door, partition, streams, pulls }: PartitionJournalParts) {
    this.#door = door;
    this.#stream = logStreamOf(partition, streams);
    this.#subject = journalSubject(partition);
    this.#entries = new EntrySubject({ door, stream: this.#stream, subject: this.#subject });
    this.#pulls = pulls;
  }

  /** As its stream's leader knows it; null: there is none. */
  newest(): Promise<StoredEntry | null> {
    return this.#entries.newest();
  }

  /** The first one at `place` or behind it. */
  from(place: number): Promise<StoredEntry | null> {
    return this.#entries.from(place);
  }

  /** Every entry behind `after`, as one server has them. To be closed. */
  inBulk(after: number): BulkReading {
    return new BulkReading({ door: this.#door, entries: this.#entries, pulls: this.#pulls, after });
  }

  /** `after`: the place of the newest entry as the writer knows it; 0: none. */
  publish(entry: Entry, after: number): Promise<Published> {
    return this.#entries.publish(entry, after);
  }

  /** Every entry behind `after`, in order, until the result is called. */
  follow(after: number, { hear, silent, failed }: JournalListener): () => void {
    let isOver = false;
    let messages: ConsumerMessages | null = null;
    const take = (message: JsMsg) => {
      if (isOver) return;
      try {
        const { headers, data, seq, info } = message;
        hear(this.#entries.read({ header: (name) => headers?.get(name) ?? '', body: data, place: seq }), info.pending);
      } catch (error) {
        failed(error);
      }
    };
    const begin = async ({ js }: StreamClients) => {
      const consumer = await js.consumers.get(this.#stream, {
        filter_subjects: this.#subject,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: after + 1,
        inactive_threshold: forgottenAfterNs,
      });
      if (isOver) return;
      const options = { max_messages: journalReadAheadEntries, expires: pullMs, idle_heartbeat: beatMs, callback: take };
      messages = await consumer.consume(options);
      if (isOver) await messages.close();
      else void tellSilence(messages);
    };
    const tellSilence = async (messages: ConsumerMessages) => {
      for await (const { type } of messages.status()) if (!isOver && silences.has(type)) silent();
    };
    this.#door.ask(begin).catch(failed);
    return () => {
      isOver = true;
      // Its connection may be gone, and with it the consumer.
      messages?.close().catch(() => undefined);
    };
  }

  /**
   * Entries before `place` go. Asked once and never repeated by itself: behind a new connection the stream may be an older copy, whose places
   * mean something else.
   */
  async removeBefore(place: number): Promise<void> {
    await this.#door.askOnce(({ manager }) => manager.streams.purge(this.#stream, { filter: this.#subject, seq: place }));
  }
}
