/**
 * What a node tells over NATS: changes of events and dead letters, of the streams that are its to tell. One teller of each kind for each stream, as long as
 * that is so.
 *
 * Needs no gateway: a node that only keeps partitions tells as well.
 */
import { type Engine, type Logger, type NatsDoor, OneStream, type ToldStream, type ToldStreams } from '../../engine/index.js';
import { Interest } from '../../engine/nats-tools.js';
import { DeadLetters } from './dead-letters.js';
import { StatusAnnouncer } from './status-announcer.js';

export interface NatsTellingParts {
  readonly engine: Pick<Engine, 'get' | 'subscribe'>;
  readonly nats: NatsDoor;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

interface Tellers {
  readonly announcer: StatusAnnouncer;
  readonly deadLetters: DeadLetters;
}

export class NatsTelling {
  readonly #parts: NatsTellingParts;
  readonly #interest = new Interest();
  readonly #tellers = new Map<ToldStream, Tellers>();
  /** Those that have ended remember how far they came. */
  readonly #ending = new Set<Promise<unknown>>();
  readonly #unwatch: () => void;

  constructor(parts: NatsTellingParts) {
    this.#parts = parts;
    this.#unwatch = streamsOf(parts).watch({
      begun: (stream) => this.#tellers.set(stream, this.#tellersOf(stream)),
      ended: (stream) => this.#end(stream),
    });
  }

  /** What is not told is told after the next start, or by the next owner. */
  async close(): Promise<void> {
    this.#unwatch();
    for (const stream of [...this.#tellers.keys()]) this.#end(stream);
    await Promise.all(this.#ending);
  }

  #tellersOf(stream: ToldStream): Tellers {
    const { engine, nats, logger } = this.#parts;
    return {
      announcer: new StatusAnnouncer({
        stream,
        nats,
        interest: this.#interest,
        putOff: (err) => logger.warn({ component: 'status', err }, 'changes cannot be told over NATS, which is tried again'),
      }),
      deadLetters: new DeadLetters({
        engine,
        stream,
        nats,
        putOff: (err, what) => logger.warn({ component: 'dead-letters', err }, what),
        lost: (err) => logger.error({ component: 'dead-letters', err }, 'deaths that were too long ago were not told'),
      }),
    };
  }

  #end(stream: ToldStream): void {
    const tellers = this.#tellers.get(stream);
    if (tellers === undefined) return;
    this.#tellers.delete(stream);
    const ending = Promise.all([tellers.announcer.close(), tellers.deadLetters.close()]).finally(() => {
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }
}

function streamsOf({ engine, nats }: NatsTellingParts): ToldStreams {
  const { owned, streamId, partitions } = nats;
  const subscribe: ToldStream['subscribe'] = (...asked) => engine.subscribe(...asked);
  return owned ?? new OneStream({ name: streamId, partitions, subscribe });
}
