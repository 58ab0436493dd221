/**
 * The part of a segment's index that bulk retries are made of: its finished events that an operator can put back, in the order of their
 * specs in the log, each with all that a retry needs to know beside the spec.
 *
 * So of an event that is put back one record is read, that with its spec, and records that lie together are read together. Walked back from its
 * end through each of its records, in the order of ids, it was 80 us an event where that order says nothing about the log. Most events
 * are delivered and not in here.
 *
 * Rows come many with one call, like records (through one text and one blob), and a walk is cut after so many rows whether they pass the filter or not.
 */
import type { EventFilter } from '../../event/event-filter.js';
import { type RecordKind, type StoredRecord, statusOfKind } from '../../event/record.js';
import { type EventStatus, eventStatuses } from '../../event/status.js';
import type { Sequence } from '../../kernel/brand.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import type { KnownFinal } from './known-finals.js';
import { textOf } from './listed-finals.js';
import type { RecordHead } from './record-heads.js';
import { conditionsOf } from './row-conditions.js';
import type { Database, Statement } from '../sqlite.js';

/** How events end that can be put back. */
export const retriableStatuses: readonly EventStatus[] = ['DEAD', 'CANCELLED', 'EXPIRED'];

/** `tag_low`: of the key, 0 without one. */
const numberNames =
  'seq, version, attempts, tag_low, scheduled_at, status, priority, delivery_type, source, type, destination, ' +
  'signature_high, signature_low';
const columns = `body_seq, ${numberNames}, id`;
const numberTypes = numberNames.replaceAll(/\w+/g, (name) => `${name} INTEGER NOT NULL`);
const columnTypes = `body_seq INTEGER PRIMARY KEY, ${numberTypes}, id BLOB NOT NULL`;

export const retriableSchema = `CREATE TABLE retriable(${columnTypes});`;

/** Rows of an index that is being built, in any order. */
export class RetriableFinals {
  readonly #database: Database;
  readonly #insert: Statement;

  constructor(database: Database) {
    this.#database = database;
    // Of several finals of an event each has a spec of its own.
    database.exec(`CREATE TEMP TABLE may_be_retriable(${columnTypes})`);
    this.#insert = database.prepare(`INSERT INTO may_be_retriable VALUES (${columns.replaceAll(/\w+/g, '?')})`);
  }

  add({ event, seq, kind }: Pick<StoredRecord, 'event' | 'seq' | 'kind'>, head: RecordHead): void {
    const status = statusOfKind[kind as RecordKind]!;
    if (!retriableStatuses.includes(status)) return;
    this.#insert.run(
      head.bodySeq,
      seq,
      head.version,
      head.attempts,
      head.tagLow,
      head.scheduledAtMs,
      eventStatuses.indexOf(status),
      head.priority,
      head.deliveryType,
      head.source,
      head.type,
      head.destination,
      head.signatureHigh,
      head.signatureLow,
      event,
    );
  }

  /** Of an event that has finished several times in the segment the newest counts: when `by_created_at` is there. */
  store(): void {
    this.#database.exec(`
      INSERT INTO retriable SELECT ${columns} FROM may_be_retriable AS each
        WHERE seq = (SELECT seq FROM by_created_at WHERE id = each.id) ORDER BY body_seq`);
  }
}

export interface RetriablePage {
  readonly finals: readonly KnownFinal[];
  /** Specs up to here have been looked at; null: all of the segment. */
  readonly until: Sequence | null;
}

const numbers = `printf('%d,%d,%d,%d,%d', body_seq, seq, version, attempts, status)`;
const numbersPerRow = 5;

/** Being asked. */
export class RetriableIndex {
  readonly #database: Database;
  readonly #placeBehind: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#placeBehind = database
      .prepare('SELECT body_seq FROM retriable WHERE body_seq > ? ORDER BY body_seq LIMIT 1 OFFSET ?')
      .pluck();
  }

  /** Those that pass the filter among the next `rowsMax` with a spec behind `after`, `limit` at most. */
  page({
    filter,
    after,
    rowsMax,
    limit,
  }: {
    readonly filter: EventFilter;
    readonly after: Sequence;
    readonly rowsMax: number;
    readonly limit: number;
  }): RetriablePage {
    const until = (this.#placeBehind.get(after, rowsMax - 1) as Sequence | undefined) ?? null;
    const { where, values } = conditionsOf(filter);
    const text = textOf(filter);
    const [numbersOfAll, ids] = this.#database
      .prepare(
        `SELECT group_concat(${numbers}), CAST(group_concat(id, '') AS BLOB) FROM (SELECT * FROM retriable
         WHERE body_seq > ? AND body_seq <= ? AND ${text === null ? '' : 'tag_low = ? AND '}${where} ORDER BY body_seq LIMIT ?)`,
      )
      .raw()
      .get(after, until ?? Number.MAX_SAFE_INTEGER, ...(text === null ? [] : [text]), ...values, limit) as [
      string | null,
      Buffer,
    ];
    const finals = numbersOfAll === null ? [] : finalsOf(JSON.parse(`[${numbersOfAll}]`) as number[], ids);
    return { finals, until: finals.length === limit ? finals.at(-1)!.bodySeq : until };
  }
}

function finalsOf(values: readonly number[], ids: Uint8Array): KnownFinal[] {
  const finals: KnownFinal[] = [];
  for (let at = 0; at < values.length; at += numbersPerRow) {
    finals.push({
      ids,
      idAt: finals.length * eventIdBytes,
      bodySeq: values[at]! as Sequence,
      newest: values[at + 1]! as Sequence,
      version: values[at + 2]!,
      attempts: values[at + 3]!,
      status: eventStatuses[values[at + 4]!]!,
    });
  }
  return finals;
}
