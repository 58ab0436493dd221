/**
 * What each node has counted and holds, said by all that have hosts and heard by all that show it: so statistics are of the whole cluster through
 * any gateway.
 *
 * Said four times a second while something happens, once a second in any case, as plain messages that nobody keeps: each has the whole, so one that is lost is
 * followed by the next. The subject ends with a name of the process, not of its session: a process that lost its session and has another one goes on to count.
 *
 * Main thread.
 */
import { randomBytes } from 'node:crypto';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { inStep } from '../../kernel/in-step.js';
import type { NatsLink } from '../../nats/nats-link.js';
import type { HeardTotals, NodeTotals } from '../../observe/cluster-totals.js';
import { decodeTotals, encodeTotals } from './totals-message.js';

const subjectPrefix = 'escapement.cluster.totals.';

export interface NodeTotalsExchangeParts {
  readonly link: NatsLink;
  /** Of the cluster. */
  readonly partitions: number;
  /** Null: this node has no partitions and says nothing. */
  readonly own: { readonly revision: () => number; readonly totals: () => NodeTotals } | null;
  /** Null: this node shows nothing and does not listen. */
  readonly heard: ((process: string, totals: HeardTotals) => void) | null;
  /** For tests that cannot wait. */
  readonly everyMs?: number;
}

const usualEveryMs = 250;
/** Said once in so many times although nothing has happened. */
const restTimes = 4;

export class NodeTotalsExchange {
  /** Never used again. */
  readonly process = randomBytes(8).toString('hex');
  readonly #parts: NodeTotalsExchangeParts;
  readonly #startedAt = performance.now();
  readonly #unwatch: () => void;
  readonly #endTimer: (() => void) | null;
  #subscription: Subscription | null = null;
  #saidRevision = -1;
  #silentTimes = 0;

  constructor(parts: NodeTotalsExchangeParts) {
    this.#parts = parts;
    this.#unwatch = parts.link.watch(({ isConnected }) => {
      // The client subscribes anew after a reconnect; after one that was closed there is another connection.
      if (isConnected && (this.#subscription === null || this.#subscription.isClosed())) this.#subscribe();
    });
    this.#endTimer = parts.own === null ? null : inStep(parts.everyMs ?? usualEveryMs, () => this.#sayIfNeeded());
  }

  /** With a last word: what waits here waits elsewhere now. */
  close(): void {
    if (this.#endTimer !== null) {
      this.#endTimer();
      this.#say({ isLast: true });
    }
    this.#unwatch();
    if (this.#parts.link.connection !== null) this.#subscription?.unsubscribe();
  }

  #subscribe(): void {
    const { link, heard } = this.#parts;
    if (heard === null) return;
    this.#subscription = link.connection!.subscribe(`${subjectPrefix}*`, {
      callback: (error, msg) => {
        if (error === null) this.#hear(msg, heard);
      },
    });
  }

  #hear(msg: Msg, heard: NonNullable<NodeTotalsExchangeParts['heard']>): void {
    const process = msg.subject.slice(subjectPrefix.length);
    if (process === this.process) return;
    const totals = decodeTotals(msg.data, this.#parts.partitions);
    if (totals !== null) heard(process, totals);
  }

  #sayIfNeeded(): void {
    const revision = this.#parts.own!.revision();
    this.#silentTimes++;
    if (revision === this.#saidRevision && this.#silentTimes < restTimes) return;
    this.#silentTimes = 0;
    this.#saidRevision = revision;
    this.#say({ isLast: false });
  }

  #say({ isLast }: { readonly isLast: boolean }): void {
    const { link, own } = this.#parts;
    const { connection } = link;
    if (connection === null) return;
    const totals = { ...own!.totals(), upMs: performance.now() - this.#startedAt, isLast };
    connection.publish(`${subjectPrefix}${this.process}`, encodeTotals(totals));
  }
}
