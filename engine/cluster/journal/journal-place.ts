/**
 * Where in its journal does a copy of a log end?
 *
 *     journal   [1-40] [41-42] [43-90] [91-95]
 *     copy       1 ............. 90                      at: go on behind [43-90]
 *     copy       1 ......... 60                          at: go on behind [41-42]; what the copy has of the next entry is compared
 *     copy       1 ..................... 99              ahead: the journal has lost its tail; both have 95
 *     copy       1 ............. 90'                     apart: chain values differ
 *     copy       (empty), journal begins with [41-42]    behind: what is before has to come from bases
 *
 * The truth is the comparison of chain values. Numbers alone say nothing: a stream that was restored from an older copy uses them again. So
 * no cursor is kept on disk: the place is looked for by halving, some twenty questions, once for each process start; later the place
 * that is remembered is asked first.
 */
import type { Sequence } from '../../kernel/brand.js';
import type { LogPosition } from '../../log/segment/mark.js';
import { hasRecords, type StoredEntry } from './journal-entry.js';

export type JournalPlace =
  /** Everything up to the entry at `place` is in the copy; 0: nothing is. */
  | { readonly kind: 'at'; readonly place: number }
  /** The same, and it is the newest. */
  | { readonly kind: 'ahead'; readonly place: number }
  | { readonly kind: 'apart'; readonly detail: string }
  | { readonly kind: 'behind'; readonly oldest: StoredEntry; readonly newest: StoredEntry };

export interface PlaceQuestion {
  readonly newest: () => Promise<StoredEntry | null>;
  readonly from: (place: number) => Promise<StoredEntry | null>;
  /** Where the copy ends, ... */
  readonly last: LogPosition;
  /** ... and its chain value before that; null: it has no such record. */
  readonly chainAt: (seq: Sequence) => number | null;
  /** Where it was last; null: not known. */
  readonly hint: number | null;
}

export async function findPlace(question: PlaceQuestion): Promise<JournalPlace> {
  const { last, hint } = question;
  if (hint !== null && hint > 0) {
    const there = await question.from(hint);
    if (there !== null && there.place === hint && endsAt(there, last)) return { kind: 'at', place: hint };
  }
  const newest = await question.newest();
  if (newest === null) {
    return { kind: last.seq === 0 ? 'at' : 'ahead', place: 0 };
  }
  if (newest.last < last.seq) return compared(newest, question, true);
  const known = newest.last === last.seq ? compared(newest, question, false) : null;
  if (known !== null && (known.kind === 'apart' || hasRecords(newest))) return known;
  const oldest = await question.from(0);
  if (oldest === null) return findPlace({ ...question, hint: null });
  if (!endsBy(oldest, last.seq))
    return oldest.first <= last.seq + 1 ? { kind: 'at', place: 0 } : { kind: 'behind', oldest, newest };
  return compared(await newestWithin(question.from, { low: oldest, high: newest, upTo: last.seq }), question, false);
}

/**
 * The newest entry whose records end at `upTo` or before. `low` does, `high` does not. What stands behind it without records may say that a segment
 * begins, and a copy that ends there need not have heard of it. Also for the parts of a base.
 */
export async function newestWithin(
  from: PlaceQuestion['from'],
  { low, high, upTo }: { readonly low: StoredEntry; readonly high: StoredEntry; readonly upTo: Sequence },
): Promise<StoredEntry> {
  let within = low;
  /** No entry at or behind this place ends within the copy. */
  let beyond = high.place;
  while (beyond > within.place + 1) {
    const middle = within.place + Math.ceil((beyond - within.place) / 2);
    const found = await from(middle);
    if (found !== null && found.place < beyond && endsBy(found, upTo)) within = found;
    else beyond = middle;
  }
  return within;
}

function endsBy(entry: StoredEntry, seq: Sequence): boolean {
  return entry.last < seq || (entry.last === seq && hasRecords(entry));
}

function compared(entry: StoredEntry, { last, chainAt }: PlaceQuestion, isAhead: boolean): JournalPlace {
  const chain = entry.last === last.seq ? last.chain : chainAt(entry.last);
  if (chain !== entry.chain) {
    const detail = `the journal and the copy of it differ at sequence ${entry.last}: chain ${entry.chain} there, ${chain ?? 'none'} here`;
    return { kind: 'apart', detail };
  }
  return { kind: isAhead ? 'ahead' : 'at', place: entry.place };
}

function endsAt(entry: StoredEntry, { seq, chain }: LogPosition): boolean {
  return entry.last === seq && entry.chain === chain;
}
