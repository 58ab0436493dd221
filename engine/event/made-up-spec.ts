/** What nobody asked for: the event that threads practise with before they open (`actor/rehearsal.ts`). Never stored, never delivered. */
import type { WallMs } from '../kernel/brand.js';
import { defaultMaxRetries, defaultPriority, defaultRetry, defaultTimeoutMs, type EventSpec } from './spec.js';

export const madeUpOrigin = 'http://rehearsal.invalid';

export function madeUpSpec(scheduledAtMs: WallMs, createdAtMs: WallMs): EventSpec {
  return {
    externalJobId: null,
    source: 'rehearsal',
    type: null,
    description: null,
    scheduledAtMs,
    delayMs: null,
    deliveryType: 'HTTP',
    destination: `${madeUpOrigin}/`,
    method: 'POST',
    headers: [],
    payload: new TextEncoder().encode('{"rehearsal":true}'),
    priority: defaultPriority,
    maxRetries: defaultMaxRetries,
    retry: defaultRetry,
    timeoutMs: defaultTimeoutMs,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs,
  };
}
