/**
 * Where an event goes: an http(s) URL, a NATS subject or the name of a handler. Here its form is judged; whether a literal
 * address may be reached, and whether a handler exists, the engine knows.
 */
import { type DeliveryType, hashOf, type PlainDestination, plainDestination } from '../../../engine/index.js';

/** The reason why `text` is no destination of this type, to follow the word "must"; null when it is one. */
export function destinationFault(type: DeliveryType, text: string): string | null {
  switch (type) {
    case 'HTTP':
      return urlFault(text);
    case 'NATS':
      return subjectFault(text);
    case 'LOCAL':
      return /^[A-Za-z0-9._:-]{1,128}$/.test(text) ? null : 'be the name of a handler: 1 to 128 of A-Z a-z 0-9 . _ : -';
  }
}

/** Verdicts on recent URLs. A producer names the same few destinations again and again, and judging one takes 2 us. */
const verdictsMax = 1_024;

/** Judges destinations, form and reach, and remembers. The answer for one URL never changes while the engine runs. */
export class DestinationCheck {
  readonly #reasonAgainst: (type: DeliveryType, destination: string) => string | null;
  readonly #allowedUrls = new Set<string>();
  /** Some of these by the hash of their bytes, for whoever has made no text of them. */
  readonly #plain = new Map<number, PlainDestination>();
  #latest: PlainDestination | null = null;

  /** `reasonAgainst`: what the engine has against a destination of the right form; null when nothing. */
  constructor(reasonAgainst: (type: DeliveryType, destination: string) => string | null) {
    this.#reasonAgainst = reasonAgainst;
  }

  /** An URL that may be reached, from ASCII bytes; null when it is to be judged by `faultOf`. */
  plain(bytes: Buffer, from: number, to: number): PlainDestination | null {
    const hash = hashOf(bytes, from, to);
    const known = this.#plain.get(hash);
    if (known !== undefined && known.bytes.length === to - from && hasBytes(bytes, from, known.bytes)) return this.#hold(known);
    const text = bytes.toString('latin1', from, to);
    if (this.faultOf('HTTP', text) !== null) return null;
    if (this.#plain.size === verdictsMax) this.#plain.clear();
    const plain = plainDestination(text);
    this.#plain.set(hash, plain);
    return this.#hold(plain);
  }

  /** The one that `plain` found last. */
  get latest(): PlainDestination | null {
    return this.#latest;
  }

  #hold(plain: PlainDestination): PlainDestination {
    this.#latest = plain;
    return plain;
  }

  /** Null: may go there. */
  faultOf(type: DeliveryType, destination: string): DestinationFault | null {
    if (type === 'HTTP' && this.#allowedUrls.has(destination)) return null;
    const form = destinationFault(type, destination);
    if (form !== null) return { kind: 'form', detail: `must ${form}` };
    const reason = this.#reasonAgainst(type, destination);
    if (reason !== null) return { kind: 'reach', detail: reason };
    if (type === 'HTTP') {
      if (this.#allowedUrls.size === verdictsMax) this.#allowedUrls.clear();
      this.#allowedUrls.add(destination);
    }
    return null;
  }
}

function hasBytes(bytes: Uint8Array, from: number, text: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text[at]) return false;
  return true;
}

export interface DestinationFault {
  readonly kind: 'form' | 'reach';
  readonly detail: string;
}

/** `URL` repairs a lot (it drops tabs and line breaks, adds slashes), so what it would repair is refused before. */
function urlFault(text: string): string | null {
  if (!/^https?:\/\/[^/]/i.test(text)) return 'be an http:// or https:// URL';
  if (/[\s\\]|\p{Cc}|\p{Surrogate}/u.test(text)) return 'be a URL without spaces, backslashes and control characters';
  if (!URL.canParse(text)) return 'be a valid URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'be a URL without credentials: put them into headers';
  if (url.hash !== '') return 'be a URL without a fragment';
  return null;
}

function subjectFault(text: string): string | null {
  if (/[\s*>]|\p{Cc}|\p{Surrogate}/u.test(text)) return 'be a subject without spaces and wildcards';
  if (text.split('.').includes('')) return 'be a subject without empty tokens';
  if (text === 'escapement' || text.startsWith('escapement.')) return 'be a subject outside escapement.';
  if (text.startsWith('$')) return "be a subject that does not belong to the server ('$')";
  return null;
}
