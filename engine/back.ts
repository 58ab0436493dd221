/**
 * The half of an engine that keeps partitions: data directory, couriers, actor hosts with their disk threads, tasks in the background.
 *
 *     start: couriers -> host groups -> every partition replays its log
 *     stop:  fire nothing more -> attempts in flight end (10 s at most) -> everything durable -> files closed
 *
 * It brings fresh threads for those that die and says how its partitions are (health, figures, log lines). What callers ask and hear is
 * not its business: requests come in as bytes, replies and changes go out as bytes (`front.ts` makes and reads them).
 *
 * Main thread.
 */
import { snapshotRecordsOf } from './actor/life/snapshots.js';
import type { HostMail, PartitionOrder } from './actor/mail.js';
import type { HostNotice, PartitionNews } from './actor/notices.js';
import { BackgroundTasks } from './background-tasks.js';
import { CourierCrew } from './courier-crew.js';
import type { EngineOptions } from './engine-options.js';
import type { HealthBoard } from './health-board.js';
import { type HostCluster, HostGroup } from './host-group.js';
import type { PartitionId } from './kernel/brand.js';
import { settlesWithin } from './kernel/deadline.js';
import { descriptorLimit, shareDescriptors } from './kernel/descriptors.js';
import {
  ballastBytes,
  drainMsMax,
  freeBytesMin,
  originsMax,
  readAheadBytesMax,
  segmentAgeMsMax,
  segmentBytesMax,
  terminateMsMax,
  walBytesMax,
} from './kernel/limits.js';
import { LongTasks } from './kernel/thread-pool.js';
import { version } from './kernel/version.js';
import type { NatsDesk } from './nats-desk.js';
import type { FiguresBoard } from './observe/figures-board.js';
import type { Logger } from './observe/logger.js';

/** Several hosts deserve several couriers; on a small machine one thread does the webhooks of all. */
const hostsPerCourier = 4;
const dayMs = 86_400_000;
/** Closing takes milliseconds, or a last checkpoint. Longer than this, a thread hangs. */
const closeMsMax = 5_000;
/** A group that dies again at once would spin; it is started anew after this long. */
const restartWaitMs = 250;

export interface BackParts {
  readonly options: EngineOptions;
  readonly logger: Logger;
  /** Of the data directory. */
  readonly webhookSecret: string;
  readonly board: FiguresBoard;
  readonly health: HealthBoard;
  /** Null: NATS is not configured. */
  readonly nats: NatsDesk | null;
  /** Null: there is none, and every partition is served here. */
  readonly cluster: HostCluster | null;
  /** What hosts say to whoever asks and watches. */
  said(host: number, mail: Exclude<HostMail, { op: 'notice' }>): void;
  watching(host: number, notice: Extract<HostNotice, { op: 'watching' }>): void;
  /** In a cluster: what has come of an order, or has happened since. */
  news(news: PartitionNews): void;
  /** In a cluster: a partition keeps something else for origins than before. */
  settingsChanged(partition: PartitionId): void;
  /** A fresh courier knows nothing of origins; what is kept here the hosts tell it. */
  courierReplaced(): void;
  /** With everything that it had not answered. `restored` follows, unless the engine is stopping. */
  lost(host: number, detail: string): void;
  restored(host: number): void;
}

export class Back {
  readonly #parts: BackParts;
  readonly #logger: Logger;
  readonly #longTasks = new LongTasks((thread) => this.#hung(thread));
  readonly #backgroundTasks: BackgroundTasks;
  /** Who makes attempts here. */
  readonly crew: CourierCrew;
  readonly #groups: readonly HostGroup[];
  readonly #down = new Set<number>();
  readonly #drained = new Set<number>();
  #hostDrained: () => void = () => undefined;
  #isStopping = false;

