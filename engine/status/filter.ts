/**
 * What a subscriber wants to hear of, compiled once into a function, because it is asked for every change of the engine.
 *
 * Each field is a list of values of which any may match, or null for all; all fields must match. A list without values matches
 * nothing. A change without a type or an external id matches no list of them.
 */
import type { EventStatus } from '../event/status.js';
import type { StatusChange } from '../event/status-change.js';
import { formatEventId } from '../kernel/event-id.js';

/** Ids as text. */
export interface StatusFilter {
  readonly status: readonly EventStatus[] | null;
  readonly source: readonly string[] | null;
  readonly type: readonly string[] | null;
  readonly eventId: readonly string[] | null;
  readonly externalJobId: readonly string[] | null;
}

export type StatusPredicate = (change: StatusChange) => boolean;

export function compileFilter(filter: StatusFilter): StatusPredicate {
  const tests: StatusPredicate[] = [];
  // The cheapest first; the id is written out as text only for changes that have passed all others.
  if (filter.status !== null) tests.push(anyOf(filter.status, (change) => change.status));
  if (filter.source !== null) tests.push(anyOf(filter.source, (change) => change.source));
  if (filter.type !== null) tests.push(anyOf(filter.type, (change) => change.type));
  if (filter.externalJobId !== null) tests.push(anyOf(filter.externalJobId, (change) => change.externalJobId));
  if (filter.eventId !== null) tests.push(anyOf(eventIdsOf(filter.eventId), (change) => formatEventId(change.event)));
  return (change) => tests.every((test) => test(change));
}

/** Event ids in the form in which `formatEventId` writes them. */
export function eventIdsOf(texts: readonly string[]): string[] {
  return texts.map((text) => text.toLowerCase());
}

/** The same text for filters that let the same through, whatever the order of their values. */
export function filterKey(filter: StatusFilter): string {
  const { status, source, type, eventId, externalJobId } = filter;
  const lists = [status, source, type, eventId === null ? null : eventIdsOf(eventId), externalJobId];
  return JSON.stringify(lists.map((list) => (list === null ? null : [...new Set<string>(list)].sort())));
}

function anyOf<Value extends string>(values: readonly Value[], of: (change: StatusChange) => Value | null): StatusPredicate {
  if (values.length === 1) {
    const only = values[0]!;
    return (change) => of(change) === only;
  }
  const set = new Set<Value | null>(values);
  return (change) => set.has(of(change));
}
