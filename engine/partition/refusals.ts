/** Why an event is not changed: it has finished, it has not, an attempt runs, or it is not the version that was meant. */
import type { EventStatus } from '../event/status.js';
import type { Handle } from '../kernel/brand.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import type { Condition, Decision } from './command.js';
import { refused } from './decision.js';
import type { PartitionState } from './state.js';

export function alreadyFinished({ event, status, verb }: { event: EventId; status: EventStatus; verb: string }): Decision {
  const detail = `event ${formatEventId(event)} is ${status} and can no longer be ${verb}`;
  return refused({ code: 'already-finished', detail, event, status });
}

export function notFinished(state: PartitionState, handle: Handle): Decision {
  const event = state.columns.id(handle);
  const status = state.columns.status(handle);
  const detail = `event ${formatEventId(event)} is ${status}: only what has finished is retried`;
  return refused({ code: 'not-finished', detail, event, status });
}

export function inFlight(state: PartitionState, handle: Handle): Decision {
  const event = state.columns.id(handle);
  const detail = `attempt ${state.columns.attempts(handle)} of event ${formatEventId(event)} is running`;
  return refused({ code: 'in-flight', detail, event, status: state.columns.status(handle) });
}

/** Null: the pending event may be changed as it is. */
export function versionMismatch(state: PartitionState, handle: Handle, versions: Condition['versions']): Decision | null {
  const { columns } = state;
  return mismatchOf({ event: columns.id(handle), version: columns.version(handle), status: columns.status(handle) }, versions);
}

export function mismatchOf(
  { event, version, status }: { event: EventId; version: number; status: EventStatus },
  versions: Condition['versions'],
): Decision | null {
  if (versions === undefined || versions === 'any' || versions.includes(version)) return null;
  const asked = versions.length === 0 ? 'another one' : `version ${versions.join(' or ')}`;
  const detail = `event ${formatEventId(event)} is at version ${version}, asked for was ${asked}`;
  return refused({ code: 'version-mismatch', detail, event, status });
}
