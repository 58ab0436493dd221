/**
 * The texts of a spec compared where they stand, without decoding it.
 *
 * A bulk change of a million events looks at a million specs, mostly for one of their texts: decoding each costs 2 us and a
 * dozen objects, a walk over the first fields of its msgpack part 0.2 us and none. Tags stand behind what is walked over: whoever
 * asks for them has the spec decoded.
 */
import { InvariantError } from '../kernel/errors.js';
import { type EventFilter, matchesTexts } from './event-filter.js';
import { decodeSpec, SpecHead } from './spec-codec.js';

/** The first fields of the msgpack part, in their order there (`spec-codec.ts`). */
const fields = ['externalJobId', 'source', 'type', 'description', 'delayMs', 'destination'] as const;
type Field = (typeof fields)[number];

const nil = 0xc0;
const head = new SpecHead();
/** Where the content of each field of the spec walked over last begins and ends; both 0: there is none. */
const begins = new Int32Array(fields.length);
const ends = new Int32Array(fields.length);

/** A filter's texts, for many specs. */
export class TextFilter {
  readonly #filter: EventFilter;
  readonly #wanted: readonly { readonly field: number; readonly texts: readonly Buffer[] }[];

  constructor(filter: EventFilter) {
    const { source, type, destination, externalJobId } = filter;
    const texts: Partial<Record<Field, readonly string[] | null>> = {
      source,
      type,
      destination,
      externalJobId: externalJobId === null ? null : [externalJobId],
    };
    this.#filter = filter;
    this.#wanted = fields.flatMap((name, field) => {
      const asked = texts[name] ?? null;
      return asked === null ? [] : [{ field, texts: asked.map((text) => Buffer.from(text)) }];
    });
  }

  /** As `matchesTexts` of the decoded spec. */
  matches(spec: Uint8Array): boolean {
    walk(spec);
    for (const { field, texts } of this.#wanted) if (!texts.some((text) => isText(spec, field, text))) return false;
    return this.#filter.tags.length === 0 || matchesTexts(this.#filter, decodeSpec(spec));
  }
}

/** Whether its time was asked for as a delay. */
export function hasDelay(spec: Uint8Array): boolean {
  walk(spec);
  return ends[fields.indexOf('delayMs')] !== 0;
}

function isText(spec: Uint8Array, field: number, text: Buffer): boolean {
  const begin = begins[field]!;
  if (ends[field]! === 0 || ends[field]! - begin !== text.length) return false;
  for (let at = 0; at < text.length; at++) if (spec[begin + at] !== text[at]) return false;
  return true;
}

function walk(spec: Uint8Array): void {
  // Behind the one byte that opens an array of less than 16.
  let at = head.at(spec).restAt + 1;
  for (let field = 0; field < fields.length; field++) {
    const byte = spec[at]!;
    begins[field] = ends[field] = 0;
    if (byte === nil) {
      at++;
      continue;
    }
    const begin = at + headerBytes(byte);
    at = begin + contentBytes(spec, at);
    begins[field] = begin;
    ends[field] = at;
  }
}

const widthOfNumber: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};

/** Of a text its length as well; a small number is its own header. */
function headerBytes(byte: number): number {
  if (byte === 0xd9) return 2;
  if (byte === 0xda) return 3;
  return byte === 0xdb ? 5 : 1;
}

function contentBytes(spec: Uint8Array, at: number): number {
  const byte = spec[at]!;
  if (byte >= 0xa0 && byte <= 0xbf) return byte & 0x1f;
  if (byte === 0xd9) return spec[at + 1]!;
  if (byte === 0xda) return spec[at + 1]! * 0x100 + spec[at + 2]!;
  if (byte === 0xdb) return ((spec[at + 1]! * 0x100 + spec[at + 2]!) * 0x100 + spec[at + 3]!) * 0x100 + spec[at + 4]!;
  if (byte <= 0x7f || byte >= 0xe0) return 0;
  const width = widthOfNumber[byte];
  if (width === undefined) throw new InvariantError(`a spec has a field that opens with ${byte}`);
  return width;
}
