/**
 * How long until an engine is ready that finds a full data directory?
 *
 * Seconds from `createEngine` to the last partition being ready, of 4 partitions on one actor host, with 1,000,000 pending and
 * 5,000,000 finished events of which each partition has some records behind its newest snapshot, as after a crash. Good is below 5 s
 * on the 2-core reference machine; without snapshots it is a minute. `stateMiB` is
 * what the process takes then.
 *
 *   npm run bench -- start
 */
import { emptyBody, encodeDispatched, encodeOutcome } from '../../engine/event/outcome-codec.js';
import { type RecordKind, recordKinds } from '../../engine/event/record.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { createEngine, createLogger, defaultConfig, defaultRetry, type EventSpec } from '../../engine/index.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../../engine/kernel/brand.js';
import { SystemClock } from '../../engine/kernel/clock.js';
import { mintEventId } from '../../engine/kernel/event-id.js';
import { openDataDir } from '../../engine/log/data-dir.js';
import { indexSegment } from '../../engine/log/index-task.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import type { LogOptions } from '../../engine/log/protocol.js';
import { RecordBatchBuilder } from '../../engine/log/record-batch.js';
import { listSegments, partitionDir } from '../../engine/log/segment-files.js';
import { takeSnapshot } from '../../engine/partition/snapshot-task.js';
import { type Bench, rowsOf } from '../lib/bench.js';
import { inTempDir } from '../lib/temp-dir.js';

const partitions = 4;
const recordsPerCommit = 2_000;
const commitsPerTick = 16;

interface StartSize {
  readonly pending: number;
  readonly finished: number;
  /** Of each partition, behind its snapshot. */
  readonly recordsBehind: number;
}

/** Events, one sixth of them pending. */
export const bench: Bench = {
  name: 'start',
  question: 'How long until an engine is ready that finds a full data directory?',
  sizes: { small: 6_000, full: 6_000_000 },
  measure: (events) =>
    inTempDir(async (dataDir) => {
      const size = { pending: events / 6, finished: (events * 5) / 6, recordsBehind: Math.min(50_000, events / 60) };
      await fill(dataDir, size);
      return rowsOf([{ ...size, ...(await start(dataDir)) }]);
    }),
};

async function start(dataDir: string): Promise<{ readonly readySeconds: number; readonly stateMiB: number }> {
  const before = process.memoryUsage.rss();
  const began = performance.now();
  const engine = await createEngine({
    config: defaultConfig({ dataDir, partitions, actorThreads: 1 }),
    logger: createLogger({ level: 'error', format: 'json', sink: process.stderr }),
  });
  while (engine.health().status === 'recovering') await new Promise((resolve) => setTimeout(resolve, 5));
  const readySeconds = (performance.now() - began) / 1_000;
  const { status } = engine.health();
  if (status !== 'ready') throw new Error(`the engine is ${status}: ${JSON.stringify(engine.health())}`);
  const stateMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
  await engine.stop();
  return { readySeconds: Math.round(readySeconds * 100) / 100, stateMiB: Math.round(stateMiB) };
}

async function fill(dataDir: string, size: StartSize): Promise<void> {
  openDataDir({ dataDir, partitions }).close();
  for (let number = 0; number < partitions; number++) {
    const partition = number as PartitionId;
    const last = write(dataDir, { partition, ...size });
    const names = listSegments(partitionDir(dataDir, partition));
    for (const [place, { first }] of names.slice(0, -1).entries()) {
      await indexSegment({ dataDir, partition, first, next: names[place + 1]!.first });
    }
    await takeSnapshot({ dataDir, partition, upTo: Math.max(1, last - size.recordsBehind) as Sequence });
  }
}

/** Returns the last sequence. */
function write(dataDir: string, { partition, pending, finished }: StartSize & { readonly partition: PartitionId }): Sequence {
  const writer = openWriter(dataDir, partition);
  const builder = new RecordBatchBuilder();
  const events = Math.floor((pending + finished) / partitions);
  let seq = 0;
  const every = Math.round((pending + finished) / pending);
  const append = (kind: RecordKind, fields: { event: Uint8Array; prev: number; body: Uint8Array }) => {
    builder.append({
      seq: ++seq as Sequence,
      kind,
      event: fields.event,
      prev: fields.prev as Sequence,
      at: now,
      body: fields.body,
    });
    if (builder.count < recordsPerCommit) return;
    writer.submit({ op: 'append', partition, batch: builder.take() });
    writer.commitNext();
    if ((seq / recordsPerCommit) % commitsPerTick === 0) writer.tick();
  };
  for (let count = 0; count < events; count++) {
    const event = mintEventId((((count * partitions) % 4_096) + partition) as Slot, now);
    append(recordKinds.accepted, { event, prev: 0, body: encodeSpec(specOf(`${partition}-${count}`), fingerprint) });
    // Pending ones are spread over all of the log.
    if (count % every === 0) continue;
    append(recordKinds.dispatched, { event, prev: seq, body: dispatched });
    append(recordKinds.delivered, { event, prev: seq, body: delivered });
  }
  if (builder.count > 0) writer.submit({ op: 'append', partition, batch: builder.take() });
  writer.close();
  return seq as Sequence;
}

const now = Date.now() as WallMs;
const fingerprint = new Uint8Array(16);
const dispatched = encodeDispatched({ attempt: 1 });
const delivered = encodeOutcome({
  attempt: 1,
  statusCode: 204,
  durationMs: 3,
  lagMs: 0.5,
  error: null,
  responseBody: emptyBody,
  nextAttemptAtMs: null,
});

function specOf(externalJobId: string): EventSpec {
  return {
    externalJobId,
    source: 'orders',
    type: 'order.reminder',
    description: null,
    scheduledAtMs: (now + 30 * 86_400_000) as WallMs,
    delayMs: null,
    deliveryType: 'HTTP',
    destination: 'https://example.org/hook',
    method: 'POST',
    headers: [],
    payload: Buffer.from('{"orderId":"12345","customer":"0123456789"}'),
    priority: 5,
    maxRetries: 3,
    retry: defaultRetry,
    timeoutMs: 30_000,
    expiresAtMs: null,
    tags: [],
    idempotencyKey: null,
    traceparent: null,
    createdAtMs: now,
  };
}

function openWriter(dataDir: string, partition: PartitionId): LogWriter {
  const options: LogOptions = {
    dataDir,
    partitions: [partition],
    durability: 'os',
    segmentBytesMax: 256 * 1024 * 1024,
    segmentAgeMsMax: Number.MAX_SAFE_INTEGER,
    freeBytesMin: 0,
    ballastBytes: 0,
    walBytesMax: 128 * 1024 * 1024,
    pagesMax: null,
  };
  const reply = ({ op, ...more }: { readonly op: string }) => {
    if (op === 'failed') throw new Error(`the log writer failed: ${JSON.stringify(more)}`);
  };
  return new LogWriter({ options, clock: new SystemClock(), reply, notice: () => undefined });
}
