/**
 * Does anybody listen? The server says so of a message with a reply subject at which nobody answers: for one that nobody took at all it answers 503
 * at once. A subscriber does not answer, a stream does; both are interest.
 *
 * Those who ask at the same time ask together: one write, and one flush that says that all answers have come. Each of many partitions for itself was half of
 * what the main thread of an idle node did.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { createInbox, type NatsConnection, type Subscription } from '@nats-io/transport-node';

export interface Announcement {
  readonly subject: string;
  readonly payload: string;
}

interface Asker {
  readonly announcements: readonly Announcement[];
  readonly answered: (isHeard: boolean) => void;
  readonly failed: (error: unknown) => void;
}

const nobody = 503;

export class Interest {
  /** Those who have asked in this pass of the event loop. */
  readonly #askers = new Map<NatsConnection, Asker[]>();

  /** Publishes all of them; whether anybody took one. Rejects when the connection is lost. */
  ask(connection: NatsConnection, announcements: readonly Announcement[]): Promise<boolean> {
    return new Promise((answered, failed) => {
      const asker = { announcements, answered, failed };
      const others = this.#askers.get(connection);
      if (others !== undefined) {
        others.push(asker);
        return;
      }
      this.#askers.set(connection, [asker]);
      setImmediate(() => {
        const askers = this.#askers.get(connection)!;
        this.#askers.delete(connection);
        void askTogether(connection, askers);
      });
    });
  }
}

async function askTogether(connection: NatsConnection, askers: readonly Asker[]): Promise<void> {
  try {
    const unheard = await countUnheard(connection, askers);
    for (const [number, { announcements, answered }] of askers.entries()) answered(unheard[number]! < announcements.length);
  } catch (error) {
    for (const { failed } of askers) failed(error);
  }
}

/** Of each asker. */
async function countUnheard(connection: NatsConnection, askers: readonly Asker[]): Promise<readonly number[]> {
  const inbox = createInbox();
  const unheard = askers.map(() => 0);
  const answers: Subscription = connection.subscribe(`${inbox}.*`, {
    callback: (error, answer) => {
      if (error !== null || answer.headers?.code !== nobody || answer.data.length > 0) return;
      const number = Number(answer.subject.slice(inbox.length + 1));
      unheard[number] = (unheard[number] ?? 0) + 1;
    },
  });
  try {
    for (const [number, { announcements }] of askers.entries()) {
      for (const { subject, payload } of announcements) connection.publish(subject, payload, { reply: `${inbox}.${number}` });
    }
    // The server answers in order: what it says to the flush comes behind what it said to the messages.
    await connection.flush();
  } finally {
    if (!connection.isClosed()) answers.unsubscribe();
  }
  return unheard;
}
