/**
 * JetStream for the parts of one partition: questions that are asked until they are answered (`persistence.ts`), with clients that are made once
 * for each connection.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { journalTryMs } from '../../kernel/limits.js';
import type { NatsLink } from '../../nats/nats-link.js';
import { Persistence } from './persistence.js';

export interface StreamClients {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: JetStreamManager;
}

export class StreamDoor {
  /** One try waits this long for its answer. */
  readonly tryMs: number;
  readonly #link: NatsLink;
  readonly #persistence: Persistence;
  #clients: StreamClients | null = null;

  constructor({ link, tryMs = journalTryMs }: { readonly link: NatsLink; readonly tryMs?: number | undefined }) {
    this.tryMs = tryMs;
    this.#link = link;
    this.#persistence = new Persistence(link);
  }

  /** Why nothing comes back at the moment; null: nothing is in the way. */
  get obstacle(): string | null {
    return this.#persistence.obstacle;
  }

  /** Again and again until it is answered. Throws as `Persistence.ask`. */
  ask<Answer>(question: (clients: StreamClients) => Promise<Answer>): Promise<Answer> {
    return this.#persistence.ask(async (connection) => question(await this.#clientsOf(connection)));
  }

  /** Once, for what must not be done later than now: rejects with whatever is in the way. */
  async askOnce<Answer>(question: (clients: StreamClients) => Promise<Answer>): Promise<Answer> {
    const { connection } = this.#link;
    if (connection === null) throw new Error(`NATS is not connected: ${this.#link.state.fault}`);
    return question(await this.#clientsOf(connection));
  }

  /** Whoever waits is told that it is over. */
  close(): void {
    this.#persistence.close();
  }

  async #clientsOf(connection: NatsConnection): Promise<StreamClients> {
    if (this.#clients?.connection === connection) return this.#clients;
    const options = { timeout: this.tryMs };
    const manager = await jetstreamManager(connection, { checkAPI: false, ...options });
    this.#clients = { connection, js: jetstream(connection, options), manager };
    return this.#clients;
  }
}
