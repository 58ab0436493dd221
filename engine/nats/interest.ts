/**
 * Does anybody listen? The server says so of a message with a reply subject at which nobody answers: for one that nobody took at all it answers 503
 * at once. A subscriber does not answer, a stream does; both are interest.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { createInbox, type NatsConnection, type Subscription } from '@nats-io/transport-node';

export interface Announcement {
  readonly subject: string;
  readonly payload: string;
}

const nobody = 503;

/** Publishes all of them; whether anybody took one. Rejects when the connection is lost. */
export async function publishAsking(connection: NatsConnection, announcements: readonly Announcement[]): Promise<boolean> {
  const inbox = createInbox();
  let unheard = 0;
  const answers: Subscription = connection.subscribe(`${inbox}.*`, {
    callback: (error, answer) => {
      if (error === null && answer.headers?.code === nobody && answer.data.length === 0) unheard++;
    },
  });
  try {
    announcements.forEach(({ subject, payload }, number) =>
      connection.publish(subject, payload, { reply: `${inbox}.${number}` }),
    );
    // The server answers in order: what it says to the flush comes behind what it said to the messages.
    await connection.flush();
  } finally {
    if (!connection.isClosed()) answers.unsubscribe();
  }
  return unheard < announcements.length;
}
