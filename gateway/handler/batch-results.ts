/** What became of the events that came together: the answer to a batch, over HTTP and over NATS. */
import { EngineError, formatEventId, type ScheduledEvents } from '../../engine/index.js';
import { isRetryable, refusalOf } from '../http/problem.js';
import type { SheetedEvents } from '../input/event-sheets.js';
import type { Refusal } from '../input/refusal.js';
import { eachOutcome, type OutcomeVisitor } from './scheduled-sheets.js';

export interface BatchOutcome {
  readonly batch: Pick<SheetedEvents, 'count' | 'refusals'>;
  /** Of its sheets. */
  readonly scheduled: readonly ScheduledEvents[];
  readonly onlyErrors: boolean;
}

/** Event by event in the order of the batch. Throws what is no refusal. */
export function renderResults({ batch, scheduled, onlyErrors }: BatchOutcome): string {
  const results = new Results(onlyErrors);
  eachOutcome(batch, scheduled, results);
  return results.text;
}

class Results implements OutcomeVisitor {
  readonly #onlyErrors: boolean;
  readonly #lines: string[] = [];
  #accepted = 0;
  #duplicates = 0;
  #rejected = 0;

  constructor(onlyErrors: boolean) {
    this.#onlyErrors = onlyErrors;
  }

  scheduled(index: number, events: ScheduledEvents, place: number): void {
    const other = events.otherAt(place);
    if (other === null) {
      this.#accepted++;
      const status = events.isKept(place) ? 'ACCEPTED' : 'SCHEDULED';
      if (!this.#onlyErrors) this.#lines.push(renderEntry(index, { id: events.idAt(place), status, duplicate: false }));
    } else if (other instanceof EngineError) {
      this.refused(index, refusalOf(other));
    } else if (other instanceof Error) {
      throw other;
    } else {
      this.#duplicates++;
      const { id, status } = other;
      if (!this.#onlyErrors) this.#lines.push(renderEntry(index, { id: formatEventId(id), status, duplicate: true }));
    }
  }

  refused(index: number, refusal: Refusal): void {
    this.#rejected++;
    this.#lines.push(renderRefusal(index, refusal));
  }

  get text(): string {
    const counts = `"accepted":${this.#accepted},"duplicates":${this.#duplicates},"rejected":${this.#rejected}`;
    return `{${counts},"results":[${this.#lines.join(',')}]}`;
  }
}

function renderEntry(index: number, { id, status, duplicate }: { id: string; status: string; duplicate: boolean }): string {
  return `{"index":${index},"id":"${id}","status":"${status}","duplicate":${duplicate}}`;
}

/** `errors` points into the event, not into the batch: `/destination`. */
export function renderRefusal(index: number, { code, detail, errors, members }: Refusal): string {
  return JSON.stringify({ index, code, detail, retryable: isRetryable(code), ...members, errors });
}
