/**
 * The query string of a list. Values of a field are repeated or separated by commas. Where a comma may be part of a value (a destination, a tag)
 * that one is escaped (%2C), so the text is taken apart before it is decoded; elsewhere an escaped comma separates like any other, as many
 * clients escape all of them.
 */
import {
  listLimitMax,
  type ListOrder,
  type ListRequest,
  type ListSort,
  listOrders,
  listPagedRowsMax,
  listSorts,
} from '../../engine/index.js';
import { isCommaSeparated, isFilterName, readFilter } from './event-filter-input.js';
import { readCursor } from './list-cursor.js';
import { isRefusal, type Refusal, refuseFields } from './refusal.js';

const limitDefault = 50;
const optionNames = ['sort', 'order', 'limit', 'cursor', 'page', 'size'];

export function readListRequest(query: string): ListRequest | Refusal {
  const texts = textsOf(query);
  if (isRefusal(texts)) return texts;
  const names = [...texts.keys()];
  const unknown = names.find((name) => !optionNames.includes(name) && !isFilterName(name));
  if (unknown !== undefined) return refuse(`the query parameter ${JSON.stringify(unknown)} is not known here`);
  const { filter, errors } = readFilter(texts, (name) => name);
  if (errors.length > 0) {
    // A parameter is no part of the body, so the detail names it.
    return refuseFields(
      errors.map(({ pointer, detail }) => ({ pointer: '', detail: `the query parameter ${pointer} ${detail}` })),
    );
  }
  const options = optionsOf(texts);
  if (isRefusal(options)) return options;
  const kind = { filter, sort: options.sort, order: options.order };
  const cursor = options.cursor === null ? { place: null } : readCursor(options.cursor, kind);
  if (typeof cursor === 'string') return refuse(`the query parameter cursor ${cursor}`);
  return { ...kind, after: cursor.place, skip: options.page === null ? 0 : options.page * options.limit, limit: options.limit };
}

interface Options {
  readonly sort: ListSort;
  readonly order: ListOrder;
  readonly limit: number;
  readonly cursor: string | null;
  readonly page: number | null;
}

function optionsOf(texts: ReadonlyMap<string, readonly string[]>): Options | Refusal {
  const repeated = optionNames.find((name) => (texts.get(name)?.length ?? 0) > 1);
  if (repeated !== undefined) return refuse(`the query parameter ${repeated} is given twice`);
  const given = (name: string) => texts.get(name)?.[0] ?? null;
  const sort = given('sort') ?? 'created_at';
  const order = given('order') ?? 'desc';
  if (!isOneOf(listSorts, sort)) return refuse(`the query parameter sort must be one of ${listSorts.join(', ')}`);
  if (!isOneOf(listOrders, order)) return refuse(`the query parameter order must be one of ${listOrders.join(', ')}`);
  const isPaged = texts.has('page') || texts.has('size');
  if (isPaged && texts.has('cursor')) return refuse('page and size are used instead of a cursor, not with one');
  if (texts.has('size') && texts.has('limit')) return refuse('size and limit say the same: give one of them');
  const limitName = texts.has('size') ? 'size' : 'limit';
  const limit = wholeNumber(given(limitName), limitDefault);
  if (limit === null || limit < 1 || limit > listLimitMax)
    return refuse(`the query parameter ${limitName} must be an integer from 1 to ${listLimitMax}`);
  const page = isPaged ? wholeNumber(given('page'), 0) : 0;
  if (page === null) return refuse('the query parameter page must be an integer from 0');
  if ((page + 1) * limit > listPagedRowsMax)
    return refuse(`page and size reach the first ${listPagedRowsMax} events only: go on with next_cursor`);
  return { sort, order, limit, cursor: given('cursor'), page: isPaged ? page : null };
}

/** Or why it cannot be read. */
function textsOf(query: string): Map<string, string[]> | Refusal {
  const texts = new Map<string, string[]>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const [name, ...rest] = part.split('=');
    const text = rest.join('=');
    try {
      const decoded = decode(name!);
      const values = isCommaSeparated(decoded) ? decode(text).split(',') : text.split(',').map(decode);
      texts.set(decoded, [...(texts.get(decoded) ?? []), ...values]);
    } catch (error) {
      if (error instanceof URIError) return refuse('the query string is not percent-encoded UTF-8');
      throw error;
    }
  }
  return texts;
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

function wholeNumber(text: string | null, otherwise: number): number | null {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function isOneOf<Value extends string>(values: readonly Value[], value: string): value is Value {
  return (values as readonly string[]).includes(value);
}

function refuse(detail: string): Refusal {
  return refuseFields([{ pointer: '', detail }]);
}
