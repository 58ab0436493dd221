/**
 * Deliveries to handlers in this process, for programs that embed the engine (`delivery_type: LOCAL`).
 *
 * A call for each event would cost a program that writes to a database one transaction for each. So what starts in the same
 * turn for the same handler is handed over as one batch, and the handler answers for all of it at once:
 *
 *     returns nothing            every delivery succeeded
 *     returns a result for each  each by itself, in the order given
 *     throws or rejects          every delivery failed, with that message
 *
 * A handler cannot be stopped: when an attempt's time is up its outcome is a failure, and what the handler says later
 * about it is ignored.
 */
import { formatEventId } from '../kernel/event-id.js';
import { type Deliverer, type Delivery, type DeliveryResult, delivered, failedWithout, timedOutAfter } from './deliverer.js';

export interface LocalDelivery {
  /** Of the event: the same at every attempt, so that a handler can drop a duplicate. */
  readonly id: string;
  readonly externalJobId: string | null;
  readonly source: string;
  readonly type: string | null;
  readonly destination: string;
  /** From 1. */
  readonly attempt: number;
  readonly scheduledAt: Date;
  readonly lagMs: number;
  /** JSON text as it came; null when none was given. */
  readonly payload: Uint8Array | null;
  readonly tags: Readonly<Record<string, string>>;
}

export type LocalResult = { readonly ok: true } | { readonly ok: false; readonly error: string };
// biome-ignore lint/suspicious/noConfusingVoidType: the common handler returns nothing, and its type is then void
export type LocalAnswer = readonly LocalResult[] | void;
export type LocalHandler = (batch: readonly LocalDelivery[]) => LocalAnswer | Promise<LocalAnswer>;

/** A program can say a lot about a failure; an event keeps this much. */
const errorLengthMax = 1_000;

interface Waiting {
  readonly delivery: Delivery;
  /** Only the first call counts. */
  readonly settle: (result: DeliveryResult) => void;
}

export class LocalDeliverer implements Deliverer {
  readonly #handlers: ReadonlyMap<string, LocalHandler>;
  /** By handler name, of this turn. */
  #batches = new Map<string, Waiting[]>();
  readonly #deadlines = new Set<NodeJS.Timeout>();

  constructor(handlers: Readonly<Record<string, LocalHandler>>) {
    this.#handlers = new Map(Object.entries(handlers));
  }

  deliver(delivery: Delivery): Promise<DeliveryResult> {
    const { destination } = delivery.spec;
    if (!this.#handlers.has(destination)) {
      return Promise.resolve(
        failedWithout({ error: `no handler named ${JSON.stringify(destination)} is registered`, unhealthy: false }),
      );
    }
    return new Promise((resolve) => this.#join(destination, { delivery, settle: resolve }));
  }

  async close(): Promise<void> {
    for (const deadline of this.#deadlines) clearTimeout(deadline);
    this.#deadlines.clear();
  }

  #join(destination: string, waiting: Waiting): void {
    if (this.#batches.size === 0) queueMicrotask(() => this.#handOver());
    const batch = this.#batches.get(destination);
    if (batch === undefined) this.#batches.set(destination, [waiting]);
    else batch.push(waiting);
  }

  #handOver(): void {
    const batches = this.#batches;
    this.#batches = new Map();
    for (const [destination, batch] of batches) void this.#call(this.#handlers.get(destination)!, batch);
  }

  async #call(handler: LocalHandler, batch: readonly Waiting[]): Promise<void> {
    const deadlines = this.#startDeadlines(batch);
    try {
      const answer = await handler(batch.map(({ delivery }) => shown(delivery)));
      for (const [index, { settle }] of batch.entries()) settle(resultAt(answer, { index, length: batch.length }));
    } catch (thrown) {
      const error = cut(thrown instanceof Error ? thrown.message : String(thrown));
      for (const { settle } of batch) settle(failedWithout({ error, unhealthy: true }));
    } finally {
      for (const deadline of deadlines) this.#end(deadline);
    }
  }

  /** One for all that have as much time, which most often is the whole batch: a timer for each was a tenth of what a delivery took here. */
  #startDeadlines(batch: readonly Waiting[]): readonly NodeJS.Timeout[] {
    const byTimeout = new Map<number, Waiting[]>();
    for (const waiting of batch) {
      const { timeoutMs } = waiting.delivery.spec;
      const those = byTimeout.get(timeoutMs);
      if (those === undefined) byTimeout.set(timeoutMs, [waiting]);
      else those.push(waiting);
    }
    return Array.from(byTimeout, ([timeoutMs, those]) => {
      const deadline = setTimeout(() => {
        this.#deadlines.delete(deadline);
        for (const { settle } of those) settle(failedWithout({ error: timedOutAfter(timeoutMs), unhealthy: true }));
      }, timeoutMs);
      this.#deadlines.add(deadline);
      return deadline;
    });
  }

  #end(deadline: NodeJS.Timeout): void {
    clearTimeout(deadline);
    this.#deadlines.delete(deadline);
  }
}

function resultAt(answer: LocalAnswer, { index, length }: { readonly index: number; readonly length: number }): DeliveryResult {
  if (answer === undefined) return delivered;
  const result = answer.length === length ? answer[index] : undefined;
  if (result === undefined) {
    return failedWithout({ error: `the handler returned ${answer.length} results for ${length} deliveries`, unhealthy: false });
  }
  return result.ok ? delivered : failedWithout({ error: cut(result.error), unhealthy: false });
}

function shown({ attempt, spec, lagMs }: Delivery): LocalDelivery {
  return {
    id: formatEventId(attempt.event),
    externalJobId: spec.externalJobId,
    source: spec.source,
    type: spec.type,
    destination: spec.destination,
    attempt: attempt.attempt,
    scheduledAt: new Date(spec.scheduledAtMs),
    lagMs,
    payload: spec.payload,
    tags: Object.fromEntries(spec.tags),
  };
}

function cut(text: string): string {
  return text.length <= errorLengthMax ? text : `${text.slice(0, errorLengthMax - 1)}…`;
}
