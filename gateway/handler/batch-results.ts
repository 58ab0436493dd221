/** What became of the events that came together: the answer to a batch, over HTTP and over NATS. */
import { EngineError, formatEventId, type NewEvent, type ScheduleResult } from '../../engine/index.js';
import { isRetryable, refusalOf } from '../http/problem.js';
import { isRefusal, type Refusal } from '../input/refusal.js';

export interface BatchOutcome {
  readonly events: readonly (NewEvent | Refusal)[];
  /** Of the valid ones among `events`, in their order. */
  readonly scheduled: readonly (ScheduleResult | EngineError)[];
  readonly onlyErrors: boolean;
}

export function renderResults({ events, scheduled, onlyErrors }: BatchOutcome): string {
  const results: string[] = [];
  let accepted = 0;
  let duplicates = 0;
  let rejected = 0;
  let next = 0;
  for (const [index, event] of events.entries()) {
    const result = isRefusal(event) ? event : scheduled[next++]!;
    if (result instanceof EngineError || isRefusal(result)) {
      rejected++;
      results.push(renderRefusal(index, result instanceof EngineError ? refusalOf(result) : result));
    } else if (result.replayed) {
      duplicates++;
      if (!onlyErrors)
        results.push(renderEntry(index, { id: formatEventId(result.view.id), status: result.view.status, duplicate: true }));
    } else {
      accepted++;
      if (!onlyErrors) results.push(renderEntry(index, { id: result.id, status: 'SCHEDULED', duplicate: false }));
    }
  }
  return `{"accepted":${accepted},"duplicates":${duplicates},"rejected":${rejected},"results":[${results.join(',')}]}`;
}

function renderEntry(index: number, { id, status, duplicate }: { id: string; status: string; duplicate: boolean }): string {
  return `{"index":${index},"id":"${id}","status":"${status}","duplicate":${duplicate}}`;
}

/** `errors` points into the event, not into the batch: `/destination`. */
export function renderRefusal(index: number, { code, detail, errors, members }: Refusal): string {
  return JSON.stringify({ index, code, detail, retryable: isRetryable(code), ...members, errors });
}
