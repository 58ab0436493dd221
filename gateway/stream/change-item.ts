/** A change as clients see it. Batches are written down once for all who get the same one. */
import { formatEventId, type StatusChange } from '../../engine/index.js';
import { rounded } from '../handler/event-json.js';
import { formatInstant } from '../input/fields/instant.js';

const written = new WeakMap<readonly StatusChange[], string>();

/** A JSON array. */
export function changeItems(items: readonly StatusChange[]): string {
  const known = written.get(items);
  if (known !== undefined) return known;
  const text = JSON.stringify(items.map(changeItem));
  written.set(items, text);
  return text;
}

function changeItem(change: StatusChange) {
  return {
    event_id: formatEventId(change.event),
    external_job_id: change.externalJobId,
    source: change.source,
    type: change.type,
    status: change.status,
    version: change.version,
    at: formatInstant(change.at),
    attempt: change.attempt,
    next_attempt_at: change.nextAttemptAtMs === null ? null : formatInstant(change.nextAttemptAtMs),
    status_code: change.statusCode,
    error: change.error,
    fire_lag_ms: rounded(change.fireLagMs),
  };
}
