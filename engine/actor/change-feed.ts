/**
 * Status changes of one partition on their way to the main thread: in log order, each when it is durable and its labels
 * (source, type, external id) are known.
 *
 * Labels are in the event's spec. Whoever causes a change usually has it at hand; for a cancel or an expiry
 * it is read. Nothing is gathered while nobody watches.
 */
import type { LogRecord } from '../event/record.js';
import type { EventStatus } from '../event/status.js';
import { type BareChange, bareChangeOf, type Labels, labelsOf, type StatusChange } from '../event/status-change.js';
import { noSequence, type PartitionId, type Sequence } from '../kernel/brand.js';
import type { Reads } from './reads.js';

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
  /** `reading`: asked for. `unreadable`: its body is damaged; the change is left out. */
  labels: Labels | 'reading' | 'unreadable' | null;
}

export class ChangeFeed {
  readonly #partition: PartitionId;
  readonly #reads: Reads;
  readonly #out: (change: StatusChange) => void;
  #held: Held[] = [];
  #durable: Sequence = noSequence;

  constructor({ partition, reads, out }: { partition: PartitionId; reads: Reads; out: (change: StatusChange) => void }) {
    this.#partition = partition;
    this.#reads = reads;
    this.#out = out;
  }

  add(record: LogRecord, { status, version, attempts, labels, bodySeq }: Circumstances): void {
    this.#held.push({
      change: bareChangeOf(record, { partition: this.#partition, standing: { status, version, attempt: attempts } }),
      bodySeq,
      labels,
    });
  }

  /** Lets out what is durable, up to the first change whose labels are missing; those are asked for. */
  release(durable: Sequence): void {
    this.#durable = durable;
    let ready = 0;
    while (ready < this.#held.length) {
      const { change, labels } = this.#held[ready]!;
      if (change.seq > durable) break;
      if (labels === null) this.#readLabels(ready);
      if (labels === null || labels === 'reading') break;
      if (labels !== 'unreadable') this.#out({ ...change, ...labels });
      ready++;
    }
    if (ready > 0) this.#held = this.#held.slice(ready);
  }

  clear(): void {
    this.#held = [];
    this.#durable = noSequence;
  }

  /** Of all durable changes from `first` on, in one read; before they are durable the reader would not see them. */
  #readLabels(first: number): void {
    const wanted = this.#held.slice(first).filter(({ change, labels }) => labels === null && change.seq <= this.#durable);
    for (const held of wanted) held.labels = 'reading';
    const seqs = wanted.map((held) => held.bodySeq);
    this.#reads.ask({ op: 'bodies', partition: this.#partition, seqs }, (reply) => {
      for (const [index, held] of wanted.entries()) {
        const isReadable = reply.op === 'bodies' && !reply.damaged.includes(held.bodySeq);
        held.labels = isReadable ? labelsOf(reply.bodies[index]!) : 'unreadable';
      }
      this.release(this.#durable);
    });
  }
}
