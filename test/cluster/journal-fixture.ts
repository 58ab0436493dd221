/** The journal of one partition on a nats-server of the test's own, its clients, and replicas of it with directories of their own. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers as newHeaders } from '@nats-io/transport-node';
import type { Test } from 'tap';
import { BaseShelf } from '../../engine/cluster/journal/base-shelf.js';
import { LocalCopy } from '../../engine/cluster/journal/local-copy.js';
import { bulkPullTurns, EntryTurns } from '../../engine/cluster/journal/entry-turns.js';
import { bareEntry, type Entry, headersOf } from '../../engine/cluster/journal/journal-entry.js';
import { ensureLogStreams, journalSubject, logStreamOf } from '../../engine/cluster/journal/log-streams.js';
import { PartitionJournal } from '../../engine/cluster/journal/partition-journal.js';
import { Replica, type ReplicaParts } from '../../engine/cluster/journal/replica.js';
import { StreamDoor } from '../../engine/cluster/journal/stream-door.js';
import type { Sequence } from '../../engine/kernel/brand.js';
import { SystemClock } from '../../engine/kernel/clock.js';
import { chainOf } from '../../engine/log/checksum.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import { type LogPosition, logStart } from '../../engine/log/segment/mark.js';
import type { LogOptions, SegmentNotice } from '../../engine/log/protocol.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { batchOf, crcOfRecord, Journal as History, partition, plain, readBack, tempDir } from '../log/log-fixture.js';
import { until } from '../support/deadline.js';
import { connectNats, type NatsServer } from '../support/nats-server.js';

export { batchOf, History, partition, plain, readBack };

export const streams = 1;
export const stream = logStreamOf(partition, streams);
export const subject = journalSubject(partition);

/** The streams are there. Returns a manager of them. */
export async function makeStreams(t: Test, nats: NatsServer) {
  const connection = await connectNats(t, nats.url);
  await ensureLogStreams(connection, { partitions: partition + 1, streams });
  return jetstreamManager(connection);
}

/** A client of its own. */
export function journalAt(t: Test, url: string, { tryMs = 400 }: { readonly tryMs?: number } = {}): PartitionJournal {
  const link = new NatsLink({ address: readNatsAddress(url)!, name: 'test' });
  const door = new StreamDoor({ link, tryMs });
  const journal = new PartitionJournal({ door, partition, streams, pulls: bulkPullTurns() });
  t.teardown(async () => {
    door.close();
    await link.close();
  });
  return journal;
}

export const stampOf = (epoch: number) => ({ epoch, begins: 1 as Sequence, losses: 0 });

export function openEntry(epoch: number, position: LogPosition = logStart): Entry {
  return bareEntry('open', { stamp: stampOf(epoch), position });
}

/** Of the next `count` events of `history`, behind `after`. */
export function recordsEntry(
  history: History,
  { epoch, after, count = 1, payload }: { epoch: number; after: LogPosition; count?: number; payload?: Buffer },
): Entry {
  const records = Array.from({ length: count }, () => history.accepted(payload === undefined ? {} : { payload }));
  let { chain } = after;
  for (const record of records) chain = chainOf(chain, crcOfRecord(record));
  return {
    kind: 'records',
    ...stampOf(epoch),
    before: after.chain,
    first: (after.seq + 1) as Sequence,
    last: (after.seq + count) as Sequence,
    chain,
    segment: null,
    floor: null,
    body: batchOf(records),
  };
}

/** One record in each, and now and then something that has none. */
export function entriesOf(history: History, after: LogPosition, count: number): Entry[] {
  let end = after;
  return Array.from({ length: count }, (_, at) => {
    const entry =
      at % 100 === 99
        ? bareEntry('floor', { stamp: stampOf(1), position: end, floor: 1 as Sequence })
        : recordsEntry(history, { epoch: 1, after: end });
    end = endOf(entry);
    return entry;
  });
}

/** Many at a time, and without a fence. */
export async function storeAll(t: Test, url: string, entries: readonly Entry[]): Promise<void> {
  const js = jetstream(await connectNats(t, url));
  for (let at = 0; at < entries.length; at += 200) {
    await Promise.all(
      entries.slice(at, at + 200).map((entry) => {
        const headers = newHeaders();
        for (const [name, value] of headersOf(entry)) headers.set(name, value);
        return js.publish(subject, entry.body, { headers });
      }),
    );
  }
}

