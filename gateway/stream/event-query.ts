/** What a client asks for in the query of an event stream, and where it wants to go on. */
import { type EventStatus, eventStatuses, type StatusFilter } from '../../engine/index.js';
import { refuseQuery } from '../http/query.js';
import { isRefusal, type Refusal } from '../input/refusal.js';
import { streamFilterValuesMax } from '../limits.js';

export interface EventQuery {
  readonly filter: StatusFilter;
  /** Null: from now on. */
  readonly cursor: string | null;
}

const fields = ['status', 'source', 'type', 'event_id', 'external_job_id'] as const;
type Field = (typeof fields)[number];
/** Their values are without commas, so that several may stand in one. */
const commaFields: readonly Field[] = ['status', 'source', 'type', 'event_id'];

/**
 * `lastEventId` is where a client that has lost its connection wants to go on; its address is still that of the first time, so
 * the header counts. Null and empty: none.
 */
export function readEventQuery(query: string, lastEventId: string | null): EventQuery | Refusal {
  const given = new Map<Field, string[]>();
  let cursor: string | null = null;
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'token') continue;
    if (name === 'cursor') {
      if (cursor !== null) return refuseQuery('the query parameter cursor is given twice');
      cursor = value;
    } else if (isField(name)) {
      const values = commaFields.includes(name) ? value.split(',') : [value];
      given.set(name, [...(given.get(name) ?? []), ...values]);
    } else return refuseQuery(`the query parameter ${JSON.stringify(name)} is not known here`);
  }
  const filter = filterOf(given);
  if (isRefusal(filter)) return filter;
  const place = lastEventId === null || lastEventId === '' ? cursor : lastEventId;
  return { filter, cursor: place === 'now' ? null : place };
}

function filterOf(given: ReadonlyMap<Field, readonly string[]>): StatusFilter | Refusal {
  for (const [name, values] of given) {
    if (values.length > streamFilterValuesMax) return refuseQuery(`${name} has more than ${streamFilterValuesMax} values`);
    if (values.some((value) => value === '')) return refuseQuery(`${name} has an empty value`);
  }
  const status = given.get('status') ?? null;
  const unknown = status?.find((name) => !(eventStatuses as readonly string[]).includes(name));
  if (unknown !== undefined) return refuseQuery(`status must be one of ${eventStatuses.join(', ')}`);
  return {
    status: status as readonly EventStatus[] | null,
    source: given.get('source') ?? null,
    type: given.get('type') ?? null,
    eventId: given.get('event_id') ?? null,
    externalJobId: given.get('external_job_id') ?? null,
  };
}

function isField(name: string): name is Field {
  return (fields as readonly string[]).includes(name);
}
