/**
 * The load of a torture: producers, operators and readers, the receivers that they send events to, and in the end what there is to judge.
 *
 *     start -> (somebody does harm) -> stop: everything has been asked for -> settle: nothing is pending -> lastWords: every event is read
 */
import { pause, until } from '../support/deadline.js';
import type { Client } from '../support/http.js';
import { type Arrival, Receiver } from '../support/receiver.js';
import { Ledger } from './ledger.js';
import { Operators } from './operators.js';
import { type Fate, fates, seededRandom } from './plan.js';
import { Producers } from './producers.js';
import { Readers } from './readers.js';
import type { LastWord } from './verdict.js';

export interface LoadOptions {
  readonly client: Client;
  readonly seed: number;
  readonly eventsPerSecond: number;
  /** Producers; each works on one request at a time. */
  readonly lanes: number;
  /** How long what has finished can be read. */
  readonly retentionMs: number;
  readonly isCluster: boolean;
}

/** Where events go to: two origins, of which one is held now and then. */
export interface Receivers {
  readonly open: Receiver;
  readonly held: Receiver;
}

const settleMsMax = 60_000;
const readsAtOnce = 32;
/** As many as there are new events: a cluster needs about as much for one as for the other. */
const readsPerSecondMax = 50;

export class Load {
  readonly ledger = new Ledger();
  readonly readers: Readers;
  readonly #options: LoadOptions;
  readonly #receivers: Receivers;
  readonly #producers: Producers;
  readonly #operators: Operators;

  constructor(options: LoadOptions, receivers: Receivers) {
    this.#options = options;
    this.#receivers = receivers;
    const { client, seed, eventsPerSecond, lanes, retentionMs, isCluster } = options;
    const { ledger } = this;
    for (const fate of fates) receivers.open.answer(`/${fate}`, behaviours[fate]);
    this.#operators = new Operators({
      client,
      retentionMs,
      ledger,
      isCluster,
      random: seededRandom(seed + 2),
      heldUrl: receivers.held.url,
    });
    this.#producers = new Producers({
      client,
      ledger,
      isCluster,
      random: seededRandom(seed + 1),
      urlOf: (fate: Fate) => `${(fate === 'held' ? receivers.held : receivers.open).url}/${fate}`,
      lanes,
      eventsPerSecond,
      retentionMs,
      operators: this.#operators,
    });
    this.readers = new Readers({
      client,
      ledger,
      arrivals: () => this.arrivals,
      random: seededRandom(seed + 3),
      retentionMs,
      perSecond: Math.min(readsPerSecondMax, eventsPerSecond),
    });
  }

  get arrivals(): readonly Arrival[] {
    return this.#receivers.open.arrivals;
  }

  start(): void {
    this.#producers.start();
    this.#operators.start();
    this.readers.start();
  }

  /** Servers must be up. */
  async stop(): Promise<void> {
    await this.#producers.stop();
    await this.#operators.stop();
    await this.readers.stop();
  }

  /** Resolves when all that came from servers has been read. They must have ended. */
  async abandoned(): Promise<void> {
    const { open, held } = this.#receivers;
    await Promise.all([open.abandoned(), held.abandoned()]);
  }

  /** Asks for nothing new, whatever the servers do: the run has failed. */
  halt(): void {
    for (const part of [this.#producers, this.#operators, this.readers]) void part.stop().catch(() => undefined);
  }

  /** Until nothing is pending and nothing has come for a moment. */
  async settle(): Promise<void> {
    const { open, held } = this.#receivers;
    const pending = '/api/v1/events?status=SCHEDULED,RETRYING,DISPATCHED&limit=5';
    let left = '';
    await until(
      'nothing is pending any more',
      async () => {
        const { body, text } = await this.#options.client.get<{
          readonly data?: readonly unknown[];
          readonly has_more?: boolean;
        }>(pending);
        left = text;
        return body.data?.length === 0 && body.has_more === false && open.inFlight + held.inFlight === 0;
      },
      settleMsMax,
    ).catch(async (error: unknown) => {
      const { text } = await this.#options.client.get('/api/v1/destinations');
      const underWay = `${open.inFlight + held.inFlight} attempts are under way`;
      throw new Error(`this is pending still, or ${underWay}: ${left}; destinations: ${text}`, { cause: error });
    });
    // What must not come any more has a moment to come all the same.
    await pause(500);
  }

  /** Of every event that an answer or a webhook has named. */
  async lastWords(client = this.#options.client): Promise<Map<string, LastWord>> {
    const ids = new Set(this.arrivals.map(({ id }) => id));
    for (const entry of this.ledger.entries) for (const id of entry.ids) ids.add(id);
    const queue = [...ids];
    const lastWords = new Map<string, LastWord>();
    const lane = async (): Promise<void> => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        const event = await client.event(id);
        const history = await client.history(id);
        lastWords.set(id, {
          status: Math.max(event.status, history.status),
          readAtMs: Date.now(),
          event: event.body,
          history: history.body.data,
        });
      }
    };
    await Promise.all(Array.from({ length: readsAtOnce }, lane));
    return lastWords;
  }
}

/** What `use` needs of them, whatever becomes of it. */
export async function withReceivers<Result>(use: (receivers: Receivers) => Promise<Result>): Promise<Result> {
  const open = await Receiver.start();
  const held = await Receiver.start(open.arrivals);
  try {
    return await use({ open, held });
  } finally {
    await open.close();
    await held.close();
  }
}

/** 4xx does not open the breaker, which would hold everything up for longer than this test lasts. */
const behaviours: Readonly<Record<Fate, (arrival: Arrival) => { readonly status?: number; readonly delayMs?: number }>> = {
  prompt: () => ({}),
  slow: ({ id }) => ({ delayMs: 50 + (id.charCodeAt(id.length - 1) % 16) * 60 }),
  'second-try': ({ attempt }) => (attempt === 1 ? { status: 429 } : {}),
  refused: () => ({ status: 400 }),
  held: () => ({}),
};
