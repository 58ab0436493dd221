/** Attempts, hand-driven time and a deliverer that answers when told: what the tests of this folder share. */
import type { Attempt } from '../../engine/event/attempt.js';
import { originOf } from '../../engine/event/origin.js';
import { defaultRetry, type EventSpec } from '../../engine/event/spec.js';
import { decodeSpec, encodeSpec } from '../../engine/event/spec-codec.js';
import type { MonoMs, PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { type Deliverer, type Delivery, type DeliveryResult, delivered } from '../../engine/dispatch/deliverer.js';
import type { CourierRequest } from '../../engine/dispatch/protocol.js';
import type { CancelTimer, Timing } from '../../engine/dispatch/timing.js';

export const noon = Date.UTC(2026, 10, 20, 12) as WallMs;

export function specOf(fields: Partial<EventSpec> = {}): EventSpec {
  return {
    externalJobId: null,
    source: 'tests',
    type: null,
    description: null,
    scheduledAtMs: noon,
    delayMs: null,
    deliveryType: 'HTTP',
    destination: 'http://receiver.test/hook',
    method: fields.deliveryType === 'LOCAL' ? null : 'POST',
    headers: [],
    payload: Buffer.from('{"n":1}'),
    priority: 5,
    maxRetries: 3,
    retry: defaultRetry,
    timeoutMs: 5_000,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs: noon,
    ...fields,
  };
}

export interface AttemptFields {
  readonly spec?: Partial<EventSpec>;
  readonly dueAtMs?: number;
  readonly attempt?: number;
  readonly partition?: number;
}

export function attemptOf({ spec: fields, dueAtMs = noon, attempt = 1, partition = 0 }: AttemptFields = {}): Attempt {
  const spec = specOf(fields);
  return {
    partition: partition as PartitionId,
    event: mintEventId(0 as Slot, noon),
    attempt,
    run: 0,
    origin: originOf(spec.deliveryType, spec.destination),
    spec: encodeSpec(spec, null),
    dueAtMs: dueAtMs as WallMs,
    overdue: false,
  };
}

export function deliveryOf(fields: AttemptFields = {}, lagMs = 0.5): Delivery {
  const attempt = attemptOf(fields);
  const startedAtMs = (attempt.dueAtMs + lagMs) as WallMs;
  return { attempt, spec: decodeSpec(attempt.spec), startedAtMs, lagMs, secret: null, mayLeave: () => true };
}

/** What a host tells when nothing is set for any origin: before it a courier grants nothing. */
export const nothingSet: CourierRequest = { op: 'settings', partition: 0 as PartitionId, position: 0 as Sequence, rows: [] };

export const unhealthy: DeliveryResult = { ...delivered, kind: 'failed', unhealthy: true, statusCode: 503, error: 'HTTP 503' };
export const refused: DeliveryResult = { ...delivered, kind: 'failed', unhealthy: false, statusCode: 404, error: 'HTTP 404' };

/** Lets everything that waits for a promise only go on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

/** Time moves when it is told to, and so do turns. */
export class ManualTiming implements Timing {
  #wall: number = noon;
  #mono = 1_000;
  #timers: Timer[] = [];
  #soon: (() => void)[] = [];

  wallMs(): WallMs {
    return this.#wall as WallMs;
  }

  monoMs(): MonoMs {
    return this.#mono as MonoMs;
  }

  get timers(): number {
    return this.#timers.length;
  }

  after(delayMs: number, task: () => void): CancelTimer {
    const timer = { at: this.#mono + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** The machine's clock is set; monotonic time does not notice. */
  stepWall(byMs: number): void {
    this.#wall += byMs;
  }

  async advance(byMs: number): Promise<void> {
    this.#mono += byMs;
    this.#wall += byMs;
    const due = this.#timers.filter(({ at }) => at <= this.#mono);
    this.#timers = this.#timers.filter(({ at }) => at > this.#mono);
    for (const { task } of due) task();
    await this.turn();
  }

  /** Ends the turn, and those that follow from it. */
  async turn(): Promise<void> {
    await settled();
    while (this.#soon.length > 0) {
      const tasks = this.#soon;
      this.#soon = [];
      for (const task of tasks) task();
      await settled();
    }
  }
}

/** Holds every delivery until the test says how it went. */
export class HeldDeliverer implements Deliverer {
  readonly held: { readonly delivery: Delivery; readonly end: (result: DeliveryResult) => void }[] = [];
  closed = false;

  deliver(delivery: Delivery): Promise<DeliveryResult> {
    return new Promise((end) => this.held.push({ delivery, end }));
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Ends the longest running one. */
  end(result: DeliveryResult = delivered): void {
    const next = this.held.shift();
    if (next === undefined) throw new Error('nothing is being delivered');
    next.end(result);
  }
}
