/**
 * Circuit breaker of one origin: a destination that is down is left alone, and its events wait instead of using up their
 * retries.
 *
 *     closed ---- >= 20 ended within 10 s, half of them failed ----> open (5 s)
 *     open ------ its time is over, one probe starts --------------> half-open
 *     half-open - the probe went well -----------------------------> closed
 *     half-open - it failed ---------------------------------------> open (twice as long, at most 60 s)
 *
 * The states and their moves are cockatiel's. Two things of it are replaced. Its sampling breaker moves on by one window
 * for each attempt, so that counts from before a quiet time live on, and it asks for more than half; `AttemptWindow` counts
 * exactly. And it reads `Date.now()`: after a step of the machine's clock an open circuit would stay open as long as the
 * step, so it is told that the wait is always over, and the wait itself is a timer here.
 *
 * An attempt that was granted its slot before the circuit opened still runs, and its result is not counted.
 */
import type { CircuitBreakerPolicy, CircuitState, IBackoff } from 'cockatiel';
import { require } from '../kernel/commonjs.js';
import { AttemptWindow } from './attempt-window.js';
import type { DeliveryResult } from './deliverer.js';
import type { CancelTimer, Timing } from './timing.js';

/** Loaded with the first breaker: a thread whose courier has no origin needs none, foremost the main one of a server. */
const cockatiel = () => require('cockatiel') as typeof import('cockatiel');

const attemptsMin = 20;
const firstOpenMs = 5_000;
const openMsMax = 60_000;

/** `probe`: open, its time is over, and one attempt may try. */
export type BreakerState = 'closed' | 'open' | 'probe' | 'half-open';

interface Judged {
  readonly result: DeliveryResult;
  /** The circuit opens, or stays open, because of this one. */
  readonly opens: boolean;
}

export interface BreakerParts {
  readonly timing: Timing;
  /** Called after every move, also when the wait is over. */
  readonly changed: () => void;
  /** The circuit has opened, or stays open after a probe that failed. */
  readonly opened: () => void;
}

export class Breaker {
  readonly #timing: Timing;
  readonly #changed: () => void;
  readonly #opened: () => void;
  readonly #window = new AttemptWindow({ windowMs: 10_000, steps: 20 });
  readonly #policy: CircuitBreakerPolicy;
  readonly #states: typeof CircuitState;
  #waitIsOver = false;
  #cancelWait: CancelTimer | null = null;
  #opensUntilMono = 0;
  #isDisposed = false;

  constructor({ timing, changed, opened }: BreakerParts) {
    this.#timing = timing;
    this.#changed = changed;
    this.#opened = opened;
    const { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } = cockatiel();
    this.#states = CircuitState;
    this.#policy = circuitBreaker(
      handleWhenResult((judged) => (judged as Judged).opens),
      { breaker: new ConsecutiveBreaker(1), halfOpenAfter: this.#backoff() },
    );
    this.#policy.onReset(() => this.#window.clear());
    this.#policy.onStateChange(() => this.#isDisposed || changed());
  }

  get state(): BreakerState {
    switch (this.#policy.state) {
      case this.#states.Closed:
        return 'closed';
      case this.#states.HalfOpen:
        return 'half-open';
      default:
        return this.#waitIsOver ? 'probe' : 'open';
    }
  }

  /** Until a probe may try; 0 unless open. */
  get opensForMs(): number {
    return this.state === 'open' ? Math.max(0, this.#opensUntilMono - this.#timing.monoMs()) : 0;
  }

  /** Runs an attempt, which never rejects, and lets its result count. Who asks for a probe has looked at `state` first. */
  async run(attempt: () => Promise<DeliveryResult>): Promise<DeliveryResult> {
    const { state } = this;
    if (state === 'open' || state === 'half-open') return attempt();
    if (state === 'probe') {
      const judged = await this.#policy.execute(async () => {
        const result = await attempt();
        return { result, opens: result.unhealthy };
      });
      return judged.result;
    }
    const result = await attempt();
    // While all is well the policy has nothing to decide, and its six promises for each attempt would decide nothing.
    if (this.#tips(result)) await this.#policy.execute((): Judged => ({ result, opens: true }));
    return result;
  }

  /** Forgotten: no timer stays behind. */
  dispose(): void {
    this.#isDisposed = true;
    this.#cancelWait?.();
  }

  /** Counts it. A success can tip the balance too: it may be the one that makes twenty. */
  #tips(result: DeliveryResult): boolean {
    if (this.#policy.state !== this.#states.Closed) return false;
    this.#window.record(this.#timing.monoMs(), result.unhealthy);
    return this.#window.ended >= attemptsMin && this.#window.failed * 2 >= this.#window.ended;
  }

  #backoff(): IBackoff<{ readonly attempt: number }> {
    const backoff: IBackoff<{ readonly attempt: number }> = {
      duration: Number.NEGATIVE_INFINITY,
      next: ({ attempt }) => {
        this.#wait(Math.min(firstOpenMs * 2 ** (attempt - 1), openMsMax));
        return backoff;
      },
    };
    return backoff;
  }

  #wait(openMs: number): void {
    this.#waitIsOver = false;
    this.#cancelWait?.();
    // Attempts that began before it was replaced may still end badly.
    if (this.#isDisposed) return;
    this.#opened();
    this.#opensUntilMono = this.#timing.monoMs() + openMs;
    this.#cancelWait = this.#timing.after(openMs, () => {
      this.#waitIsOver = true;
      this.#changed();
    });
  }
}
