/**
 * Statistics of one source, one type, or both: counts from all partitions, flows from all hosts, in the form of the statistics of
 * everything.
 */
import { flowNames, type FlowFigures, windowSpans } from '../actor/ledger/label-flows.js';
import { addTally, byDeliveryTypeOf, byStatusOf, emptyTally, type LabelFilter } from '../event/label-filter.js';
import { waitReasons } from '../event/status.js';
import type { PartitionId } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import type { Statistics } from '../observe/overview.js';
import { mergeLatency } from '../observe/latency.js';
import type { Accepted, PartitionLink } from './host-link.js';

type TallyReply = Extract<Accepted, { readonly op: 'tally' }>;

export interface LabelStatisticsParts {
  readonly partitions: number;
  linkOf(partition: PartitionId): PartitionLink;
  readonly wallMs: () => number;
}

export async function labelStatistics(
  labels: LabelFilter,
  { partitions, linkOf, wallMs }: LabelStatisticsParts,
): Promise<Statistics> {
  const all = Array.from({ length: partitions }, (_, partition) => partition as PartitionId);
  const replies = await Promise.all(
    all.map(async (partition): Promise<TallyReply> => {
      const reply = await linkOf(partition).ask({ op: 'tally', partition, labels });
      if (reply.op !== 'tally') throw new InvariantError(`tally was answered with ${reply.op}`);
      return reply;
    }),
  );
  const tally = emptyTally();
  for (const reply of replies) addTally(tally, reply.tally);
  // Partitions of one host tell of the same flows.
  const hosts = new Map(replies.map(({ flows, flowsOf }) => [flowsOf, flows]));
  const flows = [...hosts.values()].flat();
  const dueAt = replies.flatMap(({ oldestDueAtMs }) => (oldestDueAtMs === null ? [] : [oldestDueAtMs]));
  const waiting = waitReasons.map((reason, place) => [reason, replies.reduce((sum, reply) => sum + reply.waiting[place]!, 0)]);
  return {
    total: tally.reduce((sum, count) => sum + count, 0),
    by_status: byStatusOf(tally),
    by_delivery_type: byDeliveryTypeOf(tally),
    waiting: Object.fromEntries(waiting) as Statistics['waiting'],
    rates: ratesOf(flows),
    fire_lag_ms: mergeLatency(flows.map(({ fireLag }) => fireLag)),
    delivery_ms: mergeLatency(flows.map(({ delivery }) => delivery)),
    oldest_overdue_ms: dueAt.length === 0 ? null : Math.max(0, Math.round(wallMs() - Math.min(...dueAt))),
  };
}

const windowNames = ['1m', '5m', '15m'] as const;
const spanSeconds = 5;

/** Per second. A window that is longer than the labels have been followed reaches back to where that began. */
function ratesOf(flows: readonly FlowFigures[]): Statistics['rates'] {
  const ageSeconds = Math.max(spanSeconds, ...flows.map(({ ageMs }) => ageMs / 1_000));
  const rateOf = (name: number, window: number): number => {
    const count = flows.reduce((sum, { counts }) => sum + counts[name]![window]!, 0);
    return Math.round((count / Math.min(ageSeconds, windowSpans[window]! * spanSeconds)) * 1_000) / 1_000;
  };
  const rates = flowNames.map((name, place) => {
    return [name, Object.fromEntries(windowNames.map((window, at) => [window, rateOf(place, at)]))];
  });
  return Object.fromEntries(rates) as Statistics['rates'];
}
