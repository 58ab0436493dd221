/** What became of the events that came together: the answer to a batch, over HTTP and over NATS. */
import { EngineError, formatEventId, type NewEvent, type ScheduledEvents, type ScheduleResult } from '../../engine/index.js';
import { isRetryable, refusalOf } from '../http/problem.js';
import type { ReadBatch } from '../input/batch-input.js';
import { isRefusal, type Refusal } from '../input/refusal.js';

/** The answer, event by event in the order of the batch. */
class Results {
  readonly #onlyErrors: boolean;
  readonly #lines: string[] = [];
  #index = 0;
  #accepted = 0;
  #duplicates = 0;
  #rejected = 0;

  constructor(onlyErrors: boolean) {
    this.#onlyErrors = onlyErrors;
  }

  accepted(id: () => string): void {
    this.#accepted++;
    if (!this.#onlyErrors) this.#lines.push(renderEntry(this.#index, { id: id(), status: 'SCHEDULED', duplicate: false }));
    this.#index++;
  }

  duplicate(id: string, status: string): void {
    this.#duplicates++;
    if (!this.#onlyErrors) this.#lines.push(renderEntry(this.#index, { id, status, duplicate: true }));
    this.#index++;
  }

  rejected(refusal: Refusal): void {
    this.#rejected++;
    this.#lines.push(renderRefusal(this.#index, refusal));
    this.#index++;
  }

  get text(): string {
    const counts = `"accepted":${this.#accepted},"duplicates":${this.#duplicates},"rejected":${this.#rejected}`;
    return `{${counts},"results":[${this.#lines.join(',')}]}`;
  }
}

export interface BatchOutcome {
  readonly events: readonly (NewEvent | Refusal)[];
  /** Of the valid ones among `events`, in their order. */
  readonly scheduled: readonly (ScheduleResult | EngineError)[];
  readonly onlyErrors: boolean;
}

export function renderResults({ events, scheduled, onlyErrors }: BatchOutcome): string {
  const results = new Results(onlyErrors);
  let next = 0;
  for (const event of events) {
    const result = isRefusal(event) ? event : scheduled[next++]!;
    if (result instanceof EngineError) results.rejected(refusalOf(result));
    else if (isRefusal(result)) results.rejected(result);
    else if (result.replayed) results.duplicate(formatEventId(result.view.id), result.view.status);
    else results.accepted(() => result.id);
  }
  return results.text;
}

export interface SheetsOutcome {
  readonly batch: Pick<ReadBatch, 'count' | 'refusals'>;
  /** Of its sheets. */
  readonly scheduled: readonly ScheduledEvents[];
  readonly onlyErrors: boolean;
}

/** The same of a batch whose events are on sheets. Throws what is no refusal. */
export function renderSheets({ batch: { count, refusals }, scheduled, onlyErrors }: SheetsOutcome): string {
  const results = new Results(onlyErrors);
  let sheet = 0;
  let place = 0;
  for (let index = 0; index < count; index++) {
    const refusal = refusals.get(index);
    if (refusal !== undefined) {
      results.rejected(refusal);
      continue;
    }
    if (place === scheduled[sheet]!.count) {
      sheet++;
      place = 0;
    }
    addOutcome(results, scheduled[sheet]!, place++);
  }
  return results.text;
}

function addOutcome(results: Results, events: ScheduledEvents, place: number): void {
  const other = events.otherAt(place);
  if (other === null) results.accepted(() => events.idAt(place));
  else if (other instanceof EngineError) results.rejected(refusalOf(other));
  else if (other instanceof Error) throw other;
  else results.duplicate(formatEventId(other.id), other.status);
}

function renderEntry(index: number, { id, status, duplicate }: { id: string; status: string; duplicate: boolean }): string {
  return `{"index":${index},"id":"${id}","status":"${status}","duplicate":${duplicate}}`;
}

/** `errors` points into the event, not into the batch: `/destination`. */
export function renderRefusal(index: number, { code, detail, errors, members }: Refusal): string {
  return JSON.stringify({ index, code, detail, retryable: isRetryable(code), ...members, errors });
}
