/**
 * What a producer asked for: all input fields of an event after defaults. Immutable; the engine's own facts about the
 * event (state, attempts, next attempt) are kept apart.
 */
import type { WallMs } from '../kernel/brand.js';

export const deliveryTypes = ['HTTP', 'NATS', 'LOCAL'] as const;
export type DeliveryType = (typeof deliveryTypes)[number];

export const httpMethods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const;
export type HttpMethod = (typeof httpMethods)[number];

export const retryStrategies = ['exponential', 'linear', 'fixed'] as const;
export type RetryStrategy = (typeof retryStrategies)[number];

export interface RetryPolicy {
  readonly strategy: RetryStrategy;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  readonly jitter: 'full' | 'none';
}

export const defaultRetry: RetryPolicy = {
  strategy: 'exponential',
  initialMs: 1_000,
  maxMs: 3_600_000,
  multiplier: 2,
  jitter: 'full',
};
export const defaultSource = 'default';
export const defaultPriority = 5;
export const defaultMaxRetries = 3;
export const defaultTimeoutMs = 30_000;

/** 0-9, 9 first. */
export const namedPriorities = { LOW: 2, MEDIUM: 5, HIGH: 8, CRITICAL: 9 } as const;

export interface EventSpec {
  readonly externalJobId: string | null;
  readonly source: string;
  readonly type: string | null;
  readonly description: string | null;
  /** When the first attempt is asked for: whole milliseconds. */
  readonly scheduledAtMs: WallMs;
  /** The delay it was computed from, if one was given: content is compared by it, not by the instant it led to. */
  readonly delayMs: number | null;
  readonly deliveryType: DeliveryType;
  readonly destination: string;
  /** Null unless HTTP. */
  readonly method: HttpMethod | null;
  /** Lower-case names, in the order given. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** JSON text as it came; null when none was given. */
  readonly payload: Uint8Array | null;
  readonly priority: number;
  readonly maxRetries: number;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly expiresAtMs: WallMs | null;
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** Given with the request and used only without an external job id; for a batch `<key>:<index>`. */
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  /** When the gateway accepted it: the base of `created_at`. */
  readonly createdAtMs: WallMs;
}

/** An event to a webhook of which a producer says only where and when. */
export const defaultSpec: Omit<EventSpec, 'destination' | 'scheduledAtMs' | 'createdAtMs'> = {
  externalJobId: null,
  source: defaultSource,
  type: null,
  description: null,
  delayMs: null,
  deliveryType: 'HTTP',
  method: 'POST',
  headers: [],
  payload: null,
  priority: defaultPriority,
  maxRetries: defaultMaxRetries,
  retry: defaultRetry,
  timeoutMs: defaultTimeoutMs,
  expiresAtMs: null,
  tags: [],
  idempotencyKey: null,
  traceparent: null,
};
