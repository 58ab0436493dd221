/**
 * Which events are meant: the filter of lists, of bulk changes and of statistics. Plain data that crosses threads.
 *
 * Fields are joined by "and", the values of a field by "or"; null: any. Here it is judged by what an event really says. The
 * rows of memory and of indexes are judged by numbers first (`labels.ts`), because there may be millions of them.
 */
import type { WallMs } from '../kernel/brand.js';
import type { DeliveryType, EventSpec } from './spec.js';
import type { EventStatus } from './status.js';
import type { EventView } from './view.js';

export interface EventFilter {
  readonly status: readonly EventStatus[] | null;
  readonly source: readonly string[] | null;
  readonly type: readonly string[] | null;
  readonly destination: readonly string[] | null;
  readonly priority: readonly number[] | null;
  readonly deliveryType: readonly DeliveryType[] | null;
  /** All names, one of the values of each. */
  readonly tags: readonly TagFilter[];
  readonly scheduled: Span | null;
  readonly created: Span | null;
  readonly externalJobId: string | null;
}

export interface TagFilter {
  readonly name: string;
  readonly values: readonly string[];
}

/** Both ends belong to it. */
export interface Span {
  readonly fromMs: WallMs;
  readonly toMs: WallMs;
}

export const everyEvent: EventFilter = {
  status: null,
  source: null,
  type: null,
  destination: null,
  priority: null,
  deliveryType: null,
  tags: [],
  scheduled: null,
  created: null,
  externalJobId: null,
};

export function matchesView(filter: EventFilter, { status, spec }: Pick<EventView, 'status' | 'spec'>): boolean {
  return isAmong(filter.status, status) && matchesSpec(filter, spec);
}

/** All of it but the status, which changes without the body. */
export function matchesSpec(filter: EventFilter, spec: EventSpec): boolean {
  return (
    matchesTexts(filter, spec) &&
    isAmong(filter.priority, spec.priority) &&
    isAmong(filter.deliveryType, spec.deliveryType) &&
    isWithin(filter.scheduled, spec.scheduledAtMs) &&
    isWithin(filter.created, Math.floor(spec.createdAtMs))
  );
}

/** What a row knows only as a hash. */
export function matchesTexts(filter: EventFilter, spec: EventSpec): boolean {
  return (
    isAmong(filter.source, spec.source) &&
    isAmong(filter.type, spec.type) &&
    isAmong(filter.destination, spec.destination) &&
    (filter.externalJobId === null || filter.externalJobId === spec.externalJobId) &&
    filter.tags.every((tag) => spec.tags.some(([name, value]) => name === tag.name && tag.values.includes(value)))
  );
}

/** Whether a row that matches by its numbers matches for certain. */
export function isExactInRows(filter: EventFilter): boolean {
  const { source, type, destination, tags, externalJobId } = filter;
  return source === null && type === null && destination === null && tags.length === 0 && externalJobId === null;
}

function isAmong<Value>(values: readonly Value[] | null, value: Value | null): boolean {
  return values === null || (value !== null && values.includes(value));
}

function isWithin(span: Span | null, ms: number): boolean {
  return span === null || (ms >= span.fromMs && ms <= span.toMs);
}
