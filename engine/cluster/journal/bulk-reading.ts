/**
 * Entries of a journal in bulk, for whoever is far behind.
 *
 *     opening --consumer is made--> open --pull, pull, ...--> over: nothing came, one was lost on its way, or no more was wanted
 *
 * One entry for each question takes a round trip and 200 us of this thread's time: 2,000-2,900 of them a second on an idle machine, while nobody serves
 * the partition that is being taken over. A consumer brings 50,000-190,000 a second for 5-9 us each.
 *
 * *What it is worth.* A consumer reads what one server has stored, which may be less than the leader has, or something else where servers have been damaged. So it only brings
 * sooner what the leader is asked for at last: whoever takes the entries compares them, asks the leader for whatever does not fit, and for the last
 * one, whose chain value vouches for all before it. A reading that is over has no error: the entry behind it is asked of the leader, who knows.
 *
 * *Bytes in the air.* One pull at a time, bounded in entries and bytes; those of all partitions of a thread take turns.
 *
 * One of the files that know the client's packages. Owned by one `takeUpTo` of a copy.
 */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { createInbox, type Msg, nanos, nuid, type Subscription } from '@nats-io/transport-node';
import { UnknownFormatError } from '../../kernel/errors.js';
import { bulkPullBytes, bulkPullEntries, bulkSilenceMsMax } from '../../kernel/limits.js';
import { DamageError } from '../../log/damage.js';
import { deliveryOf } from '../../nats/delivery-subject.js';
import type { EntrySubject } from './entry-subject.js';
import type { EntryTurns } from './entry-turns.js';
import type { StoredEntry } from './journal-entry.js';
import type { StreamClients, StreamDoor } from './stream-door.js';

export interface BulkReadingParts {
  readonly door: StreamDoor;
  readonly entries: EntrySubject;
  /** Entries behind this place. */
  readonly after: number;
  /** Shared by all partitions of the thread. */
  readonly pulls: Pick<EntryTurns, 'inTurn'>;
}

/** A consumer that nobody pulls from any more is removed after it. */
const forgottenMs = 10_000;
/** The server ends a pull before it is given up here. */
const pullMs = bulkSilenceMsMax / 2;

type State = 'opening' | 'open' | 'over';

export class BulkReading {
  readonly #parts: BulkReadingParts;
  readonly #inbox = createInbox();
  /** With a name the subject is in that of the request, so that NATS can be told to allow no other one. */
  readonly #name = nuid.next();
  #state: State = 'opening';
  #clients: StreamClients | null = null;
  #subscription: Subscription | null = null;
  /** Each has a number at the end of its inbox, so that the last word about an earlier one is not taken for its own. */
  #pulls = 0;
  #received = 0;
  #hear: (msg: Msg) => void = () => undefined;
  /** Of the last entry that has come: everything between `after` and here has. */
  place: number;

  constructor(parts: BulkReadingParts) {
    this.#parts = parts;
    this.place = parts.after;
    this.#open().catch(() => this.close());
  }

  /** Entries can be pulled. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Nothing comes of it any more. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The next entries, at most `entriesMax` of them, each given to `take` until it says that it is not wanted, which ends the reading. False: none has come. Throws what `take` throws. */
  pull(entriesMax: number, take: (entry: StoredEntry) => boolean): Promise<boolean> {
    return this.#parts.pulls.inTurn(async () => this.isOpen && this.#pull(Math.min(entriesMax, bulkPullEntries), take));
  }

  close(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const { entries } = this.#parts;
    if (this.#clients === null) return;
    const { connection, manager } = this.#clients;
    if (connection.isClosed()) return;
    this.#subscription?.unsubscribe();
    // The server forgets it by itself.
    manager.consumers.delete(entries.stream, this.#name).catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { door, entries, after } = this.#parts;
    await door.askOnce(async (clients) => {
      await clients.manager.consumers.add(entries.stream, {
        name: this.#name,
        filter_subject: entries.subject,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: after + 1,
        ack_policy: AckPolicy.None,
        inactive_threshold: nanos(forgottenMs),
        mem_storage: true,
        num_replicas: 1,
      });
      this.#clients = clients;
    });
    // It was over before.
    if (this.#state !== 'opening') {
      this.#state = 'open';
      this.close();
      return;
    }
    this.#subscription = this.#clients!.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) this.close();
        else this.#hear(msg);
      },
    });
    this.#state = 'open';
  }

  #pull(entriesMax: number, take: (entry: StoredEntry) => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let came = 0;
      const end = (goesOn: boolean) => {
        clearTimeout(silence);
        this.#hear = () => undefined;
        if (!goesOn) this.close();
        resolve(came > 0);
      };
      const silence = setTimeout(() => end(false), bulkSilenceMsMax);
      const inbox = `${this.#inbox}.${++this.#pulls}`;
      this.#hear = (msg) => {
        if (msg.subject.startsWith(this.#inbox)) {
          // The last word about a pull: it is used up, its time is over, or there is no such consumer.
          if (msg.subject === inbox) end(came > 0);
          return;
        }
        silence.refresh();
        try {
          const entry = this.#entryOf(msg);
          if (entry === null || !take(entry)) {
            end(false);
            return;
          }
          this.place = entry.place;
          if (++came === entriesMax) end(true);
        } catch (error) {
          reject(error);
          end(false);
        }
      };
      const asked = { batch: entriesMax, max_bytes: bulkPullBytes, expires: nanos(pullMs) };
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#parts.entries.stream}.${this.#name}`;
      try {
        this.#clients!.connection.publish(subject, JSON.stringify(asked), { reply: inbox });
      } catch {
        // The connection has just been closed.
        end(false);
      }
    });
  }

  /** Null: one before it was lost on its way, or it cannot be read. */
  #entryOf({ data, headers, reply }: Msg): StoredEntry | null {
    const { number, sequence } = deliveryOf(reply!);
    if (number !== ++this.#received) return null;
    try {
      return this.#parts.entries.read({ header: (name) => headers?.get(name) ?? '', body: data, place: sequence });
    } catch (error) {
      if (!(error instanceof DamageError) && !(error instanceof UnknownFormatError)) throw error;
      return null;
    }
  }
}
