/** The shells of both disk threads, in threads of a pool as in the engine. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import t, { type Test as Tap } from 'tap';
import { everyEvent } from '../../engine/event/event-filter.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type {
  LogOptions,
  PoolReply,
  PoolRequest,
  ReaderReply,
  ReaderRequest,
  WriterReply,
  WriterRequest,
} from '../../engine/log/protocol.js';
import { readBatch } from '../../engine/log/record-batch.js';
import { Journal, batchOf, partition, plain, tempDir } from './log-fixture.js';

const file = (name: string) => fileURLToPath(new URL(`../../engine/log/${name}.js`, import.meta.url));

/** Messages of a port, one after the other, also those that come together. */
class Inbox<Message> {
  readonly #waiting: Message[] = [];
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: Message | readonly Message[]) => {
      this.#waiting.push(...(Array.isArray(message) ? (message as Message[]) : [message as Message]));
      port.emit('arrived', null);
    });
  }

  async next<Op extends string>(op: Op): Promise<Extract<Message, { op: Op }>> {
    for (;;) {
      const place = this.#waiting.findIndex((message) => (message as { op: string }).op === op);
      if (place >= 0) return this.#waiting.splice(place, 1)[0] as Extract<Message, { op: Op }>;
      await once(this.#port, 'arrived');
    }
  }
}

function setup(t: Tap, more: Partial<LogOptions> = {}) {
  const options: LogOptions = {
    dataDir: tempDir(t),
    partitions: [partition],
    durability: 'fsync',
    segmentBytesMax: 1,
    segmentAgeMsMax: 86_400_000,
    walBytesMax: 128 * 1024 * 1024,
    freeBytesMin: 0,
    ballastBytes: 0,
    pagesMax: null,
    ...more,
  };
  const [writer, reader, link, pool] = [new MessageChannel(), new MessageChannel(), new MessageChannel(), new MessageChannel()];
  const threads = new Piscina({ minThreads: 2, maxThreads: 2, atomics: 'disabled', concurrentTasksPerWorker: 1 });
  const tasks = new Piscina({ filename: file('index-task'), minThreads: 1, maxThreads: 1 });
  t.teardown(async () => {
    await Promise.all([threads.destroy(), tasks.destroy()]);
    for (const { port1 } of [writer, reader, pool]) port1.close();
  });
  const writing = threads.run(
    { port: writer.port2, link: link.port1, options },
    { filename: file('writer-thread'), name: 'logWriter', transferList: [writer.port2, link.port1] },
  );
  const reading = threads.run(
    { port: reader.port2, link: link.port2, pool: pool.port2, options },
    { filename: file('reader-thread'), name: 'logReader', transferList: [reader.port2, link.port2, pool.port2] },
  );
  pool.port1.on('message', (request: PoolRequest) => {
    void tasks.run(request.task, { name: 'indexSegment' }).then(
      () => pool.port1.postMessage({ ...request, detail: null } satisfies PoolReply),
      (error: Error) => pool.port1.postMessage({ ...request, detail: error.message } satisfies PoolReply),
    );
  });
  return {
    writing,
    reading,
    fromWriter: new Inbox<WriterReply>(writer.port1),
    fromReader: new Inbox<ReaderReply>(reader.port1),
    toWriter: (request: WriterRequest) =>
      writer.port1.postMessage([request], request.op === 'append' ? [request.batch.buffer] : []),
    toReader: (request: ReaderRequest) => reader.port1.postMessage(request),
    ports: [writer.port1, reader.port1],
  };
}

t.test('records go in, are durable, sealed, indexed and found, and both threads end when they are told', async (t) => {
  const log = setup(t);
  log.toReader({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  t.match(await log.fromReader.next('replay-done'), { tag: 1, last: 0 });

  const journal = new Journal();
  const event = journal.accepted();
  for (const record of [event, journal.dispatched(event), journal.delivered(event)]) {
    log.toWriter({ op: 'append', partition, batch: batchOf([record]) });
  }
  let reached = 0;
  while (reached < 3) reached = (await log.fromWriter.next('durable')).seq;
  t.match(await log.fromWriter.next('sealed'), { first: 1, next: 4 });
  t.match(await log.fromReader.next('indexed'), { first: 1, next: 4 });
  log.toReader({ op: 'find-id', tag: 2, partition, event: event.event });
  t.match(await log.fromReader.next('found'), { tag: 2, finished: [{ seq: 3 }] });

  log.toReader({ op: 'replay', tag: 3, partition, snapshotForm: 0 });
  await log.fromReader.next('replay-start');
  const { segments } = await log.fromReader.next('replay-start');
  t.match(segments, [
    { first: 1, next: 4, filter: { ids: Uint32Array } },
    { first: 4, next: null, filter: null },
  ]);
  const { batch } = await log.fromReader.next('replay-batch');
  t.same(plain([...readBatch(batch)]), plain(journal.records));
  t.match(await log.fromReader.next('replay-done'), { tag: 3, last: 3 });

  log.toWriter({ op: 'close' });
  log.toReader({ op: 'close' });
  await Promise.all([log.writing, log.reading]);
});

t.test('what is due is read before lists that were asked for earlier', async (t) => {
  const log = setup(t);
  const [, reader] = log.ports;
  const answered: string[] = [];
  reader!.on('message', ({ op }: ReaderReply) => answered.push(op));
  // All of it is there when the thread begins.
  log.toReader({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  const query = { filter: everyEvent, sort: 'created_at', order: 'desc', after: null, until: null, limit: 10 } as const;
  for (let tag = 2; tag < 5; tag++) log.toReader({ op: 'list', tag, partition, query });
  log.toReader({ op: 'views', tag: 5, partition, events: [] });
  log.toReader({ op: 'bodies', tag: 6, partition, seqs: [] });
  await log.fromReader.next('views');
  t.same(answered.slice(answered.indexOf('replay-done') + 1), ['bodies', 'listed', 'listed', 'listed', 'views']);
  log.toWriter({ op: 'close' });
  log.toReader({ op: 'close' });
  await Promise.all([log.writing, log.reading]);
});

t.test('what was submitted before close is durable', async (t) => {
  const log = setup(t, { segmentBytesMax: 1e9 });
  const journal = new Journal();
  for (let count = 0; count < 500; count++) log.toWriter({ op: 'append', partition, batch: batchOf([journal.accepted()]) });
  log.toWriter({ op: 'close' });
  await log.writing;
  log.toReader({ op: 'replay', tag: 1, partition, snapshotForm: 0 });
  t.match(await log.fromReader.next('replay-done'), { last: 500 });
  log.toReader({ op: 'close' });
  await log.reading;
});

t.test('a bug ends the task with its error', async (t) => {
  const log = setup(t);
  log.toWriter({ op: 'append', partition: 99 as PartitionId, batch: batchOf([new Journal().accepted()]) });
  await t.rejects(log.writing, { message: /partition 99 is not one of this log writer/ });
  log.toReader({ op: 'replay', tag: 1, partition: 99 as PartitionId, snapshotForm: 0 });
  await t.rejects(log.reading, { message: /partition 99 is not one of this reader/ });
});

t.test('the threads end when their host is gone', async (t) => {
  const log = setup(t);
  for (const port of log.ports) port.close();
  await Promise.all([log.writing, log.reading]);
});
