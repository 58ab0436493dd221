/** What benches schedule without going over HTTP. Fields that matter to a bench are given, the rest is as most events have it. */
import { defaultSpec, type EventSpec, type WallMs } from '../../engine/index.js';

/** About a hundred bytes. */
const payload = Buffer.from(JSON.stringify({ order_id: 'order-1234567', amount_cents: 12_345, note: 'x'.repeat(60) }));

export function sampleSpec(fields: Partial<EventSpec> & Pick<EventSpec, 'scheduledAtMs'>): EventSpec {
  return {
    ...defaultSpec,
    source: 'order-service',
    destination: 'https://example.org/hook',
    payload,
    createdAtMs: fields.scheduledAtMs,
    ...fields,
  };
}

/** To the handler `destination` of this process. */
export function localSpec(fields: Partial<EventSpec> & Pick<EventSpec, 'scheduledAtMs'>): EventSpec {
  const createdAtMs = Date.now() as WallMs;
  return sampleSpec({ deliveryType: 'LOCAL', destination: 'sink', method: null, createdAtMs, ...fields });
}
