/** The body of a bulk change: `{"filter": {…}, "limit": 1000}`, with the names of lists in the filter. */
import { type BulkRequest, bulkLimitMax, type FieldError } from '../../engine/index.js';
import { encodingOf } from './body-text.js';
import { isCommaSeparated, isFilterName, readFilter } from './event-filter-input.js';
import { pointerTo } from './pointer.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';

const limitDefault = 1_000;

export function readBulkRequest(body: Buffer): BulkRequest | Refusal {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  let value: unknown;
  try {
    value = JSON.parse(body.toString(encoding));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('malformed-json', 'the body is not JSON');
    throw error;
  }
  if (!isObject(value)) return refuseFields([{ pointer: '', detail: 'must be an object with filter and limit' }]);
  const errors: FieldError[] = Object.keys(value)
    .filter((name) => name !== 'filter' && name !== 'limit')
    .map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' }));
  const limit = value['limit'] ?? limitDefault;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > bulkLimitMax)
    errors.push({ pointer: '/limit', detail: `must be an integer from 1 to ${bulkLimitMax}` });
  const given = value['filter'];
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
