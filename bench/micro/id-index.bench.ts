/**
 * What does it cost to find a pending event by its id?
 *
 * Look-ups per second of one thread in `HandleTable` over ids in columns, beside a `Map` keyed by the id's text, which is what
 * one would write first, and the longest stop while each grows. Every cancel and every outcome is a look-up, so above 1,000,000/s
 * is good: at 20,000 events/s with three transitions each it is then 6 % of the thread. A stop above 2 ms would make a tick late.
 * On the 2-core reference machine with other work on both cores: 0.9-1.7 M found/s against 0.2 M/s in the map, whose longest stop is
 * 200-300 ms (of the table's 10 ms most is the neighbours' time). Inserting includes the row itself.
 *
 *   npm run bench -- id-index
 */
import type { Handle, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, eventIdBytes, formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { EventColumns, hashOfId, type NewRow } from '../../engine/partition/columns.js';
import { HandleTable } from '../../engine/partition/handle-table.js';
import { type Bench, decadesUpTo, measured } from '../lib/bench.js';
import { perSecond, rate } from '../lib/rate.js';

const now = 1_763_632_800_000 as WallMs;
const row: Omit<NewRow, 'id'> = {
  idAt: 0,
  tagHigh: 0,
  tagLow: 0,
  seq: 1 as Sequence,
  scheduledAtMs: now,
  dueAtMs: now,
  expiresAtMs: 0,
  origin: 0,
  labels: { source: 0, type: 0, destination: 0, signatureHigh: 0, signatureLow: 0 },
  maxRetries: 3,
  priority: 5,
  deliveryType: 'HTTP',
  version: 1,
  attempts: 0,
};

export interface IdIndexResult {
  readonly index: string;
  readonly insertsPerSecond: number;
  readonly longestInsertMs: number;
  readonly foundPerSecond: number;
  readonly missedPerSecond: number;
  readonly removesPerSecond: number;
}

export function run({ size }: { readonly size: number }): IdIndexResult[] {
  const ids = new IdList(size);
  const others = new IdList(size);
  const order = shuffled(size);
  return [handleTable({ ids, others, order }), mapOfTexts({ ids, others, order })];
}

/** Ids in one piece of memory: a million small arrays would have the garbage collector stop for longer than what is measured. */
class IdList {
  readonly length: number;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.length = length;
    this.#bytes = new Uint8Array(length * eventIdBytes);
    for (let at = 0; at < length; at++) this.#bytes.set(mintEventId((at & 4_095) as Slot, now), at * eventIdBytes);
  }

  at(index: number): EventId {
    return this.#bytes.subarray(index * eventIdBytes, (index + 1) * eventIdBytes);
  }
}

interface Work {
  readonly ids: IdList;
  readonly others: IdList;
  /** In which the ids are looked up: not in that of their arrival. */
  readonly order: Int32Array;
}

function handleTable({ ids, others, order }: Work): IdIndexResult {
  const columns = new EventColumns();
  const table = new HandleTable();
  const find = (id: EventId) => table.find(hashOfId(id), (handle) => columns.hasId(handle, id));
  return {
    index: 'handle table',
    ...inserts(ids.length, (at) => table.add(hashOfId(ids.at(at)), columns.add({ ...row, id: ids.at(at) }))),
    foundPerSecond: perSecond(order.length, () => {
      for (let at = 0; at < order.length; at++) if (find(ids.at(order[at]!)) !== order[at]) throw new Error('not found');
    }),
    missedPerSecond: perSecond(others.length, () => {
      for (let at = 0; at < others.length; at++) if (find(others.at(at)) !== null) throw new Error('found');
    }),
    removesPerSecond: perSecond(order.length, () => {
      for (let at = 0; at < order.length; at++) table.remove(hashOfId(ids.at(order[at]!)), order[at] as Handle);
    }),
  };
}

function mapOfTexts({ ids, others, order }: Work): IdIndexResult {
  const map = new Map<string, number>();
  return {
    index: 'map of texts',
    ...inserts(ids.length, (at) => map.set(formatEventId(ids.at(at)), at)),
    foundPerSecond: perSecond(order.length, () => {
      for (let at = 0; at < order.length; at++) {
        if (map.get(formatEventId(ids.at(order[at]!))) !== order[at]) throw new Error('not found');
      }
    }),
    missedPerSecond: perSecond(others.length, () => {
      for (let at = 0; at < others.length; at++) if (map.has(formatEventId(others.at(at)))) throw new Error('found');
    }),
    removesPerSecond: perSecond(order.length, () => {
      for (let at = 0; at < order.length; at++) map.delete(formatEventId(ids.at(order[at]!)));
    }),
  };
}

/** In steps of 16, so that looking at the clock costs little and a stop still shows. */
function inserts(count: number, insert: (at: number) => void): Pick<IdIndexResult, 'insertsPerSecond' | 'longestInsertMs'> {
  const began = performance.now();
  let longestMs = 0;
  let before = began;
  for (let at = 0; at < count; at++) {
    insert(at);
    if ((at & 15) !== 15) continue;
    const after = performance.now();
    if (after - before > longestMs) longestMs = after - before;
    before = after;
  }
  return { insertsPerSecond: rate(count, performance.now() - began), longestInsertMs: Math.round(longestMs * 100) / 100 };
}

function shuffled(size: number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, index) => index);
  for (let at = size - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    const kept = order[at]!;
    order[at] = order[other]!;
    order[other] = kept;
  }
  return order;
}

const sizes = { small: 20_000, full: 1_000_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'id-index',
  question: 'What does it cost to find a pending event by its id?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Id index: an insert, and a look-up, by the ids in it',
      x: 'entries',
      rates: ['insertsPerSecond', 'foundPerSecond'],
      series: 'index',
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(decadesUpTo(size).flatMap((entries) => run({ size: entries }).map((row) => ({ entries, ...row }))));
  },
};
