/**
 * What a node knows of its connections to NATS: the one of the courier, which delivers. Its operator hears of each change, and `/health` shows
 * whether it stands. Main thread.
 */
import type { NatsAddress } from './nats/nats-address.js';
import { shownAddress } from './nats/nats-address.js';
import type { LinkState } from './nats/nats-link.js';
import type { Logger } from './observe/logger.js';

/** For `/health`: null while all is well. */
export type NatsFault = string | null;

export interface NatsDeskParts {
  readonly address: NatsAddress;
  readonly logger: Logger;
  readonly changed: (fault: NatsFault) => void;
}

export class NatsDesk {
  readonly #parts: NatsDeskParts;
  #delivery: LinkState = { isConnected: false, fault: 'not connected yet', reconnects: 0 };

  constructor(parts: NatsDeskParts) {
    this.#parts = parts;
    parts.changed(this.#fault);
  }

  /** For metrics. */
  get delivery(): LinkState {
    return this.#delivery;
  }

  /** The courier's connection has come, gone, or failed once more to come. */
  courierSays(state: LinkState): void {
    const { logger, address, changed } = this.#parts;
    const servers = shownAddress(address);
    const wasConnected = this.#delivery.isConnected;
    this.#delivery = state;
    changed(this.#fault);
    if (state.isConnected) logger.info({ servers }, 'connected to NATS');
    else if (wasConnected) logger.warn({ servers, fault: state.fault }, 'NATS is away: events for it wait');
    else logger.warn({ servers, fault: state.fault }, 'NATS cannot be reached: events for it wait');
  }

  get #fault(): NatsFault {
    if (this.#delivery.isConnected) return null;
    return `events for NATS wait: ${this.#delivery.fault} (${shownAddress(this.#parts.address)})`;
  }
}
