/** The body of a bulk change: `{"filter": {…}, "limit": 1000}`, with the names of lists in the filter. */
import { type BulkRequest, bulkLimitMax, type FieldError } from '../../engine/index.js';
import { type EventBytes, parseFields } from './event-fields.js';
import { isCommaSeparated, isFilterName, readFilter } from './event-filter-input.js';
import { readJson } from './bytes/json-body.js';
import { pointerTo } from './pointer.js';
import { isRefusal, type Refusal, refuseFields } from './refusal.js';

const limitDefault = 1_000;

export function readBulkRequest(body: Buffer): BulkRequest | Refusal {
  return readJson(body, readFields);
}

function readFields(bytes: EventBytes): BulkRequest | Refusal {
  const parsed = parseFields(bytes, 'a change of many');
  if (isRefusal(parsed)) return parsed;
  const fields = parsed.fields as Readonly<Record<string, unknown>>;
  const errors: FieldError[] = Object.keys(fields)
    .filter((name) => name !== 'filter' && name !== 'limit')
    .map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' }));
  const { limit = limitDefault, filter: given } = fields;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > bulkLimitMax)
    errors.push({ pointer: '/limit', detail: `must be an integer from 1 to ${bulkLimitMax}` });
  // All events at once are nearly never meant: whoever does mean it can name every status.
  if (!isObject(given) || Object.keys(given).length === 0) {
    errors.push({ pointer: '/filter', detail: 'must be an object with at least one field of the filter of lists' });
    return refuseFields(errors);
  }
  const texts = new Map<string, readonly string[]>();
  for (const [name, wanted] of Object.entries(given)) {
    const values = textsIn(name, wanted);
    if (!isFilterName(name)) errors.push({ pointer: pointerTo('filter', name), detail: 'is not a known field' });
    else if (values === null) {
      errors.push({
        pointer: pointerTo('filter', name),
        detail: 'must be a text, a number, or a list of them that is not empty',
      });
    } else texts.set(name, values);
  }
  const read = readFilter(texts, (name) => pointerTo('filter', name));
  errors.push(...read.errors);
  return errors.length > 0 ? refuseFields(errors) : { filter: read.filter, limit: limit as number };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textsIn(name: string, value: unknown): readonly string[] | null {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0 || !values.every((each) => typeof each === 'string' || typeof each === 'number')) return null;
  const texts = values.map(String);
  return isCommaSeparated(name) ? texts.flatMap((text) => text.split(',')) : texts;
}
