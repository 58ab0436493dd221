/**
 * The connection to NATS of one thread, for as long as the thread lives.
 *
 * The client as it comes gives up after some twenty seconds and drops what it had buffered. This one never gives up: not before the first connection,
 * not after a refused login, not behind a server that has gone silent (three pings of a second each without an answer). Whoever uses it must hold no more
 * than a bounded number of things in the air, and learns through `watch` when they have to be sent again.
 *
 * Of several servers it goes to the one that it has not tried for the longest time. The client by itself tries the one first that it has just lost: a frozen one
 * takes the connection and says nothing, until the time for connecting is over.
 *
 * Modes
 *   connecting  Never connected yet: tried once a second -> connected.
 *   connected   `connection` can be used. Lost -> away. Closed by the client itself, which is not supposed to happen -> connecting.
 *   away        The client tries again by itself, a second and a bit after each try -> connected. What is published now would be lost.
 *   closed      By us.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { connect, type ConnectionOptions, type NatsConnection, type Status } from '@nats-io/transport-node';
import { letFramesGo } from './frames.js';
import type { NatsAddress } from './nats-address.js';

export type LinkMode = 'connecting' | 'connected' | 'away' | 'closed';

export interface LinkState {
  readonly isConnected: boolean;
  /** Why it is not connected, for people; null while it is. */
  readonly fault: string | null;
  /** How often it has come back. */
  readonly reconnects: number;
}

export interface NatsLinkParts {
  readonly address: NatsAddress;
  /** What the server shows to its operators. */
  readonly name: string;
}

const retryMs = 1_000;
const connectMsMax = 5_000;
/**
 * A server that has gone silent is noticed after three to four seconds: the session of a node was renewed at most 2 s before and its lease is 7 s, so
 * it is renewed through another server in time, and the node keeps what it has.
 */
const pingMs = 1_000;
const pingsUnansweredMax = 3;

export class NatsLink {
  readonly #parts: NatsLinkParts;
  readonly #watchers = new Set<(state: LinkState) => void>();
  #mode: LinkMode = 'connecting';
  #connection: NatsConnection | null = null;
  #fault: string | null = 'not connected yet';
  #reconnects = 0;
  /** Ends the pause between two first tries. */
  #endPause: () => void = () => undefined;

  constructor(parts: NatsLinkParts) {
    this.#parts = parts;
    void this.#live();
  }

  /** Null unless connected. */
  get connection(): NatsConnection | null {
    return this.#mode === 'connected' ? this.#connection : null;
  }

  get state(): LinkState {
    return { isConnected: this.#mode === 'connected', fault: this.#fault, reconnects: this.#reconnects };
  }

  /** Calls `watcher` now and with every change; the result ends that. */
  watch(watcher: (state: LinkState) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.state);
    return () => this.#watchers.delete(watcher);
  }

  /** Flushes what was published, for at most a second. */
  async close(): Promise<void> {
    if (this.#mode === 'closed') return;
    const connection = this.#connection;
    const wasConnected = this.#mode === 'connected';
    this.#move('closed', 'closed');
    this.#endPause();
    if (connection === null) return;
    if (wasConnected) await Promise.race([connection.flush().catch(() => undefined), this.#pause(retryMs)]);
    this.#endPause();
    await connection.close();
  }

  async #live(): Promise<void> {
    while (this.#mode !== 'closed') {
      try {
        const connection = await connect(optionsOf(this.#parts));
        // It may have been closed while it connected.
        if (this.#isClosed) return await connection.close();
        await this.#follow(connection);
      } catch (error) {
        this.#move('connecting', error instanceof Error ? error.message : String(error));
      }
      if (!this.#isClosed) await this.#pause(retryMs);
    }
  }

  /** A getter, since the mode changes behind each `await` and the compiler does not know it. */
  get #isClosed(): boolean {
    return this.#mode === 'closed';
  }

  /** Until it is closed, by whomever. */
  async #follow(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    letFramesGo(connection);
    this.#move('connected', null);
    for await (const status of connection.status()) this.#heed(status);
    this.#connection = null;
    this.#move('connecting', 'the connection was closed');
  }

  #heed(status: Status): void {
    switch (status.type) {
      case 'disconnect':
        this.#move('away', 'the connection was lost');
        break;
      case 'reconnect':
        this.#reconnects++;
        if (this.#connection !== null) letFramesGo(this.#connection);
        this.#move('connected', null);
        break;
      case 'error':
        // Of a connection that stands it is about one subject, whose user hears of it.
        if (this.#mode === 'away') this.#move('away', status.error.message);
        break;
      default:
    }
  }

  #move(mode: LinkMode, fault: string | null): void {
    if (this.#isClosed || (mode === this.#mode && fault === this.#fault)) return;
    this.#mode = mode;
    this.#fault = fault;
    const { state } = this;
    for (const watcher of [...this.#watchers]) watcher(state);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function optionsOf({ address, name }: NatsLinkParts): ConnectionOptions {
  return {
    servers: [...address.servers],
    name,
    ...address.login,
    ...(address.tls ? { tls: {} } : {}),
    timeout: connectMsMax,
    reconnectTimeWait: retryMs,
    maxReconnectAttempts: -1,
    // A login that is refused may be put right on the server.
    ignoreAuthErrorAbort: true,
    reconnectToServer: (servers) => servers.reduce((one, other) => (other.lastConnect < one.lastConnect ? other : one)),
    pingInterval: pingMs,
    maxPingOut: pingsUnansweredMax,
    // A stack for each message that times out costs more than the message.
    noAsyncTraces: true,
  };
}
