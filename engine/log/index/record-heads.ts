/**
 * What the head of an event's spec says, and how often the event has changed, for each record of a segment that is gone through in order.
 *
 * The spec stands in one of an event's records, perhaps segments earlier, and every record takes it on from the one before
 * it (`prev`). Columns by the place of the record, so no map of ids is needed: 4 bytes a record, 57 for each spec.
 */
import { newestSpecIn, recordsIn } from '../../event/carried-codec.js';
import { carriedKind, isAside, recordKinds, type StoredRecord, stateBehind, statusOfKind } from '../../event/record.js';
import { decodeRenewal } from '../../event/renewal-codec.js';
import { deliveryTypes } from '../../event/spec.js';
import { SpecHead } from '../../event/spec-codec.js';
import { eventStatuses, isFinished } from '../../event/status.js';
import { noSequence, type Sequence } from '../../kernel/brand.js';
import { invariant } from '../../kernel/errors.js';
import { DamageError } from '../damage.js';
import type { RecordCursor } from '../record-batch.js';

export interface RecordHead {
  readonly tagHigh: number;
  readonly tagLow: number;
  readonly scheduledAtMs: number;
  readonly priority: number;
  /** Place in `deliveryTypes`. */
  readonly deliveryType: number;
  readonly source: number;
  readonly type: number;
  readonly destination: number;
  readonly signatureHigh: number;
  readonly signatureLow: number;
  /** Where the event had finished before it was put back, and how (place in `eventStatuses`); 0: it was not. */
  readonly finalBefore: number;
  readonly statusBefore: number;
  /** The record that holds the spec. */
  readonly bodySeq: number;
  /** Of the event, behind the newest of its records that was taken. */
  readonly version: number;
  readonly attempts: number;
}

/** 32-bit columns of a head. */
const words = [
  'tagHigh',
  'tagLow',
  'source',
  'type',
  'destination',
  'signatureHigh',
  'signatureLow',
  'version',
  'attempts',
] as const;

type Words = Readonly<Record<(typeof words)[number], Uint32Array>>;

const unknown = -1;
const newborn = { version: 1, attempts: 0 } as const;

export class RecordHeads {
  readonly #first: Sequence;
  readonly #earlier: (seq: Sequence) => StoredRecord;
  /** By the place of a record in the segment: the number of its head. */
  readonly #headOf: Int32Array;
  readonly #words: Words;
  readonly #scheduledAt: Float64Array;
  readonly #priority: Uint8Array;
  readonly #deliveryType: Uint8Array;
  readonly #finalBefore: Float64Array;
  readonly #statusBefore: Uint8Array;
  readonly #bodySeq: Float64Array;
  readonly #head = new SpecHead();
  #heads = 0;

  constructor({
    first,
    count,
    earlier,
  }: { readonly first: Sequence; readonly count: number; readonly earlier: (seq: Sequence) => StoredRecord }) {
    this.#first = first;
    this.#earlier = earlier;
    this.#headOf = new Int32Array(count).fill(unknown);
    // A record has one head at most, its own or one that it takes on; what is not written is not backed by memory.
    this.#words = Object.fromEntries(words.map((name) => [name, new Uint32Array(count)])) as Words;
    this.#scheduledAt = new Float64Array(count);
    this.#priority = new Uint8Array(count);
    this.#deliveryType = new Uint8Array(count);
    this.#finalBefore = new Float64Array(count);
    this.#statusBefore = new Uint8Array(count);
    this.#bodySeq = new Float64Array(count);
  }

  /** To be called for each record of the segment, in order. */
  take(record: RecordCursor): void {
    if (isAside(record.kind)) return;
    this.#headOf[record.seq - this.#first] = this.#numberFor(record);
  }

  /** False for a record of an event whose beginning was removed: it stands in a newer record as well, carried forward. */
  has(seq: Sequence): boolean {
    return this.#headOf[seq - this.#first] !== unknown;
  }

  /** Of an event's record that was taken last of its event. */
  at(seq: Sequence): RecordHead {
    const number = this.#headOf[seq - this.#first]!;
    const { tagHigh, tagLow, source, type, destination, signatureHigh, signatureLow, version, attempts } = this.#words;
    return {
      tagHigh: tagHigh[number]!,
      tagLow: tagLow[number]!,
      scheduledAtMs: this.#scheduledAt[number]!,
      priority: this.#priority[number]!,
      deliveryType: this.#deliveryType[number]!,
      source: source[number]!,
      type: type[number]!,
      destination: destination[number]!,
      signatureHigh: signatureHigh[number]!,
      signatureLow: signatureLow[number]!,
      finalBefore: this.#finalBefore[number]!,
      statusBefore: this.#statusBefore[number]!,
      bodySeq: this.#bodySeq[number]!,
      version: version[number]!,
      attempts: attempts[number]!,
    };
  }

