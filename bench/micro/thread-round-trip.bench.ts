/**
 * What does a message to another thread and back cost, one by one and in batches, as objects and as bytes?
 *
 * Messages per second there and back, and the round trip of a lone one in milliseconds. Objects are cloned by `postMessage`; bytes are
 * written by `message-codec.ts` and moved. A lone round trip is in the path of every accepted event, twice (host, log writer), so it
 * should stay below 0.1 ms. In batches above 300,000/s is good: twenty times what a host is asked for.
 *
 *   npm run bench -- thread-round-trip
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import { type Bench, measured } from '../lib/bench.js';
import { rate } from '../lib/rate.js';

/** As a request to a host is: a few numbers, an id and a body. */
interface Message {
  readonly op: 'schedule';
  readonly request: number;
  readonly partition: number;
  readonly event: Uint8Array;
  readonly body: Uint8Array;
}

export interface RoundTripResult {
  readonly form: 'objects' | 'bytes';
  readonly perBatch: number;
  readonly messagesPerSecond: number;
  readonly roundTripMs: number;
}

export async function run({ size }: { readonly size: number }): Promise<RoundTripResult[]> {
  const worker = new Worker(new URL(import.meta.url));
  try {
    await roundTrips(worker, { form: 'bytes', perBatch: 1, messages: Math.min(size, 200) });
    const results: RoundTripResult[] = [];
    for (const perBatch of [1, 16, 256]) {
      const messages = perBatch === 1 ? Math.ceil(size / 10) : size;
      for (const form of ['objects', 'bytes'] as const) results.push(await roundTrips(worker, { form, perBatch, messages }));
    }
    return results;
  } finally {
    await worker.terminate();
  }
}

interface Trips {
  readonly form: 'objects' | 'bytes';
  readonly perBatch: number;
  readonly messages: number;
}

async function roundTrips(worker: Worker, { form, perBatch, messages }: Trips): Promise<RoundTripResult> {
  const batch = Array.from({ length: perBatch }, (_, request) => messageOf(request));
  const rounds = Math.ceil(messages / perBatch);
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (form === 'objects') worker.postMessage(batch);
    else {
      const bytes = encodeMessages(batch);
      worker.postMessage(bytes, [bytes.buffer]);
    }
    const [back] = (await once(worker, 'message')) as [Message[] | Uint8Array];
    const answers = back instanceof Uint8Array ? decodeMessages<Message>(back) : back;
    if (answers.length !== perBatch) throw new Error(`${answers.length} of ${perBatch} came back`);
  }
  const tookMs = performance.now() - began;
  return {
    form,
    perBatch,
    messagesPerSecond: rate(rounds * perBatch, tookMs),
    roundTripMs: Math.round((tookMs / rounds) * 1_000) / 1_000,
  };
}

function messageOf(request: number): Message {
  return { op: 'schedule', request, partition: 3, event: new Uint8Array(16).fill(request), body: new Uint8Array(300).fill(7) };
}

/** The other end: takes the batch apart, as an actor host does, and sends it back in the form in which it came. */
function answer(): void {
  const port = parentPort!;
  port.on('message', (received: Message[] | Uint8Array) => {
    if (!(received instanceof Uint8Array)) {
      port.postMessage(received);
      return;
    }
    const bytes = encodeMessages(decodeMessages<Message>(received));
    port.postMessage(bytes, [bytes.buffer]);
  });
}

const sizes = { small: 20_000, full: 200_000 } as const;

export const bench: Bench = {
  name: 'thread-round-trip',
  question: 'What does a message to another thread and back cost, one by one and in batches, as objects and as bytes?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'To another thread and back: a message, by the messages of a batch',
      x: 'perBatch',
      rates: ['messagesPerSecond'],
      series: 'form',
    },
  ],
  measure: async (size) => measured(await run({ size })),
};

if (!isMainThread) answer();
