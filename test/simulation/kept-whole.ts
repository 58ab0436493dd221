/**
 * Every event that still has a record in a kept segment can be read whole: each of its records, from the first one on, as it was written, by
 * the walk that a GET and a history make. So nothing reaches back into what retention has removed.
 */
import { carriedKind, type LogRecord } from '../../engine/event/record.js';
import { specIn } from '../../engine/event/renewal-codec.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { GoneRecord, type SimulatedLog } from '../support/simulated-disk.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

export class KeptWhole implements Checker {
  readonly name = 'kept-whole';
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  quiet(): void {
    const { world, stored } = this.#scene;
    for (const partition of world.partitions) {
      const log = world.disk.log(partition);
      if (log.isDamaged) continue;
      const carriedTo = carriedIn(log);
      for (const [event, records] of stored.all(partition)) {
        const last = Math.max(records.at(-1)!.seq, carriedTo.get(event) ?? 0) as Sequence;
        // It has outlived the retention.
        if (last < log.beginning) continue;
        this.#compare({ partition, event, read: this.#read(log, { event, last }), written: records });
      }
    }
  }

  #read(log: SimulatedLog, { event, last }: { readonly event: string; readonly last: Sequence }): LogRecord[] {
    try {
      return log.history(last);
    } catch (error) {
      if (!(error instanceof GoneRecord)) throw error;
      throw new BrokenPromise(this.name, `${event} has its last record at ${last}, and ${error.message}`);
    }
  }

  #compare({ partition, event, read, written }: Comparison): void {
    const newestSpec = written.findLastIndex((record) => specIn(record) !== null);
    const isWhole =
      read.length === written.length && read.every((record, place) => isSame(record, written[place]!, place >= newestSpec));
    if (isWhole) return;
    const [found, expected] = [read, written].map((records) => records.map(({ seq, kind }) => `${seq}:${kind}`).join(' '));
    throw new BrokenPromise(this.name, `partition ${partition}: ${event} is read as ${found}, and was written as ${expected}`);
  }
}

interface Comparison {
  readonly partition: PartitionId;
  readonly event: string;
  readonly read: readonly LogRecord[];
  readonly written: readonly LogRecord[];
}

/** By event: where all of it was written once more, the last time. */
function carriedIn(log: SimulatedLog): ReadonlyMap<string, Sequence> {
  const carriedTo = new Map<string, Sequence>();
  for (const { kind, event, seq } of log.records(log.beginning))
    if (kind === carriedKind) carriedTo.set(formatEventId(event), seq);
  return carriedTo;
}

/** A spec that a later one has replaced is carried forward without its payload, which ends it. */
function isSame(read: LogRecord, written: LogRecord, withPayload: boolean): boolean {
  const { length } = read.body;
  if (read.kind !== written.kind || read.at !== written.at || (withPayload && length !== written.body.length)) return false;
  return Buffer.compare(read.body, written.body.subarray(0, length)) === 0;
}