  #numberFor(record: StoredRecord | RecordCursor): number {
    const { prev } = record;
    // An index without what such a record says would be believed by the version that knows it.
    if (record.kind !== carriedKind) stateBehind(record);
    const spec = newestSpecIn(record);
    if (spec !== null) {
      const number = this.#add(spec);
      this.#bodySeq[number] = record.seq;
      this.#begin(number, record);
      if (record.kind !== recordKinds.accepted) this.#rememberFinal(number, record);
      return number;
    }
    const number = prev < this.#first ? this.#numberForEarlier(prev) : this.#headOf[prev - this.#first]!;
    if (number !== unknown) this.#count(number, record.kind);
    return number;
  }

  /** What an event's record with a spec says of the changes up to it. */
  #begin(number: number, record: StoredRecord | RecordCursor): void {
    const { version, attempts } = this.#words;
    if (record.kind === carriedKind) {
      version[number] = attempts[number] = 0;
      for (const { kind } of recordsIn(record)) this.#count(number, kind);
    } else {
      const begun = record.kind === recordKinds.accepted ? newborn : decodeRenewal(record.body);
      version[number] = begun.version;
      attempts[number] = begun.attempts;
    }
  }

  /** One more change. */
  #count(number: number, kind: StoredRecord['kind']): void {
    this.#words.version[number]!++;
    if (kind === recordKinds.dispatched) this.#words.attempts[number]!++;
  }

  #numberForEarlier(seq: Sequence): number {
    try {
      return this.#numberFor(this.#earlier(seq));
    } catch (error) {
      if (error instanceof DamageError && error.scope === 'gone') return unknown;
      throw error;
    }
  }

  /** A change, or a pending event that is carried forward, keeps what an earlier retry has left behind. */
  #rememberFinal(number: number, record: StoredRecord | RecordCursor): void {
    const { prev } = record;
    const own = finalIn(record);
    if (own === null && prev >= this.#first) {
      const before = this.#headOf[prev - this.#first]!;
      if (before === unknown) return;
      this.#finalBefore[number] = this.#finalBefore[before]!;
      this.#statusBefore[number] = this.#statusBefore[before]!;
      return;
    }
    const final = own ?? this.#earlierFinal(prev);
    this.#finalBefore[number] = final.seq;
    this.#statusBefore[number] = final.status;
  }

  /** No heads are made on the way: there is room for one of each record of the segment. */
  #earlierFinal(from: Sequence): Final {
    try {
      for (let seq = from; seq !== noSequence; ) {
        const record = this.#earlier(seq);
        const final = finalIn(record);
        if (final !== null) return final;
        seq = record.prev;
      }
    } catch (error) {
      if (!(error instanceof DamageError) || error.scope !== 'gone') throw error;
    }
    return noFinal;
  }

  #add(spec: Uint8Array): number {
    const head = this.#head.at(spec);
    const number = this.#heads++;
    invariant(number < this.#scheduledAt.length, () => `there are more heads than ${this.#scheduledAt.length} records`);
    const columns = this.#words;
    columns.tagHigh[number] = head.tagHigh;
    columns.tagLow[number] = head.tagLow;
    const { labels } = head;
    columns.source[number] = labels.source;
    columns.type[number] = labels.type;
    columns.destination[number] = labels.destination;
    columns.signatureHigh[number] = labels.signatureHigh;
    columns.signatureLow[number] = labels.signatureLow;
    this.#scheduledAt[number] = head.scheduledAtMs;
    this.#priority[number] = head.priority;
    this.#deliveryType[number] = deliveryTypes.indexOf(head.deliveryType);
    return number;
  }
}

/** Where an event had finished before, and how; `seq` 0: it had not. */
interface Final {
  readonly seq: number;
  readonly status: number;
}

const noFinal: Final = { seq: 0, status: 0 };

/** As the record says by itself; null: it says nothing of it. */
function finalIn(record: StoredRecord | RecordCursor): Final | null {
  const { kind, prev } = record;
  if (kind === recordKinds.accepted) return noFinal;
  if (kind === recordKinds.retried) return { seq: prev, status: eventStatuses.indexOf(decodeRenewal(record.body).from) };
  if (kind !== carriedKind) return null;
  const status = statusOfKind[recordsIn(record).at(-1)!.kind];
  return status !== null && isFinished(status) ? { seq: prev, status: eventStatuses.indexOf(status) } : null;
}
