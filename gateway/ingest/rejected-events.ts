/**
 * The bytes of events that were rejected, for whoever keeps them: read from their message once more, as nearly none is ever rejected and where each
 * of them lies is not remembered.
 */
import { takesNone } from '../input/bytes/plain-taker.js';
import { isRefusal, type Refusal } from '../input/refusal.js';
import { stepping } from '../steps.js';
import { contentOf } from './message-forms.js';

export interface RejectedEvent {
  readonly index: number;
  readonly refusal: Refusal;
  /** As JSON; null when it could not be told from the others. */
  readonly event: Buffer | null;
}

/** Walked over in one step, about a millisecond. */
const stepBytes = 256 * 1024;

/** `rejected` by index, in their order. `data` null: of a message that could not be read. */
export function rejectedEvents(rejected: ReadonlyMap<number, Refusal>, data: Buffer | null): Promise<RejectedEvent[]> {
  return stepping(data === null ? withoutBytes(rejected) : withBytes(rejected, data));
}

function* withoutBytes(rejected: ReadonlyMap<number, Refusal>): Generator<void, RejectedEvent[]> {
  return [...rejected].map(([index, refusal]) => ({ index, refusal, event: null }));
}

function* withBytes(rejected: ReadonlyMap<number, Refusal>, data: Buffer): Generator<void, RejectedEvent[]> {
  const found: RejectedEvent[] = [];
  let index = 0;
  let bytes = 0;
  for (const event of contentOf(data).eventsFor(takesNone)) {
    // A pause, behind what was taken: nothing is.
    if (event === null) continue;
    const refusal = rejected.get(index);
    if (refusal !== undefined) found.push({ index, refusal, event: isRefusal(event) ? null : copyOf(event) });
    index++;
    if (found.length === rejected.size) break;
    bytes += isRefusal(event) ? 0 : event.span.end - event.span.at;
    if (bytes < stepBytes) continue;
    bytes = 0;
    yield;
  }
  return found;
}

/** What came as MessagePack lies in memory that the next event is written to. */
function copyOf({ body, span }: { readonly body: Buffer; readonly span: { readonly at: number; readonly end: number } }): Buffer {
  return Buffer.from(body.subarray(span.at, span.end));
}
