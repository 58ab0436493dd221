/**
 * Deliveries to NATS subjects: one publish through JetStream, which has succeeded when a stream has acknowledged it.
 *
 * The message id is `<event id>:<run>`, the same for every attempt of a run, so that an attempt that is made again because an acknowledgement was
 * lost leaves one message in the stream, as long as that remembers ids (`duplicate_window`, two minutes unless set otherwise).
 */
import { formatEventId } from '../kernel/event-id.js';
import type { NatsLink } from '../nats/nats-link.js';
import { Publisher } from '../nats/publisher.js';
import { type Deliverer, type Delivery, type DeliveryResult, delivered, failedWithout, withheld } from './deliverer.js';

const noBody = new Uint8Array(0);

export class NatsDeliverer implements Deliverer {
  readonly #publisher: Publisher;

  constructor(link: NatsLink) {
    this.#publisher = new Publisher(link);
  }

  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    const { attempt, spec } = delivery;
    const message = {
      subject: spec.destination,
      payload: spec.payload ?? noBody,
      headers: headersOf(delivery),
      messageId: `${formatEventId(attempt.event)}:${attempt.run}`,
      mayLeave: delivery.mayLeave,
    };
    const result = await this.#publisher.publish(message, spec.timeoutMs);
    switch (result.kind) {
      case 'stored':
        return delivered;
      case 'withheld':
        return withheld;
      case 'refused':
        return failedWithout({ error: result.error, unhealthy: result.isUnhealthy });
      case 'timed-out':
        return failedWithout({ error: result.error, unhealthy: true });
    }
  }

  async close(): Promise<void> {
    this.#publisher.close();
  }
}

/** Those of a webhook, less what belongs to HTTP and its signature. */
function headersOf({ attempt, spec, lagMs }: Delivery): [string, string][] {
  const headers: [string, string][] = [
    ['idempotency-key', formatEventId(attempt.event)],
    ['escapement-attempt', String(attempt.attempt)],
    ['escapement-scheduled-at', new Date(spec.scheduledAtMs).toISOString()],
    ['escapement-lag-ms', String(Math.round(lagMs * 1_000) / 1_000)],
  ];
  if (spec.payload !== null) headers.push(['content-type', 'application/json']);
  if (spec.traceparent !== null) headers.push(['traceparent', spec.traceparent]);
  return headers;
}
