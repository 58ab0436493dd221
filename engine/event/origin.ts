/**
 * The origin of a delivery: what shares a concurrency limit and a circuit breaker.
 *
 * HTTP: scheme, host and port of the URL. NATS: one origin, the connection. LOCAL: one origin per handler.
 */
import type { DeliveryType } from './spec.js';

/** `destination` must have passed validation; an URL that cannot be parsed is a bug and throws. */
export function originOf(deliveryType: DeliveryType, destination: string): string {
  switch (deliveryType) {
    case 'HTTP':
      return new URL(destination).origin;
    case 'NATS':
      return 'nats:';
    case 'LOCAL':
      return `local:${destination}`;
  }
}
