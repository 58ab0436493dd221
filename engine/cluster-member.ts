/**
 * A member of a cluster: it asks whoever owns a partition, and owns some itself unless it is a mere gateway.
 *
 *     join (joining.ts): NATS, cluster record, data directory (locked)
 *
 *     ClusterNode    whose is what: session, members, markers                    orders the hosts
 *     MemberHosts    hosts with couriers and disk threads; none on a gateway     serves what it was ordered to
 *     Peers          requests and changes between nodes                          the front's links
 *     ClusterOrigins, OwnedStreams, MemberFigures                                limits, what is told over NATS, what is shown
 *     Front          what is asked
 *
 *     stop: partitions handed over -> refuse requests -> attempts end -> files closed -> directory let go
 *
 * Main thread.
 */
import { ClusterNode, type PartitionHands } from './cluster/cluster-node.js';
import { ClusterOrigins } from './cluster/origins/cluster-origins.js';
import type { ClusterRecord } from './cluster/membership/cluster-record.js';
import type { ClusterView } from './cluster/cluster-view.js';
import { joinCluster } from './cluster/joining.js';
import { keepEvents } from './cluster/peers/kept-events.js';
import { tellKept } from './cluster/peers/kept-news.js';
import type { Member } from './cluster/membership/members.js';
import { OwnedStreams } from './cluster/peers/owned-streams.js';
import { Peers } from './cluster/peers/peers.js';
import type { Keeping } from './cluster/peers/sheaf-errand.js';
import { CrewCouriers } from './crew-couriers.js';
import type { EngineConfig, EngineOptions } from './engine-options.js';
import { Front } from './front.js';
import { type Health, HealthBoard } from './health-board.js';
import type { PartitionId } from './kernel/brand.js';
import { EngineError, StartError } from './kernel/errors.js';
import { LeaseBoard } from './kernel/lease-board.js';
import { noticedMs } from './kernel/limits.js';
import { version } from './kernel/version.js';
import { type DataDir, openDataDir } from './log/data-dir.js';
import { eventsIn } from './log/event-sheaf.js';
import { MemberFigures } from './member-figures.js';
import { MemberHosts } from './member-hosts.js';
import type { NatsAddress } from './nats/nats-address.js';
import { NatsLink } from './nats/nats-link.js';
import { Publisher } from './nats/publisher.js';
import { NatsDesk } from './nats-desk.js';
import type { Node } from './node.js';
import { FiguresBoard } from './observe/figures-board.js';
import type { Logger } from './observe/logger.js';

/** What was found out before anything was made. */
interface Ground {
  readonly config: EngineConfig;
  readonly link: NatsLink;
  readonly address: NatsAddress;
  readonly record: ClusterRecord;
  /** Null on a gateway, which keeps nothing. */
  readonly dataDir: DataDir | null;
  readonly nodeId: string;
  readonly logger: Logger;
}

/** Of a gateway: it never owns a partition, so it is never ordered anything. */
const noHands: PartitionHands = {
  follow: () => undefined,
  take: () => undefined,
  release: () => undefined,
  drop: () => undefined,
};

/** About seconds: as long as whatever is asked waits for an owner. */
const aheadTicksMax = 15;

