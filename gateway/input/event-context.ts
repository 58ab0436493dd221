/** What the events of a request take from the request itself: the moment, the key, the trace. */
import type { Clock } from '../../engine/index.js';
import type { DestinationCheck } from './fields/destination.js';
import type { EventContext } from './event-input.js';
import { readIdempotencyKey } from './fields/idempotency-key.js';
import type { Refusal } from './refusal.js';
import { readTraceparent } from './fields/traceparent.js';

export function readContext(
  request: { readonly idempotencyKey: string | null; readonly traceparent: string | null },
  { clock, destinations }: { readonly clock: Clock; readonly destinations: DestinationCheck },
): EventContext | Refusal {
  const idempotencyKey = readIdempotencyKey(request.idempotencyKey);
  if (typeof idempotencyKey === 'object' && idempotencyKey !== null) return idempotencyKey;
  return { nowMs: Math.ceil(clock.wallMs()), idempotencyKey, traceparent: readTraceparent(request.traceparent), destinations };
}
