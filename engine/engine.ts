/**
 * One engine: which parts there are, how they are connected, in which order they start and stop. What happens inside them is
 * theirs.
 *
 *     start: data directory (locked) -> couriers -> host groups -> every partition replays its log
 *     stop:  refuse requests -> fire nothing more -> attempts in flight end (10 s at most) -> everything durable -> files closed
 *
 * The main thread's part. Requests go through the router, status changes through the hub, figures to the board.
 */
import { BackgroundTasks } from './background-tasks.js';
import type { Config } from './config.js';
import type { Engine } from './contract.js';
import type { HostMail } from './actor/mail.js';
import type { HostNotice } from './actor/notices.js';
import type { HostReply } from './actor/replies.js';
import { CourierCrew } from './courier-crew.js';
import { type DestinationChange, DestinationDesk, type DestinationPage } from './destination-desk.js';
import type { Destination } from './dispatch/destination.js';
import { createEgressPolicy, type EgressPolicy, parseEgressAllow } from './dispatch/egress.js';
import type { LocalHandler } from './dispatch/local-deliverer.js';
import type { DeliveryType } from './event/spec.js';
import type { SpecSheet } from './event/spec-sheet.js';
import type { EventView, HistoryEntry } from './event/view.js';
import type { LabelFilter } from './event/label-filter.js';
import type { StatusChange } from './event/status-change.js';
import { type Health, HealthBoard } from './health-board.js';
import { HostGroup } from './host-group.js';
import type { PartitionId, WallMs } from './kernel/brand.js';
import { EngineError } from './kernel/errors.js';
import {
  ballastBytes,
  drainMsMax,
  freeBytesMin,
  originsMax,
  readAheadBytesMax,
  segmentAgeMsMax,
  segmentBytesMax,
  snapshotRecords,
  terminateMsMax,
  walBytesMax,
} from './kernel/limits.js';
import { SystemClock } from './kernel/clock.js';
import { descriptorLimit, shareDescriptors } from './kernel/descriptors.js';
import { settlesWithin } from './kernel/deadline.js';
import { decodeMessages } from './kernel/message-codec.js';
import { LongTasks } from './kernel/thread-pool.js';
import { version } from './kernel/version.js';
import { type DataDir, openDataDir } from './log/data-dir.js';
import type { LogOptions } from './log/protocol.js';
import { EventLoopDelay } from './observe/event-loop.js';
import { FiguresBoard, type Statistics } from './observe/figures-board.js';
import { NatsDesk } from './nats-desk.js';
import type { Logger } from './observe/logger.js';
import { MetricsHistory, type MetricsHistorySlice } from './observe/metrics-history.js';
import { Metrics } from './observe/metrics.js';
import { RecoveryProgress } from './observe/recovery-progress.js';
import type { Change, Condition } from './partition/command.js';
import { HostLink } from './router/host-link.js';
import { type EventName, type ExternalId, type NewEvent, type PutResult, Router, type ScheduleResult } from './router/router.js';
import type { ScheduledEvents } from './router/scheduled-events.js';
import type { BulkRequest, BulkResult } from './router/bulk-changes.js';
import type { EventPage, ListRequest } from './router/event-lists.js';
import type { StatusFilter } from './status/filter.js';
import { StatusHub, type Subscription } from './status/status-hub.js';
import { MarkedStream } from './status/marked-stream.js';
import type { StatusListener } from './status/subscriber.js';

/** What an engine needs of the configuration. */
export type EngineConfig = Pick<
  Config,
  | 'dataDir'
  | 'partitions'
  | 'actorThreads'
  | 'durability'
  | 'retentionDays'
  | 'webhookSecrets'
  | 'egress'
  | 'egressAllow'
  | 'originConcurrency'
  | 'breaker'
  | 'recoveryRate'
  | 'replayWindow'
  | 'nats'
>;

