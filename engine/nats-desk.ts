/**
 * What a node has of NATS: a connection of the main thread, for what comes in and what is told, that of the courier, which delivers, and that by which it is
 * member of a cluster. Its operator hears of each change, and `/health` shows whether all stand that its role needs. Main thread.
 */
import type { Role } from './config.js';
import { type NatsAddress, shownAddress } from './nats/nats-address.js';
import { type LinkState, NatsLink } from './nats/nats-link.js';
import { Publisher } from './nats/publisher.js';
import type { NatsCounts } from './observe/nats-counts.js';
import { noNatsCounts } from './observe/nats-counts.js';
import type { Logger } from './observe/logger.js';
import type { ToldStreams } from './status/told-streams.js';

/**
 * Events that have ended DEAD since the start, as their hosts have told. How long ago that was depends on how busy they are; but a host tells of a
 * death behind its change, so when each has told once more the number has all deaths among the changes that had come by then.
 */
export interface Deaths {
  readonly number: number;
  /** By each host. */
  readonly tellings: readonly number[];
}

/** What the front doors need of it. */
export interface NatsDoor {
  readonly link: NatsLink;
  readonly publisher: Publisher;
  /** Of the data directory: under it is remembered how far it has told. */
  readonly streamId: string;
  readonly partitions: number;
  /** In a cluster what is this node's to tell. Null: it is alone, and all is. */
  readonly owned: ToldStreams | null;
  deaths(): Deaths;
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
  /** In a cluster. */
  readonly owned?: ToldStreams;
  /** Both by default. */
  readonly role?: Role;
  readonly deaths: () => Deaths;
  readonly logger: Logger;
  /** For `/health`: null while all is well. */
  readonly changed: (fault: string | null) => void;
}

/** What a connection is for, and what is to be said while it is away. */
const withoutIt = {
  cluster: 'the other nodes of the cluster cannot be heard',
  delivery: 'events for NATS wait',
  ingestion: 'no events are taken from NATS',
  telling: 'no changes are told over NATS',
} as const;

type Use = keyof typeof withoutIt;

export class NatsDesk implements NatsDoor {
  readonly link: NatsLink;
  readonly publisher: Publisher;
  readonly counts: NatsCounts = { ...noNatsCounts };
  readonly #parts: NatsDeskParts;
  readonly #states: Partial<Record<Use, LinkState>> = {};
  /** Of the main thread's own connection. */
  readonly #use: Use;
  #ingestFault: string | null = null;

  constructor(parts: NatsDeskParts) {
    this.#parts = parts;
    const role = parts.role ?? 'serve';
    this.#use = role === 'engine' ? 'telling' : 'ingestion';
    if (role !== 'gateway') this.#states.delivery = away;
    this.#states[this.#use] = away;
    this.link = new NatsLink({ address: parts.address, name: `escapement ${parts.version} ${this.#use}` });
    this.publisher = new Publisher(this.link);
    this.link.watch((state) => this.#changed(this.#use, state));
  }

  /** The one by which it is member of a cluster. */
  follow(link: NatsLink): void {
    link.watch((state) => this.#changed('cluster', state));
  }

  /** For metrics. */
  get states(): Readonly<Record<string, LinkState>> {
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

  get owned(): ToldStreams | null {
    return this.#parts.owned ?? null;
  }

  deaths(): Deaths {
    return this.#parts.deaths();
  }

  ingestFault(fault: string | null): void {
    if (fault === this.#ingestFault) return;
    this.#ingestFault = fault;
    const { logger, changed } = this.#parts;
    if (fault === null) logger.info({ servers: shownAddress(this.#parts.address) }, 'events are taken from NATS');
    else logger.warn({ fault }, 'no events are taken from NATS, which is tried again');
    changed(this.#fault);
  }

  async close(): Promise<void> {
    this.publisher.close();
    await this.link.close();
  }

  #changed(use: Use, state: LinkState): void {
    const { logger, address, changed } = this.#parts;
    const before = this.#states[use] ?? away;
    this.#states[use] = state;
    changed(this.#fault);
    const fields = { servers: shownAddress(address), use };
    if (state.isConnected) logger.info(fields, 'connected to NATS');
    else if (before.isConnected) logger.warn({ ...fields, fault: state.fault }, 'NATS is away');
    else if (before.fault !== state.fault) logger.warn({ ...fields, fault: state.fault }, 'NATS cannot be reached');
  }

  get #fault(): string | null {
    const uses = Object.keys(withoutIt) as Use[];
    const faults = uses.flatMap((use) => {
      const fault = this.#faultOf(use);
      return fault === null ? [] : [`${withoutIt[use]}: ${fault}`];
    });
    return faults.length === 0 ? null : `${faults.join('; ')} (${shownAddress(this.#parts.address)})`;
  }

  #faultOf(use: Use): string | null {
    const state = this.#states[use];
    if (state === undefined) return null;
    if (!state.isConnected) return state.fault;
    return use === 'ingestion' ? this.#ingestFault : null;
  }
}

const away: LinkState = { isConnected: false, fault: 'not connected yet', reconnects: 0 };
