/**
 * How many status changes per second can the hub hand to its subscribers?
 *
 * It runs on the gateway's thread, and 20,000 events/s are 60,000 changes/s. At 1,000,000 changes/s they cost 6 % of that thread,
 * which is good; below 600,000 they cost a tenth of it, which is too much. Three crowds:
 *
 *   dashboards   100 subscribers with the same filter: one question per change
 *   filters      100 subscribers, each with its own source and status: one look-up per change
 *   watchers     1,000 subscribers, each for one event: one look-up per change
 *
 *   npm run bench -- status-fanout
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventStatuses } from '../../engine/event/status.js';
import type { StatusChange } from '../../engine/event/status-change.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { replayWindow } from '../../engine/kernel/limits.js';
import type { StatusFilter } from '../../engine/status/filter.js';
import { StatusHub } from '../../engine/status/status-hub.js';
import type { StatusBatch } from '../../engine/status/subscriber.js';
import { type Bench, measured } from '../lib/bench.js';

const partitions = 4;
const sources = 100;
/** As a host sends them: what one group commit made durable. */
const changesPerBatch = 200;
const everything: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };
const now = 1_700_000_000_000 as WallMs;

export interface FanoutResult {
  readonly crowd: string;
  readonly subscribers: number;
  readonly changesPerSecond: number;
  /** Changes heard, over all subscribers. */
  readonly heard: number;
}

export async function statusFanout({ changes }: { readonly changes: number }): Promise<FanoutResult[]> {
  const events = Array.from({ length: 10_000 }, () => mintEventId(0 as Slot, now));
  const filters = Array.from({ length: sources }, (_, source) => ({
    ...everything,
    source: [`source-${source}`],
    status: ['DEAD'] as const,
  }));
  const watchers = events.slice(0, 1_000).map((event) => ({ ...everything, eventId: [formatEventId(event)] }));
  const crowds: Record<string, readonly StatusFilter[]> = { dashboards: new Array(100).fill(everything), filters, watchers };
  const results: FanoutResult[] = [];
  for (const [crowd, filtersOfCrowd] of Object.entries(crowds)) {
    let heard = 0;
    const hub = await hubWith(filtersOfCrowd, (items) => {
      heard += items;
    });
    const batches = batchesOf({ changes, events });
    const startedAt = performance.now();
    for (const batch of batches) hub.publish(batch);
    const seconds = (performance.now() - startedAt) / 1_000;
    results.push({ crowd, subscribers: filtersOfCrowd.length, changesPerSecond: Math.round(changes / seconds), heard });
  }
  return results;
}

async function hubWith(filters: readonly StatusFilter[], listener: (items: number) => void): Promise<StatusHub> {
  let round = 0;
  const hub = new StatusHub({
    partitions,
    hosts: 1,
    hostOf: () => 0,
    replayWindow,
    watch: (order) => {
      round = order.round;
    },
    read: () => {
      throw new Error('nothing is read from the log here');
    },
    soon: setImmediate,
    listenerFailed: (error) => {
      throw error;
    },
  });
  const hear = (batch: StatusBatch): boolean => {
    listener(batch.items.length);
    return true;
  };
  const begun = filters.map((filter) => hub.subscribe(filter, hear, null));
  const positions = Array.from({ length: partitions }, (_, partition) => [partition as PartitionId, 0 as Sequence] as const);
  hub.watching({ host: 0, round, positions });
  await Promise.all(begun);
  // So many at a time come to where the stream stands.
  for (let turn = 0; turn < filters.length / 10 + 10; turn++) await nextTurn();
  return hub;
}

function batchesOf({ changes, events }: { readonly changes: number; readonly events: readonly Uint8Array[] }): StatusChange[][] {
  const batches: StatusChange[][] = [];
  for (let made = 0; made < changes; made++) {
    if (made % changesPerBatch === 0) batches.push([]);
    batches.at(-1)!.push({
      partition: (made % partitions) as PartitionId,
      seq: (Math.floor(made / partitions) + 1) as Sequence,
      event: events[made % events.length]!,
      externalJobId: `job-${made}`,
      source: `source-${made % sources}`,
      type: null,
      status: eventStatuses[made % eventStatuses.length]!,
      version: 1,
      at: now,
      attempt: 0,
      nextAttemptAtMs: null,
      statusCode: null,
      error: null,
      fireLagMs: null,
    });
  }
  return batches;
}

const sizes = { small: 20_000, full: 200_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'status-fanout',
  question: 'How many status changes per second can the hub hand to its subscribers?',
  sizes,
  measure: async (size) => {
    await statusFanout({ changes: sizes.small });
    return measured(await statusFanout({ changes: size }));
  },
};
