/**
 * Where in its journal does a copy of a log end?
 *
 *     journal   [1-40] [41-42] [43-90] [91-95]
 *     copy       1 ............. 90                      at: go on behind [43-90]
 *     copy       1 ......... 60                          at: go on behind [41-42]; what the copy has of the next entry is compared
 *     copy       1 ..................... 99              ahead: the journal has lost its tail; both have 95
 *     copy       1 ............. 90'                     apart: chain values differ
 *     copy       (empty), journal begins with [41-42]    behind: the beginning has to come from elsewhere
 *
 * The truth is the comparison of chain values. Numbers alone say nothing: a stream that was restored from an older copy uses them again. So
 * no cursor is kept on disk: the place is looked for by halving, some twenty questions, once for each process start; later the place
 * that is remembered is asked first.
 */
import type { Sequence } from '../kernel/brand.js';
import type { LogPosition } from '../log/mark.js';
import type { StoredEntry } from './journal-entry.js';

export type JournalPlace =
  /** Everything up to the entry at `place` is in the copy; 0: nothing is. */
  | { readonly kind: 'at'; readonly place: number }
  /** The same, and it is the newest. */
  | { readonly kind: 'ahead'; readonly place: number }
  | { readonly kind: 'apart'; readonly detail: string }
  /** `first`: what the journal begins with. */
  | { readonly kind: 'behind'; readonly first: Sequence };

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
  if (newest.last <= last.seq) return compared(newest, question, newest.last < last.seq);
  const oldest = await question.from(0);
  if (oldest === null) return findPlace({ ...question, hint: null });
  if (oldest.last > last.seq)
    return oldest.first <= last.seq + 1 ? { kind: 'at', place: 0 } : { kind: 'behind', first: oldest.first };
  return compared(await newestWithin(question, { low: oldest, high: newest }), question, false);
}

/** The newest entry that ends within the copy. `low` does, `high` does not. */
async function newestWithin(
  { from, last }: PlaceQuestion,
  { low, high }: { low: StoredEntry; high: StoredEntry },
): Promise<StoredEntry> {
  let within = low;
  /** No entry at or behind this place ends within the copy. */
  let beyond = high.place;
  while (beyond > within.place + 1) {
    const middle = within.place + Math.ceil((beyond - within.place) / 2);
    const found = await from(middle);
    if (found !== null && found.place < beyond && found.last <= last.seq) within = found;
    else beyond = middle;
  }
  return within;
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
