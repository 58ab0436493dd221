/** How attempts end, for tests. */
import type { Outcome } from '../../engine/event/attempt.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { EventId } from '../../engine/kernel/event-id.js';
import { now } from './specs.js';

/** Delivered at the first attempt. */
export function outcomeOf(event: EventId, fields: Partial<Outcome> = {}): Outcome {
  return {
    partition: 0 as PartitionId,
    event,
    attempt: 1,
    kind: 'delivered',
    startedAtMs: now,
    durationMs: 5,
    lagMs: 0.5,
    statusCode: 200,
    error: null,
    responseBody: null,
    retryAfterMs: null,
    ...fields,
  };
}

export const failedOutcome = { kind: 'failed', statusCode: 503, error: 'HTTP 503' } as const;
