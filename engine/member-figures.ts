/**
 * How it is with a member of a cluster, and with the cluster: health, metrics of this process, and totals of all nodes, which tell theirs to each other.
 *
 *     own board --\
 *     others' word --> totals (statistics, history)      members, owners --> standing (health, metrics)
 *
 * Main thread.
 */
import type { ClusterNode } from './cluster/cluster-node.js';
import { ClusterStanding } from './cluster/cluster-standing.js';
import { Namesakes } from './cluster/membership/namesakes.js';
import { NodeTotalsExchange } from './cluster/membership/node-totals.js';
import type { Role } from './config.js';
import { totalsSilenceMsMax } from './kernel/limits.js';
import { version } from './kernel/version.js';
import type { NatsLink } from './nats/nats-link.js';
import type { NatsDesk } from './nats-desk.js';
import { ClusterTotals, type NodeTotals } from './observe/cluster-totals.js';
import type { FiguresBoard } from './observe/figures-board.js';
import type { Logger } from './observe/logger.js';
import { Metrics } from './observe/metrics.js';

export interface MemberFiguresParts {
  readonly link: NatsLink;
  /** Of the cluster. */
  readonly partitions: number;
  readonly nodeId: string;
  readonly role: Role;
  readonly node: ClusterNode;
  readonly board: FiguresBoard;
  readonly nats: NatsDesk;
  readonly logger: Logger;
}

export class MemberFigures {
  readonly standing: ClusterStanding;
  readonly totals: ClusterTotals;
  readonly metrics: Metrics;
  readonly #parts: MemberFiguresParts;
  readonly #exchange: NodeTotalsExchange;
  readonly #namesakes: Namesakes;

  constructor(parts: MemberFiguresParts) {
    const { link, partitions, nodeId, role, node, board, nats, logger } = parts;
    const nowMs = (): number => performance.now();
    this.#parts = parts;
    const namesakes = new Namesakes({ nodeId, members: node.members, session: () => node.session, logger });
    this.#namesakes = namesakes;
    this.standing = new ClusterStanding({ partitions, namesakes, takesEvents: role !== 'engine', node, nowMs });
    this.metrics = new Metrics({ board, version, nats, cluster: () => this.standing });
    const own = role === 'gateway' ? null : { revision: () => board.revision, totals: () => this.#ownTotals() };
    this.totals = new ClusterTotals({ own, nowMs, silenceMsMax: totalsSilenceMsMax });
    const heard: ClusterTotals['hear'] = (process, told) => this.totals.hear(process, told);
    // Nobody asks a mere engine for statistics.
    this.#exchange = new NodeTotalsExchange({ link, partitions, own, heard: role === 'engine' ? null : heard });
  }

  close(): void {
    this.#exchange.close();
    this.standing.close();
    this.#namesakes.close();
  }

  /** What the other nodes are told. */
  #ownTotals(): NodeTotals {
    const { board, node } = this.#parts;
    const partitions = [...board.partitions].flatMap(([partition, levels]) => {
      const epoch = node.servedEpochOf(partition);
      return epoch === null ? [] : [{ partition, epoch, ...levels }];
    });
    return { counted: board.counted(), queues: board.queues(), partitions };
  }
}
