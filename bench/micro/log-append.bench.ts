/**
 * How many records per second does the log writer make durable, by the number of records in a commit?
 *
 * Records (and commits) per second of one thread and one partition, each record 250 bytes of body, each commit fsynced.
 * Good on the 2-core reference machine: 3,600 commits/s of one record, which is what its disk does, and 390,000 records/s
 * in commits of 1,000, four times what 100,000 accepted events/s would need there. With other work on both cores it did
 * 2,200-3,100 commits/s and 280,000-300,000 records/s. `build`: of that, what the actor's thread pays to lay out a record.
 *
 *   npm run bench -- log-append
 */
import { walBytesMax } from '../../engine/kernel/limits.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordKinds } from '../../engine/event/record.js';
import { noSequence, type PartitionId, type Sequence, type WallMs } from '../../engine/kernel/brand.js';
import { SystemClock } from '../../engine/kernel/clock.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import type { LogOptions } from '../../engine/log/protocol.js';
import { RecordBatchBuilder } from '../../engine/log/record-batch.js';
import { type Bench, measured } from '../lib/bench.js';

const partition = 0 as PartitionId;
const bodyBytes = 250;

export interface AppendResult {
  readonly recordsPerCommit: number;
  readonly recordsPerSecond: number;
  readonly commitsPerSecond: number;
  readonly buildUsPerRecord: number;
}

/** `size`: records at most of each kind of commit; at most a hundredth as many commits. */
export function run({ size }: { readonly size: number }): AppendResult[] {
  return [1, 10, 100, 1_000].map((recordsPerCommit) =>
    inTempDir((dataDir) => {
      const writer = openWriter(dataDir);
      const commits = Math.ceil(size / Math.max(recordsPerCommit, 100));
      const result = appendAll(writer, { commits, recordsPerCommit });
      writer.close();
      return result;
    }),
  );
}

/** Append `commits * recordsPerCommit` records behind an empty log. */
export function appendAll(
  writer: LogWriter,
  { commits, recordsPerCommit }: { readonly commits: number; readonly recordsPerCommit: number },
): AppendResult {
  const builder = new RecordBatchBuilder();
  const event = new Uint8Array(16);
  const body = new Uint8Array(bodyBytes);
  const began = performance.now();
  let buildMs = 0;
  let seq = 0;
  for (let commit = 0; commit < commits; commit++) {
    const building = performance.now();
    for (let count = 0; count < recordsPerCommit; count++) {
      seq++;
      builder.append({
        seq: seq as Sequence,
        kind: recordKinds.accepted,
        event,
        prev: noSequence,
        at: seq as number as WallMs,
        body,
      });
    }
    const batch = builder.take();
    buildMs += performance.now() - building;
    writer.submit({ op: 'append', partition, batch });
    writer.commitNext();
  }
  const seconds = (performance.now() - began) / 1_000;
  return {
    recordsPerCommit,
    recordsPerSecond: Math.round(seq / seconds),
    commitsPerSecond: Math.round(commits / seconds),
    buildUsPerRecord: Math.round((buildMs / seq) * 1e6) / 1_000,
  };
}

export function openWriter(dataDir: string): LogWriter {
  const options: LogOptions = {
    dataDir,
    partitions: [partition],
    durability: 'fsync',
    segmentBytesMax: Number.MAX_SAFE_INTEGER,
    segmentAgeMsMax: Number.MAX_SAFE_INTEGER,
    walBytesMax,
    freeBytesMin: 0,
    ballastBytes: 0,
    pagesMax: null,
  };
  const reply = ({ op, ...more }: { readonly op: string }) => {
    if (op === 'failed') throw new Error(`the log writer failed: ${JSON.stringify(more)}`);
  };
  return new LogWriter({ options, clock: new SystemClock(), reply, notice: () => undefined });
}

export function inTempDir<Result>(work: (dir: string) => Result): Result {
  const dir = mkdtempSync(join(tmpdir(), 'escapement-bench-'));
  try {
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const sizes = { small: 20_000, full: 300_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'log-append',
  question: 'How many records per second does the log writer make durable, by the number of records in a commit?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Log: a record made durable, by the records of a commit',
      x: 'recordsPerCommit',
      rates: ['recordsPerSecond'],
      series: null,
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(run({ size }));
  },
};
