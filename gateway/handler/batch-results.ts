/**
 * What became of the events that came together: the answer to a batch, over HTTP and over NATS.
 *
 * Written as bytes into memory that is used again, and one text made of them: texts of events took twice as long, and bytes for each answer, memory
 * outside of the heap that comes and goes, had the collector mark all of it.
 */
import { EngineError, putBytes, putEventId, type ScheduledEvents } from '../../engine/index.js';
import { putWhole } from '../http/json-put.js';
import { isRetryable, refusalOf } from '../http/problem.js';
import type { SheetedEvents } from '../input/event-sheets.js';
import { errorsOf, type Refusal } from '../input/refusal.js';
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
  return results.take();
}

const ascii = (text: string) => Buffer.from(text);
const index = ascii('{"index":');
const id = ascii(',"id":"');
const accepted = ascii('","status":"SCHEDULED","duplicate":false},');
const kept = ascii('","status":"ACCEPTED","duplicate":false},');
const comma = 0x2c;
/** Of an event without its refusal: with an index of 15 digits and the longest status. */
const entryBytesMax = 128;
/** Of the memory: 2,000 events. An answer that needs more has memory of its own. */
const keptBytes = 192 * 1024;
const memory = Buffer.allocUnsafeSlow(keptBytes);
/** Before the first result: the counts, which are known last. */
const headBytesMax = 128;
const tail = ascii(']}');

class Results implements OutcomeVisitor {
  readonly #onlyErrors: boolean;
  #bytes = memory;
  #end = headBytesMax;
  #accepted = 0;
  #duplicates = 0;
  #rejected = 0;
  /** Only a refusal may hold anything else. */
  #isAscii = true;

  constructor(onlyErrors: boolean) {
    this.#onlyErrors = onlyErrors;
  }

  scheduled(at: number, events: ScheduledEvents, place: number): void {
    const other = events.otherAt(place);
    if (other === null) {
      this.#accepted++;
      if (this.#onlyErrors) return;
      this.#begin(at);
      this.#end = events.putIdAt(place, this.#bytes, this.#end);
      this.#put(events.isKept(place) ? kept : accepted);
    } else if (other instanceof EngineError) {
      this.refused(at, refusalOf(other));
    } else if (other instanceof Error) {
      throw other;
    } else {
      this.#duplicates++;
      if (this.#onlyErrors) return;
      this.#begin(at);
      this.#end = putEventId(other.id, 0, this.#bytes, this.#end);
      this.#put(ascii(`","status":"${other.status}","duplicate":true},`));
    }
  }

  refused(at: number, refusal: Refusal): void {
    this.#rejected++;
    this.#isAscii = false;
    const text = renderRefusal(at, refusal);
    this.#room(Buffer.byteLength(text) + 1);
    this.#end += this.#bytes.write(text, this.#end);
    this.#bytes[this.#end++] = comma;
  }

  /** All of it. */
  take(): string {
    const hasResults = this.#end > headBytesMax;
    // In the place of the last comma.
    const end = putBytes(tail, this.#bytes, hasResults ? this.#end - 1 : this.#end);
    const counts = `"accepted":${this.#accepted},"duplicates":${this.#duplicates},"rejected":${this.#rejected}`;
    const head = `{${counts},"results":[`;
    const from = headBytesMax - head.length;
    this.#bytes.write(head, from, 'latin1');
    return this.#bytes.toString(this.#isAscii ? 'latin1' : 'utf8', from, end);
  }

  /** As far as the id. */
  #begin(at: number): void {
    this.#room(entryBytesMax);
    this.#put(index);
    this.#end = putWhole(at, this.#bytes, this.#end);
    this.#put(id);
  }

  #put(piece: Buffer): void {
    this.#end = putBytes(piece, this.#bytes, this.#end);
  }

  /** For so many bytes, and the tail. */
  #room(more: number): void {
    const needed = this.#end + more + tail.length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** `errors` points into the event, not into the batch: `/destination`. */
export function renderRefusal(index: number, refusal: Refusal): string {
  const { code, detail, members } = refusal;
  return JSON.stringify({ index, code, detail, retryable: isRetryable(code), ...members, errors: errorsOf(refusal) });
}
