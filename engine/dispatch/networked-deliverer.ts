/** What a courier thread delivers over a network, by its type: webhooks, and NATS where there is a connection to it. */
import type { Deliverer, Delivery, DeliveryResult } from './deliverer.js';
import { failedWithout } from './deliverer.js';

export class NetworkedDeliverer implements Deliverer {
  readonly #http: Deliverer;
  /** Null: NATS is not configured, or another courier has its origin. */
  readonly #nats: Deliverer | null;

  constructor({ http, nats }: { readonly http: Deliverer; readonly nats: Deliverer | null }) {
    this.#http = http;
    this.#nats = nats;
  }

  deliver(delivery: Delivery): Promise<DeliveryResult> {
    if (delivery.spec.deliveryType !== 'NATS') return this.#http.deliver(delivery);
    return this.#nats?.deliver(delivery) ?? Promise.resolve(failedWithout({ error: 'NATS is not configured', unhealthy: false }));
  }

  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#nats?.close()]);
  }
}
