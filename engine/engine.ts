/**
 * One engine on one node: its front (`front.ts`) is what is asked, its back (`back.ts`) keeps the partitions; here they are connected, started
 * and stopped.
 *
 *     start: data directory (locked) -> back -> front
 *     stop:  refuse requests -> back drains -> everything durable -> files closed -> directory let go
 *
 * The main thread's part. Requests go through the front's links to the hosts of the back, replies and status changes the way back.
 */
import type { HostMail } from './actor/mail.js';
import type { HostReply } from './actor/replies.js';
import { Back } from './back.js';
import type { ClusterView } from './cluster/cluster-view.js';
import type { Engine } from './contract.js';
import { CrewCouriers } from './crew-couriers.js';
import type { DestinationChange, DestinationPage } from './destination-desk.js';
import type { Destination } from './dispatch/destination.js';
import { createEgressPolicy, type EgressPolicy, parseEgressAllow } from './dispatch/egress.js';
import type { EngineOptions } from './engine-options.js';
import type { LabelFilter } from './event/label-filter.js';
import type { DeliveryType } from './event/spec.js';
import type { SpecSheet } from './event/spec-sheet.js';
import type { StatusChange } from './event/status-change.js';
import type { EventView, HistoryEntry } from './event/view.js';
import { Front } from './front.js';
import { type Health, HealthBoard } from './health-board.js';
import type { WallMs } from './kernel/brand.js';
import { EngineError, StartError } from './kernel/errors.js';
import { decodeMessages } from './kernel/message-codec.js';
import { version } from './kernel/version.js';
import { type DataDir, openDataDir } from './log/data-dir.js';
import { NatsDesk } from './nats-desk.js';
import { FiguresBoard } from './observe/figures-board.js';
import type { Statistics } from './observe/overview.js';
import { Metrics } from './observe/metrics.js';
import type { MetricsHistorySlice } from './observe/metrics-history.js';
import type { Change, Condition } from './partition/command.js';
import type { BulkRequest, BulkResult } from './router/bulk-changes.js';
import type { EventPage, ListRequest } from './router/event-lists.js';
import { HostLink } from './router/host-link.js';
import type { EventName, ExternalId, NewEvent, PutResult, ScheduleResult } from './router/router.js';
import type { ScheduledEvents } from './router/scheduled-events.js';
import type { StatusFilter } from './status/filter.js';
import type { Subscription } from './status/status-hub.js';
import type { StatusListener } from './status/subscriber.js';

export type { EngineConfig, EngineOptions } from './engine-options.js';

export class NodeEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #dataDir: DataDir;
  readonly #egress: EgressPolicy;
  /** Null: not configured. */
  readonly nats: NatsDesk | null;
  readonly #board = new FiguresBoard();
  readonly #health: HealthBoard;
  readonly #metrics: Metrics;
  readonly #back: Back;
  readonly #links: readonly HostLink[];
  readonly #front: Front;
  #isStopping = false;

  /** Throws StartError when the data directory cannot be used, with nothing touched. */
  constructor(options: EngineOptions) {
    const { config } = options;
    const { partitions } = config;
    const logger = options.logger.child({ component: 'engine' });
    this.#options = options;
    this.#egress = createEgressPolicy({ mode: config.egress, allow: parseEgressAllow(config.egressAllow.join(',')) });
    this.#dataDir = openDataDir({ dataDir: config.dataDir, partitions });
    const { streamId, webhookSecret } = this.#dataDir;
    this.#health = new HealthBoard(partitions);
    this.nats =
      config.nats === null
        ? null
        : new NatsDesk({
            address: config.nats,
            version,
            streamId,
            partitions,
            deaths: () => this.#board.counter('dead'),
            logger,
            changed: (fault) => this.#health.nats(fault),
          });
    this.#metrics = new Metrics({ board: this.#board, version, nats: this.nats });
    const back = new Back({
      options,
      logger,
      webhookSecret,
      board: this.#board,
      health: this.#health,
      nats: this.nats,
      said: (host, mail) => this.#hear(host, mail),
      watching: (host, { round, positions }) => this.#front.hub.watching({ host, round, positions }),
      lost: (host, detail) => this.#links[host]!.lost(detail),
      restored: (host) => {
        this.#links[host]!.restored();
        this.#front.hub.hostStarted(host);
      },
    });
    this.#back = back;
    this.#links = Array.from({ length: back.hosts }, (_, host) => new HostLink((bytes) => back.request(host, bytes)));
    this.#front = new Front({
      partitions,
      hosts: back.hosts,
      hostOf: (partition) => back.hostOf(partition),
      linkOf: (partition) => this.#links[back.hostOf(partition)]!,
      watch: ({ host, on, round }) => this.#links[host]!.send({ op: 'watch', on, round }),
      couriersOf: new CrewCouriers({ couriers: back.couriers, ask: (courier, question) => back.askCourier(courier, question) }),
      board: this.#board,
      totals: this.#board,
      streamId,
      replayWindow: config.replayWindow,
      recoveryRate: config.recoveryRate,
      logger,
    });
  }

  /** Brings the threads up; partitions become ready one by one, and requests to them wait until then. */
  start(): void {
    this.#back.start();
    this.#front.start();
  }

  schedule(event: NewEvent): Promise<ScheduleResult> {
    return this.#front.router.schedule(event);
  }
  scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]> {
    return this.#front.router.scheduleBatch(events);
  }
  scheduleSheet(sheet: SpecSheet, settled: (events: ScheduledEvents) => void): ScheduledEvents {
    return this.#front.router.scheduleSheet(sheet, settled);
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
    return this.#front.health(this.#health);
  }
  metrics(): Promise<string> {
    return this.#metrics.text();
  }
  cluster(): ClusterView | null {
    return null;
  }
  listensAt(): void {
    // There is nobody to tell.
  }

  /** Null: allowed. Else the reason. */
  checkDestination(type: DeliveryType, destination: string): string | null {
    switch (type) {
      case 'HTTP':
        return this.#egress.checkLiteral(new URL(destination).hostname);
      case 'LOCAL':
        return Object.hasOwn(this.#options.deliver ?? {}, destination) ? null : `no handler named "${destination}" is registered`;
      case 'NATS':
        return this.nats === null ? 'NATS is not configured' : null;
    }
  }

  /** Everything acknowledged is on disk anyway; this lets attempts in flight end and record how. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#health.stopping();
    for (const link of this.#links) link.close(new EngineError('stopping', 'the engine is shutting down'));
    await this.#back.drain((host) => this.#links[host]!.send({ op: 'drain' }));
    this.#front.close();
    await this.#back.close();
    await this.nats?.close();
    this.#dataDir.close();
  }

  #hear(host: number, mail: Exclude<HostMail, { op: 'notice' }>): void {
    if (mail.op === 'replies') this.#links[host]!.answered(decodeMessages<HostReply>(mail.bytes));
    else this.#front.hub.publish(decodeMessages<StatusChange>(mail.bytes));
  }
}

/** Opens the data directory and brings the engine up; partitions become ready behind it. Throws StartError when it cannot be. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  if (options.config.cluster !== null) {
    throw new StartError('a cluster is configured (ESCAPEMENT_CLUSTER), and this version runs nodes alone only: unset it');
  }
  const engine = new NodeEngine(options);
  engine.start();
  return engine;
}
