/** What NATS has of partitions, and what it has lost. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import type { StoredEntry } from '../../engine/cluster/journal/journal-entry.js';
import {
  baseStream,
  baseSubject,
  journalSubject,
  type LogStreamsShape,
  logStreamOf,
} from '../../engine/cluster/journal/log-streams.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { NatsServer } from '../support/nats-server.js';
import { entriesOf } from './journal-audit.js';

export class NatsStore {
  readonly #connection: NatsConnection;
  readonly #streams: number;
  #usualWindow: number | undefined;

  constructor(connection: NatsConnection, { streams }: Pick<LogStreamsShape, 'streams'>) {
    this.#connection = connection;
    this.#streams = streams;
  }

  /** Subjects of bases, in the order of what is in them. */
  async bases(partition: PartitionId): Promise<readonly string[]> {
    const manager = await jetstreamManager(this.#connection);
    const { state } = await manager.streams.info(baseStream, { subjects_filter: baseSubject(partition, null) });
    const firstOf = (subject: string): number => Number(subject.split('.')[4]);
    return Object.keys(state.subjects ?? {}).sort((one, other) => firstOf(one) - firstOf(other));
  }

  /** Places of the oldest and the newest entry. */
  async journal(partition: PartitionId): Promise<{ readonly oldest: number; readonly newest: number }> {
    const manager = await jetstreamManager(this.#connection);
    const at = logStreamOf(partition, this.#streams);
    const oldest = await manager.streams.getMessage(at, { seq: 1, next_by_subj: journalSubject(partition) } as never);
    const newest = await manager.streams.getMessage(at, { last_by_subj: journalSubject(partition) });
    return { oldest: oldest!.seq, newest: newest!.seq };
  }

  /** For so long the stream knows what it was sent; null: as the product has it. */
  async rememberIds(partition: PartitionId, forMs: number | null): Promise<void> {
    const manager = await jetstreamManager(this.#connection);
    const stream = logStreamOf(partition, this.#streams);
    this.#usualWindow ??= (await manager.streams.info(stream)).config.duplicate_window;
    await manager.streams.update(stream, { duplicate_window: forMs === null ? this.#usualWindow : nanos(forMs) });
  }

  /** Markers, journal and what was kept. */
  async loseLog(partition: PartitionId): Promise<void> {
    await (await jetstreamManager(this.#connection)).streams.delete(logStreamOf(partition, this.#streams));
  }

  /** Whether a base has it. */
  async hasInBases(partition: PartitionId): Promise<(text: string) => boolean> {
    const manager = await jetstreamManager(this.#connection);
    const parts: Buffer[] = [];
    for (let seq = 1; ; ) {
      const part = await manager.streams.getMessage(baseStream, { seq, next_by_subj: baseSubject(partition, null) } as never);
      if (part === null) return (text) => parts.some((bytes) => bytes.includes(text));
      parts.push(Buffer.from(part.data));
      seq = part.seq + 1;
    }
  }

  /** Entries with records that no base has. */
  async unsealed(partition: PartitionId): Promise<readonly StoredEntry[]> {
    const manager = await jetstreamManager(this.#connection);
    const base = await manager.streams.getMessage(baseStream, { last_by_subj: (await this.bases(partition)).at(-1)! });
    const last = Number(base!.header!.get('Escapement-Last'));
    const unsealed: StoredEntry[] = [];
    for await (const entry of entriesOf(this.#connection, partition, this.#streams))
      if (entry.kind === 'records' && entry.first > last) unsealed.push(entry);
    return unsealed;
  }
}

/** A bit of this text, wherever NATS has it: also where it was kept until its owner had it. */
export function flip(nats: NatsServer, { stream, text }: { stream: string; text: string }): number {
  let flips = 0;
  for (const name of readdirSync(nats.storeDir, { recursive: true, encoding: 'utf8' })) {
    if (!name.includes(`/${stream}/`) || !name.endsWith('.blk')) continue;
    const path = join(nats.storeDir, name);
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at)) {
      bytes[at + 10]! ^= 1;
      flips++;
    }
    writeFileSync(path, bytes);
  }
  return flips;
}
