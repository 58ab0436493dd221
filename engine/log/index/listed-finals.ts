/**
 * The part of a segment's index that lists are made of: its finished events by `created_at` and by `scheduled_at`.
 *
 * Two tables with all that filters ask, each in the order of one sort, so that a page is one walk along a b-tree: an index into
 * one table would cost a look-up for each row that does not pass. `created_at` is the beginning of the id, so that order is
 * the order of ids.
 *
 * A walk is cut after so many rows whether they pass or not, because a filter may let one in a million through and nobody
 * else reads while a statement runs.
 */
import { tagOfText } from '../../event/content.js';
import type { EventFilter } from '../../event/event-filter.js';
import { createdAtMsOf, type ListPlace, type ListSort, type ListSpan } from '../../event/event-list.js';
import { emptyTally, type LabelHashes, type Tally, tallyPlace } from '../../event/label-filter.js';
import { type RecordKind, type StoredRecord, statusOfKind } from '../../event/record.js';
import { eventStatuses } from '../../event/status.js';
import type { Sequence } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import type { RecordHead } from './record-heads.js';
import { type Conditions, conditionsOf, joined, spanOf } from './row-conditions.js';
import type { Database, Statement } from '../sqlite.js';

const columns =
  'id, scheduled_at, seq, status, priority, delivery_type, source, type, destination, signature_high, signature_low';
const columnTypes = columns
  .split(', ')
  .map((name) => `${name} ${name === 'id' ? 'BLOB' : 'INTEGER'} NOT NULL`)
  .join(', ');

export const listedSchema = `
  CREATE TABLE by_created_at(${columnTypes}, PRIMARY KEY (id)) WITHOUT ROWID;
  CREATE TABLE by_scheduled_at(${columnTypes}, PRIMARY KEY (scheduled_at, id)) WITHOUT ROWID;
  CREATE TABLE tally(source INTEGER NOT NULL, type INTEGER NOT NULL, status INTEGER NOT NULL, delivery_type INTEGER NOT NULL,
                     count INTEGER NOT NULL, PRIMARY KEY (source, type, status, delivery_type)) WITHOUT ROWID;
  CREATE INDEX tally_by_type ON tally(type);
  CREATE TABLE superseded(source INTEGER NOT NULL, type INTEGER NOT NULL, status INTEGER NOT NULL,
                          delivery_type INTEGER NOT NULL, seq INTEGER NOT NULL);
  CREATE INDEX superseded_by_source ON superseded(source);
  CREATE INDEX superseded_by_type ON superseded(type);
  CREATE INDEX superseded_by_seq ON superseded(seq);`;

/** Rows of an index that is being built, in any order; of several finals of an event the newest counts. */
export class ListedFinals {
  readonly #database: Database;
  readonly #insert: Statement;
  readonly #supersede: Statement;

  constructor(database: Database) {
    this.#database = database;
    database.exec(`CREATE TEMP TABLE listed(${columnTypes})`);
    this.#supersede = database.prepare('INSERT INTO superseded VALUES (?, ?, ?, ?, ?)');
    this.#insert = database.prepare(`INSERT INTO listed VALUES (${columns.replaceAll(/\w+/g, '?')})`);
  }

