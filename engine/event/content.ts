/**
 * Same content, same slot: what makes a repeated request the same request.
 *
 * The key of an event is `source` + `external_job_id`, else `source` + idempotency key, else nothing. The slot comes from
 * the key, so a repeated request meets the same actor. The tag is a 64-bit hash under which the key is found again; a hit
 * is always verified against the texts, so a collision (also one made on purpose) costs a read and nothing else.
 */
import { createHash, randomInt } from 'node:crypto';
import type { Slot } from '../kernel/brand.js';
import { fnv1a32, fnv1a32Of } from '../kernel/fnv1a.js';
import { slots } from '../kernel/limits.js';
import type { EventSpec } from './spec.js';

export type KeyKind = 'external' | 'idempotency';

export interface EventKey {
  readonly kind: KeyKind;
  readonly source: string;
  readonly text: string;
}

/** Null: nothing can ever repeat this event. */
export function keyOf(spec: Pick<EventSpec, 'source' | 'externalJobId' | 'idempotencyKey'>): EventKey | null {
  if (spec.externalJobId !== null) return { kind: 'external', source: spec.source, text: spec.externalJobId };
  if (spec.idempotencyKey !== null) return { kind: 'idempotency', source: spec.source, text: spec.idempotencyKey };
  return null;
}

const separator = new Uint8Array([0]);

/** A text in UTF-8, somewhere in bytes. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

function stretchOf(text: string): Stretch {
  const bytes = Buffer.from(text);
  return { bytes, from: 0, to: bytes.length };
}

function hashOfStretch({ bytes, from, to }: Stretch, seed?: number): number {
  return fnv1a32Of(bytes, from, to, seed);
}

export function slotOfKey(key: EventKey): Slot {
  return slotOfKeyIn({ source: stretchOf(key.source), text: stretchOf(key.text) });
}

/** The contract fixes FNV-1a over `source` + key. */
export function slotOfKeyIn({ source, text }: { readonly source: Stretch; readonly text: Stretch }): Slot {
  return slotOfHash(hashOfStretch(text, hashOfStretch(source)));
}

function slotOfHash(hash: number): Slot {
  return (hash % slots) as Slot;
}

export function randomSlot(): Slot {
  return randomInt(slots) as Slot;
}

/** Two 32-bit halves, never both 0 (0 means "no key" in a column). */
export interface KeyTag {
  /** Of the whole key. */
  readonly high: number;
  /** Of its text alone, so that an external job id is found over all sources. */
  readonly low: number;
}

export function tagOfKey({ kind, source, text }: EventKey): KeyTag {
  return tagOfKeyIn({ kind, source: stretchOf(source), text: stretchOf(text) });
}

export function tagOfKeyIn({ kind, source, text }: { kind: KeyKind; source: Stretch; text: Stretch }): KeyTag {
  return { high: hashOfStretch(text, seedOfTag(kind, source)), low: tagOfTextIn(kind, text) };
}

function seedOfTag(kind: KeyKind, source: Stretch): number {
  return fnv1a32(separator, hashOfStretch(source, kind === 'external' ? 0x9e3779b1 : 0x85ebca6b));
}

/** The lower half of the tag of every key with this text; never 0. */
export function tagOfText({ kind, text }: Pick<EventKey, 'kind' | 'text'>): number {
  return tagOfTextIn(kind, stretchOf(text));
}

function tagOfTextIn(kind: KeyKind, text: Stretch): number {
  return hashOfStretch(text, seedOfText[kind]) || 1;
}

const seedOfText = { external: 0xc2b2ae35, idempotency: 0x27d4eb2f } as const satisfies Record<KeyKind, number>;

/** The hashes of a key as far as its text has been read, so that keys which begin alike are read once as far as that. */
export interface KeyHashes {
  readonly slot: number;
  readonly high: number;
  readonly low: number;
}

/** Before the text. */
export function hashesBefore({ kind, source }: { readonly kind: KeyKind; readonly source: Stretch }): KeyHashes {
  return { slot: hashOfStretch(source), high: seedOfTag(kind, source), low: seedOfText[kind] };
}

/** Behind these bytes of it. */
export function hashesBehind({ slot, high, low }: KeyHashes, text: Stretch): KeyHashes {
  return { slot: hashOfStretch(text, slot), high: hashOfStretch(text, high), low: hashOfStretch(text, low) };
}

/** What the hashes of the whole key say. */
export function placeOfKey({ slot, high, low }: KeyHashes): { readonly slot: Slot; readonly tag: KeyTag } {
  return { slot: slotOfHash(slot), tag: { high, low: low || 1 } };
}

export const fingerprintBytes = 16;

/**
 * 16 bytes that are equal exactly when two requests have the same content: all input fields after defaults, a delay
 * compared as a delay, headers and tags in any order, the payload by its bytes. Without a time of any kind ("now") the instant is left out.
 */
export function fingerprintOf(spec: EventSpec, timeGiven: boolean): Uint8Array {
  const fields = [
    spec.externalJobId,
    spec.source,
    spec.type,
    spec.description,
    timeGiven ? (spec.delayMs === null ? ['at', spec.scheduledAtMs] : ['delay', spec.delayMs]) : null,
    spec.deliveryType,
    spec.destination,
    spec.method,
    inOrderOfNames(spec.headers),
    spec.priority,
    spec.maxRetries,
    [spec.retry.strategy, spec.retry.initialMs, spec.retry.maxMs, spec.retry.multiplier, spec.retry.jitter],
    spec.timeoutMs,
    spec.expiresAtMs,
    spec.tags,
  ];
  const hash = createHash('sha256').update(JSON.stringify(fields));
  hash.update(spec.payload === null ? 'none' : 'payload');
  if (spec.payload !== null) hash.update(spec.payload);
  return hash.digest().subarray(0, fingerprintBytes);
}

/** They are sent in the order in which they came, but a program that repeats a request may write the members of an object in another one. */
function inOrderOfNames(headers: EventSpec['headers']): EventSpec['headers'] {
  return headers.length < 2 ? headers : [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
}
