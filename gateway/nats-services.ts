/** What is done over NATS where it is configured: events are taken in, changes and deaths are told. */
import type { Clock, Engine, Logger, NatsDoor } from '../engine/index.js';
import { NatsTelling } from './announce/nats-telling.js';
import { Ingestion } from './ingest/ingestion.js';
import type { DestinationCheck } from './input/fields/destination.js';

export interface NatsServicesParts {
  readonly engine: Engine;
  readonly nats: NatsDoor;
  readonly clock: Clock;
  readonly destinations: DestinationCheck;
  /** Memory is short: new events have to wait. */
  readonly isShort: () => boolean;
  /** False: events are taken in by other nodes. */
  readonly takesIn: boolean;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}

export class NatsServices {
  readonly #ingestion: Ingestion | null;
  readonly #telling: NatsTelling;

  constructor({ engine, nats, clock, destinations, isShort, takesIn, logger }: NatsServicesParts) {
    const ingestion = { engine, nats, clock, destinations, isShort };
    this.#ingestion = takesIn
      ? new Ingestion({
          ...ingestion,
          report: (err) => logger.error({ component: 'ingestion', err }, 'a message met a defect'),
        })
      : null;
    this.#telling = new NatsTelling({ engine, nats, logger });
  }

  /** What was taken comes to its end, for at most `withinMs`; what is not told is told after the next start. */
  async close(withinMs: number): Promise<void> {
    await Promise.all([this.#ingestion?.close(withinMs), this.#telling.close()]);
  }
}