export const endOf = ({ last, chain }: Entry): LogPosition => ({ seq: last, chain });

type Reply = Parameters<ReplicaParts['reply']>[0];
type Said<Op extends Reply['op']> = Reply & { readonly op: Op };

/** A replica as its thread has it, with what it says as a list. */
export class TestReplica {
  readonly dataDir: string;
  readonly replies: Reply[] = [];
  readonly notices: SegmentNotice[] = [];
  readonly replica: Replica;
  readonly copy: LocalCopy;
  readonly journal: PartitionJournal;
  readonly bases: BaseShelf;
  readonly writer: LogWriter;
  readonly #link: NatsLink;
  readonly #door: StreamDoor;
  #isOpen = true;

  constructor(
    t: Test,
    url: string,
    {
      dataDir,
      segmentBytesMax = 256 * 1024 * 1024,
      turns = new EntryTurns(),
      pulls = bulkPullTurns(),
    }: { dataDir?: string; segmentBytesMax?: number; turns?: EntryTurns; pulls?: Pick<EntryTurns, 'inTurn'> } = {},
  ) {
    this.dataDir = dataDir ?? tempDir(t);
    const options: LogOptions = {
      dataDir: this.dataDir,
      partitions: [partition],
      durability: 'os',
      segmentBytesMax,
      segmentAgeMsMax: 86_400_000,
      walBytesMax: 128 * 1024 * 1024,
      freeBytesMin: 0,
      ballastBytes: 0,
      pagesMax: null,
    };
    this.#link = new NatsLink({ address: readNatsAddress(url)!, name: 'test' });
    this.#door = new StreamDoor({ link: this.#link, tryMs: 400 });
    this.journal = new PartitionJournal({ door: this.#door, partition, streams, pulls });
    this.bases = new BaseShelf({ door: this.#door, partition });
    this.writer = new LogWriter({
      options,
      clock: new SystemClock(),
      reply: (reply) => {
        if (reply.op === 'failed') this.copy.failed(reply);
      },
      notice: (notice) => this.notices.push(notice),
      isCopy: true,
    });
    this.copy = new LocalCopy({
      dataDir: this.dataDir,
      partition,
      writer: this.writer,
      replaced: () => this.notices.push({ op: 'replaced', partition }),
    });
    this.replica = new Replica({
      partition,
      copy: this.copy,
      journal: this.journal,
      bases: this.bases,
      rest: () => new Promise((resolve) => setImmediate(resolve)),
      clock: new SystemClock(),
      turns,
      reply: (reply) => this.replies.push(reply),
      broke: (error) => {
        throw error;
      },
    });
    let reconnects = 0;
    this.#link.watch((state) => {
      if (!state.isConnected) this.replica.cutOff();
      if (state.reconnects === reconnects) return;
      reconnects = state.reconnects;
      this.replica.reconnected();
    });
    t.teardown(() => this.close());
  }

  /** What it has said of this kind, past or future. */
  said<Op extends Reply['op']>(op: Op, matches: (reply: Said<Op>) => boolean = () => true, withinMs = 15_000): Promise<Said<Op>> {
    const find = () => (this.replies.filter((reply) => reply.op === op) as Said<Op>[]).find(matches);
    return until(`a replica says ${op}`, find, withinMs);
  }

  /** Messages that it has sent to the server over this connection: questions, above all. */
  get sent(): number {
    return this.#link.connection!.stats().outMsgs;
  }

  async own(epoch: number): Promise<void> {
    this.replica.own(epoch);
    await this.said('owned', (reply) => reply.epoch === epoch);
  }

  /** These records are durable when it resolves. */
  async append(records: readonly Parameters<typeof batchOf>[0][number][]): Promise<void> {
    const last = records.at(-1)!.seq;
    this.replica.append(batchOf(records));
    await this.said('durable', (reply) => reply.seq >= last);
  }

  /** Its copy has everything up to `seq`. */
  async reaches(seq: number): Promise<void> {
    await until(`a copy reaches ${seq}`, () => this.copy.isOpen && this.copy.last.seq >= seq, 15_000);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.replica.drop();
    this.#door.close();
    this.writer.close();
    await this.#link.close();
  }
}
