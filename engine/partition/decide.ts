/**
 * The decisions of a partition: a command and the state in, records and an answer out.
 *
 * Nothing is read, written, timed or drawn by lot in here; `now` and randomness are values. Records are decided in the order
 * in which the actor applies them, so each decision sees the outcome of the one before it: that is what makes "cancelled"
 * or "in flight" certain.
 *
 * What happens by itself is decided here; what is asked for, in `decide-keyed.ts` (new events, keys) and `decide-about.ts`.
 */
import { backOffMs } from '../event/back-off.js';
import { emptyBody, encodeDispatched, encodeOutcome } from '../event/outcome-codec.js';
import { recordKinds } from '../event/record.js';
import type { WallMs } from '../kernel/brand.js';
import type { Command, Decision, Facts } from './command.js';
import { decideAbout } from './decide-about.js';
import { decideFind, decidePut, decideSchedule } from './decide-keyed.js';
import { nothing, written } from './decision.js';
import type { PartitionState } from './state.js';

/** `facts`: what an earlier call asked for with `needs`, else null. */
export function decide(state: PartitionState, command: Command, { now, facts }: { now: WallMs; facts: Facts | null }): Decision {
  switch (command.op) {
    case 'schedule':
      return decideSchedule(state, command, { now, facts });
    case 'put':
      return decidePut(state, command, { now, facts });
    case 'find':
      return decideFind(state, command, facts);
    case 'cancel':
    case 'patch':
    case 'retry':
    case 'fire':
    case 'get':
    case 'history':
      return decideAbout(state, command, { now, facts });
    case 'expire':
      return written(state, command.handle, { kind: recordKinds.expired, now, body: emptyBody });
    case 'dispatch':
      return written(state, command.handle, {
        kind: recordKinds.dispatched,
        now,
        body: encodeDispatched({ attempt: state.columns.attempts(command.handle) + 1 }),
      });
    case 'outcome':
      return decideOutcome(state, command, now);
  }
}

type OutcomeCommand = Extract<Command, { op: 'outcome' }>;

function decideOutcome(state: PartitionState, { outcome, retry, random }: OutcomeCommand, now: WallMs): Decision {
  const { columns } = state;
  const handle = state.handleOf(outcome.event);
  // A courier may report an attempt that a reload has restarted, and both end: the first outcome counts.
  if (handle === null || columns.status(handle) !== 'DISPATCHED' || columns.attempts(handle) !== outcome.attempt) return nothing;
  // An operator's retry begins a new run, with all its retries and the shortest wait.
  const attemptInRun = columns.attemptsInRun(handle);
  const again = outcome.kind === 'failed' && attemptInRun <= columns.maxRetries(handle);
  const waitMs = again ? Math.max(backOffMs(retry, { attempt: attemptInRun, random }), outcome.retryAfterMs ?? 0) : 0;
  const body = encodeOutcome({
    attempt: outcome.attempt,
    statusCode: outcome.statusCode,
    durationMs: outcome.durationMs,
    lagMs: outcome.lagMs,
    error: outcome.error,
    responseBody: outcome.responseBody,
    nextAttemptAtMs: again ? (Math.ceil(now + waitMs) as WallMs) : null,
  });
  const kind = outcome.kind === 'delivered' ? recordKinds.delivered : again ? recordKinds.retrying : recordKinds.dead;
  return written(state, handle, { kind, now, body });
}
