/**
 * What an engine can be asked: the one set of calls for the gateway, an embedding program and a front door yet to come.
 *
 * Whatever changes something answers when it is durable; what is refused rejects with `EngineError`.
 */
import type { ClusterView } from './cluster/cluster-view.js';
import type { DestinationChange, DestinationPage } from './destination-desk.js';
import type { Destination } from './dispatch/destination.js';
import type { DeliveryType } from './event/spec.js';
import type { LabelFilter } from './event/label-filter.js';
import type { SpecSheet } from './event/spec-sheet.js';
import type { EventView, HistoryEntry } from './event/view.js';
import type { Health } from './health-board.js';
import type { EngineError } from './kernel/errors.js';
import type { WallMs } from './kernel/brand.js';
import type { NatsDoor } from './nats-desk.js';
import type { Statistics } from './observe/overview.js';
import type { MetricsHistorySlice } from './observe/metrics-history.js';
import type { Change, Condition } from './partition/command.js';
import type { EventName, ExternalId, NewEvent, PutResult, ScheduleResult, SheetAsked } from './router/router.js';
import type { ScheduledEvents } from './router/scheduled-events.js';
import type { BulkRequest, BulkResult } from './router/bulk-changes.js';
import type { EventPage, ListRequest } from './router/event-lists.js';
import type { StatusFilter } from './status/filter.js';
import type { Subscription } from './status/status-hub.js';
import type { StatusListener } from './status/subscriber.js';

export interface Engine {
  /** The connection to NATS, for what comes in and is told by it. Null: not configured. */
  readonly nats: NatsDoor | null;
  schedule(event: NewEvent): Promise<ScheduleResult>;
  /** Aligned with `events`; one bad event never fails the others. */
  scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]>;
  /** The same for a front door that has encoded its events. The sheet may be cleared when this returns; `settled` is called once, perhaps before that. */
  scheduleSheet(sheet: SpecSheet, asked: SheetAsked): ScheduledEvents;
  /** `not-found` also for a text that is no id. */
  get(name: EventName): Promise<EventView>;
  /** Oldest first. */
  history(name: EventName): Promise<readonly HistoryEntry[]>;
  /**
   * Cancels, patches, retries or fires one event, or is refused as already (or not yet) finished or in flight; linearizable with
   * firing. The event as it is behind the change: of one that was cancelled no attempt starts once this resolves, one that was
   * changed never starts as it was before. A cancel that is to stop retries resolves with a running event as `DISPATCHED`.
   */
  change(name: EventName, change: Change): Promise<EventView>;
  /** `change` with a plain cancel. */
  cancel(name: EventName): Promise<EventView>;
  /** Creates the event with this external id, or gives a pending one this spec. */
  put(event: NewEvent, condition: Condition): Promise<PutResult>;
  /** A page of events, without headers and payloads. It may be short, even empty, while there is more. */
  list(request: ListRequest): Promise<EventPage>;
  /** Cancels every pending event that matches and does not run; bounded in time, so go on while there is more. */
  cancelMatching(asked: BulkRequest): Promise<BulkResult>;
  /** Puts back every event that matches and is dead, cancelled or expired, due now. */
  retryMatching(asked: BulkRequest): Promise<BulkResult>;
  /** Events with this external job id, newest first, without headers and payloads. */
  withExternalId(id: ExternalId): Promise<readonly EventView[]>;
  /**
   * Changes that match, in order per event: after the place that `cursor` stands for, or after the moment of the call if it is null.
   * No batch comes before the promise. `invalid` for a text that is no cursor of this engine.
   */
  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription>;
  /** Origins with what is set for them and how they are doing, by name; `after`: the last one that was seen, empty to begin. */
  destinations(asked: { readonly after: string; readonly limit: number }): Promise<DestinationPage>;
  /** One that nothing is known of is as it would be. */
  destination(origin: string): Promise<Destination>;
  /** Resolves when it is durable and in force: once a pause has resolved, no attempt is started there. */
  configureDestination(origin: string, change: DestinationChange): Promise<Destination>;
  /** Merged figures of all threads, at most a quarter of a second old. */
  statistics(): Statistics;
  /** The same of one source, one type, or both: asks the partitions. */
  statisticsOf(labels: LabelFilter): Promise<Statistics>;
  /** The last hour by second, or the last day by minute if `from` lies before that. */
  metricsHistory(from: WallMs | null): MetricsHistorySlice;
  health(): Health;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Nodes and partitions as this node sees them. Null: it is alone, no cluster is configured. */
  cluster(): ClusterView | null;
  /** Where a front door listens, for the other nodes to tell. */
  listensAt(address: string): void;
  /** Null: allowed. Else the reason: egress forbids the literal address, no such handler, NATS is not configured. */
  checkDestination(type: DeliveryType, destination: string): string | null;
  /**
   * The first part of a stop, in a cluster: not ready any more, and what is here goes to other nodes, while requests are still answered. Nothing
   * for a node alone. `stop` follows, also without it.
   */
  withdraw(): Promise<void>;
  /** Refuses new requests, fires nothing more, lets attempts in flight end (10 s at most), closes the files. */
  stop(): Promise<void>;
}
