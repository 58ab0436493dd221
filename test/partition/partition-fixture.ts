/** A partition's state, what is asked of it, and what comes out, applied at once. */
import type { Outcome } from '../../engine/event/attempt.js';
import { fingerprintOf, keyOf } from '../../engine/event/content.js';
import type { LogRecord } from '../../engine/event/record.js';
import { specIn } from '../../engine/event/renewal-codec.js';
import { defaultRetry, type EventSpec, type RetryPolicy } from '../../engine/event/spec.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { isFinished } from '../../engine/event/status.js';
import { viewOf } from '../../engine/event/view.js';
import type { Handle, PartitionId, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import type { Command, Decision, Facts, KnownEvent, Needs } from '../../engine/partition/command.js';
import { decide } from '../../engine/partition/decide.js';
import { PartitionState } from '../../engine/partition/state.js';
import { outcomeOf as outcomeAnywhere } from '../event/outcomes.js';
import { now as start, specOf } from '../event/specs.js';

export { failedOutcome } from '../event/outcomes.js';

export const partition = 3 as PartitionId;

export function bodyOf(spec: EventSpec, timeGiven = true): Uint8Array {
  return encodeSpec(spec, keyOf(spec) === null ? null : fingerprintOf(spec, timeGiven));
}

export class TestPartition {
  readonly state = new PartitionState(partition);
  readonly log: LogRecord[] = [];
  now = start as number;
  /** Of each event its records, and what they tell, made again when there is another: some tests ask of thousands at each step. */
  readonly #told = new Map<string, { readonly records: LogRecord[]; known: KnownEvent | null }>();
  #toldRecords = 0;

  /** Decides without applying. */
  ask(command: Command, facts: Facts | null = null): Decision {
    return decide(this.state, command, { now: this.now as WallMs, facts });
  }

  /** Decides and applies. */
  do(command: Command, facts: Facts | null = null): Decision {
    const decision = this.ask(command, facts);
    for (const record of decision.records) {
      this.state.apply(record);
      this.log.push(record);
    }
    return decision;
  }

  /** As an actor does: fetches the facts that a decision needs from the log. */
  doWithFacts(command: Command): Decision {
    const decision = this.do(command);
    return decision.needs === null ? decision : this.do(command, this.factsFor(decision.needs));
  }

  schedule(
    fields: Partial<EventSpec> = {},
    event: EventId = mintEventId(partition as number as Slot, this.now as WallMs),
  ): EventId {
    this.doWithFacts({ op: 'schedule', event, body: bodyOf(specOf(fields)) });
    return event;
  }

  dispatch(event: EventId): void {
    this.do({ op: 'dispatch', handle: this.handleOf(event) });
  }

  expire(event: EventId): void {
    this.do({ op: 'expire', handle: this.handleOf(event) });
  }

  end(event: EventId, outcome: Partial<Outcome> = {}, more: { random?: number; retry?: RetryPolicy } = {}): Decision {
    return this.do({
      op: 'outcome',
      outcome: outcomeOf(event, outcome),
      retry: more.retry ?? { ...defaultRetry, jitter: 'none' },
      random: more.random ?? 0,
    });
  }

  handleOf(event: EventId): Handle {
    const handle = this.state.handleOf(event);
    if (handle === null) throw new Error('this event is not pending');
    return handle;
  }

  /** What reading the log would tell. */
  factsFor(needs: Needs): KnownEvent[] {
    const known = this.#knownEvents().sort((one, other) => other.newest - one.newest);
    if (needs.about === 'id') return known.filter(({ event }) => Buffer.compare(event, needs.event) === 0);
    if (needs.about === 'spec') return known.filter(({ event }) => this.state.handleOf(event) === needs.pending[0]);
    const { own } = needs;
    return known.filter(
      ({ event, spec }) =>
        (spec.tag?.high === needs.tagHigh && spec.tag.low === needs.tagLow) || (own !== null && Buffer.compare(event, own) === 0),
    );
  }

  #knownEvents(): KnownEvent[] {
    for (; this.#toldRecords < this.log.length; this.#toldRecords++) {
      const record = this.log[this.#toldRecords]!;
      const name = Buffer.from(record.event).toString('hex');
      const told = this.#told.get(name);
      if (told === undefined) this.#told.set(name, { records: [record], known: null });
      else {
        told.records.push(record);
        told.known = null;
      }
    }
    return [...this.#told.values()].map((told) => (told.known ??= knownOf(told.records)));
  }
}

function knownOf(records: readonly LogRecord[]): KnownEvent {
  const { id, status, version, attempts, spec } = viewOf(records, partition);
  const newest = records.at(-1)!.seq;
  const bodySeq = isFinished(status) ? null : records.findLast((record) => specIn(record) !== null)!.seq;
  return { event: id, newest, status, version, attempts, spec, bodySeq };
}

export function outcomeOf(event: EventId, fields: Partial<Outcome> = {}): Outcome {
  return outcomeAnywhere(event, { partition, ...fields });
}
