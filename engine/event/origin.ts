/**
 * The origin of a delivery: what shares a concurrency limit and a circuit breaker.
 *
 * HTTP: scheme, host and port of the URL. NATS: one origin, the connection. LOCAL: one origin per handler.
 */
import type { DeliveryType } from './spec.js';

/** Whatever the subject: what can fail is the connection. */
export const natsOrigin = 'nats:';

/** `destination` must have passed validation; an URL that cannot be parsed is a bug and throws. */
export function originOf(deliveryType: DeliveryType, destination: string): string {
  switch (deliveryType) {
    case 'HTTP':
      return new URL(destination).origin;
    case 'NATS':
      return natsOrigin;
    case 'LOCAL':
      return `local:${destination}`;
  }
}
