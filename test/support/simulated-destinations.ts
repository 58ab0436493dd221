/** Everything that deliveries reach: answers as it is told to, and remembers who came when. */
import type { Deliverer, Delivery, DeliveryResult } from '../../engine/dispatch/deliverer.js';
import { failedWithout, timedOutAfter } from '../../engine/dispatch/deliverer.js';
import type { Attempt } from '../../engine/event/attempt.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Onlooker, StartedAttempt } from './simulated-happenings.js';
import type { Scheduler } from './simulated-time.js';

/** `hold`: until somebody ends it by hand, at most until its time-out. */
export type Answer = { readonly afterMs: number; readonly result: DeliveryResult } | 'hold';
export type Respond = (delivery: Delivery) => Answer;

export interface HeldAttempt {
  readonly attempt: StartedAttempt;
  readonly end: (result: DeliveryResult) => void;
}

/** One for each courier; ends with it. */
export class SimulatedDestinations implements Deliverer {
  readonly held = new Set<HeldAttempt>();
  readonly #courier: string;
  readonly #scheduler: Scheduler;
  readonly #respond: Respond;
  readonly #onlooker: Onlooker;
  /** By event and attempt. */
  readonly #handedOver = new Map<string, number>();
  #isGone = false;

  constructor(parts: { courier: string; scheduler: Scheduler; respond: Respond; onlooker: Onlooker }) {
    this.#courier = parts.courier;
    this.#scheduler = parts.scheduler;
    this.#respond = parts.respond;
    this.#onlooker = parts.onlooker;
  }

  /** The courier has got this attempt; it will deliver it when its moment comes. */
  handedOver({ event, attempt }: Attempt): void {
    this.#handedOver.set(`${formatEventId(event)} ${attempt}`, this.#scheduler.now);
  }

  deliver(delivery: Delivery): Promise<DeliveryResult> {
    const scheduler = this.#scheduler;
    const { partition, event, attempt, origin } = delivery.attempt;
    const started: StartedAttempt = {
      event: formatEventId(event),
      partition,
      attempt,
      origin,
      wallMs: scheduler.wall,
      nowMs: scheduler.now,
      handedOverMs: this.#handedOver.get(`${formatEventId(event)} ${attempt}`) ?? scheduler.now,
      spec: delivery.attempt.spec,
      courier: this.#courier,
      ended: null,
    };
    scheduler.note(`  attempt ${attempt} of ${short(started.event)} starts at ${origin}`);
    this.#onlooker({ what: 'started', attempt: started });
    return new Promise((resolve) => {
      const end = (result: DeliveryResult) => {
        if (this.#isGone || started.ended !== null) return;
        this.held.delete(held);
        started.ended = { kind: result.kind, nowMs: scheduler.now };
        this.#onlooker({ what: 'ended', attempt: started });
        scheduler.touchesPromises();
        resolve(result);
      };
      const held: HeldAttempt = { attempt: started, end };
      this.held.add(held);
      const answer = this.#respond(delivery);
      const { timeoutMs } = delivery.spec;
      const isLate = answer === 'hold' || answer.afterMs >= timeoutMs;
      const result = isLate ? failedWithout({ error: timedOutAfter(timeoutMs), unhealthy: true }) : answer.result;
      const line = `attempt ${attempt} of ${short(started.event)} ends: ${result.error ?? result.kind}`;
      scheduler.after(isLate ? timeoutMs : answer.afterMs, line, () => end(result));
    });
  }

  async close(): Promise<void> {
    this.#isGone = true;
  }

  vanish(): void {
    this.#isGone = true;
    this.held.clear();
  }
}

/** Enough of an id to find it in a trace. */
export function short(event: string): string {
  return event.slice(-6);
}
