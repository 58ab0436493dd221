/**
 * Asks JetStream until it answers: through lost connections, restarts, new leaders, and streams that are full for a while.
 *
 *     asking --answer--> done
 *        |---- no answer in time, nobody there, in trouble ----> pausing, until 250 ms are over or the link is back --> asking
 *        \---- an answer that will not change ----> thrown
 *
 * Nothing here gives up by itself: whoever asks has put down what to do if it takes long (a lease, a full mailbox), and ends it with `close`.
 * The question must be one that can be asked twice.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { InvariantError } from '../../kernel/errors.js';
import { type Placed, PlacedSet } from '../../kernel/placed-set.js';
import type { NatsLink } from '../../nats/nats-link.js';

const pauseMs = 250;

/** `close` was called while somebody asked. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** JetStream will never do what it was asked to: a permission is missing, or a message is too large. */
export class JournalRefused extends Error {
  override readonly name = 'JournalRefused';
}

interface Waker extends Placed {
  wake: () => void;
}

export class Persistence {
  readonly #link: NatsLink;
  readonly #unwatch: () => void;
  /** Calls these when the link comes, goes, or is not waited for any longer. */
  readonly #wakers = new PlacedSet<Waker>();
  #isClosed = false;
  #obstacle: string | null = null;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#unwatch = link.watch(() => this.#wake());
  }

  /** What was in the way last; null when the last question was answered. */
  get obstacle(): string | null {
    return this.#obstacle;
  }

  async ask<Answer>(question: (connection: NatsConnection) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      if (this.#isClosed) throw new Abandoned('nobody waits for the answer any longer');
      const { connection } = this.#link;
      if (connection === null) {
        this.#obstacle = `NATS is not connected: ${this.#link.state.fault}`;
        await this.#change(null);
        continue;
      }
      try {
        const answer = await this.#unlessChanged(question(connection));
        this.#obstacle = null;
        return answer;
      } catch (error) {
        if (isOurs(error)) throw error;
        if (isFinal(error)) throw new JournalRefused(messageOf(error), { cause: error });
        this.#obstacle = messageOf(error);
        if (this.#link.connection === connection) await this.#change(pauseMs);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#wake();
  }

  /** A request that was under way when the connection was lost is never answered, and the client would wait for its time to pass. */
  async #unlessChanged<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const waker: Waker = { place: -1, wake: () => undefined };
    const changed = new Promise<never>((_, reject) => {
      waker.wake = () => reject(new Error('the connection was lost'));
    });
    this.#wakers.add(waker);
    try {
      return await Promise.race([answer, changed]);
    } finally {
      this.#wakers.delete(waker);
    }
  }

  #change(withinMs: number | null): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | null = null;
      const wake = () => {
        this.#wakers.delete(waker);
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
      const waker: Waker = { place: -1, wake };
      this.#wakers.add(waker);
      if (withinMs !== null) timer = setTimeout(wake, withinMs);
    });
  }

  #wake(): void {
    for (const { wake } of [...this.#wakers]) wake();
  }
}

/** What an answer was found to be. */
function isOurs(error: unknown): boolean {
  return error instanceof InvariantError || error instanceof TypeError;
}

/** Asking again will bring the same. */
function isFinal(error: unknown): boolean {
  const isOf = (kind: abstract new (...args: never[]) => Error) =>
    error instanceof kind || (error instanceof Error && error.cause instanceof kind);
  return isOf(errors.PermissionViolationError) || isOf(errors.InvalidArgumentError);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