export class ClusterMember implements Node {
  readonly front: Front;
  readonly nats: NatsDesk;
  readonly board = new FiguresBoard();
  readonly handlersRefusal = 'LOCAL delivery is for a program that embeds one engine; in a cluster any node may own the event';
  readonly #ground: Ground;
  readonly #health: HealthBoard;
  readonly #publisher: Publisher;
  /** Null: a gateway. */
  readonly #hosts: MemberHosts | null;
  readonly #node: ClusterNode;
  readonly #peers: Peers;
  readonly #origins: ClusterOrigins;
  readonly #owned: OwnedStreams;
  readonly #figures: MemberFigures;
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
      const isGateway = config.role === 'gateway';
      const record = await joinCluster({ link, address, partitions: cluster.partitions, makes: !isGateway, logger });
      const { partitions, id } = record;
      const dataDir = isGateway ? null : openDataDir({ dataDir: config.dataDir, partitions, cluster: id });
      const nodeId = cluster.nodeId ?? dataDir?.nodeId ?? `gateway-${process.pid}-${Date.now().toString(36)}`;
      const own = { ...config, partitions, actorThreads: Math.min(config.actorThreads, partitions) };
      return new ClusterMember(options, { config: own, link, address, record, dataDir, nodeId, logger });
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  private constructor(options: EngineOptions, ground: Ground) {
    const { config, link, address, record, dataDir, nodeId, logger } = ground;
    const { partitions } = record;
    const { role } = config;
    const streamId = streamIdOf(record);
    const lease = LeaseBoard.create(dataDir === null ? 0 : config.actorThreads);
    this.#ground = ground;
    this.#health = new HealthBoard({ partitions, hasDisk: dataDir !== null, cluster: () => this.#figures.standing });
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
      role,
      owned: this.#owned,
      deaths: () => ({ number: this.board.counter('dead'), tellings: this.board.tellings }),
      logger,
      changed: (fault) => this.#health.nats(fault),
    });
    this.nats.follow(link);
    this.#publisher = new Publisher(link);
    this.#hosts =
      dataDir === null
        ? null
        : new MemberHosts({
            options: { ...options, config },
            logger,
            webhookSecret: record.webhookSecret,
            board: this.board,
            health: this.#health,
            nats: this.nats,
            cluster: { nats: address, streams: record.streams, lease },
            link,
            node: () => this.#node,
            watchDesk: () => this.#peers.watchDesk,
            openOrClosed: (partition) => this.#openOrClosed(partition),
            settingsChanged: (partition) => this.#origins.changedHere(partition),
            courierReplaced: () => this.#origins.courierReplaced(),
          });
    const hosts = this.#hosts;
    this.#self = { node: nodeId, address: '', weight: hosts === null ? 0 : 1, version, startedAt: Date.now() };
    this.#node = new ClusterNode({ link, board: lease, self: this.#self, shape: record, hands: hosts ?? noHands, logger });
    this.#figures = new MemberFigures({
      link,
      partitions,
      nodeId,
      role,
      node: this.#node,
      board: this.board,
      nats: this.nats,
      logger,
    });
    this.#peers = new Peers({
      link,
      session: () => this.#node.session,
      partitions,
      owners: this.#node.owners,
      members: this.#node.members,
      hosts: hosts?.links ?? [],
      ownOwner: (partition) => hosts?.ownerOf(partition) ?? null,
      counts: this.#node.counts,
      keep: (partition, events) => this.#keep(partition, events),
      watching: (answer) => this.front.hub.watching(answer),
      changes: (changes) => this.front.hub.publish(changes),
      startedAnew: (partition) => {
        this.front.hub.hostStarted(partition);
        this.#origins.ownerChanged(partition);
      },
      settingsChanged: (partition) => this.#origins.changedElsewhere(partition),
      notUnderstood: (session, error) => logger.error({ session, err: error }, 'what another node has sent makes no sense here'),
      answer: (question) => this.#origins.answer(question),
      sessionOver: () => this.#origins.sessionOver(),
    });
    const crew = hosts?.back.crew ?? null;
    this.#origins = new ClusterOrigins({
      partitions,
      node: this.#node,
      peers: this.#peers,
      own: crew === null ? null : { crew, couriers: new CrewCouriers(crew) },
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
      totals: this.#figures.totals,
      streamId,
      replayWindow: config.replayWindow,
      aheadTicksMax,
      recoveryRate: config.recoveryRate,
      logger,
    });
  }

  start(): void {
    this.#hosts?.back.start();
    this.front.start();
  }

  health(): Health {
    return this.front.health(this.#health);
  }

  metrics(): Promise<string> {
    return this.#figures.metrics.text();
  }

  cluster(): ClusterView {
    return this.#node.view();
  }

  listensAt(address: string): void {
    this.#self.address = address;
  }

  /** Not ready from now on. A gateway goes on long enough for whoever sends it requests to notice. */
  async withdraw(): Promise<void> {
    this.#health.stopping();
    const { role } = this.#ground.config;
    const isNoticed = role === 'engine' ? null : new Promise((resolve) => setTimeout(resolve, noticedMs));
    await Promise.all([this.#node.handOver(), isNoticed]);
  }

  async stop(): Promise<void> {
    const { link, dataDir } = this.#ground;
    this.#health.stopping();
    await this.#node.stop();
    this.#peers.refuse(new EngineError('stopping', 'this node is shutting down'));
    await this.#hosts?.drain();
    this.front.close();
    this.#origins.close();
    this.#owned.close();
    this.#figures.close();
    this.#peers.close();
    await this.#hosts?.back.close();
    this.#publisher.close();
    await Promise.all([this.nats.close(), link.close()]);
    dataDir?.close();
  }

  #openOrClosed(partition: PartitionId): void {
    this.#peers.ownerChanged(partition);
    if (this.#hosts!.isOpen(partition)) this.#owned.serves(partition);
    else this.#owned.ends(partition);
  }

  async #keep(partition: PartitionId, events: Uint8Array): Promise<Keeping> {
    const keeping = await keepEvents(this.#publisher, partition, events);
    if (keeping === 'stored') {
      this.#node.counts.eventsKept += eventsIn(events);
      tellKept(this.#ground.link, partition);
    }
    return keeping;
  }
}

/** The same on every node, since a cursor is good on each; six characters that need no escape. */
function streamIdOf({ id }: ClusterRecord): string {
  return Buffer.from(id, 'hex').toString('base64url').slice(0, 6);
}
