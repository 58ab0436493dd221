/**
 * A filter as conditions of SQL on rows of an index, by all that columns say: a row that passes matches for certain when the filter asks for no
 * text, else probably (`labels.ts`).
 */
import type { EventFilter, Span } from '../../event/event-filter.js';
import type { ListSort } from '../../event/event-list.js';
import { hashOfLabel, signatureOf } from '../../event/labels.js';
import { deliveryTypes } from '../../event/spec.js';
import { eventStatuses } from '../../event/status.js';
import { eventIdBytes } from '../../kernel/event-id.js';

export interface Conditions {
  readonly where: string;
  readonly values: readonly unknown[];
}

export function conditionsOf(filter: EventFilter): Conditions {
  const among = (name: string, numbers: readonly number[] | undefined): Conditions =>
    numbers === undefined
      ? { where: '1', values: [] }
      : { where: `${name} IN (${numbers.map(() => '?').join(', ')})`, values: numbers };
  const hashed = (texts: readonly string[] | null) => texts?.map(hashOfLabel);
  const tags = filter.tags.map(({ name, values }): Conditions => {
    const signatures = values.map((value) => signatureOf(name, value));
    const where = signatures.map(() => '(signature_high & ? = ? AND signature_low & ? = ?)').join(' OR ');
    return { where: `(${where})`, values: signatures.flatMap(({ high, low }) => [high, high, low, low]) };
  });
  return joined([
    among(
      'status',
      filter.status?.map((status) => eventStatuses.indexOf(status)),
    ),
    among('source', hashed(filter.source)),
    among('type', hashed(filter.type)),
    among('destination', hashed(filter.destination)),
    among('priority', filter.priority ?? undefined),
    among(
      'delivery_type',
      filter.deliveryType?.map((type) => deliveryTypes.indexOf(type)),
    ),
    spanOf('scheduled_at', filter.scheduled),
    spanOf('created_at', filter.created),
    ...tags,
  ]);
}

export function joined(parts: readonly Conditions[]): Conditions {
  const said = parts.filter(({ where }) => where !== '1');
  if (said.length === 0) return { where: '1', values: [] };
  return { where: said.map(({ where }) => where).join(' AND '), values: said.flatMap(({ values }) => values) };
}

export function spanOf(sort: ListSort, span: Span | null): Conditions {
  if (span === null) return { where: '1', values: [] };
  const { fromMs, toMs } = span;
  if (sort === 'scheduled_at') return { where: 'scheduled_at BETWEEN ? AND ?', values: [fromMs, toMs] };
  return { where: 'id >= ? AND id < ?', values: [idBeginning(Math.ceil(fromMs)), idBeginning(Math.floor(toMs) + 1)] };
}

/** The smallest id of an event that was created then. */
function idBeginning(ms: number): Uint8Array {
  const id = Buffer.alloc(eventIdBytes);
  id.writeUIntBE(Math.min(Math.max(ms, 0), 2 ** 48 - 1), 0, 6);
  return id;
}
