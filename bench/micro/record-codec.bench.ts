/**
 * What do the bodies of records cost to write and to read?
 *
 * Bodies per second of one thread: a spec as the gateway writes it, its head as an actor reads it live and in every replay, the
 * whole of it as couriers and readers do, and an outcome. The head is the one that counts: above 3,000,000/s a replay spends
 * less than a tenth of its time on it. The others are good above 200,000/s, ten times what one node is asked for.
 *
 *   npm run bench -- record-codec
 */
import { fingerprintOf } from '../../engine/event/content.js';
import { decodeOutcome, encodeOutcome, type OutcomeBody } from '../../engine/event/outcome-codec.js';
import { decodeSpec, encodeSpec, SpecHead } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { type Bench, measured } from '../lib/bench.js';
import { perSecond } from '../lib/rate.js';
import { sampleSpec } from '../lib/sample-spec.js';

const now = 1_763_632_800_000 as WallMs;
const spec = sampleSpec({
  externalJobId: 'order-12345',
  type: 'invoice.due',
  scheduledAtMs: now,
  destination: 'https://example.org/hooks/invoices',
  headers: [['x-team', 'billing']],
  payload: Buffer.from(
    JSON.stringify({ orderId: '12345', lines: Array.from({ length: 10 }, (_, line) => ({ line, amount: 9.5 })) }),
  ),
  tags: [['region', 'eu']],
});
const outcome: OutcomeBody = {
  attempt: 1,
  statusCode: 204,
  durationMs: 12.5,
  lagMs: 0.75,
  error: null,
  responseBody: null,
  nextAttemptAtMs: null,
};

export interface CodecResult {
  readonly what: string;
  readonly perSecond: number;
}

export function run({ size }: { readonly size: number }): CodecResult[] {
  const fingerprint = fingerprintOf(spec, true);
  const bodies = Array.from({ length: 1_000 }, () => encodeSpec(spec, fingerprint));
  const outcomes = Array.from({ length: 1_000 }, () => encodeOutcome(outcome));
  const head = new SpecHead();
  const works: Record<string, (at: number) => unknown> = {
    'fingerprint of a spec': () => fingerprintOf(spec, true),
    'spec written': () => encodeSpec(spec, fingerprint),
    'head of a spec read': (at) => {
      const { tagHigh, tagLow, scheduledAtMs, expiresAtMs, priority, maxRetries, deliveryType } = head.at(bodies[at % 1_000]!);
      return tagHigh + tagLow + scheduledAtMs + expiresAtMs + priority + maxRetries + deliveryType.length;
    },
    'head of a spec read, with its origin': (at) => head.at(bodies[at % 1_000]!).origin,
    'spec read': (at) => decodeSpec(bodies[at % 1_000]!),
    'outcome written': () => encodeOutcome(outcome),
    'outcome read': (at) => decodeOutcome(outcomes[at % 1_000]!),
  };
  return Object.entries(works).map(([what, work]) => ({
    what,
    perSecond: perSecond(size, () => {
      for (let at = 0; at < size; at++) work(at);
    }),
  }));
}

const sizes = { small: 20_000, full: 300_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'record-codec',
  question: 'What do the bodies of records cost to write and to read?',
  sizes,
  measure: (size) => {
    run({ size: sizes.small });
    return measured(run({ size }));
  },
};
