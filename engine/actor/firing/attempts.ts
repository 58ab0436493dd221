/**
 * From a granted slot to an outcome.
 *
 *     granted --> loading --payload--> dispatched in the log --> running at a courier --> outcome in the log
 *
 * An attempt does not wait for its own `dispatched` record: what made it due is durable, and after a crash an attempt
 * without an outcome is made again anyway, under the same number.
 */
import type { Outcome } from '../../event/attempt.js';
import { recordKinds } from '../../event/record.js';
import type { RetryPolicy } from '../../event/spec.js';
import { SpecHead } from '../../event/spec-codec.js';
import type { Handle } from '../../kernel/brand.js';
import type { EventId } from '../../kernel/event-id.js';
import { labelsOf } from '../../event/status-change.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import type { PartitionMemory, Running } from '../partition-memory.js';
import type { Payloads } from '../payloads.js';
import type { Timekeeper } from './timekeeper.js';

export interface AttemptsParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
  readonly payloads: Payloads;
  /** What is known contradicts the log. */
  failed(detail: string): void;
}

export class Attempts {
  readonly #parts: AttemptsParts;
  readonly #memory: PartitionMemory;
  readonly #head = new SpecHead();

  constructor(parts: AttemptsParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
  }

  /** A slot at its origin was granted to this event, which waited for it. False: its payload has to be read first. */
  granted(handle: Handle): boolean {
    const { payloads } = this.#parts;
    this.#memory.wheel.remove(handle);
    this.#memory.places.put(handle, 'loading');
    const body = payloads.take(handle);
    if (body === null) payloads.read(handle);
    else this.#start(handle, body);
    return body !== null;
  }

  /** The payload was read. Meanwhile starting may have come to an end: then the slot goes back and the event waits. */
  loaded(handle: Handle, body: Uint8Array): void {
    const { shared, timekeeper } = this.#parts;
    if (shared.mayStart()) {
      this.#start(handle, body);
    } else {
      timekeeper.withdraw(handle);
      timekeeper.comesDue(handle);
    }
  }

  #start(handle: Handle, body: Uint8Array): void {
    const { shared, ledger, timekeeper } = this.#parts;
    const { state, places, running } = this.#memory;
    if (timekeeper.expiresInstead(handle)) return;
    const wasOverdue = this.#memory.wasOverdue(handle);
    state.expect(handle);
    // After a crash a dispatched event starts again under the same number, without a new transition.
    if (state.columns.status(handle) !== 'DISPATCHED') ledger.happened({ op: 'dispatch', handle });
    places.put(handle, 'running');
    running.set(handle, { retry: this.#head.at(body).retry, labels: shared.isWatched() ? labelsOf(body) : null, wasOverdue });
    shared.desk.start({
      partition: state.partition,
      event: state.columns.id(handle),
      attempt: state.columns.attempts(handle),
      run: state.columns.attempts(handle) - state.columns.attemptsInRun(handle),
      origin: this.#memory.originOf(handle),
      spec: body,
      dueAtMs: state.columns.dueAtMs(handle),
      overdue: wasOverdue,
    });
  }

  /** A courier was running it when this memory was made: its outcome will come. */
  goesOn(handle: Handle): void {
    // A failed commit may have lost the `dispatched` record, but not the attempt.
    if (this.#memory.state.columns.status(handle) !== 'DISPATCHED') this.#parts.ledger.happened({ op: 'dispatch', handle });
    this.#memory.places.put(handle, 'running');
    this.#memory.running.set(handle, { retry: null, labels: null, wasOverdue: false });
  }

  /** A courier reports how an attempt ended. One that nobody knows any more is dropped. */
  ended(outcome: Outcome): void {
    const handle = this.#memory.state.handleOf(outcome.event);
    const running = handle === null ? undefined : this.#memory.running.get(handle);
    if (handle === null || running === undefined) return;
    if (running.retry !== null) this.#decide(outcome, { handle, retry: running.retry, running });
    else this.#decideAfterReading(outcome, { handle, running });
  }

  /** The attempt is older than this memory: how often and when to retry must be read. */
  #decideAfterReading(outcome: Outcome, { handle, running }: { handle: Handle; running: Running }): void {
    const { shared, failed } = this.#parts;
    const { state } = this.#memory;
    const seqs = [state.columns.bodySeq(handle)];
    shared.reads.ask({ op: 'bodies', partition: state.partition, seqs }, (reply) => {
      if (this.#memory.isDiscarded || this.#memory.running.get(handle) !== running) return;
      if (reply.op === 'bodies' && reply.damaged.length === 0) {
        this.#decide(outcome, { handle, retry: this.#head.at(reply.bodies[0]!).retry, running });
      } else if (reply.op === 'bodies') failed(`record ${seqs[0]} of a running event fails its checksum`);
      else if (reply.op === 'failed') failed(`the body of a running event cannot be read: ${reply.detail}`);
    });
  }

  #decide(outcome: Outcome, { handle, retry, running }: { handle: Handle; retry: RetryPolicy; running: Running }): void {
    const { shared, ledger, timekeeper } = this.#parts;
    const records = ledger.happened({ op: 'outcome', outcome, retry, random: shared.ports.random() });
    if (records.length === 0) return;
    shared.counters.ended(outcome, running.wasOverdue);
    if (!running.wasOverdue) shared.flows.ended(outcome, this.#memory.state.columns.labels(handle), shared.ports.clock.monoMs());
    if (records[0]!.kind !== recordKinds.retrying) return;
    ledger.hold({ happen: (decidedAt) => timekeeper.armIfUnchanged(handle, decidedAt), voided: () => undefined });
  }

  /** The lease was over when it was about to start: should it come back, it is begun again, under the same number. */
  unstarted(event: EventId): void {
    const handle = this.#memory.state.handleOf(event);
    if (handle === null || !this.#memory.running.delete(handle)) return;
    this.#parts.timekeeper.arm(handle);
  }

  /** The courier of some origins died with all that it ran and had granted: it is these events' turn once more. */
  courierLost(isLost: (origin: string) => boolean): void {
    const { state, places, running } = this.#memory;
    for (let row = 0; row < state.columns.rows; row++) {
      const handle = row as Handle;
      const place = state.columns.isLive(handle) ? places.of(handle) : 'decided';
      if ((place !== 'running' && place !== 'loading') || !isLost(this.#memory.originOf(handle))) continue;
      running.delete(handle);
      this.#parts.timekeeper.arm(handle);
    }
  }
}
