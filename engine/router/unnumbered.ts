/**
 * A request to an actor host before it has its number, and what is to be known of it while it has no answer.
 *
 * Main thread.
 */
import type { NumberedHostRequest } from '../actor/requests.js';
import type { EventId } from '../kernel/event-id.js';

/** A request before it has its number; new events have a way of their own. */
export type Unnumbered =
  Exclude<NumberedHostRequest, { readonly op: 'schedule-sheaf' }> extends infer Request
    ? Request extends NumberedHostRequest
      ? Omit<Request, 'request'>
      : never
    : never;

const repeatable: readonly string[] = [
  'get',
  'history',
  'changes',
  'list',
  'views',
  'tally',
  'configure',
  'keep-copy',
  'settings-of',
];

/** Neither a read nor setting what is set already changes anything, so both can be repeated. */
export function isRepeatable(request: Unnumbered): boolean {
  const { op } = request.op === 'find' ? request.about : request;
  return repeatable.includes(op);
}

/** The event that may have been changed. What is put may be there already, under another id. */
export function eventOf(request: Unnumbered): EventId | null {
  return 'event' in request && request.op !== 'put' ? request.event : null;
}

/** Of what is long in it. */
export function bytesOf(request: Unnumbered): number {
  const asked = request.op === 'find' ? request.about : request;
  if (asked.op === 'put') return asked.body.length;
  return asked.op === 'patch' ? (asked.patch.payload?.length ?? 0) : 0;
}
