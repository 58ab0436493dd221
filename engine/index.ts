/** The only door to the engine: what the gateway, the benches and embedding programs use. */
import type { StatusChange } from './event/status-change.js';
import type { DeliveryType, EventSpec } from './event/spec.js';
import type { EventStatus } from './event/status.js';
import type { EventView, HistoryEntry } from './event/view.js';
import type { EngineError } from './kernel/errors.js';

export { type Config, defaultConfig, type Invocation, invocationOfProcess } from './config.js';
export type { WallMs } from './kernel/brand.js';
export { type Clock, SystemClock } from './kernel/clock.js';
export { EngineError, type ErrorCode, errorKinds, type FieldError, InvariantError, StartError } from './kernel/errors.js';
export { formatEventId, parseEventId } from './kernel/event-id.js';
export {
  aheadMsMax,
  batchBodyBytesMax,
  batchEventsMax,
  drainMsMax,
  eventBodyBytesMax,
  payloadBytesMax,
  payloadDepthMax,
  streamBacklogBytesMax,
} from './kernel/limits.js';
export {
  type DeliveryType,
  defaultMaxRetries,
  defaultPriority,
  defaultRetry,
  defaultSource,
  defaultTimeoutMs,
  deliveryTypes,
  type EventSpec,
  type HttpMethod,
  httpMethods,
  namedPriorities,
  type RetryPolicy,
  retryStrategies,
} from './event/spec.js';
export { createLogger, type Logger } from './observe/logger.js';
export { type EventStatus, eventStatuses, type WaitReason } from './event/status.js';
export type { StatusChange } from './event/status-change.js';
export type { EventView, HistoryEntry } from './event/view.js';

// What the gateway needs of an engine. The contract of both sides.

/** An event as a producer asks for it. The engine mints its id and the fingerprint of its content. */
export interface NewEvent {
  readonly spec: EventSpec;
  /** False: no time of any kind was given, so that a repeat a second later is still the same content. */
  readonly timeGiven: boolean;
}

export type ScheduleResult =
  | { readonly replayed: false; readonly id: string; readonly partition: number }
  | { readonly replayed: true; readonly view: EventView };

/** Null: any. Several values: any of them. Ids as text. */
export interface StatusFilter {
  readonly status: readonly EventStatus[] | null;
  readonly source: readonly string[] | null;
  readonly type: readonly string[] | null;
  readonly eventId: readonly string[] | null;
  readonly externalJobId: readonly string[] | null;
}

/** `items` may be empty: then only the cursor has moved on. */
export interface StatusBatch {
  readonly cursor: string;
  readonly items: readonly StatusChange[];
}

export interface Subscription {
  /** Where it began: everything after this comes through the listener. */
  readonly cursor: string;
  close(): void;
}

interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p99_9: number | null;
  readonly max: number | null;
  readonly count: number;
}

type Rate = Readonly<Record<'1m' | '5m' | '15m', number>>;

/** JSON-ready, named as the contract names it. */
export interface Statistics {
  readonly total: number;
  readonly by_status: Readonly<Record<EventStatus, number>>;
  readonly by_delivery_type: Readonly<Partial<Record<DeliveryType, number>>>;
  readonly waiting: Readonly<Record<string, number>>;
  readonly rates: Readonly<Record<'accepted' | 'fired' | 'delivered' | 'failed', Rate>>;
  readonly fire_lag_ms: Quantiles;
  readonly delivery_ms: Quantiles;
  readonly oldest_overdue_ms: number | null;
}

export type HealthStatus = 'ready' | 'recovering' | 'stopping' | 'degraded';

/** JSON-ready. A component named `partition N` is one that takes events. */
export interface Health {
  readonly status: HealthStatus;
  readonly components: readonly { readonly name: string; readonly status: string; readonly detail: string | null }[];
  readonly recovery: { readonly overdue: number; readonly done_at: string | null };
}

/** Everything that is asked answers when it is durable; what is refused rejects with EngineError. */
export interface Engine {
  schedule(event: NewEvent): Promise<ScheduleResult>;
  /** Aligned with `events`; one bad event never fails the others. */
  scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]>;
  /** `not-found` also for a text that is no id. */
  get(id: string): Promise<EventView>;
  /** Oldest first. */
  history(id: string): Promise<readonly HistoryEntry[]>;
  /** The cancelled event, also when it had been cancelled before. */
  cancel(id: string): Promise<EventView>;
  /** Changes after the moment of the call that match, in order per event. */
  subscribe(filter: StatusFilter, listener: (batch: StatusBatch) => void): Promise<Subscription>;
  /** Merged figures of all threads, at most a quarter of a second old. */
  statistics(): Statistics;
  health(): Health;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Null: allowed. Else the reason: egress forbids the literal address, no such handler, NATS is not configured. */
  checkDestination(type: DeliveryType, destination: string): string | null;
}
