/**
 * What a node has counted and holds, or all nodes of a cluster together: what statistics, history and the backlog of a recovery are made of.
 *
 * Counted is what only grows. Levels are how it is now: those of partitions (`byStatus`), and those of the queues of nodes (`waiting`, `overdue`).
 */
import type { DeliveryType } from '../event/spec.js';
import { deliveryTypes } from '../event/spec.js';
import type { EventStatus, WaitReason } from '../event/status.js';
import { eventStatuses, waitReasons } from '../event/status.js';
import type { LatencyFigures, PartitionLevels } from './figures.js';
import { noLatency, sumLatency } from './latency.js';

export const flowNames = ['accepted', 'fired', 'delivered', 'failed'] as const;
export type FlowName = (typeof flowNames)[number];

const distributionNames = ['fireLag', 'delivery'] as const;

/** What grows only. */
export type Counted = Readonly<Record<FlowName, number> & Record<(typeof distributionNames)[number], LatencyFigures>>;

/** Of what waits in a node. */
export interface QueueLevels {
  readonly waiting: Readonly<Record<WaitReason, number>>;
  readonly overdue: number;
  /** Of those, at the origin of one host that has most of them. */
  readonly longestBacklog: number;
  /** Null: nothing is overdue. */
  readonly oldestOverdueMs: number | null;
}

export interface Totals extends PartitionLevels, QueueLevels {
  readonly counted: Counted;
  /** Of that, what had been counted before it was heard of here: part of the total, and no growth. */
  readonly before: Counted;
}

export interface TotalsSource {
  /** Another number than before: the totals may be others. */
  readonly revision: number;
  totals(): Totals;
}

export const nothingCounted: Counted = {
  accepted: 0,
  fired: 0,
  delivered: 0,
  failed: 0,
  fireLag: noLatency,
  delivery: noLatency,
};

export function sumCounted(list: readonly Counted[]): Counted {
  const flows = flowNames.map((name) => [name, sum(list, (counted) => counted[name])]);
  const distributions = distributionNames.map((name) => [name, sumLatency(list.map((counted) => counted[name]))]);
  return Object.fromEntries([...flows, ...distributions]) as Counted;
}

export function sumLevels(list: readonly PartitionLevels[]): PartitionLevels {
  return {
    byStatus: sumEach<EventStatus>(
      eventStatuses,
      list.map(({ byStatus }) => byStatus),
    ),
    byDeliveryType: sumEach<DeliveryType>(
      deliveryTypes,
      list.map(({ byDeliveryType }) => byDeliveryType),
    ),
  };
}

export function sumQueues(list: readonly QueueLevels[]): QueueLevels {
  const ages = list.flatMap(({ oldestOverdueMs }) => (oldestOverdueMs === null ? [] : [oldestOverdueMs]));
  return {
    waiting: sumEach<WaitReason>(
      waitReasons,
      list.map(({ waiting }) => waiting),
    ),
    overdue: sum(list, ({ overdue }) => overdue),
    longestBacklog: sum(list, ({ longestBacklog }) => longestBacklog),
    oldestOverdueMs: ages.length === 0 ? null : Math.max(...ages),
  };
}

function sumEach<Name extends string>(
  names: readonly Name[],
  list: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, sum(list, (one) => one[name])])) as Record<Name, number>;
}

function sum<Item>(list: readonly Item[], of: (item: Item) => number): number {
  let total = 0;
  for (const item of list) total += of(item);
  return total;
}
