/**
 * A segment looked through to its end, whatever is damaged in it: what a replay, which stops at the first thing that does not
 * fit, cannot say.
 *
 * Behind a damaged record the chain is taken up again with the value stored beside it: so one damaged record is one fault, and not the
 * reason for a fault in every record behind it.
 *
 * A record whose own checksum holds while the chain does not: either its chain value alone is damaged, which the next record
 * shows (it continues the right one), or it is another record than the one that was written.
 */
import { isKnownKind, type LogRecord } from '../../event/record.js';
import type { Sequence } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import { chainOf } from '../checksum.js';
import type { LogPosition } from './mark.js';
import type { SegmentReader, Survey } from './segment-reader.js';
import type { SurveyedRecord } from './strip-survey.js';

/** Something wrong with the records [first, last]. */
export interface RecordFault {
  readonly first: Sequence;
  readonly last: Sequence;
  /** `damaged`: a record that is not what was written; `missing`: none; `sum`: the record is sound, a sum beside it is not; `foreign`: all
   *  is sound, and this version does not know what the record says. */
  readonly kind: 'damaged' | 'missing' | 'sum' | 'foreign';
  /** As the record says, which may be what is damaged. */
  readonly event: EventId | null;
  readonly detail: string;
}

export interface SurveyParts {
  readonly reader: SegmentReader;
  /** Where the segment before it ended; its chain null when that is not known. */
  readonly after: SurveyPosition;
  /** Where the next one begins. Null: it is the last, and ends where it ends. */
  readonly before: Sequence | null;
  /** What the next segment, or the mark, says that the chain is at the end; null when nobody does. */
  readonly chainBehind: number | null;
  /** Sound records, in order. */
  readonly record: (record: LogRecord) => void;
  readonly fault: (fault: RecordFault) => void;
  /** Called after each mebibyte or so. */
  readonly progress?: (bytes: number) => void;
}

export type SurveyPosition = Omit<LogPosition, 'chain'> & { readonly chain: number | null };

/** Returns where it ends. */
export function surveySegment(parts: SurveyParts): SurveyPosition {
  const faults: RecordFault[] = [];
  const doubtful: Doubtful[] = [];
  const fault = (found: RecordFault): void => {
    faults.push(found);
    parts.fault(found);
  };
  const end = walkThrough({ ...parts, fault }, (span) => doubtful.push(span));
  // What is wrong in the row has been named otherwise, when it is.
  for (const { first, last } of doubtful) {
    if (faults.some((found) => found.first <= last && found.last >= first)) continue;
    fault({ first, last, kind: 'sum', event: null, detail: 'a number beside them is damaged, the records themselves are sound' });
  }
  return end;
}

type Doubtful = Survey['doubtful'][number];

function walkThrough(
  { reader, after, before, chainBehind, record, fault, progress }: SurveyParts,
  doubt: (span: Doubtful) => void,
): SurveyPosition {
  const walk = new Walk(after, { record, fault });
  const end = before ?? Number.MAX_SAFE_INTEGER;
  let from = (after.seq + 1) as Sequence;
  for (;;) {
    const survey = reader.survey({ from, before: end });
    if (survey === null) break;
    let bytes = 0;
    for (const stored of survey.records) {
      walk.take(stored);
      bytes += stored.record?.body.length ?? 0;
    }
    survey.doubtful.forEach(doubt);
    progress?.(bytes);
    if (survey.unreadable !== null && survey.next >= end) {
      // Of the last segment nobody knows how far it went on; the mark does.
      if (before !== null) walk.missingUpTo(before - 1, 'SQLite cannot read them');
      else fault(unreadableEnd(survey.unreadable as Sequence));
      return walk.end(null);
    }
    if (survey.unreadable !== null) walk.missingUpTo(survey.next - 1, 'SQLite cannot read them');
    from = survey.next as Sequence;
  }
  if (before !== null) walk.missingUpTo(before - 1, 'they are not there');
  return walk.end(chainBehind);
}

function unreadableEnd(first: Sequence): RecordFault {
  return { first, last: first, kind: 'missing', event: null, detail: 'SQLite cannot read from here to the end' };
}

/** The records of one segment as they pass by. */
class Walk {
  readonly #to: Pick<SurveyParts, 'record' | 'fault'>;
  #seq: Sequence;
  /** Null: unknown, taken from the next record. */
  #chain: number | null;
  /** The last one, when it was sound and its chain value was not what it should be. */
  #doubt: { readonly seq: Sequence; readonly event: EventId; readonly expected: number; readonly stored: number } | null = null;

  constructor(after: SurveyPosition, to: Pick<SurveyParts, 'record' | 'fault'>) {
    this.#to = to;
    this.#seq = after.seq;
    this.#chain = after.chain;
  }

  take({ seq, record, sum, crc, chain, event }: SurveyedRecord): void {
    // A page that is not in its place shows records that have passed already.
    if (seq <= this.#seq) return;
    this.missingUpTo(seq - 1, 'they are not there');
    this.#seq = seq;
    const follows = sum !== null && this.#chain !== null && chainOf(this.#chain, sum) === chain;
    this.#settle(sum, chain);
    if (record === null || sum === null || (sum !== crc && !follows)) {
      this.#chain = chain;
      this.#to.fault({ ...spanOf(seq), kind: 'damaged', event, detail: 'the record fails its checksum' });
      return;
    }
    if (sum !== crc) {
      this.#to.fault({ ...spanOf(seq), kind: 'sum', event, detail: 'its checksum is damaged, the record itself is sound' });
    }
    const expected = this.#chain === null ? chain : chainOf(this.#chain, sum);
    if (expected !== chain) this.#doubt = { seq, event: record.event, expected, stored: chain };
    this.#chain = chain;
    if (!isKnownKind(record.kind)) {
      const detail = `the record is of kind ${record.kind}, which this version does not know`;
      this.#to.fault({ ...spanOf(seq), kind: 'foreign', event, detail });
    }
    this.#to.record(record);
  }

  missingUpTo(last: number, detail: string): void {
    if (last <= this.#seq) return;
    this.#settle(null, null);
    this.#to.fault({ first: (this.#seq + 1) as Sequence, last: last as Sequence, kind: 'missing', event: null, detail });
    this.#seq = last as Sequence;
    this.#chain = null;
  }

  end(chainBehind: number | null): SurveyPosition {
    this.#settleBy((expected) => expected === chainBehind);
    return { seq: this.#seq, chain: this.#chain };
  }

  /** The record behind a doubtful one is here: which of the two values does it continue? */
  #settle(crc: number | null, chain: number | null): void {
    this.#settleBy((expected) => crc !== null && chainOf(expected, crc) === chain);
  }

  #settleBy(isConfirmed: (expected: number) => boolean): void {
    const doubt = this.#doubt;
    if (doubt === null) return;
    this.#doubt = null;
    const { seq, event, expected, stored } = doubt;
    if (isConfirmed(expected)) {
      this.#chain = expected;
      this.#to.fault({ ...spanOf(seq), kind: 'sum', event, detail: 'its chain value is damaged, the record itself is sound' });
    } else {
      const detail = `the chain breaks: expected ${expected}, found ${stored}; it is not the record that was written here`;
      this.#to.fault({ ...spanOf(seq), kind: 'damaged', event, detail });
    }
  }
}

function spanOf(seq: Sequence): { readonly first: Sequence; readonly last: Sequence } {
  return { first: seq, last: seq };
}
