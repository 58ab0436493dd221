/**
 * What performs one attempt: an HTTP request, a call of a handler in this process, later a publish. The courier decides
 * when and how many; a deliverer only ever does one thing to the world and says how it went.
 */
import type { Attempt, OutcomeKind } from '../event/attempt.js';
import type { StoredSpec } from '../event/spec-codec.js';
import type { WallMs } from '../kernel/brand.js';

/** One attempt that starts now. */
export interface Delivery {
  readonly attempt: Attempt;
  readonly spec: StoredSpec;
  readonly startedAtMs: WallMs;
  /** Start minus the time it was due. */
  readonly lagMs: number;
  /** What its origin signs with; null: the global secrets. */
  readonly secret: string | null;
  /** Asked when everything is ready to leave, since a connection takes its time: false when this node may act no more. */
  mayLeave(): boolean;
}

export interface DeliveryResult {
  readonly kind: OutcomeKind;
  /**
   * The destination itself is in trouble (no connection, no answer in time, 5xx): what a circuit breaker counts. A refusal
   * of this one event (4xx, a redirect, our own egress rules) says nothing about the next.
   */
  readonly unhealthy: boolean;
  /** Null when no answer came. */
  readonly statusCode: number | null;
  /** Null when delivered. */
  readonly error: string | null;
  /** At most `responseKeptBytesMax`; null when there was none. */
  readonly responseBody: Uint8Array | null;
  readonly retryAfterMs: number | null;
}

export interface Deliverer {
  /** Ends within the attempt's time-out whatever the destination does; `withheld` if nothing has left. Called in the turn in which the attempt starts. */
  deliver(delivery: Delivery): Promise<DeliveryResult>;
  /** Gives up what is still running and everything it holds. */
  close(): Promise<void>;
}

export const delivered: DeliveryResult = {
  kind: 'delivered',
  unhealthy: false,
  statusCode: null,
  error: null,
  responseBody: null,
  retryAfterMs: null,
};

/** Of what might not leave any more: nobody has heard of it, and nothing is counted. */
export const withheld: DeliveryResult = {
  kind: 'failed',
  unhealthy: false,
  statusCode: null,
  error: 'the lease of this node is over, or was',
  responseBody: null,
  retryAfterMs: null,
};

/** A failure without an answer. */
export function failedWithout(answer: { readonly error: string; readonly unhealthy: boolean }): DeliveryResult {
  return {
    kind: 'failed',
    unhealthy: answer.unhealthy,
    statusCode: null,
    error: answer.error,
    responseBody: null,
    retryAfterMs: null,
  };
}

/** The same words wherever an attempt's total time is up. */
export function timedOutAfter(timeoutMs: number): string {
  return `timed out after ${timeoutMs} ms`;
}
