/**
 * What people are shown of the whole: `GET /events/statistics`, the history of a dashboard, the backlog of a recovery.
 *
 * Made from totals, wherever these come from: the figures of this node (`figures-board.ts`) or of all nodes of a cluster (`cluster-totals.ts`).
 *
 * Main thread. Since the process started; nothing is stored.
 */
import type { DeliveryType } from '../event/spec.js';
import { type EventStatus, eventStatuses, isFinished, type WaitReason } from '../event/status.js';
import type { MonoMs, WallMs } from '../kernel/brand.js';
import { type LatencyQuantiles, latencyBetween, mergeLatency } from './latency.js';
import { MetricsHistory, type MetricsHistorySlice } from './metrics-history.js';
import { Rates, type WindowRates } from './rates.js';
import { type FlowName, flowNames, type Totals, type TotalsSource } from './totals.js';

/** As the contract names it. */
export interface Statistics {
  readonly total: number;
  readonly by_status: Readonly<Record<EventStatus, number>>;
  readonly by_delivery_type: Readonly<Record<DeliveryType, number>>;
  readonly waiting: Readonly<Record<WaitReason, number>>;
  readonly rates: Readonly<Record<FlowName, WindowRates>>;
  readonly fire_lag_ms: LatencyQuantiles;
  readonly delivery_ms: LatencyQuantiles;
  readonly oldest_overdue_ms: number | null;
}

export class Overview {
  readonly #source: TotalsSource;
  readonly #rates = new Rates(flowNames);
  readonly #history = new MetricsHistory();
  /** Until something new is reported; several sockets may ask for it each second. */
  #made: { readonly revision: number; readonly statistics: Statistics } | null = null;

  constructor(source: TotalsSource) {
    this.#source = source;
  }

  statistics(): Statistics {
    const { revision } = this.#source;
    if (this.#made?.revision !== revision) this.#made = { revision, statistics: this.#make() };
    return this.#made.statistics;
  }

  /** The last hour by second, or the last day by minute. */
  history(from: WallMs | null, now: WallMs): MetricsHistorySlice {
    return this.#history.since(from, now);
  }

  /** Overdue since the engine started, and those of them at one origin that has most. */
  backlog(): { readonly overdue: number; readonly longest: number } {
    const { overdue, longestBacklog } = this.#source.totals();
    return { overdue, longest: longestBacklog };
  }

  /** To be called once a second. */
  sample({ mono, wall }: { readonly mono: MonoMs; readonly wall: WallMs }): void {
    const totals = this.#source.totals();
    const { accepted, fired, delivered, failed } = grownOf(totals);
    const flows = { accepted, fired, delivered, failed };
    this.#rates.sample(mono, flows);
    this.#history.sample(wall, {
      ...flows,
      pending: pendingOf(totals.byStatus),
      fireLag: latencyBetween(totals.before.fireLag, totals.counted.fireLag),
    });
    this.#made = null;
  }

  #make(): Statistics {
    const { byStatus, byDeliveryType, waiting, counted, oldestOverdueMs } = this.#source.totals();
    return {
      total: eventStatuses.reduce((sum, status) => sum + byStatus[status], 0),
      by_status: byStatus,
      by_delivery_type: byDeliveryType,
      waiting,
      rates: this.#rates.rates(),
      fire_lag_ms: mergeLatency([counted.fireLag]),
      delivery_ms: mergeLatency([counted.delivery]),
      oldest_overdue_ms: oldestOverdueMs === null ? null : Math.round(oldestOverdueMs),
    };
  }
}

/** Events that are not finished. */
export function pendingOf(byStatus: Readonly<Record<EventStatus, number>>): number {
  return eventStatuses.filter((status) => !isFinished(status)).reduce((sum, status) => sum + byStatus[status], 0);
}

function grownOf({ counted, before }: Totals): Record<FlowName, number> {
  return Object.fromEntries(flowNames.map((name) => [name, counted[name] - before[name]])) as Record<FlowName, number>;
}
