/**
 * How it is with what each node serves and follows: said by every node that keeps partitions about once a second, heard by all.
 *
 * Whoever hands a partition over wants to know that the next owner is close behind, and an operator wants to see how far standbys are and how long
 * takeovers took. Nothing rests on it: plain messages that nobody keeps; one that is lost is followed by the next. What a node has said is forgotten
 * when it has been silent for a few seconds.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { PartitionId } from '../../kernel/brand.js';
import { inStep } from '../../kernel/in-step.js';
import type { NatsLink } from '../../nats/nats-link.js';

const subjectPrefix = 'escapement.cluster.report.';

export interface ServedReport {
  readonly epoch: number;
  /** From when its owner before was last known to serve, until it was served here. */
  readonly takeoverMs: number;
  /** Attempts that were started again because their outcome was not known. */
  readonly duplicates: number;
  /** How often, in the life of the partition, its journal has lost something. */
  readonly dataLosses: number;
}

export interface NodeReport {
  readonly served: ReadonlyMap<PartitionId, ServedReport>;
  /** Entries behind the owner; nothing while the node could not take any of it over. */
  readonly followed: ReadonlyMap<PartitionId, number>;
}

export interface NodeReportsParts {
  readonly link: NatsLink;
  readonly everyMs: number;
  /** What this node says; null: it has no session or is a gateway, and says nothing. */
  own(): { readonly session: string; readonly report: NodeReport } | null;
}

/** A silent node's word is shown for so many intervals ... */
const shownFor = 5;
/** ... and for so many others act on it. */
const freshFor = 2;

export class NodeReports {
  readonly #parts: NodeReportsParts;
  readonly #heard = new Map<string, { readonly report: NodeReport; readonly at: number }>();
  readonly #unwatch: () => void;
  readonly #endTimer: () => void;
  #subscription: Subscription | null = null;

  constructor(parts: NodeReportsParts) {
    this.#parts = parts;
    this.#unwatch = parts.link.watch(({ isConnected }) => {
      // The client subscribes anew after a reconnect; after one that was closed there is another connection.
      if (isConnected && (this.#subscription === null || this.#subscription.isClosed())) this.#subscribe();
    });
    this.#endTimer = inStep(parts.everyMs, () => this.#tell());
  }

  of(session: string): NodeReport | null {
    return this.#heard.get(session)?.report ?? null;
  }

  /** Null: it has said nothing lately, so it may be gone though its session is there. */
  freshOf(session: string): NodeReport | null {
    const heard = this.#heard.get(session);
    return heard !== undefined && performance.now() - heard.at <= freshFor * this.#parts.everyMs ? heard.report : null;
  }

  close(): void {
    this.#endTimer();
    this.#unwatch();
    const { connection } = this.#parts.link;
    if (this.#subscription !== null && connection !== null) this.#subscription.unsubscribe();
  }

  #subscribe(): void {
    this.#subscription = this.#parts.link.connection!.subscribe(`${subjectPrefix}*`, {
      callback: (error, msg) => {
        if (error === null) this.#hear(msg);
      },
    });
  }

  #hear(msg: Msg): void {
    const report = readReport(msg.data);
    if (report !== null) this.#heard.set(msg.subject.slice(subjectPrefix.length), { report, at: performance.now() });
  }

  #tell(): void {
    const oldest = performance.now() - shownFor * this.#parts.everyMs;
    for (const [session, { at }] of this.#heard) if (at < oldest) this.#heard.delete(session);
    const own = this.#parts.own();
    const { connection } = this.#parts.link;
    if (own !== null && connection !== null) connection.publish(`${subjectPrefix}${own.session}`, reportText(own.report));
  }
}

/** Lists of numbers: a node may serve hundreds. */
function reportText({ served, followed }: NodeReport): string {
  return JSON.stringify({
    served: Array.from(served, ([partition, { epoch, takeoverMs, duplicates, dataLosses }]) => {
      return [partition, epoch, takeoverMs, duplicates, dataLosses];
    }),
    followed: [...followed],
  });
}

/** Null for what is none: of another version, say. */
export function readReport(data: Uint8Array): NodeReport | null {
  try {
    const { served, followed } = JSON.parse(Buffer.from(data).toString()) as Record<string, number[][]>;
    const serves = served!.map(([partition, epoch, takeoverMs, duplicates, dataLosses]) => {
      const told = { epoch: epoch!, takeoverMs: takeoverMs!, duplicates: duplicates!, dataLosses: dataLosses! };
      return [partition as PartitionId, told] as const;
    });
    return { served: new Map(serves), followed: new Map(followed!.map(([partition, lag]) => [partition as PartitionId, lag!])) };
  } catch {
    // Nothing rests on it.
    return null;
  }
}
