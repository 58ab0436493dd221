/**
 * Webhooks. Each attempt is one request on a connection of its own (`connections.ts`), opened only to addresses that egress
 * allows (`connector.ts`), signed (`signer.ts`), and ended by its own deadline at the latest (`http-exchange.ts`).
 *
 * The payload's bytes go out as they came: nothing is parsed or written anew between the producer and the receiver.
 */
import { PlacedSet } from '../kernel/placed-set.js';
import { createConnector } from './connector.js';
import { Connections } from './connections.js';
import { type Deliverer, type Delivery, type DeliveryResult, failedWithout } from './deliverer.js';
import type { EgressPolicy } from './egress.js';
import { HttpExchange } from './http-exchange.js';
import { createResolver, type Resolve } from './resolver.js';
import type { Signer } from './signer.js';
import { Signers } from './signers.js';
import { webhookHeaders } from './webhook-headers.js';

/** Sockets kept open without an attempt, over all origins: half of the smallest usual limit on open files. */
const idleConnectionsMax = 512;
/** undici itself closes the socket after 4 s, or when the destination said it would; this clears away what is left. */
const idleConnectionMs = 10_000;
/** Destinations whose parts are remembered, of at most 2 KiB each. */
const addressesMax = 1_024;

interface Address {
  readonly origin: string;
  /** With the query. */
  readonly path: string;
}

export interface HttpDelivererParts {
  readonly policy: EgressPolicy;
  /** With the global secrets. */
  readonly signer: Signer;
  /** `escapement/0.1.0` */
  readonly userAgent: string;
  /** So many connections at most are kept idle: another one for each that may be busy. */
  readonly attemptsInFlightMax?: number;
  /** For tests; the system's resolver when left out. */
  readonly resolve?: Resolve;
}

export class HttpDeliverer implements Deliverer {
  readonly #parts: HttpDelivererParts;
  readonly #signers: Signers;
  readonly #connections: Connections;
  readonly #running = new PlacedSet<HttpExchange>();
  readonly #addresses = new Map<string, Address>();
  #closed = false;

  constructor(parts: HttpDelivererParts) {
    this.#parts = parts;
    this.#signers = new Signers(parts.signer);
    this.#connections = new Connections({
      connect: createConnector({ policy: parts.policy, resolve: createResolver(parts.resolve) }),
      idleMax: Math.min(idleConnectionsMax, parts.attemptsInFlightMax ?? idleConnectionsMax),
      idleMs: idleConnectionMs,
    });
  }

  get connections(): { readonly busy: number; readonly idle: number } {
    return this.#connections.count;
  }

  deliver(delivery: Delivery): Promise<DeliveryResult> {
    const { spec } = delivery;
    if (this.#closed) return Promise.resolve(failedWithout({ error: 'the courier is closed', unhealthy: false }));
    if (spec.deliveryType !== 'HTTP') {
      return Promise.resolve(failedWithout({ error: `delivery type ${spec.deliveryType} is not set up here`, unhealthy: false }));
    }
    const address = this.#addressOf(spec.destination);
    const { userAgent } = this.#parts;
    const headers = webhookHeaders(delivery, { signer: this.#signers.of(delivery.secret), userAgent });
    return new Promise((resolve) => {
      const connection = this.#connections.take(address.origin);
      const exchange: HttpExchange = new HttpExchange({
        timeoutMs: spec.timeoutMs,
        mayLeave: delivery.mayLeave,
        settle: (result, reusable) => {
          this.#running.delete(exchange);
          if (reusable) this.#connections.giveBack(connection);
          else this.#connections.drop(connection);
          resolve(result);
        },
      });
      this.#running.add(exchange);
      connection.client.dispatch({ path: address.path, method: spec.method ?? 'POST', headers, body: spec.payload }, exchange);
    });
  }

  /** Parsed once for all events that go there. */
  #addressOf(destination: string): Address {
    const known = this.#addresses.get(destination);
    if (known !== undefined) return known;
    const { origin, pathname, search } = new URL(destination);
    const address = { origin, path: pathname + search };
    if (this.#addresses.size >= addressesMax) this.#addresses.clear();
    this.#addresses.set(destination, address);
    return address;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of [...this.#running]) exchange.fail({ error: 'the courier was closed', unhealthy: false });
    this.#connections.close();
  }
}
