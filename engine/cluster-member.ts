/**
 * A member of a cluster: it asks whoever owns a partition, and owns some itself unless it is a mere gateway.
 *
 *     start: NATS, cluster record -> data directory (locked) -> back -> session, members, owners -> peers -> front
 *     stop:  partitions handed over -> refuse requests -> back drains -> files closed -> directory let go
 *
 * What happens to a partition here comes in two ways. `ClusterNode` decides whose it is and orders the hosts (`PartitionHands`); the hosts tell what has come of it
 * (`PartitionNews`), and `OpenPartitions` takes requests for those that are served.
 *
 * Main thread.
 */
import type { HostMail } from './actor/mail.js';
import type { PartitionNews } from './actor/notices.js';
import type { HostReply } from './actor/replies.js';
import { Back } from './back.js';
import { CrewCouriers } from './crew-couriers.js';
import { NodeTotalsExchange } from './cluster/node-totals.js';
import { OwnedStreams } from './cluster/owned-streams.js';
import { ClusterStanding } from './cluster/cluster-standing.js';
import { ClusterNode, type PartitionHands } from './cluster/cluster-node.js';
import { ClusterOrigins } from './cluster/cluster-origins.js';
import type { ClusterRecord } from './cluster/cluster-record.js';
import type { ClusterView } from './cluster/cluster-view.js';
import { joinCluster } from './cluster/joining.js';
import { keepEvents, KeptEvents } from './cluster/kept-events.js';
import type { Member } from './cluster/members.js';
import { OpenPartitions } from './cluster/open-partitions.js';
import { Peers } from './cluster/peers.js';
import type { EngineConfig, EngineOptions } from './engine-options.js';
import type { StatusChange } from './event/status-change.js';
import { Front } from './front.js';
import { type Health, HealthBoard } from './health-board.js';
import type { PartitionId } from './kernel/brand.js';
import { EngineError, StartError } from './kernel/errors.js';
import { totalsSilenceMsMax } from './kernel/limits.js';
import { LeaseBoard } from './kernel/lease-board.js';
import { decodeMessages } from './kernel/message-codec.js';
import { version } from './kernel/version.js';
import { type DataDir, openDataDir } from './log/data-dir.js';
import { eventsIn } from './log/event-sheaf.js';
import type { NatsAddress } from './nats/nats-address.js';
import { NatsLink } from './nats/nats-link.js';
import { Publisher } from './nats/publisher.js';
import { NatsDesk } from './nats-desk.js';
import type { Node } from './node.js';
import { ClusterTotals, type NodeTotals } from './observe/cluster-totals.js';
import { FiguresBoard } from './observe/figures-board.js';
import type { Logger } from './observe/logger.js';
import { Metrics } from './observe/metrics.js';
import { HostLink } from './router/host-link.js';

/** What was found out before anything was made. */
interface Ground {
  readonly link: NatsLink;
  readonly address: NatsAddress;
  readonly record: ClusterRecord;
  /** Null on a gateway, which keeps nothing. */
  readonly dataDir: DataDir | null;
  readonly nodeId: string;
  readonly logger: Logger;
}

export class ClusterMember implements Node {
  readonly front: Front;
  readonly nats: NatsDesk;
  readonly board = new FiguresBoard();
  readonly handlersRefusal = 'LOCAL delivery is for a program that embeds one engine; in a cluster any node may own the event';
  readonly #ground: Ground;
  readonly #health: HealthBoard;
  readonly #metrics: Metrics;
  readonly #lease: LeaseBoard;
  /** Null: a gateway. */
  readonly #back: Back | null;
  readonly #links: readonly HostLink[];
  readonly #publisher: Publisher;
  readonly #open: OpenPartitions;
  readonly #node: ClusterNode;
  readonly #peers: Peers;
  readonly #origins: ClusterOrigins;
  readonly #standing: ClusterStanding;
  readonly #owned: OwnedStreams;
  readonly #totals: ClusterTotals;
  readonly #exchange: NodeTotalsExchange;
  /** Told with each renewal of the session. */
  readonly #self: Omit<Member, 'session' | 'address'> & { address: string };

