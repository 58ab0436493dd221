/**
 * What a node says of its totals, as bytes: one flat list of numbers for each part, in MessagePack.
 *
 * It is said four times a second by every node and read by every gateway, so it has to be small. Of a distribution the slots that are not empty are most of
 * it: they ascend, so the distance to the one before is told, mostly 1, which is one byte.
 *
 *     [format, upMs, isLast, counted, fireLag, delivery, queues, partitions]
 *
 * Whoever may publish on NATS may send anything: what does not look like this, or is of another version, is no message.
 */
import { type DeliveryType, deliveryTypes } from '../../event/spec.js';
import { type EventStatus, eventStatuses, type WaitReason, waitReasons } from '../../event/status.js';
import type { PartitionId } from '../../kernel/brand.js';
import { decodeMessages, encodeMessages } from '../../kernel/message-codec.js';
import type { HeardTotals, OwnedLevels } from '../../observe/cluster-totals.js';
import { type LatencyFigures, latencyBucketsMs } from '../../observe/figures.js';
import { latencySlots } from '../../observe/latency.js';
import { flowNames, type QueueLevels } from '../../observe/totals.js';

const format = 1;

export function encodeTotals({ counted, queues, partitions, upMs, isLast }: HeardTotals): Uint8Array {
  return encodeMessages([
    format,
    Math.round(upMs),
    isLast ? 1 : 0,
    flowNames.map((name) => counted[name]),
    latencyNumbers(counted.fireLag),
    latencyNumbers(counted.delivery),
    queueNumbers(queues),
    partitions.flatMap(levelNumbers),
  ]);
}

/** Null: it is none. `partitions`: how many there are. */
export function decodeTotals(bytes: Uint8Array, partitions: number): HeardTotals | null {
  try {
    const [found, upMs, isLast, flows, fireLag, delivery, queues, levels] = decodeMessages<unknown>(bytes);
    if (found !== format) return null;
    const [accepted, fired, delivered, failed] = numbersIn(flows, flowNames.length);
    const [up] = numbersIn([upMs], 1);
    return {
      counted: {
        accepted: accepted!,
        fired: fired!,
        delivered: delivered!,
        failed: failed!,
        fireLag: latencyIn(numbersIn(fireLag)),
        delivery: latencyIn(numbersIn(delivery)),
      },
      queues: queuesIn(numbersIn(queues, waitReasons.length + 3)),
      partitions: levelsIn(numbersIn(levels), partitions),
      upMs: up!,
      isLast: isLast === 1,
    };
  } catch {
    // Whatever is wrong with it: nothing rests on it, and the next one follows.
    return null;
  }
}

function latencyNumbers({ buckets, count, sumMs, maxMs, points }: LatencyFigures): number[] {
  const numbers = [...buckets, count, Math.round(sumMs), maxMs];
  for (let at = 0; at < points.length; at += 2) numbers.push(points[at]! - (points[at - 2] ?? 0), points[at + 1]!);
  return numbers;
}

function latencyIn(numbers: readonly number[]): LatencyFigures {
  const buckets = numbers.slice(0, latencyBucketsMs.length + 1);
  const [count, sumMs, maxMs] = numbers.slice(buckets.length);
  const points = numbers.slice(buckets.length + 3);
  check(maxMs !== undefined && points.length % 2 === 0);
  for (let at = 2; at < points.length; at += 2) points[at]! += points[at - 2]!;
  for (let at = 0; at < points.length; at += 2) check(points[at]! < latencySlots);
  return { buckets, count: count!, sumMs: sumMs!, maxMs: maxMs!, points };
}

/** In place of null. */
const nothingIsOverdue = 0;

function queueNumbers({ waiting, overdue, longestBacklog, oldestOverdueMs }: QueueLevels): number[] {
  const oldest = oldestOverdueMs === null ? nothingIsOverdue : Math.round(oldestOverdueMs) + 1;
  return [...waitReasons.map((reason) => waiting[reason]), overdue, longestBacklog, oldest];
}

function queuesIn(numbers: readonly number[]): QueueLevels {
  const [overdue, longestBacklog, oldest] = numbers.slice(waitReasons.length);
  return {
    waiting: named<WaitReason>(waitReasons, numbers),
    overdue: overdue!,
    longestBacklog: longestBacklog!,
    oldestOverdueMs: oldest === nothingIsOverdue ? null : oldest! - 1,
  };
}

const numbersPerPartition = 2 + eventStatuses.length + deliveryTypes.length;

function levelNumbers({ partition, epoch, byStatus, byDeliveryType }: OwnedLevels): number[] {
  const statuses = eventStatuses.map((status) => byStatus[status]);
  return [partition, epoch, ...statuses, ...deliveryTypes.map((type) => byDeliveryType[type])];
}

function levelsIn(numbers: readonly number[], partitions: number): OwnedLevels[] {
  check(numbers.length % numbersPerPartition === 0);
  return Array.from({ length: numbers.length / numbersPerPartition }, (_, place) => {
    const [partition, epoch, ...levels] = numbers.slice(place * numbersPerPartition, (place + 1) * numbersPerPartition);
    check(partition! < partitions);
    return {
      partition: partition as PartitionId,
      epoch: epoch!,
      byStatus: named<EventStatus>(eventStatuses, levels),
      byDeliveryType: named<DeliveryType>(deliveryTypes, levels.slice(eventStatuses.length)),
    };
  });
}

function named<Name extends string>(names: readonly Name[], numbers: readonly number[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, place) => [name, numbers[place]!])) as Record<Name, number>;
}

/** A copy. All of them counts, or times. */
function numbersIn(list: unknown, length?: number): number[] {
  check(Array.isArray(list) && (length === undefined || list.length === length));
  const numbers = [...(list as readonly unknown[])];
  for (const number of numbers) check(typeof number === 'number' && Number.isFinite(number) && number >= 0);
  return numbers as number[];
}

function check(isSo: boolean): asserts isSo {
  if (!isSo) throw new RangeError('no totals of a node');
}