  constructor(parts: BackParts) {
    this.#parts = parts;
    this.#logger = parts.logger;
    this.#backgroundTasks = new BackgroundTasks(parts.logger);
    const { config, deliver } = parts.options;
    const { partitions, actorThreads } = config;
    const { attempts } = shareDescriptors({ limit: descriptorLimit(), partitions, actorThreads });
    const courierThreads = Math.max(1, Math.floor(actorThreads / hostsPerCourier));
    this.crew = new CourierCrew({
      threads: courierThreads,
      tasks: this.#longTasks,
      handlers: deliver ?? {},
      lease: parts.cluster?.lease ?? null,
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
        webhookSecrets: config.webhookSecrets.length > 0 ? config.webhookSecrets : [parts.webhookSecret],
        version,
      },
      notice: (courier, notice) => {
        if (notice.op === 'figures') parts.board.courier(courier, notice.figures);
        else if (notice.op === 'nats') parts.nats?.courierSays(notice.state);
      },
      replaced: (courier, error) => this.#courierReplaced(courier, error),
      broken: (host, error) => this.#logger.error({ err: error, host }, 'an actor host broke the slot protocol'),
    });
    this.#groups = Array.from({ length: actorThreads }, (_, host) => this.#groupOf(host));
  }

  get hosts(): number {
    return this.#groups.length;
  }

  hostOf(partition: PartitionId): number {
    return partition % this.#groups.length;
  }

  start(): void {
    for (const group of this.#groups) group.start();
  }

  /** `HostRequest`s; the bytes are the host's from now on. Lost while it is down. */
  request(host: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#groups[host]!.post({ op: 'requests', bytes }, [bytes.buffer]);
  }

  /** Lost while its host is down: `restored` tells when there is one again. */
  order(order: PartitionOrder): void {
    this.#groups[this.hostOf(order.partition)]!.post(order, []);
  }

  /** Fires nothing more, and lets attempts in flight end and record how. `tellDrain` asks a host that is up to drain. */
  async drain(tellDrain: (host: number) => void): Promise<void> {
    this.#isStopping = true;
    const drained = this.#untilHostsDrained();
    for (let host = 0; host < this.hosts; host++) this.#drainHost(host, tellDrain);
    await this.crew.drain(drainMsMax);
    await drained;
  }

  /** Files closed, threads ended. */
  async close(): Promise<void> {
    const closed = Promise.all([...this.#groups.map((group) => group.close()), this.crew.close()]);
    if (!(await settlesWithin(closeMsMax, closed))) this.#logger.error({ closeMsMax }, 'a thread does not end and is terminated');
    await Promise.all([this.#longTasks.close(), this.#backgroundTasks.close()]);
  }

  /** Or until attempts that hang have had their time: those start again under the same number after the next start. */
  #untilHostsDrained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMsMax);
      this.#hostDrained = () => {
        if (this.#drained.size < this.#groups.length) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One that is down at this moment is not brought up again: nothing runs there, and what waits for it is told so. */
  #drainHost(host: number, tellDrain: (host: number) => void): void {
    if (!this.#down.has(host)) {
      tellDrain(host);
      return;
    }
    this.#parts.lost(host, 'the engine is shutting down');
    this.#drained.add(host);
    this.#hostDrained();
  }

  partitionsOf(host: number): PartitionId[] {
    const { partitions, actorThreads } = this.#parts.options.config;
    const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
    return all.filter((partition) => partition % actorThreads === host);
  }

  #groupOf(host: number): HostGroup {
    const { config, log, ...options } = this.#parts.options;
    const own = this.partitionsOf(host);
    return new HostGroup({
      number: host,
      tasks: this.#longTasks,
      options: {
        partitions: own,
        readAheadBytesMax,
        snapshotRecords: options.snapshotRecords ?? snapshotRecordsOf(own.length),
        retentionMs: options.retentionMs ?? config.retentionDays * dayMs,
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
      cluster: this.#parts.cluster,
      connectCouriers: () => Array.from({ length: this.crew.size }, (_, courier) => this.crew.connect(courier, host)),
      mail: (mail) => this.#take(host, mail),
      pool: (request) => this.#backgroundTasks.run(request),
      died: (error) => this.#groupDied(host, error),
    });
  }

  #take(host: number, mail: HostMail): void {
    if (mail.op === 'notice') this.#heed(host, mail.notice);
    else this.#parts.said(host, mail);
  }

  #heed(host: number, notice: HostNotice): void {
    const { board, health } = this.#parts;
    switch (notice.op) {
      case 'watching':
        this.#parts.watching(host, notice);
        break;
      case 'phase':
        board.phase(notice.partition, notice.phase);
        if (health.phase(notice)) this.#logPhase(notice);
        break;
      case 'figures':
        board.host(host, notice.figures);
        break;
      case 'clock-step':
        this.#logger.warn({ host, stepMs: Math.round(notice.stepMs) }, 'the wall clock was stepped');
        break;
      case 'space':
        board.freeBytes(host, notice.freeBytes);
        if (health.space(host, notice.level)) {
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
      case 'snapshot-damaged':
        this.#logger.warn(
          { partition: notice.partition, detail: notice.detail },
          'a snapshot is damaged and was passed over: the start took longer, nothing is lost. Look at the disk',
        );
        break;
      case 'regressed':
        board.dataLosses++;
        this.#logger.error(
          { partition: notice.partition, detail: notice.detail },
          'the journal of a partition was not what this node knew of it',
        );
        break;
      case 'copy-note':
        this.#logger.warn({ partition: notice.partition, detail: notice.detail }, 'the copy of a partition');
        break;
      case 'partition-news':
        this.#parts.news(notice.news);
        break;
      case 'settings-changed':
        this.#parts.settingsChanged(notice.partition);
        break;
      case 'drained':
        this.#drained.add(host);
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
    else if (phase === 'elsewhere') this.#logger.debug(fields, 'a partition is elsewhere');
    else if (detail !== null) this.#logger.warn(fields, 'a partition is replayed');
    else this.#logger.info(fields, phase === 'ready' ? 'a partition is ready' : 'a partition is replayed');
  }

  #groupDied(host: number, error: Error): void {
    this.#logger.error({ host, err: error }, 'an actor host died; its partitions are replayed on fresh threads');
    const { board, health } = this.#parts;
    this.#down.add(host);
    board.hostGone(host);
    this.#parts.lost(host, 'its actor host died');
    for (const partition of this.partitionsOf(host)) {
      // In a cluster it is nobody's until it has been taken again.
      const phase = this.#parts.cluster === null ? 'recovering' : 'elsewhere';
      health.phase({ partition, phase, detail: 'its actor host died' });
      board.phase(partition, phase);
    }
    if (this.#isStopping) {
      this.#drained.add(host);
      this.#hostDrained();
      return;
    }
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#groups[host]!.start();
      this.#down.delete(host);
      this.#parts.restored(host);
    }, restartWaitMs);
  }

  /** `process.exit` would wait for the thread as well. */
  #hung(thread: string): void {
    this.#logger.fatal({ thread, terminateMsMax }, "a thread does not end, so the process does: its files may be nobody else's");
    process.abort();
  }

  #courierReplaced(courier: number, error: Error): void {
    this.#logger.error({ courier, err: error }, 'a courier died; what it ran is started again');
    this.#parts.board.courierGone(courier);
    for (const group of this.#groups) {
      const port = this.crew.connect(courier, group.number);
      group.post({ op: 'courier', courier, port }, [port]);
    }
    this.#parts.courierReplaced();
  }
}
