/** Specs for tests: one plain event, and any number of odd ones. */
import { defaultSpec, deliveryTypes, type EventSpec, httpMethods, retryStrategies } from '../../engine/event/spec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import type { Random } from '../wheel/random.js';

export const now = 1_763_632_800_000 as WallMs;

export function specOf(fields: Partial<EventSpec> = {}): EventSpec {
  return { ...defaultSpec, scheduledAtMs: now, destination: 'https://example.org/hook', createdAtMs: now, ...fields };
}

const letters = ['a', 'Z', '0', '-', ' ', '"', '\\', 'ä', 'ß', '€', '中', '😀', '👩‍👩‍👧', '\u0000', '\u2028', '\ufeff', 'é'];

export function textOf(random: Random, lengthMax: number): string {
  return Array.from({ length: random.below(lengthMax + 1) }, () => random.pick(letters)).join('');
}

/** A random piece over and over: a number for each byte of a large payload takes longer than what is tested with it. */
function bytesOf(random: Random, length: number): Uint8Array {
  const piece = Uint8Array.from({ length: Math.min(length, 251) }, () => random.below(256));
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += piece.length) bytes.set(piece.subarray(0, length - at), at);
  return bytes;
}

const payloadSizes = [0, 1, 2, 31, 32, 255, 256, 65_535, 65_536, 262_144];

/** Every field at random, often at an edge. */
export function randomSpec(random: Random): EventSpec {
  const maybe = <Value>(value: Value): Value | null => (random.below(2) === 0 ? null : value);
  const pairs = (most: number) =>
    Array.from({ length: random.below(most + 1) }, () => [textOf(random, 20), textOf(random, 300)] as const);
  const deliveryType = random.pick(deliveryTypes);
  return {
    externalJobId: maybe(`j${textOf(random, 250)}`),
    source: `s${textOf(random, 20)}`,
    type: maybe(textOf(random, 128)),
    description: maybe(textOf(random, 1_000)),
    scheduledAtMs: (now + random.below(2 ** 31) * (random.below(2) === 0 ? 1 : -1)) as WallMs,
    delayMs: maybe(random.pick([0, 1, 86_400_000, 10 * 366 * 86_400_000])),
    deliveryType,
    destination:
      deliveryType === 'HTTP'
        ? `http://host-${random.below(1_000)}.test:8${random.below(100)}/p?q=${random.below(9)}`
        : `d${textOf(random, 50)}`,
    method: deliveryType === 'HTTP' ? random.pick(httpMethods) : null,
    headers: pairs(32),
    payload: maybe(bytesOf(random, random.pick(payloadSizes))),
    priority: random.below(10),
    maxRetries: random.pick([0, 1, 3, 99, 100]),
    retry: {
      strategy: random.pick(retryStrategies),
      initialMs: random.pick([0, 1, 1_000, 86_400_000]),
      maxMs: random.pick([1, 3_600_000, 2 ** 40]),
      multiplier: random.pick([1, 1.5, 2, 0.1 + 0.2, 1_000]),
      jitter: random.pick(['full', 'none'] as const),
    },
    timeoutMs: random.pick([100, 30_000, 1_800_000]),
    expiresAtMs: maybe((now + random.below(1_000_000)) as WallMs),
    tags: pairs(16),
    idempotencyKey: maybe(textOf(random, 100)),
    traceparent: maybe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
    createdAtMs: (now + random.next()) as WallMs,
  };
}
