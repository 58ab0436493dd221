/**
 * What a node has of NATS: a connection of the main thread, for what comes in and what is told, and that of the courier, which delivers. Its operator
 * hears of each change, and `/health` shows whether both stand. Main thread.
 */
import { type NatsAddress, shownAddress } from './nats/nats-address.js';
import { type LinkState, NatsLink } from './nats/nats-link.js';
import { Publisher } from './nats/publisher.js';
import type { NatsCounts } from './observe/nats-counts.js';
import { noNatsCounts } from './observe/nats-counts.js';
import type { Logger } from './observe/logger.js';

/** What the front doors need of it. */
export interface NatsDoor {
  readonly link: NatsLink;
  readonly publisher: Publisher;
  /** Of the data directory: under it is remembered how far it has told. */
  readonly streamId: string;
  readonly partitions: number;
  /** Events that have ended DEAD since the start, as of a quarter of a second ago; another number than before: there are more. */
  deaths(): number;
  /** Counted up by whoever takes in and tells. */
  readonly counts: NatsCounts;
  /** Why nothing is taken in although there is a connection; null: it is. */
  ingestFault(fault: string | null): void;
}

export interface NatsDeskParts {
  readonly address: NatsAddress;
  readonly version: string;
  readonly streamId: string;
  readonly partitions: number;
  readonly deaths: () => number;
  readonly logger: Logger;
  /** For `/health`: null while all is well. */
  readonly changed: (fault: string | null) => void;
}

type Use = 'delivery' | 'ingestion';

export class NatsDesk implements NatsDoor {
  readonly link: NatsLink;
  readonly publisher: Publisher;
  readonly counts: NatsCounts = { ...noNatsCounts };
  readonly #parts: NatsDeskParts;
  readonly #states: Record<Use, LinkState>;
  #ingestFault: string | null = null;

  constructor(parts: NatsDeskParts) {
    this.#parts = parts;
    const away: LinkState = { isConnected: false, fault: 'not connected yet', reconnects: 0 };
    this.#states = { delivery: away, ingestion: away };
    this.link = new NatsLink({ address: parts.address, name: `escapement ${parts.version} ingestion` });
    this.publisher = new Publisher(this.link);
    this.link.watch((state) => this.#changed('ingestion', state));
  }

  /** For metrics. */
  get states(): Readonly<Record<Use, LinkState>> {
    return this.#states;
  }

  /** The courier's connection has come, gone, or failed once more to come. */
  courierSays(state: LinkState): void {
    this.#changed('delivery', state);
  }

  get streamId(): string {
    return this.#parts.streamId;
  }

  get partitions(): number {
    return this.#parts.partitions;
  }

  deaths(): number {
    return this.#parts.deaths();
  }

  ingestFault(fault: string | null): void {
    if (fault === this.#ingestFault) return;
    this.#ingestFault = fault;
    const { logger, changed } = this.#parts;
    if (fault === null) logger.info({ servers: shownAddress(this.#parts.address) }, 'events are taken from NATS');
    else logger.error({ fault }, 'no events are taken from NATS');
    changed(this.#fault);
  }

  async close(): Promise<void> {
    this.publisher.close();
    await this.link.close();
  }

  #changed(use: Use, state: LinkState): void {
    const { logger, address, changed } = this.#parts;
    const before = this.#states[use];
    this.#states[use] = state;
    changed(this.#fault);
    const fields = { servers: shownAddress(address), use };
    if (state.isConnected) logger.info(fields, 'connected to NATS');
    else if (before.isConnected) logger.warn({ ...fields, fault: state.fault }, 'NATS is away');
    else if (before.fault !== state.fault) logger.warn({ ...fields, fault: state.fault }, 'NATS cannot be reached');
  }

  get #fault(): string | null {
    const { delivery, ingestion } = this.#states;
    const faults = [
      ...(delivery.isConnected ? [] : [`events for NATS wait: ${delivery.fault}`]),
      ...(ingestion.isConnected ? [] : [`no events are taken from NATS: ${ingestion.fault}`]),
      ...(ingestion.isConnected && this.#ingestFault !== null ? [`no events are taken from NATS: ${this.#ingestFault}`] : []),
    ];
    return faults.length === 0 ? null : `${faults.join('; ')} (${shownAddress(this.#parts.address)})`;
  }
}