export interface EngineOptions {
  readonly config: EngineConfig;
  readonly logger: Logger;
  /** Handlers for `delivery_type: LOCAL`, by the name that events give as their destination. */
  readonly deliver?: Readonly<Record<string, LocalHandler>>;
  /** How the log is kept, for tests of small segments and full disks. */
  readonly snapshotRecords?: number;
  /** Instead of the days of the configuration, for tests that cannot wait for days. */
  readonly retentionMs?: number;
  readonly log?: Partial<
    Pick<LogOptions, 'segmentBytesMax' | 'segmentAgeMsMax' | 'walBytesMax' | 'freeBytesMin' | 'ballastBytes' | 'pagesMax'>
  >;
}

/** Several hosts deserve several couriers; on a small machine one thread does the webhooks of all. */
const hostsPerCourier = 4;
const sampleEveryMs = 1_000;
const dayMs = 86_400_000;
/** Closing takes milliseconds, or a last checkpoint. Longer than this, a thread hangs. */
const closeMsMax = 5_000;
/** A group that dies again at once would spin; it is started anew after this long. */
const restartWaitMs = 250;

export class NodeEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #logger: Logger;
  readonly #dataDir: DataDir;
  readonly #longTasks = new LongTasks((thread) => this.#hung(thread));
  readonly #backgroundTasks: BackgroundTasks;
  readonly #egress: EgressPolicy;
  readonly #crew: CourierCrew;
  /** Null: not configured. */
  readonly nats: NatsDesk | null;
  readonly #groups: readonly HostGroup[];
  readonly #links: readonly HostLink[];
  readonly #router: Router;
  readonly #destinations: DestinationDesk;
  readonly #progress: RecoveryProgress;
  readonly #hub: StatusHub;
  readonly #stream: MarkedStream;
  readonly #board = new FiguresBoard();
  readonly #history = new MetricsHistory();
  readonly #health: HealthBoard;
  readonly #metrics: Metrics;
  readonly #clock = new SystemClock();
  readonly #loopDelay = new EventLoopDelay(this.#clock);
  readonly #intervals: NodeJS.Timeout[] = [];
  #drainedHosts = new Set<number>();
  #hostDrained: () => void = () => undefined;
  #isStopping = false;

  /** Throws StartError when the data directory cannot be used, with nothing touched. */
  constructor(options: EngineOptions) {
    const { config, logger } = options;
    const { partitions, actorThreads } = config;
    this.#options = options;
    this.#logger = logger.child({ component: 'engine' });
    this.#backgroundTasks = new BackgroundTasks(this.#logger);
    const { attempts } = shareDescriptors({ limit: descriptorLimit(), partitions, actorThreads });
    this.#egress = createEgressPolicy({ mode: config.egress, allow: parseEgressAllow(config.egressAllow.join(',')) });
    this.#dataDir = openDataDir({ dataDir: config.dataDir, partitions });
    const courierThreads = Math.max(1, Math.floor(actorThreads / hostsPerCourier));
    this.#health = new HealthBoard(partitions);
    this.nats =
      config.nats === null
        ? null
        : new NatsDesk({
            address: config.nats,
            version,
            streamId: this.#dataDir.streamId,
            partitions,
            deaths: () => this.#board.counter('dead'),
            logger: this.#logger,
            changed: (fault) => this.#health.nats(fault),
          });
    this.#metrics = new Metrics({ board: this.#board, version, nats: this.nats });
    this.#hub = new StatusHub({
      partitions,
      hosts: actorThreads,
      hostOf: (partition) => partition % actorThreads,
      replayWindow: config.replayWindow,
      watch: ({ host, on, round }) => this.#links[host]!.send({ op: 'watch', on, round }),
      read: (span, done) => this.#router.readChanges(span, done),
      soon: setImmediate,
      listenerFailed: (error) => this.#logger.error({ err: error }, 'a status listener failed and was closed'),
    });
    this.#stream = new MarkedStream({ hub: this.#hub, id: this.#dataDir.streamId });
    this.#crew = new CourierCrew({
      threads: courierThreads,
      tasks: this.#longTasks,
      handlers: options.deliver ?? {},
      nats: config.nats === null ? null : { address: config.nats, name: `escapement ${version} delivery` },
      options: {
        originConcurrency: config.originConcurrency,
        attemptsInFlightMax: Math.max(1, Math.floor(attempts / courierThreads)),
        breaker: config.breaker,
        originsMax,
        partitions,
        recoveryRate: config.recoveryRate,
        egress: config.egress,
        egressAllow: config.egressAllow.join(','),
        webhookSecrets: config.webhookSecrets.length > 0 ? config.webhookSecrets : [this.#dataDir.webhookSecret],
        version,
      },
      notice: (courier, notice) => {
        if (notice.op === 'figures') this.#board.courier(courier, notice.figures);
        else if (notice.op === 'nats') this.nats?.courierSays(notice.state);
      },
      replaced: (courier, error) => this.#courierReplaced(courier, error),
      broken: (host, error) => this.#logger.error({ err: error, host }, 'an actor host broke the slot protocol'),
    });
    const hosts = Array.from({ length: actorThreads }, (_, host) => host);
    this.#groups = hosts.map((host) => this.#groupOf(host));
    this.#links = hosts.map(
      (host) =>
        new HostLink((bytes) => {
          this.#groups[host]!.post({ op: 'requests', bytes }, [bytes.buffer]);
        }),
    );
    this.#progress = new RecoveryProgress(config.recoveryRate);
    this.#destinations = new DestinationDesk({
      partitions,
      couriers: this.#crew.size,
      ask: (partition, request) => this.#links[partition % actorThreads]!.ask(request),
      askCourier: (courier, question) => this.#crew.ask(courier, question),
    });
    this.#router = new Router({ partitions, linkOf: (partition) => this.#links[partition % actorThreads]! });
  }

  /** Brings the threads up; partitions become ready one by one, and requests to them wait until then. */
  start(): void {
    for (const group of this.#groups) group.start();
    this.#loopDelay.start();
    // What happens in the first second counts from nothing.
    this.#board.sampleRates(this.#clock.monoMs());
    this.#intervals.push(setInterval(() => this.#sample(), sampleEveryMs));
  }

  schedule(event: NewEvent): Promise<ScheduleResult> {
    return this.#router.schedule(event);
  }
  scheduleBatch(events: readonly NewEvent[]): Promise<readonly (ScheduleResult | EngineError)[]> {
    return this.#router.scheduleBatch(events);
  }
  scheduleSheet(sheet: SpecSheet, settled: (events: ScheduledEvents) => void): ScheduledEvents {
    return this.#router.scheduleSheet(sheet, settled);
  }
  get(name: EventName): Promise<EventView> {
    return this.#router.get(name);
  }
  history(name: EventName): Promise<readonly HistoryEntry[]> {
    return this.#router.history(name);
  }
  change(name: EventName, change: Change): Promise<EventView> {
    return this.#router.change(name, change);
  }
  cancel(name: EventName): Promise<EventView> {
    return this.#router.change(name, { op: 'cancel' });
  }
  put(event: NewEvent, condition: Condition): Promise<PutResult> {
    return this.#router.put(event, condition);
  }
  list(request: ListRequest): Promise<EventPage> {
    return this.#router.list(request);
  }
  cancelMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#router.cancelMatching(asked);
  }
  retryMatching(asked: BulkRequest): Promise<BulkResult> {
    return this.#router.retryMatching(asked);
  }
  withExternalId(id: ExternalId): Promise<readonly EventView[]> {
    return this.#router.withExternalId(id);
  }
  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    return this.#stream.subscribe(filter, listener, cursor);
  }
  statistics(): Statistics {
    return this.#board.statistics();
  }
  destinations(asked: { readonly after: string; readonly limit: number }): Promise<DestinationPage> {
    return this.#destinations.page(asked);
  }
  destination(origin: string): Promise<Destination> {
    return this.#destinations.one(origin);
  }
  configureDestination(origin: string, change: DestinationChange): Promise<Destination> {
    return this.#destinations.configure(origin, change);
  }
  statisticsOf(labels: LabelFilter): Promise<Statistics> {
    return this.#router.statisticsOf(labels);
  }
  metricsHistory(from: WallMs | null): MetricsHistorySlice {
    return this.#history.since(from, this.#clock.wallMs());
  }
  health(): Health {
    const backlog = { overdue: this.#board.level('overdue'), longest: this.#board.level('longestBacklog') };
    const doneInMs = this.#progress.doneInMs(backlog);
    const doneAtMs = doneInMs === null ? null : ((this.#clock.wallMs() + doneInMs) as WallMs);
    return this.#health.health({ overdue: backlog.overdue, doneAtMs });
  }
  metrics(): Promise<string> {
    return this.#metrics.text();
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
    const drained = this.#untilHostsDrained();
    for (const host of this.#links.keys()) this.#drainHost(host);
    await this.#crew.drain(drainMsMax);
    await drained;
    const closed = Promise.all([...this.#groups.map((group) => group.close()), this.#crew.close()]);
    if (!(await settlesWithin(closeMsMax, closed))) this.#logger.error({ closeMsMax }, 'a thread does not end and is terminated');
    for (const interval of this.#intervals) clearInterval(interval);
    this.#loopDelay.stop();
    await Promise.all([this.#longTasks.close(), this.#backgroundTasks.close()]);
    await this.nats?.close();
    this.#dataDir.close();
  }

  /** Or until attempts that hang have had their time: those start again under the same number after the next start. */
  #untilHostsDrained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMsMax);
      this.#hostDrained = () => {
        if (this.#drainedHosts.size < this.#groups.length) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One that is down at this moment is not brought up again: nothing runs there, and what waits for it is told so. */
  #drainHost(host: number): void {
    const link = this.#links[host]!;
    if (!link.isDown) {
      link.send({ op: 'drain' });
      return;
    }
    link.lost('the engine is shutting down');
    this.#drainedHosts.add(host);
    this.#hostDrained();
  }

  #partitionsOf(host: number): PartitionId[] {
    const { partitions, actorThreads } = this.#options.config;
    const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
    return all.filter((partition) => partition % actorThreads === host);
  }

  #groupOf(host: number): HostGroup {
    const { config, log } = this.#options;
    const own = this.#partitionsOf(host);
    return new HostGroup({
      number: host,
      tasks: this.#longTasks,
      options: {
        partitions: own,
        readAheadBytesMax,
        snapshotRecords: this.#options.snapshotRecords ?? snapshotRecords,
        retentionMs: this.#options.retentionMs ?? config.retentionDays * dayMs,
      },
      log: {
        dataDir: config.dataDir,
        partitions: own,
        durability: config.durability,
        segmentBytesMax,
        segmentAgeMsMax,
        walBytesMax,
        freeBytesMin,
        ballastBytes,
        pagesMax: null,
        ...log,
      },
      connectCouriers: () => Array.from({ length: this.#crew.size }, (_, courier) => this.#crew.connect(courier, host)),
      mail: (mail) => this.#take(host, mail),
      pool: (request) => this.#backgroundTasks.run(request),
      died: (error) => this.#groupDied(host, error),
    });
  }

  #take(host: number, mail: HostMail): void {
    switch (mail.op) {
      case 'replies':
        this.#links[host]!.answered(decodeMessages<HostReply>(mail.bytes));
        break;
      case 'changes':
        this.#hub.publish(decodeMessages<StatusChange>(mail.bytes));
        break;
      case 'notice':
        this.#heed(host, mail.notice);
        break;
    }
  }

  #heed(host: number, notice: HostNotice): void {
    switch (notice.op) {
      case 'watching':
        this.#hub.watching({ host, round: notice.round, positions: notice.positions });
        break;
      case 'phase':
        this.#board.phase(notice.partition, notice.phase);
        if (this.#health.phase(notice)) this.#logPhase(notice);
        break;
      case 'figures':
        this.#board.host(host, notice.figures);
        break;
      case 'clock-step':
        this.#logger.warn({ host, stepMs: Math.round(notice.stepMs) }, 'the wall clock was stepped');
        break;
      case 'space':
        this.#board.freeBytes(host, notice.freeBytes);
        if (this.#health.space(host, notice.level)) {
          this.#logger.warn({ level: notice.level, freeBytes: notice.freeBytes }, 'free disk space');
        }
        break;
      case 'held':
        this.#logHeld(notice);
        break;
      case 'retention-stuck':
        this.#logger.error(
          { partition: notice.partition, detail: notice.detail },
          'a segment that is due to go cannot be read and stays',
        );
        break;
      case 'drained':
        this.#drainedHosts.add(host);
        this.#hostDrained();
        break;
    }
  }

  #logHeld({ partition, isHeld, walBytes }: Extract<HostNotice, { op: 'held' }>): void {
    const fields = { partition, walBytes };
    if (isHeld)
      this.#logger.warn(fields, 'somebody reads the log and does not stop: its -wal file grows until the segment is sealed');
    else this.#logger.info(fields, 'the -wal file is folded in again');
  }

  #logPhase({ partition, phase, detail }: Extract<HostNotice, { op: 'phase' }>): void {
    const fields = { partition, phase, detail };
    if (phase === 'failed') this.#logger.error(fields, 'a partition has stopped');
    else if (detail !== null) this.#logger.warn(fields, 'a partition is replayed');
    else this.#logger.info(fields, phase === 'ready' ? 'a partition is ready' : 'a partition is replayed');
  }

  #groupDied(host: number, error: Error): void {
    this.#logger.error({ host, err: error }, 'an actor host died; its partitions are replayed on fresh threads');
    this.#board.hostGone(host);
    this.#links[host]!.lost('its actor host died');
    for (const partition of this.#partitionsOf(host)) {
      this.#health.phase({ partition, phase: 'recovering', detail: 'its actor host died' });
      this.#board.phase(partition, 'recovering');
    }
    if (this.#isStopping) {
      this.#drainedHosts.add(host);
      this.#hostDrained();
      return;
    }
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#groups[host]!.start();
      this.#links[host]!.restored();
      this.#hub.hostStarted(host);
    }, restartWaitMs);
  }

  /** `process.exit` would wait for the thread as well. */
  #hung(thread: string): void {
    this.#logger.fatal({ thread, terminateMsMax }, "a thread does not end, so the process does: its files may be nobody else's");
    process.abort();
  }

  #courierReplaced(courier: number, error: Error): void {
    this.#logger.error({ courier, err: error }, 'a courier died; what it ran is started again');
    this.#board.courierGone(courier);
    for (const group of this.#groups) {
      const port = this.#crew.connect(courier, group.number);
      group.post({ op: 'courier', courier, port }, [port]);
    }
  }

  #sample(): void {
    this.#clock.check();
    this.#hub.tick();
    this.#board.sampleRates(this.#clock.monoMs());
    this.#history.sample(this.#clock.wallMs(), this.#board.historyTotals());
    this.#board.loopDelay('main', this.#loopDelay.figures());
    this.#progress.sample(this.#clock.monoMs(), this.#board.level('overdue'));
  }
}

/** Opens the data directory and brings the engine up; partitions become ready behind it. Throws StartError when it cannot be. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = new NodeEngine(options);
  engine.start();
  return engine;
}
