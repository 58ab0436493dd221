/**
 * Events that were asked for together, on their way to their actors and back.
 *
 * A batch of a thousand spreads over all partitions and is answered in pieces. It has one promise: one for each event, with
 * its closures, cost a third of what the main thread pays for the event (3 of 10 us).
 */
import type { EventView } from '../event/view.js';
import type { PartitionId } from '../kernel/brand.js';
import { type EngineError, InvariantError } from '../kernel/errors.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import type { Accepted, Asker } from './host-link.js';

export type ScheduleResult =
  | { readonly replayed: false; readonly id: string; readonly partition: number }
  | { readonly replayed: true; readonly view: EventView };

/** The results, each in its place; resolved when none is missing. */
export class ScheduleBatch {
  readonly #results: (ScheduleResult | EngineError)[];
  readonly #resolve: (results: (ScheduleResult | EngineError)[]) => void;
  readonly #reject: (error: Error) => void;
  #missing: number;

  constructor({
    size,
    resolve,
    reject,
  }: {
    size: number;
    resolve: (results: (ScheduleResult | EngineError)[]) => void;
    reject: (error: Error) => void;
  }) {
    this.#results = new Array(size);
    this.#missing = size;
    this.#resolve = resolve;
    this.#reject = reject;
    if (size === 0) resolve(this.#results);
  }

  settle(index: number, result: ScheduleResult | EngineError): void {
    this.#results[index] = result;
    if (--this.#missing === 0) this.#resolve(this.#results);
  }

  /** A bug of ours: no result would be true. */
  fail(error: Error): void {
    this.#reject(error);
  }
}

/** One event of a batch, waiting for its actor. */
export class ScheduleAsker implements Asker {
  readonly batch: ScheduleBatch;
  readonly index: number;
  readonly event: EventId;
  readonly partition: PartitionId;

  constructor({
    batch,
    index,
    event,
    partition,
  }: { batch: ScheduleBatch; index: number; event: EventId; partition: PartitionId }) {
    this.batch = batch;
    this.index = index;
    this.event = event;
    this.partition = partition;
  }

  answered(reply: Accepted): void {
    if (reply.op === 'accepted') {
      this.batch.settle(this.index, { replayed: false, id: formatEventId(this.event), partition: this.partition });
    } else if (reply.op === 'replayed') {
      this.batch.settle(this.index, { replayed: true, view: reply.view });
    } else {
      this.batch.fail(new InvariantError(`a new event was answered with ${reply.op}`));
    }
  }

  refused(error: EngineError): void {
    this.batch.settle(this.index, error);
  }
}
