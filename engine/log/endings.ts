/**
 * How many events have ended, and their specs: walked back along `prev` from the final record of each to the one that holds its spec.
 *
 * All events go back a step at a time, so that each step is one ordered pass over the log, in runs of records that lie together. Event by
 * event it was a look-up for each record, 4 us.
 *
 * One whose records are damaged, gone, or contradict each other ends without a spec: its own GET says why.
 */
import { newestSpecIn, recordsIn } from '../event/carried-codec.js';
import { decodeDispatched, decodeOutcome } from '../event/outcome-codec.js';
import { carriedKind, isAboutEvent, isOutcome, recordKinds, type StoredRecord, stateBehind } from '../event/record.js';
import { decodeRenewal } from '../event/renewal-codec.js';
import type { EventStatus } from '../event/status.js';
import { viewOf } from '../event/view.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { InvariantError } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import type { PartitionSegments } from './partition-segments.js';
import type { Final } from './retry-sheaf.js';
import { walkRecords } from './spec-walk.js';

/** In the order of `finals`, each the last record of its event. */
export function endingsOf(
  segments: PartitionSegments,
  finals: readonly { readonly id: EventId; readonly seq: Sequence }[],
): Ending[] {
  const endings = finals.map(({ id, seq }) => new Ending(id, seq));
  for (let open = endings.slice(); open.length > 0; ) {
    open.sort((one, other) => one.next! - other.next!);
    const seqs = open.map(({ next }) => next!);
    const walked = open;
    walkRecords(segments, seqs, (place, record) => {
      walked[place]!.goBackTo(record, segments.partition);
      return 'more';
    });
    open = walked.filter(({ next }) => next !== null);
  }
  return endings;
}

/** What is known behind some record, for those after it. */
interface Standing {
  readonly version: number;
  readonly attempts: number;
  readonly spec: Uint8Array;
}

export class Ending implements Final {
  readonly ids: EventId;
  readonly idAt = 0;
  readonly newest: Sequence;
  /** The record to be read next; null: that was all. */
  next: Sequence | null;
  /** Null: not known yet, or never. */
  spec: Uint8Array | null = null;
  #status: EventStatus | null = null;
  #attempts: number | null = null;
  /** Of the record that was walked back to; later ones count one each. */
  #version = 0;
  #later = 0;

  constructor(event: EventId, newest: Sequence) {
    this.ids = event;
    this.newest = newest;
    this.next = newest;
  }

  get status(): EventStatus {
    return this.#status ?? 'SCHEDULED';
  }
  get attempts(): number {
    return this.#attempts ?? 0;
  }
  get version(): number {
    return this.#version + this.#later;
  }

  /** `record`: the one at `next`; null: it is damaged, or gone. */
  goBackTo(record: StoredRecord | null, partition: PartitionId): void {
    const { next } = this;
    this.next = null;
    if (record === null || Buffer.compare(record.event, this.ids) !== 0) return;
    try {
      const standing = this.#read(record, partition);
      if (standing === null && record.prev < next!) {
        this.#later++;
        this.next = record.prev;
      } else if (standing !== null) this.#end(standing);
    } catch (error) {
      // A body that cannot be read.
      if (!(error instanceof InvariantError)) throw error;
    }
  }

  /** Null: the record before it says more. */
  #read(record: StoredRecord, partition: PartitionId): Standing | null {
    if (record.kind === carriedKind) {
      const { status, version, attempts } = viewOf(recordsIn(record), partition);
      this.#status ??= status;
      return { version, attempts, spec: newestSpecIn(record)! };
    }
    if (!isAboutEvent(record)) throw new InvariantError(`sequence ${record.seq} is about no event`);
    this.#status ??= stateBehind(record);
    const { kind, body } = record;
    if (kind === recordKinds.accepted) return { version: 1, attempts: 0, spec: body };
    if (kind === recordKinds.changed || kind === recordKinds.retried) return decodeRenewal(body);
    if (kind === recordKinds.dispatched) this.#attempts ??= decodeDispatched(body).attempt;
    else if (isOutcome(kind)) this.#attempts ??= decodeOutcome(body).attempt;
    return null;
  }

  #end({ version, attempts, spec }: Standing): void {
    this.#version = version;
    this.#attempts ??= attempts;
    this.spec = spec;
  }
}
