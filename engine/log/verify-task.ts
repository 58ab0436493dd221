/**
 * Pool task: a sealed segment gone through, every record against its checksum and the chain, up to where the next one takes on.
 *
 * A start that begins with a snapshot does not read what that stands for; so each such segment is gone through once behind it. What
 * is wrong is said in the log; it stops nothing, since only a read of that very record could come to harm, and that read fails by itself.
 */
import type { Sequence } from '../kernel/brand.js';
import { DamageError } from './damage.js';
import { unlessRemoved } from './segment/log-beginning.js';
import type { LogPosition } from './segment/mark.js';
import type { SegmentTask } from './protocol.js';
import { RecordBatchBuilder } from './record-batch.js';
import { listSegments, partitionDir, type SegmentName } from './segment/segment-files.js';
import { SegmentReader } from './segment/segment-reader.js';

/** Rejects with what is wrong. A segment that retention has removed meanwhile is in order. */
export async function verifySegment({ dataDir, partition, first, next }: SegmentTask): Promise<void> {
  const dir = partitionDir(dataDir, partition);
  unlessRemoved(dir, first, () => verify(dir, { first, next }));
}

function verify(dir: string, { first, next }: Pick<SegmentTask, 'first' | 'next'>): void {
  const names = listSegments(dir);
  const name = names.find((each) => each.first === first);
  if (name === undefined) return;
  const reader = new SegmentReader(name);
  try {
    const builder = new RecordBatchBuilder();
    let position: LogPosition = { seq: (first - 1) as Sequence, chain: reader.header.chainBefore };
    while (position.seq < next - 1) {
      const reached = reader.readBatch({ after: position, before: next, into: builder });
      if (reached.seq === position.seq)
        throw new DamageError('broken', `${name.path} ends at sequence ${reached.seq}, expected ${next - 1}`);
      builder.clear();
      position = reached;
    }
    const following = names.find((each) => each.first === next);
    if (following !== undefined && chainBefore(following) !== position.chain) {
      throw new DamageError('broken', `the chain breaks between ${name.path} and ${following.path}`);
    }
  } finally {
    reader.close();
  }
}

function chainBefore(name: SegmentName): number {
  const reader = new SegmentReader(name);
  reader.close();
  return reader.header.chainBefore;
}
