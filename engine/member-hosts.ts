/**
 * The hosts of a member of a cluster: what they are ordered about partitions, what they say of them, and for which of them requests are taken now.
 *
 *     ClusterNode --follow, take, release, drop--> hosts --news--> ClusterNode
 *                                                       \--serving--> kept events are taken in --> open: requests are taken
 *
 * A host whose threads have died knows nothing of what the one before was told: its partitions are closed at once, and it is told again when it is back.
 *
 * Main thread.
 */
import type { HostMail } from './actor/mail.js';
import type { PartitionNews } from './actor/notices.js';
import type { HostReply } from './actor/replies.js';
import { Back, type BackParts } from './back.js';
import type { ClusterNode, PartitionHands } from './cluster/cluster-node.js';
import { KeptEvents } from './cluster/peers/kept-events.js';
import { hearKept } from './cluster/peers/kept-news.js';
import { OpenPartitions } from './cluster/peers/open-partitions.js';
import type { OwnerHost } from './cluster/peers/sheaf-errand.js';
import { SureOwner } from './cluster/peers/sure-owner.js';
import type { WatchDesk } from './cluster/peers/watch-desk.js';
import type { StatusChange } from './event/status-change.js';
import type { HostCluster } from './host-group.js';
import type { PartitionId } from './kernel/brand.js';
import { decodeMessages } from './kernel/message-codec.js';
import type { NatsLink } from './nats/nats-link.js';
import { HostLink } from './router/host-link.js';

export interface MemberHostsParts
  extends Pick<
    BackParts,
    'options' | 'logger' | 'webhookSecret' | 'board' | 'health' | 'nats' | 'settingsChanged' | 'courierReplaced'
  > {
  readonly cluster: HostCluster;
  readonly link: NatsLink;
  /** Made later than the hosts that it orders about. */
  node(): Pick<ClusterNode, 'news' | 'stageOf' | 'startedAnew'>;
  watchDesk(): Pick<WatchDesk, 'watching' | 'publish' | 'hostStarted'>;
  /** From now on requests for it are taken here, or no longer. */
  openOrClosed(partition: PartitionId): void;
}

export class MemberHosts implements PartitionHands {
  readonly back: Back;
  /** To each host. */
  readonly links: readonly HostLink[];
  readonly #parts: MemberHostsParts;
  readonly #open: OpenPartitions;
  readonly #endKeptNews: () => void;
  /** By partition. */
  readonly #owners: SureOwner[] = [];

  constructor(parts: MemberHostsParts) {
    const { link, logger, cluster } = parts;
    this.#parts = parts;
    this.back = new Back({
      ...parts,
      said: (host, mail) => this.#hear(host, mail),
      watching: (host, { round, positions }) => parts.watchDesk().watching({ host, round, positions }),
      news: (news) => this.#heed(news),
      lost: (host, detail) => this.#lost(host, detail),
      restored: (host) => this.#restored(host),
    });
    this.links = Array.from({ length: this.back.hosts }, (_, host) => new HostLink((bytes) => this.back.request(host, bytes)));
    this.#open = new OpenPartitions({
      kept: new KeptEvents({ link, streams: cluster.streams, logger }),
      lease: cluster.lease,
      hostOf: (partition) => this.#hostOf(partition),
      changed: parts.openOrClosed,
      monoMs: () => performance.now(),
    });
    this.#endKeptNews = hearKept(link, (partition) => this.#open.keptFor(partition));
  }

  isOpen(partition: PartitionId): boolean {
    return this.#open.isOpen(partition);
  }

  /** Null: no requests for it are taken here now. */
  ownerOf(partition: PartitionId): OwnerHost | null {
    if (!this.#open.isOpen(partition)) return null;
    this.#owners[partition] ??= new SureOwner({ partition, host: this.#hostOf(partition), open: this.#open });
    return this.#owners[partition];
  }

  #hostOf(partition: PartitionId): HostLink {
    return this.links[this.back.hostOf(partition)]!;
  }

  follow(partition: PartitionId, on: boolean): void {
    this.back.order({ op: 'follow', partition, on });
  }

  take(partition: PartitionId, epoch: number): void {
    this.back.order({ op: 'take', partition, epoch, term: this.#parts.cluster.lease.term });
  }

  release(partition: PartitionId): void {
    this.back.order({ op: 'release', partition });
  }

  drop(partition: PartitionId): void {
    this.#open.ends(partition);
    this.back.order({ op: 'drop', partition });
  }

  /** Requests are taken no more, attempts in flight end. */
  async drain(): Promise<void> {
    this.#endKeptNews();
    this.#open.close();
    await this.back.drain((host) => this.links[host]!.send({ op: 'drain' }));
  }

  #heed(news: PartitionNews): void {
    const { partition } = news;
    const node = this.#parts.node();
    node.news(news);
    if (news.op === 'serving') {
      if (node.stageOf(partition) === 'serving') this.#open.serves(partition);
    } else if (news.op !== 'following') {
      this.#open.ends(partition);
    }
  }

  #lost(host: number, detail: string): void {
    for (const partition of this.back.partitionsOf(host)) this.#open.ends(partition);
    this.links[host]!.lost(detail);
  }

  #restored(host: number): void {
    this.links[host]!.restored();
    this.#parts.watchDesk().hostStarted(host);
    this.#parts.node().startedAnew(this.back.partitionsOf(host));
  }

  #hear(host: number, mail: Exclude<HostMail, { op: 'notice' }>): void {
    if (mail.op === 'replies') this.links[host]!.answered(decodeMessages<HostReply>(mail.bytes));
    else this.#parts.watchDesk().publish(decodeMessages<StatusChange>(mail.bytes));
  }
}
