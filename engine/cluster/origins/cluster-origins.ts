/**
 * Limits of origins in a cluster, on one node: what is set, what is shown, and this node's share.
 *
 *     settings of other nodes' partitions (settings-news.ts), number of nodes (attempt-shares.ts) --> this node's couriers
 *     desk of destinations --> couriers of all nodes (cluster-couriers.ts)       other nodes' desks --> answer --> this node's couriers
 *
 * A gateway has no couriers: it asks the others and knows nothing itself.
 *
 * Main thread.
 */
import type { OriginCouriers } from '../../dispatch/origin-couriers.js';
import type { SettingsTold } from '../../dispatch/protocol.js';
import type { PartitionId } from '../../kernel/brand.js';
import { AttemptShares } from './attempt-shares.js';
import { ClusterCouriers } from './cluster-couriers.js';
import type { ClusterNode } from '../cluster-node.js';
import type { PeerAnswer, PeerQuestion } from '../peers/peer-question.js';
import type { KnownOwners, Peers } from '../peers/peers.js';
import { SettingsNews } from './settings-news.js';

/** What is needed of `CourierCrew`. */
export interface ToldCrew {
  settingsTold(told: SettingsTold): void;
  settingsLost(partition: PartitionId): void;
  forgetSettings(): void;
  shareAmong(sharers: number): void;
}

export interface ClusterOriginsParts {
  readonly partitions: number;
  readonly node: Pick<ClusterNode, 'session' | 'members' | 'isGone' | 'sessionsNow'> & { readonly owners: KnownOwners };
  readonly peers: Pick<Peers, 'ask' | 'linkOf' | 'isElsewhere' | 'settingsChanged'>;
  /** Null: a gateway. */
  readonly own: { readonly crew: ToldCrew; readonly couriers: OriginCouriers } | null;
  /** For tests that cannot wait. */
  readonly inForceMs?: number;
}

export class ClusterOrigins {
  /** Of all nodes. */
  readonly couriers: OriginCouriers;
  readonly #parts: ClusterOriginsParts;
  readonly #everywhere: ClusterCouriers;
  /** Null: a gateway. */
  readonly #news: SettingsNews | null;
  readonly #shares: AttemptShares | null;

  constructor(parts: ClusterOriginsParts) {
    const { partitions, node, peers, own } = parts;
    const { members, owners } = node;
    this.#parts = parts;
    this.#everywhere = new ClusterCouriers({
      own: own?.couriers ?? null,
      session: () => node.session,
      alive: () => members.alive.map(({ session }) => session),
      sessionsNow: () => node.sessionsNow(),
      isGone: (session) => node.isGone(session),
      ask: (session, question) => peers.ask(session, question),
      nameOf: (session) => members.of(session)?.node ?? session,
      ...(parts.inForceMs === undefined ? {} : { inForceMs: parts.inForceMs }),
    });
    this.couriers = this.#everywhere;
    this.#news =
      own === null
        ? null
        : new SettingsNews({
            partitions,
            linkOf: (partition) => peers.linkOf(partition),
            isElsewhere: (partition) => peers.isElsewhere(partition),
            tell: (told) => own.crew.settingsTold(told),
            lost: (partition) => own.crew.settingsLost(partition),
          });
    this.#shares =
      own === null ? null : new AttemptShares({ partitions, members, owners, tell: (sharers) => own.crew.shareAmong(sharers) });
    this.#news?.askAll();
  }

  /** What another node asks of this one's couriers. */
  answer(question: PeerQuestion): Promise<PeerAnswer> {
    return this.#everywhere.answer(question);
  }

  /** There is news of the owner of a partition, or of the conversation with it. */
  ownerChanged(partition: PartitionId): void {
    this.#news?.ownerChanged(partition);
  }

  /** A partition of this node keeps something else for origins than before: whoever set it may have no time left to tell everybody. */
  changedHere(partition: PartitionId): void {
    this.#news?.changed(partition);
    this.#parts.peers.settingsChanged(partition);
  }

  /** The same of a partition of another node. */
  changedElsewhere(partition: PartitionId): void {
    this.#news?.changed(partition);
  }

  /** Nobody has to tell this node of changes any more. */
  sessionOver(): void {
    this.#parts.own?.crew.forgetSettings();
  }

  /** A fresh one knows nothing yet; what this node serves its hosts tell. */
  courierReplaced(): void {
    this.#news?.askAll();
  }

  close(): void {
    this.#news?.close();
    this.#shares?.close();
  }
}
