/**
 * How many records per second does a replay verify and hand out?
 *
 * Records per second of the reader's thread, with 250 bytes of body each, checksums and chain verified. A start waits for
 * it: at 350,000/s a partition with a million pending events of two records each is back after 6 s. Good is above 1,000,000
 * on the 2-core reference machine, by the 0.65 us of CPU that a record took; that has not been seen there yet. With much other work on both
 * cores it did 307,000 where a row for each record did 83,000-94,000 in the same minute.
 *
 *   npm run bench -- log-replay
 */
import type { PartitionId } from '../../engine/kernel/brand.js';
import { LogReader } from '../../engine/log/log-reader.js';
import type { ReaderReply } from '../../engine/log/protocol.js';
import { batchSpan } from '../../engine/log/record-batch.js';
import { type Bench, decadesUpTo, measured } from '../lib/bench.js';
import { appendAll, inTempDir, openWriter } from './log-append.bench.js';

const partition = 0 as PartitionId;

export interface ReplayResult {
  /** A replay finds what the one before has left in memory. */
  readonly time: 'first' | 'again';
  readonly records: number;
  readonly recordsPerSecond: number;
}

export function run({ size }: { readonly size: number }): ReplayResult[] {
  return inTempDir((dataDir) => {
    const writer = openWriter(dataDir);
    appendAll(writer, { commits: Math.ceil(size / 1_000), recordsPerCommit: 1_000 });
    writer.close();
    const first = { time: 'first', ...replay(dataDir) } as const;
    return [first, { time: 'again', ...replay(dataDir) }];
  });
}

function replay(dataDir: string): Omit<ReplayResult, 'time'> {
  const replies: ReaderReply[] = [];
  const reader = new LogReader({
    options: { dataDir, partitions: [partition] },
    reply: (reply) => replies.push(reply),
    pool: () => undefined,
  });
  const began = performance.now();
  let records = 0;
  reader.handle({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  replies.shift();
  for (let reply = replies.shift(); reply?.op === 'replay-batch'; reply = replies.shift()) {
    records += batchSpan(reply.batch).count;
    reader.handle({ op: 'replay-next', tag: 1 });
  }
  const seconds = (performance.now() - began) / 1_000;
  reader.close();
  return { records, recordsPerSecond: Math.round(records / seconds) };
}

const sizes = { small: 20_000, full: 500_000 } as const;

export const bench: Bench = {
  name: 'log-replay',
  question: 'How many records per second does a replay verify and hand out?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Replay: a record, by the records of the log',
      x: 'records',
      rates: ['recordsPerSecond'],
      series: 'time',
    },
  ],
  measure: (size) => measured(decadesUpTo(size).flatMap((records) => run({ size: records }))),
};
