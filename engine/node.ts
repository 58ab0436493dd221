/**
 * What an engine is built on: one node alone (`standalone-node.ts`), or a member of a cluster (`cluster-member.ts`).
 *
 * Both have a front, which is asked; whether the partitions are in this process or in others is the node's business.
 */
import type { ClusterView } from './cluster/cluster-view.js';
import type { Front } from './front.js';
import type { Health } from './health-board.js';
import type { NatsDesk } from './nats-desk.js';
import type { FiguresBoard } from './observe/figures-board.js';

export interface Node {
  readonly front: Front;
  /** Null: not configured. */
  readonly nats: NatsDesk | null;
  readonly board: FiguresBoard;
  /** Why what is asked for here is refused in this kind of node; null: it is not. */
  readonly handlersRefusal: string | null;
  health(): Health;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Null: alone. */
  cluster(): ClusterView | null;
  /** Where its gateway can be reached, as others are told. */
  listensAt(address: string): void;
  /** Brings the threads up. */
  start(): void;
  /** First part of a stop: what is here goes to other nodes, while requests are still taken. Alone there are none. */
  withdraw(): Promise<void>;
  /** Everything acknowledged is durable anyway; this lets attempts in flight end and record how. */
  stop(): Promise<void>;
}
