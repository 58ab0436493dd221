/**
 * Slices of the log, read once for everybody who needs them.
 *
 * After a restart or a broken line a thousand clients come back at about the same place. Each would have the reader walk through the
 * same records, on the thread that also reads payloads for attempts. So what was read is kept for a while, whoever asks for what is
 * under way waits for it, and each host is asked for one slice at a time; the others wait here, in order.
 *
 * A slice is told by where it was asked from, because it may begin later (what lies between cannot be told).
 */
import type { ChangeSlice } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import { EngineError } from '../kernel/errors.js';
import { changeSliceRecordsMax, pastSlicesMax } from '../kernel/limits.js';

export interface Span {
  readonly partition: PartitionId;
  readonly after: Sequence;
  readonly upTo: Sequence;
}

export interface PastChangesParts {
  hostOf(partition: PartitionId): number;
  /** A slice from `after` on, not beyond `upTo`; `partition-unavailable` while the partition does not work. */
  read(span: Span, done: (answer: ChangeSlice | EngineError) => void): void;
}

/** Null: there is something to be had now, or it is worth asking again. */
export type Woken = (error: EngineError | null) => void;

interface Kept extends ChangeSlice {
  readonly asked: Sequence;
}

interface Read {
  readonly span: Span;
  readonly woken: Woken[];
  isUnderWay: boolean;
  /** The partition has announced itself since: a refusal may be older than that. */
  isStale: boolean;
}

export class PastChanges {
  readonly #parts: PastChangesParts;
  /** By partition; of each, the most recently used comes last. */
  readonly #kept = new Map<PartitionId, Kept[]>();
  #keptCount = 0;
  /** By host, in the order in which they were asked for. */
  readonly #reads = new Map<number, Read[]>();

  constructor(parts: PastChangesParts) {
    this.#parts = parts;
  }

  /** What was read behind this place, if it is still kept. */
  known(partition: PartitionId, place: Sequence): ChangeSlice | null {
    const kept = this.#kept.get(partition) ?? [];
    const at = kept.findIndex(({ asked, through }) => asked <= place && place < through);
    if (at === -1) return null;
    const [found] = kept.splice(at, 1);
    kept.push(found!);
    return found!;
  }

  /** To be called when `known` has nothing. `woken` is called later, once. */
  ask(span: Span, woken: Woken): void {
    const host = this.#parts.hostOf(span.partition);
    const reads = this.#readsOf(host);
    const covering = reads.find((read) => mayCover(read.span, span));
    if (covering !== undefined) {
      covering.woken.push(woken);
      return;
    }
    reads.push({ span, woken: [woken], isUnderWay: false, isStale: false });
    this.#next(host);
  }

  /** The partition works (again). */
  announced(partition: PartitionId): void {
    for (const read of this.#readsOf(this.#parts.hostOf(partition))) {
      if (read.span.partition === partition) read.isStale = read.isUnderWay;
    }
  }

  /** Nobody needs it for now. */
  forget(): void {
    this.#kept.clear();
    this.#keptCount = 0;
  }

  #next(host: number): void {
    const [read] = this.#readsOf(host);
    if (read === undefined || read.isUnderWay) return;
    read.isUnderWay = true;
    this.#parts.read(read.span, (answer) => this.#answered(host, { read, answer }));
  }

  #answered(host: number, { read, answer }: { read: Read; answer: ChangeSlice | EngineError }): void {
    const { span, woken, isStale } = read;
    this.#readsOf(host).shift();
    const refused = answer instanceof EngineError;
    if (!refused) this.#keep(span.partition, { ...answer, asked: span.after });
    for (const wake of woken) wake(refused && !isStale ? answer : null);
    this.#next(host);
  }

  #keep(partition: PartitionId, slice: Kept): void {
    const kept = this.#kept.get(partition) ?? [];
    kept.push(slice);
    // The partition used last is the last of the map, so the one to lose a slice is the first.
    this.#kept.delete(partition);
    this.#kept.set(partition, kept);
    this.#keptCount++;
    if (this.#keptCount <= pastSlicesMax) return;
    const [longestUnused, its] = this.#kept.entries().next().value!;
    its.shift();
    if (its.length === 0) this.#kept.delete(longestUnused);
    this.#keptCount--;
  }

  #readsOf(host: number): Read[] {
    const reads = this.#reads.get(host) ?? [];
    this.#reads.set(host, reads);
    return reads;
  }
}

/** A slice may end early; whoever has waited in vain asks again, from its own place. */
function mayCover(read: Span, wanted: Span): boolean {
  return read.partition === wanted.partition && read.after <= wanted.after && wanted.after < read.after + changeSliceRecordsMax;
}