  add({ event, seq, kind }: Pick<StoredRecord, 'event' | 'seq' | 'kind'>, head: RecordHead): void {
    const status = eventStatuses.indexOf(statusOfKind[kind as RecordKind]!);
    const { scheduledAtMs, priority, deliveryType, source, type, destination, signatureHigh, signatureLow } = head;
    this.#insert.run(
      event,
      scheduledAtMs,
      seq,
      status,
      priority,
      deliveryType,
      source,
      type,
      destination,
      signatureHigh,
      signatureLow,
    );
  }

  /** A final of an older segment does not count any more: its event was put back, and has a final here. */
  supersede({ finalBefore, statusBefore, source, type, deliveryType }: RecordHead): void {
    this.#supersede.run(source, type, statusBefore, deliveryType, finalBefore);
  }

  store(): void {
    const newest = `SELECT ${columns.replace('seq', 'max(seq)')} FROM listed GROUP BY id`;
    this.#database.exec(`
      INSERT INTO by_created_at ${newest} ORDER BY id;
      INSERT INTO by_scheduled_at SELECT ${columns} FROM by_created_at ORDER BY scheduled_at, id;
      INSERT INTO tally SELECT source, type, status, delivery_type, count(*) FROM by_created_at GROUP BY 1, 2, 3, 4;`);
  }
}

/** From the first to the last place of a list; null: there is none. */
export type ListedEnds = { readonly first: ListPlace; readonly last: ListPlace } | null;

type Key = readonly [scheduledAt: number, id: EventId];

/** Status and delivery type as places in their lists. */
export interface Superseded {
  readonly seq: number;
  readonly status: number;
  readonly deliveryType: number;
}

/** Both ends belong to it. */
export interface SequenceSpan {
  readonly first: Sequence;
  readonly last: Sequence;
}

/** Being asked. */
export class ListedIndex {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  ends(sort: ListSort): ListedEnds {
    const end = (direction: 'ASC' | 'DESC') =>
      this.#prepared(`SELECT scheduled_at, id FROM ${tableOf(sort)} ORDER BY ${orderOf(sort, direction)} LIMIT 1`).get() as
        | Key
        | undefined;
    const first = end('ASC');
    return first === undefined ? null : { first: placeOfKey(sort, first), last: placeOfKey(sort, end('DESC')!) };
  }

  /** The place so many rows behind `after`, up to `until` and within the filter's span of the sort; null: there are fewer. */
  placeBehind(range: Range, rows: number): ListPlace | null {
    const { sort, order } = range;
    const { where, values } = rangeOf(range);
    const direction = order === 'asc' ? 'ASC' : 'DESC';
    const text = `SELECT scheduled_at, id FROM ${tableOf(sort)} WHERE ${where} ORDER BY ${orderOf(sort, direction)} LIMIT 1 OFFSET ?`;
    const key = this.#prepared(text).get(...values, rows - 1) as Key | undefined;
    return key === undefined ? null : placeOfKey(sort, key);
  }

  /** What passes the filter behind `after` and up to `until`, in order, `limit` at most. */
  rows({ limit, ...range }: ListSpan): ListPlace[] {
    const { filter, sort, order } = range;
    const bounds = rangeOf(range);
    const conditions = conditionsOf(filter);
    const direction = order === 'asc' ? 'ASC' : 'DESC';
    const text =
      `SELECT scheduled_at, id FROM ${tableOf(sort)} WHERE ${bounds.where} AND ${conditions.where} ` +
      `ORDER BY ${orderOf(sort, direction)} LIMIT ?`;
    const found = this.#database
      .prepare(text)
      .raw()
      .all(...bounds.values, ...conditions.values, limit) as Key[];
    return found.map((key) => placeOfKey(sort, key));
  }

  /** How many there are of these labels, and finals of older segments that do not count any more. */
  tally(labels: LabelHashes): { readonly finished: Tally; readonly superseded: readonly Superseded[] } {
    const { where, values } = joined([
      labels.source === null ? { where: '1', values: [] } : { where: 'source = ?', values: [labels.source] },
      labels.type === null ? { where: '1', values: [] } : { where: 'type = ?', values: [labels.type] },
    ]);
    const finished = emptyTally();
    const sums = this.#prepared(`SELECT status, delivery_type, sum(count) FROM tally WHERE ${where} GROUP BY 1, 2`).all(
      ...values,
    );
    for (const [status, deliveryType, count] of sums as [number, number, number][])
      finished[tallyPlace(status, deliveryType)] = count;
    const past = this.#prepared(`SELECT status, delivery_type, seq FROM superseded WHERE ${where}`).all(...values);
    const superseded = (past as [number, number, number][]).map(([status, deliveryType, seq]) => ({ status, deliveryType, seq }));
    return { finished, superseded };
  }

  /** The first and the last final of older segments that do not count any more; null: there is none. */
  supersededSpan(): SequenceSpan | null {
    const [first, last] = this.#prepared('SELECT min(seq), max(seq) FROM superseded').get() as [Sequence | null, Sequence];
    return first === null ? null : { first, last };
  }

  /** Whether the event of that final has finished in this segment, too. */
  supersedes(seq: Sequence): boolean {
    return this.#prepared('SELECT 1 FROM superseded WHERE seq = ?').get(seq) !== undefined;
  }

  #prepared(text: string): Statement {
    const known = this.#statements.get(text) ?? this.#database.prepare(text).raw();
    this.#statements.set(text, known);
    return known;
  }
}

function tableOf(sort: ListSort): string {
  return sort === 'created_at' ? 'by_created_at' : 'by_scheduled_at';
}

function orderOf(sort: ListSort, direction: 'ASC' | 'DESC'): string {
  return sort === 'created_at' ? `id ${direction}` : `scheduled_at ${direction}, id ${direction}`;
}

function placeOfKey(sort: ListSort, [scheduledAt, id]: Key): ListPlace {
  return { ms: sort === 'created_at' ? createdAtMsOf(id, 0) : scheduledAt, id };
}

type Range = Omit<ListSpan, 'limit'>;

/** The part of the list that is looked at: behind a place, up to another, within the filter's span of the same instant. */
function rangeOf({ filter, sort, order, after, until }: Range): Conditions {
  const [behind, upTo] = order === 'asc' ? ['>', '<='] : ['<', '>='];
  const parts = [
    ...(after === null ? [] : [comparison(sort, behind!, after)]),
    ...(until === null ? [] : [comparison(sort, upTo!, until)]),
    spanOf(sort, sort === 'created_at' ? filter.created : filter.scheduled),
  ];
  return joined(parts);
}

function comparison(sort: ListSort, operator: string, { ms, id }: ListPlace): Conditions {
  return sort === 'created_at'
    ? { where: `id ${operator} ?`, values: [id] }
    : { where: `(scheduled_at, id) ${operator} (?, ?)`, values: [ms, id] };
}

/** The lower half of the tag under which an external job id is found in the table of keys. */
export function textOf({ externalJobId }: EventFilter): number | null {
  return externalJobId === null ? null : tagOfText({ kind: 'external', text: externalJobId });
}
