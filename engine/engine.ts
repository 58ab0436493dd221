/**
 * The engine as its users see it: what is asked goes to the front of its node, wherever the partitions are.
 *
 * Main thread.
 */
import type { ClusterView } from './cluster/cluster-view.js';
import type { Engine } from './contract.js';
import type { DestinationChange, DestinationPage } from './destination-desk.js';
import type { Destination } from './dispatch/destination.js';
import { createEgressPolicy, type EgressPolicy, parseEgressAllow } from './dispatch/egress.js';
import type { EngineOptions } from './engine-options.js';
import type { LabelFilter } from './event/label-filter.js';
import type { DeliveryType } from './event/spec.js';
import type { SpecSheet } from './event/spec-sheet.js';
import type { EventView, HistoryEntry } from './event/view.js';
import type { Front } from './front.js';
import type { Health } from './health-board.js';
import type { WallMs } from './kernel/brand.js';
import type { EngineError } from './kernel/errors.js';
import type { NatsDoor } from './nats-desk.js';
import type { Node } from './node.js';
import type { Statistics } from './observe/overview.js';
import type { MetricsHistorySlice } from './observe/metrics-history.js';
import type { Change, Condition } from './partition/command.js';
import type { BulkRequest, BulkResult } from './router/bulk-changes.js';
import type { EventPage, ListRequest } from './router/event-lists.js';
import type { EventName, ExternalId, NewEvent, PutResult, ScheduleResult, SheetAsked } from './router/router.js';
import type { ScheduledEvents } from './router/scheduled-events.js';
import { StandaloneNode } from './standalone-node.js';
import type { StatusFilter } from './status/filter.js';
import type { Subscription } from './status/status-hub.js';
import type { StatusListener } from './status/subscriber.js';

export type { EngineConfig, EngineOptions } from './engine-options.js';

export class NodeEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #egress: EgressPolicy;
  readonly #node: Node;
  readonly #front: Front;
  #isStopping = false;

  constructor(options: EngineOptions, { node, egress }: { readonly node: Node; readonly egress: EgressPolicy }) {
    this.#options = options;
    this.#egress = egress;
    this.#node = node;
    this.#front = node.front;
  }

  get nats(): NatsDoor | null {
    return this.#node.nats;
  }

  start(): void {
    this.#node.start();
  }

  schedule(event: NewEvent): Promise<ScheduleResult> {
    return this.#front.router.schedule(event);
  }
  scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]> {
    return this.#front.router.scheduleBatch(events);
  }
  scheduleSheet(sheet: SpecSheet, asked: SheetAsked): ScheduledEvents {
    return this.#front.router.scheduleSheet(sheet, asked);
  }
  get(name: EventName): Promise<EventView> {
    return this.#front.router.get(name);
  }
  history(name: EventName): Promise<readonly HistoryEntry[]> {
    return this.#front.router.history(name);
  }
  change(name: EventName, change: Change): Promise<EventView> {
    return this.#front.router.change(name, change);
  }
  cancel(name: EventName): Promise<EventView> {
    return this.#front.router.change(name, { op: 'cancel' });
  }
  put(event: NewEvent, condition: Condition): Promise<PutResult> {
    return this.#front.router.put(event, condition);
  }
  list(request: ListRequest): Promise<EventPage> {
    return this.#front.router.list(request);
  }
  cancelMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#front.router.cancelMatching(asked);
  }
  retryMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#front.router.retryMatching(asked);
  }
  withExternalId(id: ExternalId): Promise<readonly EventView[]> {
    return this.#front.router.withExternalId(id);
  }
  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    return this.#front.stream.subscribe(filter, listener, cursor);
  }
  statistics(): Statistics {
    return this.#front.statistics();
  }
  destinations(asked: { readonly after: string; readonly limit: number }): Promise<DestinationPage> {
    return this.#front.destinations.page(asked);
  }
  destination(origin: string): Promise<Destination> {
    return this.#front.destinations.one(origin);
  }
  configureDestination(origin: string, change: DestinationChange): Promise<Destination> {
    return this.#front.destinations.configure(origin, change);
  }
  statisticsOf(labels: LabelFilter): Promise<Statistics> {
    return this.#front.router.statisticsOf(labels);
  }
  metricsHistory(from: WallMs | null): MetricsHistorySlice {
    return this.#front.metricsHistory(from);
  }
  health(): Health {
    return this.#node.health();
  }
  metrics(): Promise<string> {
    return this.#node.metrics();
  }

  /** Null: allowed. Else the reason. */
  checkDestination(type: DeliveryType, destination: string): string | null {
    switch (type) {
      case 'HTTP':
        return this.#egress.checkLiteral(new URL(destination).hostname);
      case 'LOCAL':
        if (this.#node.handlersRefusal !== null) return this.#node.handlersRefusal;
        return Object.hasOwn(this.#options.deliver ?? {}, destination) ? null : `no handler named "${destination}" is registered`;
      case 'NATS':
        return this.#node.nats === null ? 'NATS is not configured' : null;
    }
  }

  cluster(): ClusterView | null {
    return this.#node.cluster();
  }

  listensAt(address: string): void {
    this.#node.listensAt(address);
  }

  withdraw(): Promise<void> {
    return this.#node.withdraw();
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#node.stop();
  }
}

/**
 * Opens the data directory, or joins the cluster first, and brings the engine up; partitions become ready behind it. Throws StartError when it
 * cannot be.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { config } = options;
  // What cannot be understood is refused before anything is made.
  const egress = createEgressPolicy({ mode: config.egress, allow: parseEgressAllow(config.egressAllow.join(',')) });
  const node = await (config.cluster === null ? StandaloneNode.open(options) : joinCluster(options));
  const engine = new NodeEngine(options, { node, egress });
  engine.start();
  return engine;
}

/** Loaded by members only: with the client of NATS it is 60 ms of a start. */
async function joinCluster(options: EngineOptions): Promise<Node> {
  const { ClusterMember } = await import('./cluster-member.js');
  return ClusterMember.join(options);
}
