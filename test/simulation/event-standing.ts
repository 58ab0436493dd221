/**
 * Where an event stands by its records: which spec is in force, when it is due, and how many attempts its run has had. Folded by hand,
 * for checkers: the engine's own state would agree with itself.
 */
import { decodeOutcome } from '../../engine/event/outcome-codec.js';
import { type LogRecord, recordKinds } from '../../engine/event/record.js';
import { decodeRenewal } from '../../engine/event/renewal-codec.js';
import { decodeSpec, type StoredSpec } from '../../engine/event/spec-codec.js';

export interface EventStanding {
  readonly spec: StoredSpec;
  /** The bytes that an attempt starts with. */
  readonly body: Uint8Array;
  /** By which of the records, from 0. */
  readonly specAt: number;
  readonly dueAtMs: number;
  /** Since the newest operator's retry. */
  readonly attemptsInRun: number;
  readonly areRetriesStopped: boolean;
}

/** `records`: of one event, oldest first, at least one. */
export function standingOf(records: readonly LogRecord[]): EventStanding {
  const first = records[0]!;
  let body = first.body;
  let specAt = 0;
  let dueAtMs = Math.max(decodeSpec(body).scheduledAtMs, first.at);
  let attemptsInRun = 0;
  let areRetriesStopped = false;
  for (const [index, record] of records.entries()) {
    switch (record.kind) {
      case recordKinds.dispatched:
        attemptsInRun++;
        break;
      case recordKinds.retrying:
        dueAtMs = decodeOutcome(record.body).nextAttemptAtMs!;
        break;
      case recordKinds.hastened:
        dueAtMs = record.at;
        break;
      case recordKinds.retriesStopped:
        areRetriesStopped = true;
        break;
      case recordKinds.changed:
      case recordKinds.retried: {
        const renewal = decodeRenewal(record.body);
        body = renewal.spec;
        specAt = index;
        dueAtMs = renewal.dueAtMs;
        if (record.kind !== recordKinds.retried) break;
        attemptsInRun = 0;
        areRetriesStopped = false;
        break;
      }
      default:
    }
  }
  return { spec: decodeSpec(body), body, specAt, dueAtMs, attemptsInRun, areRetriesStopped };
}
