/**
 * The filter of lists and bulk changes: names with texts, whether they came in a query string or in a body.
 *
 * What cannot match anything by its form (an unknown status, a priority of 12) is refused, because it is a typo: an empty
 * list would look like an answer.
 */
import {
  type DeliveryType,
  deliveryTypes,
  type EventFilter,
  type EventStatus,
  eventStatuses,
  type FieldError,
  everyEvent,
  namedPriorities,
  type Span,
  type TagFilter,
  tagsMax,
  type WallMs,
} from '../../engine/index.js';
import { filterValuesMax } from '../limits.js';
import { parseInstant } from './fields/instant.js';

/** Values by name, in the order in which they came; any of them is meant. */
export type FilterTexts = ReadonlyMap<string, readonly string[]>;

export interface FilterInput {
  readonly filter: EventFilter;
  readonly errors: readonly FieldError[];
}

const spanNames = ['scheduled_from', 'scheduled_to', 'created_from', 'created_to'] as const;
const listNames = ['status', 'source', 'type', 'priority', 'delivery_type', 'destination'] as const;
const tagPrefix = 'tag.';

export function isFilterName(name: string): boolean {
  return (
    ([...listNames, ...spanNames] as string[]).includes(name) || (name.startsWith(tagPrefix) && name.length > tagPrefix.length)
  );
}

/** Whether a comma in a value of this name separates two values: in the others it may be part of one. */
export function isCommaSeparated(name: string): boolean {
  return (listNames as readonly string[]).includes(name) && name !== 'destination';
}

/** `pointerOf`: what stands for a name in an error. All names are known (`isFilterName`). */
export function readFilter(texts: FilterTexts, pointerOf: (name: string) => string): FilterInput {
  const reader = new FilterReader(texts, pointerOf);
  const filter: EventFilter = {
    ...everyEvent,
    status: reader.among<EventStatus>('status', eventStatuses),
    source: reader.texts('source'),
    type: reader.texts('type'),
    destination: reader.texts('destination'),
    priority: reader.priorities(),
    deliveryType: reader.among<DeliveryType>('delivery_type', deliveryTypes),
    tags: reader.tags(),
    scheduled: reader.span('scheduled_from', 'scheduled_to'),
    created: reader.span('created_from', 'created_to'),
  };
  return { filter, errors: reader.errors };
}

class FilterReader {
  readonly errors: FieldError[] = [];
  readonly #texts: FilterTexts;
  readonly #pointerOf: (name: string) => string;

  constructor(texts: FilterTexts, pointerOf: (name: string) => string) {
    this.#texts = texts;
    this.#pointerOf = pointerOf;
  }

  texts(name: string): readonly string[] | null {
    const values = this.#texts.get(name);
    if (values === undefined) return null;
    if (values.length > filterValuesMax) this.#fault(name, `must have at most ${filterValuesMax} values`);
    if (values.includes('')) this.#fault(name, 'must not be empty');
    return values;
  }

  among<Value extends string>(name: string, allowed: readonly Value[]): readonly Value[] | null {
    const values = this.texts(name);
    if (values?.some((value) => !(allowed as readonly string[]).includes(value)))
      this.#fault(name, `must be one of ${allowed.join(', ')}`);
    return values as readonly Value[] | null;
  }

  priorities(): readonly number[] | null {
    const values = this.texts('priority')?.map(priorityOf) ?? null;
    if (values?.includes(Number.NaN))
      this.#fault('priority', `must be an integer from 0 to 9 or one of ${Object.keys(namedPriorities).join(', ')}`);
    return values;
  }

  tags(): TagFilter[] {
    const names = [...this.#texts.keys()].filter((name) => name.startsWith(tagPrefix));
    if (names.length > tagsMax) this.#fault(names[tagsMax]!, `must be one of at most ${tagsMax} tags`);
    for (const name of names) {
      if (this.#texts.get(name)!.length > filterValuesMax) this.#fault(name, `must have at most ${filterValuesMax} values`);
    }
    // A tag may have an empty value.
    return names.map((name) => ({ name: name.slice(tagPrefix.length), values: this.#texts.get(name)! }));
  }

  span(from: string, to: string): Span | null {
    const fromMs = this.#instant(from);
    const toMs = this.#instant(to);
    if (fromMs === null && toMs === null) return null;
    return { fromMs: fromMs ?? (0 as WallMs), toMs: toMs ?? (Number.MAX_SAFE_INTEGER as WallMs) };
  }

  #instant(name: string): WallMs | null {
    const values = this.#texts.get(name);
    if (values === undefined) return null;
    // A plus sign that was not escaped in a query string has come as a space.
    const instant = values.length === 1 ? parseInstant(values[0]!.replace(' ', '+')) : 'be given once';
    if (typeof instant === 'number') return instant as WallMs;
    this.#fault(name, `must ${instant}`);
    return null;
  }

  #fault(name: string, detail: string): void {
    this.errors.push({ pointer: this.#pointerOf(name), detail });
  }
}

function priorityOf(text: string): number {
  if (/^[0-9]$/.test(text)) return Number(text);
  return Object.hasOwn(namedPriorities, text) ? namedPriorities[text as keyof typeof namedPriorities] : Number.NaN;
}
