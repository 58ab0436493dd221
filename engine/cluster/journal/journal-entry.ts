/**
 * An entry of a partition's journal: what one message of its subject means.
 *
 *     Escapement-Format    1; one of a later version is refused, never guessed at
 *     Escapement-Kind      open: a new owner begins    records    release: the owner has ended in order
 *                          floor: retention has removed what is before `Escapement-Floor`
 *                          purge: what is before `Escapement-Floor` is in bases, and goes out of the journal
 *     Escapement-Epoch     of the owner that wrote it; counts up with each ownership marker
 *     Escapement-First     sequence of its first record; without records the one that comes next
 *     Escapement-Last      sequence of its last record; without records the one before `First`
 *     Escapement-Before    chain value before `First`, so that a copy can begin here
 *     Escapement-Chain     chain value at `Last`, so that any copy of the log can be compared at any entry
 *     Escapement-Sum       of the body, so that a damaged entry is told from a log that differs
 *     Escapement-Segment   there: a new segment begins with `First`, on every node; when, by the owner's clock
 *     Escapement-Floor     of `floor` and `purge`
 *     Escapement-Begins    where the log begins since retention has removed what was before: no copy has to reach further back
 *     Escapement-Losses    how often the journal was not what a node knew of it, so that something acknowledged may be gone
 *
 * A part of a base (`base-shelf.ts`) is laid out as an entry with records. The body is a batch in the layout of `log/record-batch.ts`, or empty. What is in it crosses versions: it is the format that counts.
 */
import type { Sequence, WallMs } from '../../kernel/brand.js';
import { UnknownFormatError } from '../../kernel/errors.js';
import { crcOf } from '../../log/checksum.js';
import { DamageError } from '../../log/damage.js';
import type { LogPosition } from '../../log/segment/mark.js';

const format = 1;

const entryKinds = ['open', 'records', 'release', 'floor', 'purge'] as const;
export type EntryKind = (typeof entryKinds)[number];

export interface Entry {
  readonly kind: EntryKind;
  readonly epoch: number;
  readonly first: Sequence;
  readonly last: Sequence;
  /** Chain value before `first`. */
  readonly before: number;
  /** Chain value at `last`. */
  readonly chain: number;
  /** When the segment that begins with `first` was begun; null: the one before goes on. */
  readonly segment: WallMs | null;
  readonly floor: Sequence | null;
  /** The first sequence that a copy of the log has to have. */
  readonly begins: Sequence;
  readonly losses: number;
  readonly body: Uint8Array;
  /** Of the records in it, where whoever has made it knows them. They are not in the journal. */
  readonly crcs?: readonly number[];
}

/** One that is in the journal. */
export interface StoredEntry extends Entry {
  /** Its sequence in the stream: the fence of the entry that follows. */
  readonly place: number;
}

/** What every entry of one owner says beside its records. */
export type Stamp = Pick<Entry, 'epoch' | 'begins' | 'losses'>;

/** Without records, behind `position`. */
export function bareEntry(
  kind: EntryKind,
  {
    stamp,
    position,
    segment = null,
    floor = null,
  }: {
    readonly stamp: Stamp;
    readonly position: LogPosition;
    readonly segment?: WallMs | null;
    readonly floor?: Sequence | null;
  },
): Entry {
  const { seq, chain } = position;
  return { ...stamp, kind, first: (seq + 1) as Sequence, last: seq, before: chain, chain, segment, floor, body: empty };
}

export function headersOf(entry: Entry): [name: string, value: string][] {
  const { kind, epoch, first, last, before, chain, segment, floor, begins, losses, body } = entry;
  const headers: [string, string][] = [
    ['Escapement-Format', `${format}`],
    ['Escapement-Kind', kind],
    ['Escapement-Epoch', `${epoch}`],
    ['Escapement-First', `${first}`],
    ['Escapement-Last', `${last}`],
    ['Escapement-Before', hex(before)],
    ['Escapement-Chain', hex(chain)],
    ['Escapement-Sum', hex(crcOf(body))],
    ['Escapement-Begins', `${begins}`],
    ['Escapement-Losses', `${losses}`],
  ];
  if (segment !== null) headers.push(['Escapement-Segment', `${segment}`]);
  if (floor !== null) headers.push(['Escapement-Floor', `${floor}`]);
  return headers;
}

/** `header` gives '' for one that is not there. Throws UnknownFormatError and DamageError; `where` is for their messages. */
export function readEntry(
  { header, body, place }: { header(name: string): string; readonly body: Uint8Array; readonly place: number },
  where: string,
): StoredEntry {
  const found = header('Escapement-Format');
  if (found !== `${format}`)
    throw new UnknownFormatError(`${where}: expected an entry of format ${format}, found ${found || 'none'}`);
  const damaged = (what: string): never => {
    throw new DamageError('broken', `${where}: ${what}`);
  };
  const number = (name: string): number => {
    const text = header(name);
    return /^\d{1,16}$/.test(text) ? Number(text) : damaged(`its ${name} is ${JSON.stringify(text)}`);
  };
  const sum = (name: string): number => {
    const text = header(name);
    return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : damaged(`its ${name} is ${JSON.stringify(text)}`);
  };
  const kind = entryKinds.find((known) => known === header('Escapement-Kind')) ?? damaged(`its kind is unknown`);
  if (sum('Escapement-Sum') !== crcOf(body)) damaged('its body fails its checksum');
  const segment = header('Escapement-Segment');
  return {
    kind,
    epoch: number('Escapement-Epoch'),
    first: number('Escapement-First') as Sequence,
    last: number('Escapement-Last') as Sequence,
    before: sum('Escapement-Before'),
    chain: sum('Escapement-Chain'),
    segment:
      segment === '' ? null : /^\d+([.]\d+)?$/.test(segment) ? (Number(segment) as WallMs) : damaged('its segment has no time'),
    floor: kind === 'floor' || kind === 'purge' ? (number('Escapement-Floor') as Sequence) : null,
    begins: number('Escapement-Begins') as Sequence,
    losses: number('Escapement-Losses'),
    body,
    place,
  };
}

/** Whether both are one and the same, written twice or read again. */
export function isSame(one: Entry, other: Entry): boolean {
  return (
    one.kind === other.kind &&
    one.epoch === other.epoch &&
    one.first === other.first &&
    one.last === other.last &&
    one.chain === other.chain
  );
}

export function hasRecords({ first, last }: Entry): boolean {
  return last >= first;
}

const empty = new Uint8Array(0);

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
