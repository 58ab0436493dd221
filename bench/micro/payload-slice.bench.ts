/**
 * What does it cost to carry a payload as the bytes that came, instead of as a value?
 *
 * Payloads per second of one thread, from a body as it lies in the log to the bytes that a webhook sends: as a view into the body,
 * as a copy of it, and by way of a JavaScript value (parsed when it comes in, written when it goes out), which would also lose
 * digits of big numbers, key order and white space. A view should cost no more than 1 us whatever the size; the value at 64 KiB
 * costs a thousand times that, and would be most of what the gateway does.
 *
 *   npm run bench -- payload-slice
 */
import { encodeSpec, SpecHead } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { type Bench, measured } from '../lib/bench.js';
import { perSecond } from '../lib/rate.js';
import { sampleSpec } from '../lib/sample-spec.js';

const now = 1_763_632_800_000 as WallMs;
const payloadSizes = { '200 B': 200, '4 KiB': 4_096, '64 KiB': 65_536 } as const;

export interface PayloadResult {
  readonly payload: string;
  readonly payloadBytes: number;
  readonly viewsPerSecond: number;
  readonly copiesPerSecond: number;
  readonly valuesPerSecond: number;
}

export function run({ size }: { readonly size: number }): PayloadResult[] {
  return Object.entries(payloadSizes).map(([payload, bytes]) => {
    const body = encodeSpec(sampleSpec({ payload: jsonOf(bytes), scheduledAtMs: now }), null);
    const payloadAt = body.length - jsonOf(bytes).length;
    const head = new SpecHead();
    let sum = 0;
    const times = (count: number, work: () => Uint8Array) =>
      perSecond(count, () => {
        for (let at = 0; at < count; at++) sum += work().length;
      });
    // Enough of each to be measured, few enough to be quick.
    const few = Math.max(1, Math.ceil((size * 200) / bytes));
    const result = {
      payload,
      payloadBytes: bytes,
      viewsPerSecond: times(size, () => head.at(body) && body.subarray(payloadAt)),
      copiesPerSecond: times(few, () => body.slice(payloadAt)),
      valuesPerSecond: times(few, () =>
        Buffer.from(
          JSON.stringify(JSON.parse(Buffer.from(body.buffer, body.byteOffset + payloadAt, body.length - payloadAt).toString())),
        ),
      ),
    };
    if (sum === 0) throw new Error('nothing was carried');
    return result;
  });
}

/** A list of small objects, of about so many bytes. */
function jsonOf(bytes: number): Buffer {
  const line = { sku: 'A-1234567', quantity: 3, price: 19.95 };
  const lineBytes = JSON.stringify(line).length + 1;
  return Buffer.from(JSON.stringify(Array.from({ length: Math.ceil(bytes / lineBytes) }, () => line)));
}

const sizes = { small: 10_000, full: 200_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'payload-slice',
  question: 'What does it cost to carry a payload as the bytes that came, instead of as a value?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'A payload carried as a view, as a copy, as a value, by its size',
      x: 'payloadBytes',
      rates: ['viewsPerSecond', 'copiesPerSecond', 'valuesPerSecond'],
      series: null,
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(run({ size }));
  },
};
