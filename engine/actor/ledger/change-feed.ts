/**
 * Status changes of one partition on their way to the main thread: in log order, each when it is durable and its labels
 * (source, type, external id) are known.
 *
 * Labels are in the event's spec. Whoever causes a change usually has it at hand; for a cancel or an expiry
 * it is read, a few at a time. Nothing is gathered while nobody watches.
 *
 * What waits here is bounded: when a million events are cancelled at once, their labels come more slowly than the changes. What
 * would be too much, and what cannot be read, is not sent but left to the log: the feed only says behind which position it goes on,
 * and whoever listens reads the rest from there (`past-changes.ts`).
 */
import type { LogRecord } from '../../event/record.js';
import type { EventStatus } from '../../event/status.js';
import { type BareChange, bareChangeOf, type Labels, labelsOf, type StatusChange } from '../../event/status-change.js';
import { noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { changesHeldMax, labelsReadMax } from '../../kernel/limits.js';
import type { Reads } from '../reads.js';

/** What the actor knows of a record beside itself. */
export interface Circumstances {
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
  /** Null: not at hand. */
  readonly labels: Labels | null;
  /** Where the labels can be read. */
  readonly bodySeq: Sequence;
}

interface Held {
  readonly change: BareChange;
  readonly bodySeq: Sequence;
  /** `reading`: asked for. `unreadable`: its body is damaged; the change is left to the log. */
  labels: Labels | 'reading' | 'unreadable' | null;
}

export interface ChangeFeedParts {
  readonly partition: PartitionId;
  readonly reads: Reads;
  out(change: StatusChange): void;
  /** Changes up to here that have not been sent are not going to be; those behind it are. It is durable. */
  leftToLog(upTo: Sequence): void;
}

export class ChangeFeed {
  readonly #parts: ChangeFeedParts;
  #held: Held[] = [];
  #durable: Sequence = noSequence;
  /** Changes up to here were given up; to be said when it is durable. */
  #givenUp: Sequence = noSequence;

  constructor(parts: ChangeFeedParts) {
    this.#parts = parts;
  }

  add(record: LogRecord, { status, version, attempts, labels, bodySeq }: Circumstances): void {
    if (this.#held.length >= changesHeldMax) {
      this.#givenUp = this.#held[this.#held.length - 1]!.change.seq;
      this.#held = [];
    }
    this.#held.push({
      change: bareChangeOf(record, { partition: this.#parts.partition, standing: { status, version, attempt: attempts } }),
      bodySeq,
      labels,
    });
  }

  /** Lets out what is durable, up to the first change whose labels are missing; those are asked for. */
  release(durable: Sequence): void {
    this.#durable = durable;
    if (this.#givenUp !== noSequence && this.#givenUp <= durable) {
      this.#parts.leftToLog(this.#givenUp);
      this.#givenUp = noSequence;
    }
    let ready = 0;
    while (ready < this.#held.length) {
      const { change, labels } = this.#held[ready]!;
      if (change.seq > durable) break;
      if (labels === null) this.#readLabels(ready);
      if (labels === null || labels === 'reading') break;
      if (labels === 'unreadable') this.#parts.leftToLog(change.seq);
      else this.#parts.out({ ...change, ...labels });
      ready++;
    }
    if (ready > 0) this.#held = this.#held.slice(ready);
  }

  clear(): void {
    this.#held = [];
    this.#durable = noSequence;
    this.#givenUp = noSequence;
  }

  /** Of the next durable changes from `first` on, in one read; before they are durable the reader would not see them. */
  #readLabels(first: number): void {
    const { reads, partition } = this.#parts;
    const wanted: Held[] = [];
    for (let at = first; at < this.#held.length && wanted.length < labelsReadMax; at++) {
      const held = this.#held[at]!;
      if (held.change.seq > this.#durable) break;
      if (held.labels === null) wanted.push(held);
    }
    for (const held of wanted) held.labels = 'reading';
    const seqs = wanted.map((held) => held.bodySeq);
    reads.ask({ op: 'bodies', partition, seqs }, (reply) => {
      for (const [index, held] of wanted.entries()) {
        const isReadable = reply.op === 'bodies' && !reply.damaged.includes(held.bodySeq);
        held.labels = isReadable ? labelsOf(reply.bodies[index]!) : 'unreadable';
      }
      this.release(this.#durable);
    });
  }
}
