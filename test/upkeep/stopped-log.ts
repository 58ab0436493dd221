/** A data directory with the log of one partition, closed, and the means to damage it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogRecord } from '../../engine/event/record.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { listSegments, snapshotPath } from '../../engine/log/segment/segment-files.js';
import { SegmentReader } from '../../engine/log/segment/segment-reader.js';
import { writeSnapshot } from '../../engine/log/snapshot/snapshot-file.js';
import { type PartitionVerdict, verifyDataDir } from '../../engine/upkeep/verify.js';
import { Journal, partition, TestLog } from '../log/log-fixture.js';

export interface StoppedLog {
  readonly dataDir: string;
  /** Of the partition. */
  readonly dir: string;
  readonly journal: Journal;
  readonly events: { readonly delivered: LogRecord; readonly cancelled: LogRecord; readonly pending: LogRecord };
}

/**
 * Three segments, indexed. By sequence:
 *     1 delivered: accepted     2 cancelled: accepted     3 pending: accepted     4 delivered: dispatched
 *     5 delivered: delivered    6 cancelled: cancelled    7 pending: dispatched
 */
export async function stoppedLog(t: ConstructorParameters<typeof TestLog>[0]): Promise<StoppedLog> {
  const log = new TestLog(t, { segmentBytesMax: 1 });
  const journal = new Journal();
  const delivered = journal.accepted({ externalJobId: 'a' });
  const cancelled = journal.accepted();
  const pending = journal.accepted({ payload: Buffer.from('"pending"') });
  log.append(...journal.records);
  log.replay();
  log.tick();
  log.append(journal.dispatched(delivered), journal.delivered(delivered), journal.cancelled(cancelled));
  log.tick();
  log.append(journal.dispatched(pending));
  await log.runTasks();
  log.close();
  const { dataDir } = log.options;
  for (const other of ['0000', '0001', '0002']) mkdirSync(join(dataDir, 'partitions', other));
  writeFileSync(join(dataDir, 'format.json'), '{"format":2,"partitions":4,"hash":"fnv1a32"}\n');
  return { dataDir, dir: log.dir, journal, events: { delivered, cancelled, pending } };
}

export function idOf(record: LogRecord): string {
  return formatEventId(record.event);
}

/** A snapshot at `seq` with nothing in it, of a form that no start believes. */
export function addSnapshot({ dir }: Pick<StoppedLog, 'dir'>, seq: number): string {
  const name = listSegments(dir).findLast(({ first }) => first <= seq)!;
  const reader = new SegmentReader(name);
  const position = { seq: seq as Sequence, chain: reader.chainAt(seq as Sequence)! };
  reader.close();
  writeSnapshot(dir, {
    header: { form: 999, partition, position, finalsFrom: 1 as Sequence },
    sections: [Buffer.from('section')],
  });
  return snapshotPath(dir, position.seq);
}

/** What `verify` says about the partition; null when everything is whole. */
export function verdictOf(dataDir: string): PartitionVerdict | null {
  const verdicts: PartitionVerdict[] = [];
  const isWhole = verifyDataDir({ dataDir, say: () => undefined, verdict: (verdict) => verdicts.push(verdict) });
  return isWhole ? null : verdicts[partition]!;
}
