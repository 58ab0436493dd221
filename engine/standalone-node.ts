/**
 * One node alone: the log on its disk is the truth, and its front asks its own hosts.
 *
 *     start: data directory (locked) -> back -> front
 *     stop:  refuse requests -> back drains -> everything durable -> files closed -> directory let go
 *
 * Main thread.
 */
import type { HostMail } from './actor/mail.js';
import type { HostReply } from './actor/replies.js';
import { Back } from './back.js';
import { CrewCouriers } from './crew-couriers.js';
import type { EngineOptions } from './engine-options.js';
import type { StatusChange } from './event/status-change.js';
import { Front } from './front.js';
import { type Health, HealthBoard } from './health-board.js';
import { EngineError } from './kernel/errors.js';
import { decodeMessages } from './kernel/message-codec.js';
import { version } from './kernel/version.js';
import { type AloneDataDir, openDataDir } from './log/data-dir.js';
import type { NatsDesk } from './nats-desk.js';
import type { Node } from './node.js';
import { FiguresBoard } from './observe/figures-board.js';
import { Metrics } from './observe/metrics.js';
import { HostLink } from './router/host-link.js';

export class StandaloneNode implements Node {
  readonly front: Front;
  readonly nats: NatsDesk | null;
  readonly board = new FiguresBoard();
  readonly handlersRefusal = null;
  readonly #dataDir: AloneDataDir;
  readonly #health: HealthBoard;
  readonly #metrics: Metrics;
  readonly #back: Back;
  readonly #links: readonly HostLink[];

  /** Rejects with StartError when the data directory cannot be used, with nothing touched. */
  static async open(options: EngineOptions): Promise<StandaloneNode> {
    // Loaded where NATS is configured: its client is 60 ms of a start.
    const Desk = options.config.nats === null ? null : (await import('./nats-desk.js')).NatsDesk;
    return new StandaloneNode(options, Desk);
  }

  private constructor(options: EngineOptions, Desk: typeof NatsDesk | null) {
    const { config } = options;
    const { partitions } = config;
    const logger = options.logger.child({ component: 'engine' });
    this.#dataDir = openDataDir({ dataDir: config.dataDir, partitions, cluster: null });
    const { streamId, webhookSecret } = this.#dataDir;
    this.#health = new HealthBoard({ partitions, hasDisk: true, cluster: null });
    this.nats =
      config.nats === null || Desk === null
        ? null
        : new Desk({
            address: config.nats,
            version,
            streamId,
            partitions,
            deaths: () => ({ number: this.board.counter('dead'), tellings: this.board.tellings }),
            logger,
            changed: (fault) => this.#health.nats(fault),
          });
    this.#metrics = new Metrics({ board: this.board, version, nats: this.nats, cluster: null });
    const back = new Back({
      options,
      logger,
      webhookSecret,
      board: this.board,
      health: this.#health,
      nats: this.nats,
      cluster: null,
      said: (host, mail) => this.#hear(host, mail),
      watching: (host, { round, positions }) => this.front.hub.watching({ host, round, positions }),
      news: () => undefined,
      settingsChanged: () => undefined,
      courierReplaced: () => undefined,
      lost: (host, detail) => this.#links[host]!.lost(detail),
      restored: (host) => {
        this.#links[host]!.restored();
        this.front.hub.hostStarted(host);
      },
    });
    this.#back = back;
    this.#links = Array.from({ length: back.hosts }, (_, host) => new HostLink((bytes) => back.request(host, bytes)));
    this.front = new Front({
      partitions,
      hosts: back.hosts,
      hostOf: (partition) => back.hostOf(partition),
      linkOf: (partition) => this.#links[back.hostOf(partition)]!,
      watch: ({ host, on, round }) => this.#links[host]!.send({ op: 'watch', on, round }),
      couriersOf: new CrewCouriers(back.crew),
      board: this.board,
      totals: this.board,
      streamId,
      replayWindow: config.replayWindow,
      recoveryRate: config.recoveryRate,
      logger,
    });
  }

  /** Partitions become ready one by one, and requests to them wait until then. */
  start(): void {
    this.#back.start();
    this.front.start();
  }

  health(): Health {
    return this.front.health(this.#health);
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  cluster(): null {
    return null;
  }

  listensAt(): void {
    // There is nobody to tell.
  }

  async withdraw(): Promise<void> {
    // There is nobody to take over.
  }

  async stop(): Promise<void> {
    this.#health.stopping();
    for (const link of this.#links) link.close(new EngineError('stopping', 'the engine is shutting down'));
    await this.#back.drain((host) => this.#links[host]!.send({ op: 'drain' }));
    this.front.close();
    await this.#back.close();
    await this.nats?.close();
    this.#dataDir.close();
  }

  #hear(host: number, mail: Exclude<HostMail, { op: 'notice' }>): void {
    if (mail.op === 'replies') this.#links[host]!.answered(decodeMessages<HostReply>(mail.bytes));
    else this.front.hub.publish(decodeMessages<StatusChange>(mail.bytes));
  }
}
