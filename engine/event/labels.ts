/**
 * What filters ask of an event, in a few numbers: memory holds these for every pending event, and an index for every finished
 * one, where the texts would cost ten times as much.
 *
 * A number says "certainly not" or "probably": two texts may have the same hash, also on purpose. Whoever acts on a hit looks
 * at the texts first (`event-filter.ts`).
 *
 * Tags are folded into a signature of 64 bits, two for each pair: an event has a pair only if it has both of its bits. With
 * four tags one other pair in 80 passes, with sixteen one in six.
 *
 * On disk in every `accepted` record: never change how they are made.
 */
import type { EventSpec } from './spec.js';

export interface Labels {
  readonly source: number;
  /** 0: no type. */
  readonly type: number;
  readonly destination: number;
  readonly signatureHigh: number;
  readonly signatureLow: number;
}

export function labelsOf(spec: Pick<EventSpec, 'source' | 'type' | 'destination' | 'tags'>): Labels {
  let signatureHigh = 0;
  let signatureLow = 0;
  for (const [name, value] of spec.tags) {
    const signature = signatureOf(name, value);
    signatureHigh |= signature.high;
    signatureLow |= signature.low;
  }
  return {
    source: hashOfLabel(spec.source),
    type: spec.type === null ? 0 : hashOfLabel(spec.type),
    destination: hashOfLabel(spec.destination),
    signatureHigh: signatureHigh >>> 0,
    signatureLow: signatureLow >>> 0,
  };
}

/** FNV-1a over UTF-16 units, 32 bit; never 0, which stands for "none". */
export function hashOfLabel(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0 || 1;
}

/** The bits of one pair. */
export function signatureOf(name: string, value: string): { readonly high: number; readonly low: number } {
  return signatureOfHash(hashOfLabel(`${name}\u0000${value}`));
}

/** `hash`: of name, NUL and value. */
export function signatureOfHash(hash: number): { readonly high: number; readonly low: number } {
  // The upper bits of FNV-1a depend on all of the text, the lower ones on its end most.
  const first = (hash >>> 26) & 63;
  const second = ((hash ^ (hash >>> 16)) >>> 4) & 63;
  return { high: (upperBit(first) | upperBit(second)) >>> 0, low: (lowerBit(first) | lowerBit(second)) >>> 0 };
}

function upperBit(bit: number): number {
  return bit < 32 ? 0 : 1 << (bit - 32);
}

function lowerBit(bit: number): number {
  return bit < 32 ? 1 << bit : 0;
}
