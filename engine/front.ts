/**
 * The half of an engine that is asked: requests find the owner of their partition, answers and status changes come back.
 *
 *     router, lists, bulk changes --requests--> whoever owns the partition --replies--> those who asked
 *     status hub                  <--changes--                             couriers <-- destinations desk
 *
 * It works on links and knows neither hosts nor disks. What it shows is put together from totals that others report.
 *
 * Main thread.
 */
import { DestinationDesk } from './destination-desk.js';
import type { OriginCouriers } from './dispatch/origin-couriers.js';
import type { Health, HealthBoard } from './health-board.js';
import type { PartitionId, WallMs } from './kernel/brand.js';
import { SystemClock } from './kernel/clock.js';
import { inStep } from './kernel/in-step.js';
import { loopDelayPeriodMs } from './kernel/loop-delay.js';
import { EventLoopDelay } from './observe/event-loop.js';
import type { FiguresBoard } from './observe/figures-board.js';
import type { Logger } from './observe/logger.js';
import type { MetricsHistorySlice } from './observe/metrics-history.js';
import { Overview, type Statistics } from './observe/overview.js';
import { RecoveryProgress } from './observe/recovery-progress.js';
import type { TotalsSource } from './observe/totals.js';
import type { PartitionLink } from './router/host-link.js';
import { Router } from './router/router.js';
import type { WatchOrder } from './status/host-watch.js';
import { MarkedStream } from './status/marked-stream.js';
import { StatusHub } from './status/status-hub.js';

const sampleEveryMs = 1_000;

export interface FrontParts {
  readonly partitions: number;
  /** Those who are asked to send changes, and which of them a partition's come from. */
  readonly hosts: number;
  readonly hostOf: (partition: PartitionId) => number;
  readonly linkOf: (partition: PartitionId) => PartitionLink;
  readonly watch: (order: WatchOrder) => void;
  /** Those who make attempts: of this node, or of all. */
  readonly couriersOf: OriginCouriers;
  readonly board: FiguresBoard;
  /** What statistics tell of: the board, or all nodes of a cluster. */
  readonly totals: TotalsSource;
  /** Marks the cursors. */
  readonly streamId: string;
  readonly replayWindow: number;
  /** Of the status hub. */
  readonly aheadTicksMax?: number;
  readonly recoveryRate: number;
  readonly logger: Logger;
}

export class Front {
  readonly router: Router;
  readonly destinations: DestinationDesk;
  /** Where changes come in. */
  readonly hub: StatusHub;
  /** Where they are told. */
  readonly stream: MarkedStream;
  readonly #board: FiguresBoard;
  readonly #overview: Overview;
  readonly #progress: RecoveryProgress;
  readonly #clock = new SystemClock();
  readonly #loopDelay = new EventLoopDelay({ clock: this.#clock });
  readonly #endTimers: (() => void)[] = [];

  constructor(parts: FrontParts) {
    const { partitions, linkOf, logger } = parts;
    this.#board = parts.board;
    this.#overview = new Overview(parts.totals);
    this.#progress = new RecoveryProgress(parts.recoveryRate);
    this.router = new Router({ partitions, linkOf });
    this.destinations = new DestinationDesk({
      partitions,
      couriers: parts.couriersOf,
      ask: (partition, request) => linkOf(partition).ask(request),
    });
    this.hub = new StatusHub({
      partitions,
      hosts: parts.hosts,
      hostOf: parts.hostOf,
      replayWindow: parts.replayWindow,
      aheadTicksMax: parts.aheadTicksMax ?? 0,
      watch: parts.watch,
      read: (span, done) => this.router.readChanges(span, done),
      soon: setImmediate,
      listenerFailed: (error) => logger.error({ err: error }, 'a status listener failed and was closed'),
    });
    this.stream = new MarkedStream({ hub: this.hub, id: parts.streamId });
  }

  start(): void {
    this.#loopDelay.begin();
    // What happens in the first second counts from nothing.
    this.#sampleOverview();
    this.#endTimers.push(
      inStep(loopDelayPeriodMs, () => this.#loopDelay.turn(), { isFirst: true }),
      inStep(sampleEveryMs, () => this.#sample()),
    );
  }

  metricsHistory(from: WallMs | null): MetricsHistorySlice {
    return this.#overview.history(from, this.#clock.wallMs());
  }

  statistics(): Statistics {
    return this.#overview.statistics();
  }

  health(board: HealthBoard): Health {
    const backlog = this.#overview.backlog();
    const doneInMs = this.#progress.doneInMs(backlog);
    const doneAtMs = doneInMs === null ? null : ((this.#clock.wallMs() + doneInMs) as WallMs);
    return board.health({ overdue: backlog.overdue, doneAtMs });
  }

  close(): void {
    for (const end of this.#endTimers) end();
  }

  #sample(): void {
    this.#clock.check();
    this.hub.tick();
    this.#sampleOverview();
    this.#board.loopDelay('main', this.#loopDelay.figures());
    this.#progress.sample(this.#clock.monoMs(), this.#overview.backlog().overdue);
  }

  #sampleOverview(): void {
    this.#overview.sample({ mono: this.#clock.monoMs(), wall: this.#clock.wallMs() });
  }
}
