/**
 * The journals of all partitions, as far as they are there, compared with what must hold whatever happened: each entry goes on where the one before ended, with its chain
 * value, and epochs do not go back. An entry that was written twice, or by somebody who had been replaced, would not.
 */
import { jetstreamManager, type MsgRequest } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { readEntry, type StoredEntry } from '../../engine/cluster/journal/journal-entry.js';
import { journalSubject, type LogStreamsShape, logStreamOf } from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';

export interface JournalAudit {
  /** What must not be, in words. */
  readonly faults: readonly string[];
  readonly entries: number;
}

export async function auditJournals(connection: NatsConnection, { partitions, streams }: LogStreamsShape): Promise<JournalAudit> {
  const faults: string[] = [];
  let entries = 0;
  for (let partition = 0; partition < partitions; partition++) {
    let before: StoredEntry | null = null;
    for await (const entry of entriesOf(connection, partition as PartitionId, streams)) {
      entries++;
      const fault = before === null ? null : faultOf(before, entry);
      if (fault !== null) faults.push(`partition ${partition}, entry ${entry.place} of epoch ${entry.epoch}: ${fault}`);
      before = entry;
    }
  }
  return { faults, entries };
}

function faultOf(before: StoredEntry, { kind, epoch, first, before: chain }: StoredEntry): string | null {
  if (first !== before.last + 1) return `begins with ${first} behind ${before.last}`;
  if (chain !== before.chain) return `continues chain ${chain}, before it is ${before.chain}`;
  if (epoch < before.epoch) return `comes behind epoch ${before.epoch}`;
  if (epoch > before.epoch && kind !== 'open') return 'is of an owner that has not opened';
  return null;
}

/** In order, as the leader of the stream has them. */
export async function* entriesOf(
  connection: NatsConnection,
  partition: PartitionId,
  streams: number,
): AsyncGenerator<StoredEntry> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  for (let place = 1; ; ) {
    const question = { seq: place, next_by_subj: journalSubject(partition) };
    // The server knows this form, the client's types do not.
    const found = await manager.streams.getMessage(logStreamOf(partition, streams), question as MsgRequest);
    if (found === null) return;
    const { header, data, seq } = found;
    place = seq + 1;
    yield readEntry({ header: (name) => header?.get(name) ?? '', body: data, place: seq }, `entry ${seq}`);
  }
}