  /** Throws StartError when the cluster cannot be joined or the data directory not be used, with nothing touched. */
  static async join(options: EngineOptions): Promise<ClusterMember> {
    const { config } = options;
    const { nats: address, cluster } = config;
    if (address === null || cluster === null) throw new StartError('a cluster needs ESCAPEMENT_NATS_URL');
    const logger = options.logger.child({ component: 'engine' });
    const link = new NatsLink({ address, name: `escapement ${version} cluster` });
    try {
      const record = await joinCluster({ link, address, partitions: cluster.partitions, logger });
      const dataDir =
        config.role === 'gateway'
          ? null
          : openDataDir({ dataDir: config.dataDir, partitions: record.partitions, cluster: record.id });
      const nodeId = cluster.nodeId ?? dataDir?.nodeId ?? `gateway-${process.pid}-${Date.now().toString(36)}`;
      return new ClusterMember(options, { link, address, record, dataDir, nodeId, logger });
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  private constructor(options: EngineOptions, ground: Ground) {
    const { link, address, record, nodeId, logger } = ground;
    const { partitions, streams } = record;
    const config: EngineConfig = {
      ...options.config,
      partitions,
      actorThreads: Math.min(options.config.actorThreads, partitions),
    };
    const streamId = streamIdOf(record);
    this.#ground = ground;
    this.#health = new HealthBoard({ partitions, hasDisk: ground.dataDir !== null, cluster: () => this.#standing });
    this.#owned = new OwnedStreams({
      partitions,
      streamId,
      replayWindow: config.replayWindow,
      watchDesk: { watch: (...order) => this.#peers.watchDesk.watch(...order) },
      read: (span, done) => this.front.router.readChanges(span, done),
      listenerFailed: (error) => logger.error({ err: error }, 'a status listener failed and was closed'),
    });
    this.nats = new NatsDesk({
      address,
      version,
      streamId,
      partitions,
      role: config.role,
      owned: this.#owned,
      deaths: () => this.board.counter('dead'),
      logger,
      changed: (fault) => this.#health.nats(fault),
    });
    this.nats.follow(link);
    this.#metrics = new Metrics({ board: this.board, version, nats: this.nats, cluster: () => this.#standing });
    this.#lease = LeaseBoard.create(ground.dataDir === null ? 0 : config.actorThreads);
    const back = ground.dataDir === null ? null : this.#makeBack({ ...options, config }, streams);
    this.#back = back;
    this.#links = Array.from({ length: back?.hosts ?? 0 }, (_, host) => new HostLink((bytes) => back!.request(host, bytes)));
    this.#publisher = new Publisher(link);
    this.#open = new OpenPartitions({
      kept: new KeptEvents({ link, streams, logger }),
      lease: this.#lease,
      hostOf: (partition) => this.#links[partition % this.#links.length]!,
      changed: (partition) => this.#openOrClosed(partition),
    });
    this.#self = { node: nodeId, address: '', weight: back === null ? 0 : 1, version, startedAt: Date.now() };
    this.#node = new ClusterNode({
      link,
      board: this.#lease,
      self: this.#self,
      shape: record,
      hands: this.#hands(),
      logger,
    });
    this.#standing = new ClusterStanding({
      partitions,
      nodeId,
      takesEvents: config.role !== 'engine',
      node: this.#node,
      nowMs: () => performance.now(),
    });
    const own = back === null ? null : { revision: () => this.board.revision, totals: () => this.#ownTotals() };
    this.#totals = new ClusterTotals({ own, nowMs: () => performance.now(), silenceMsMax: totalsSilenceMsMax });
    this.#exchange = new NodeTotalsExchange({
      link,
      partitions,
      own,
      heard: config.role === 'engine' ? null : (process, totals) => this.#totals.hear(process, totals),
    });
    this.#peers = new Peers({
      link,
      session: () => this.#node.session,
      partitions,
      owners: this.#node.owners,
      members: this.#node.members,
      hosts: this.#links,
      isOpen: (partition) => this.#open.isOpen(partition),
      counts: this.#node.counts,
      keep: (partition, events) => this.#keep(partition, events),
      watching: (answer) => this.front.hub.watching(answer),
      changes: (changes) => this.front.hub.publish(changes),
      startedAnew: (partition) => {
        this.front.hub.hostStarted(partition);
        this.#origins.ownerChanged(partition);
      },
      settingsChanged: (partition) => this.#origins.changedElsewhere(partition),
      answer: (question) => this.#origins.answer(question),
      sessionOver: () => this.#origins.sessionOver(),
    });
    this.#origins = new ClusterOrigins({
      partitions,
      node: this.#node,
      peers: this.#peers,
      own: back === null ? null : { crew: back.crew, couriers: new CrewCouriers(back.crew) },
    });
    this.front = new Front({
      partitions,
      // To the status hub each partition is a host of its own, since each changes its owner by itself.
      hosts: partitions,
      hostOf: (partition) => partition,
      linkOf: (partition) => this.#peers.linkOf(partition),
      watch: (order) => this.#peers.watch(order),
      couriersOf: this.#origins.couriers,
      board: this.board,
      totals: this.#totals,
      streamId,
      replayWindow: config.replayWindow,
      recoveryRate: config.recoveryRate,
      logger,
    });
  }

  start(): void {
    this.#back?.start();
    this.front.start();
  }

  health(): Health {
    return this.front.health(this.#health);
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  cluster(): ClusterView {
    return this.#node.view();
  }

  listensAt(address: string): void {
    this.#self.address = address;
  }

  async stop(): Promise<void> {
    const { link, dataDir } = this.#ground;
    this.#health.stopping();
    await this.#node.stop();
    this.#open.close();
    this.#peers.refuse(new EngineError('stopping', 'this node is shutting down'));
    await this.#back?.drain((host) => this.#links[host]!.send({ op: 'drain' }));
    this.front.close();
    this.#origins.close();
    this.#owned.close();
    this.#exchange.close();
    this.#standing.close();
    this.#peers.close();
    await this.#back?.close();
    this.#publisher.close();
    await Promise.all([this.nats.close(), link.close()]);
    dataDir?.close();
  }

  #makeBack(options: EngineOptions, streams: number): Back {
    const { address, record, logger } = this.#ground;
    return new Back({
      options,
      logger,
      webhookSecret: record.webhookSecret,
      board: this.board,
      health: this.#health,
      nats: this.nats,
      cluster: { nats: address, streams, lease: this.#lease },
      said: (host, mail) => this.#hear(host, mail),
      watching: (host, { round, positions }) => this.#peers.watchDesk.watching({ host, round, positions }),
      news: (news) => this.#heed(news),
      settingsChanged: (partition) => this.#origins.changedHere(partition),
      courierReplaced: () => this.#origins.courierReplaced(),
      lost: (host, detail) => this.#hostLost(host, detail),
      restored: (host) => this.#hostRestored(host),
    });
  }

  #hands(): PartitionHands {
    return {
      follow: (partition, on) => this.#back?.order({ op: 'follow', partition, on }),
      take: (partition, epoch) => this.#back?.order({ op: 'take', partition, epoch }),
      release: (partition) => this.#back?.order({ op: 'release', partition }),
      drop: (partition) => {
        this.#open.ends(partition);
        this.#back?.order({ op: 'drop', partition });
      },
    };
  }

  #heed(news: PartitionNews): void {
    const { partition } = news;
    this.#node.news(news);
    if (news.op === 'serving') {
      if (this.#node.stageOf(partition) === 'serving') this.#open.serves(partition);
    } else if (news.op !== 'following') {
      this.#open.ends(partition);
    }
  }

  #openOrClosed(partition: PartitionId): void {
    this.#peers.ownerChanged(partition);
    if (this.#open.isOpen(partition)) this.#owned.serves(partition);
    else this.#owned.ends(partition);
  }

  async #keep(partition: PartitionId, events: Uint8Array): Promise<boolean> {
    const isKept = await keepEvents(this.#publisher, partition, events);
    if (isKept) this.#node.counts.eventsKept += eventsIn(events);
    return isKept;
  }

  /** What the other nodes are told. */
  #ownTotals(): NodeTotals {
    const partitions = [...this.board.partitions].flatMap(([partition, levels]) => {
      const epoch = this.#node.servedEpochOf(partition);
      return epoch === null ? [] : [{ partition, epoch, ...levels }];
    });
    return { counted: this.board.counted(), queues: this.board.queues(), partitions };
  }

  #hostLost(host: number, detail: string): void {
    for (const partition of this.#back!.partitionsOf(host)) this.#open.ends(partition);
    this.#links[host]!.lost(detail);
  }

  #hostRestored(host: number): void {
    this.#links[host]!.restored();
    this.#peers.watchDesk.hostStarted(host);
    this.#node.startedAnew(this.#back!.partitionsOf(host));
  }

  #hear(host: number, mail: Exclude<HostMail, { op: 'notice' }>): void {
    if (mail.op === 'replies') this.#links[host]!.answered(decodeMessages<HostReply>(mail.bytes));
    else this.#peers.watchDesk.publish(decodeMessages<StatusChange>(mail.bytes));
  }
}

/** The same on every node, since a cursor is good on each; six characters that need no escape. */
function streamIdOf({ id }: ClusterRecord): string {
  return Buffer.from(id, 'hex').toString('base64url').slice(0, 6);
}
