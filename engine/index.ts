/**
 * The door to the engine: what the gateway, the benches and embedding programs use.
 *
 * What few starts need is behind two doors of its own, `nats-tools.ts` and `upkeep-tools.ts`, so that it is not loaded by all others.
 */

export { type Command, type CommandSet, command, type Outcome, readInvocation, type Surroundings } from './command-line.js';
export {
  type ClusterConfig,
  type Config,
  configFrom,
  defaultConfig,
  type Role,
  roles,
  settings,
  settingsOf,
  surroundingsOf,
} from './config.js';
export { healthCommand } from './health-check.js';
export type { WallMs } from './kernel/brand.js';
export { type Clock, SystemClock } from './kernel/clock.js';
export { descriptorLimit, shareDescriptors } from './kernel/descriptors.js';
export { EngineError, type ErrorCode, errorKinds, type FieldError, InvariantError, StartError } from './kernel/errors.js';
export { formatEventId, parseEventId, putEventId } from './kernel/event-id.js';
export { fnv1a32Of as hashOf } from './kernel/fnv1a.js';
export { putBytes } from './kernel/copied-bytes.js';
export { inStep } from './kernel/in-step.js';
export { version } from './kernel/version.js';
export {
  aheadMsMax,
  attemptsInFlightMax as originConcurrencyMax,
  batchBodyBytesMax,
  batchEventsMax,
  drainMsMax,
  eventBodyBytesMax,
  bulkLimitMax,
  externalIdMatchesMax,
  ingestAgainMs,
  ingestAgainMsMax,
  ingestEventsHeldMax,
  ingestEventsMax,
  announcedBytesMax,
  deadLettersMax,
  listLimitMax,
  listPagedRowsMax,
  payloadBytesMax,
  payloadDepthMax,
  rejectedBytesMax,
  rejectMsMax,
  stopMsMax,
  streamBacklogBytesMax,
  tagsMax,
} from './kernel/limits.js';
export {
  type DeliveryType,
  defaultMaxRetries,
  defaultPriority,
  defaultRetry,
  defaultSource,
  defaultSpec,
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
export type { InletMessage } from './nats/inlet-message.js';
export type { Publisher, PublishResult } from './nats/publisher.js';
export type { NatsDoor } from './nats-desk.js';
export { natsOrigin } from './event/origin.js';
export { type EventStatus, eventStatuses, isFinished, type WaitReason } from './event/status.js';
export type { SpecPatch } from './event/spec-patch.js';
export { type PlainDestination, PlainSpec, plainDestination } from './event/plain-spec.js';
export { textOfKey } from './event/request-key.js';
export { fingerprintBytes } from './event/content.js';
export { SpecSheet } from './event/spec-sheet.js';
export type { StatusChange } from './event/status-change.js';
export type { LabelFilter } from './event/label-filter.js';
export type { EventView, HistoryEntry } from './event/view.js';
export { type EventFilter, everyEvent, matchesView, type Span, type TagFilter } from './event/event-filter.js';
export { type ListOrder, type ListPlace, type ListSort, listOrders, listSorts } from './event/event-list.js';

export type { ClusterView } from './cluster/cluster-view.js';
export type { Engine } from './contract.js';
export type { DestinationChange, DestinationPage } from './destination-desk.js';
export type { Destination } from './dispatch/destination.js';
export { createEngine, type EngineConfig, type EngineOptions } from './engine.js';
export type { Health, HealthStatus } from './health-board.js';
export type { Statistics } from './observe/overview.js';
export type { HistorySample, MetricsHistorySlice } from './observe/metrics-history.js';
export type { Change, Condition, RetryTimes } from './partition/command.js';
export type { EventName, ExternalId, NewEvent, PutResult, ScheduleResult } from './router/router.js';
export type { ScheduledEvents } from './router/scheduled-events.js';
export type { SheetAsked } from './router/router.js';
export type { BulkRequest, BulkResult } from './router/bulk-changes.js';
export type { EventPage, ListRequest } from './router/event-lists.js';
export type { StatusFilter } from './status/filter.js';
export type { Subscription } from './status/status-hub.js';
export type { StatusBatch, StatusListener } from './status/subscriber.js';
export { OneStream, type ToldStream, type ToldStreams } from './status/told-streams.js';
export type { LocalAnswer, LocalDelivery, LocalHandler, LocalResult } from './dispatch/local-deliverer.js';
export { list, type Setting, yesOrNo } from './settings.js';
export { DamageError } from './log/damage.js';
export type { RepairPlan } from './upkeep/repair-plan.js';
export { inMebibytes } from './upkeep/progress.js';
export type { Inspection } from './upkeep/inspect.js';
export type { LostRecord } from './upkeep/lost-events.js';
export type { Fault } from './upkeep/partition-survey.js';
export type { PartitionVerdict } from './upkeep/verify.js';
