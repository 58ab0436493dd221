/** What the server says on the status stream. Text, because all of it is sent more often than it is built. */
import { formatEventId, type Statistics, type StatusChange } from '../../engine/index.js';
import { rounded } from '../handler/event-json.js';
import { formatInstant } from '../input/instant.js';

export const pongFrame = '{"op":"pong"}';

export function subscribedFrame(id: string, cursor: string): string {
  return JSON.stringify({ op: 'subscribed', id, cursor });
}

export function cursorFrame(id: string, cursor: string): string {
  return JSON.stringify({ op: 'cursor', id, cursor });
}

/** Changes between the two cursors were lost and will not come. */
export function gapFrame({ id, from, to }: { id: string; from: string; to: string }): string {
  return JSON.stringify({ op: 'gap', id, from, to });
}

export function statisticsFrame(statistics: Statistics): string {
  return JSON.stringify({ op: 'stats', ...statistics });
}

/** `id` names the subscription that the error is about; left out when it is about none. */
export function errorFrame({ code, detail, id }: { code: string; detail: string; id?: string }): string {
  return JSON.stringify({ op: 'error', ...(id === undefined ? {} : { id }), code, detail });
}

export function changesFrame({ id, cursor, items }: { id: string; cursor: string; items: readonly StatusChange[] }): string {
  return JSON.stringify({ op: 'changes', id, cursor, items: items.map(changeItem) });
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
