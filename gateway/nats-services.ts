/** What is done over NATS where it is configured: events are taken in, changes and deaths are told. */
import type { Clock, Engine, Logger, NatsDoor } from '../engine/index.js';
import { DeadLetters } from './announce/dead-letters.js';
import { StatusAnnouncer } from './announce/status-announcer.js';
import { Ingestion } from './ingest/ingestion.js';
import type { DestinationCheck } from './input/destination.js';

export interface NatsServicesParts {
  readonly engine: Engine;
  readonly nats: NatsDoor;
  readonly clock: Clock;
  readonly destinations: DestinationCheck;
  /** Memory is short: new events have to wait. */
  readonly isShort: () => boolean;
  readonly logger: Pick<Logger, 'error'>;
}

export class NatsServices {
  readonly #ingestion: Ingestion;
  readonly #announcer: StatusAnnouncer;
  readonly #deadLetters: DeadLetters;

  constructor({ engine, nats, clock, destinations, isShort, logger }: NatsServicesParts) {
    this.#ingestion = new Ingestion({
      engine,
      nats,
      clock,
      destinations,
      isShort,
      report: (err) => logger.error({ component: 'ingestion', err }, 'a message met a defect'),
    });
    this.#announcer = new StatusAnnouncer({
      engine,
      nats,
      report: (err) => logger.error({ component: 'status', err }, 'changes cannot be told over NATS'),
    });
    this.#deadLetters = new DeadLetters({
      engine,
      nats,
      report: (err, what) => logger.error({ component: 'dead-letters', err }, what),
    });
  }

  /** What was taken comes to its end, for at most `withinMs`; what is not told is told after the next start. */
  async close(withinMs: number): Promise<void> {
    this.#announcer.close();
    await Promise.all([this.#ingestion.close(withinMs), this.#deadLetters.close()]);
  }
}
