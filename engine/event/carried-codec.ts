/**
 * The body of a `carried` record: all records of an event so far, so that the segments in which they stand can be removed.
 *
 * Carrying forward changes nothing about an event: neither its state, nor its version, nor its history. So the record is no step of
 * its own but stands for those before it: whoever walks through the log takes them out of here (`recordsIn`) and goes on
 * as if he had found them one by one. A replay that begins behind them does the same.
 *
 * All of the history is kept. Of a spec that a later one has replaced the payload is left out: nothing shows it any more, and *same
 * content* is told by the fingerprint.
 *
 *     msgpack: [format, [[kind, at, body], ...]]           oldest first
 */
import { noSequence, type WallMs } from '../kernel/brand.js';
import { require } from '../kernel/commonjs.js';
import { UnknownFormatError } from '../kernel/errors.js';
import { type CarriedRecord, carriedKind, type LogRecord, type RecordKind, type StoredRecord } from './record.js';
import { specIn } from './renewal-codec.js';
import { SpecHead } from './spec-codec.js';

const formatVersion = 1;
const { Packr } = require('msgpackr') as typeof import('msgpackr');
const packr = new Packr({ useRecords: false });

type Carried = [format: number, records: [kind: RecordKind, at: number, body: Uint8Array][]];

/** `records`: all of one event, oldest first. The result owns its memory. */
export function encodeCarried(records: readonly LogRecord[]): Uint8Array {
  const newestSpec = records.findLastIndex((record) => specIn(record) !== null);
  const carried: Carried = [
    formatVersion,
    records.map((record, place) => {
      const { kind, at, body } = record;
      return [kind, at, place < newestSpec ? withoutPayload(record) : body];
    }),
  ];
  return new Uint8Array(packr.pack(carried));
}

/** What the record stands for, oldest first, each as if it stood in its place. Throws UnknownFormatError for a format not read. */
export function recordsIn({ seq, event, body }: Pick<CarriedRecord, 'seq' | 'event' | 'body'>): LogRecord[] {
  const [format, records] = packr.unpack(body) as Carried;
  if (format !== formatVersion) {
    throw new UnknownFormatError(`a carried record: expected format ${formatVersion}, found ${String(format)}`);
  }
  return records.map(([kind, at, each], place) => {
    return { seq, kind, event, prev: place === 0 ? noSequence : seq, at: at as WallMs, body: each };
  });
}

/** The spec of an event as it is behind this record, if the record holds one. A view into its body. */
export function newestSpecIn(record: Pick<StoredRecord, 'kind' | 'seq' | 'event' | 'body'>): Uint8Array | null {
  if (record.kind !== carriedKind) return specIn(record);
  return recordsIn(record).reduce<Uint8Array | null>((newest, each) => specIn(each) ?? newest, null);
}

const head = new SpecHead();

/** The payload is the end of a spec, and a spec the end of a body. */
function withoutPayload(record: LogRecord): Uint8Array {
  const { body } = record;
  const spec = specIn(record);
  return spec === null ? body : body.subarray(0, body.length - spec.length + head.at(spec).payloadAt);
}
