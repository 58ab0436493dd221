/** The threads of one actor host of a node, on a nats-server: what it is ordered and what it says. Who owns what is for the test to say. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Test } from 'tap';
import type { HostMail, PartitionOrder } from '../../engine/actor/mail.js';
import type { PartitionNews } from '../../engine/actor/notices.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import { BackgroundTasks } from '../../engine/background-tasks.js';
import { decodeRequests, encodeReplies } from '../../engine/dispatch/courier-mail.js';
import type { CourierReply } from '../../engine/dispatch/protocol.js';
import { HostGroup } from '../../engine/host-group.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { LeaseBoard, machineNow } from '../../engine/kernel/lease-board.js';
import { decodeMessages, encodeMessages } from '../../engine/kernel/message-codec.js';
import { LongTasks } from '../../engine/kernel/thread-pool.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { createLogger } from '../../engine/observe/logger.js';
import { tempDir } from '../log/log-fixture.js';
import { until } from '../support/deadline.js';

const hourMs = 3_600_000;

/** A courier that grants nothing and runs nothing. */
function idleCourier(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.on('message', (bytes: Uint8Array) => {
    const replies = decodeRequests(bytes).flatMap((request): CourierReply[] =>
      request.op === 'running?' ? [{ op: 'running', partition: request.partition, attempts: [] }] : [],
    );
    if (replies.length === 0) return;
    const answer = encodeReplies(replies);
    port1.postMessage(answer, [answer.buffer]);
  });
  port1.unref();
  return port2;
}

export interface HostNodeParts {
  readonly partitions: readonly PartitionId[];
  readonly streams: number;
  readonly dataDir?: string;
  readonly segmentBytesMax?: number;
}

export class HostNode {
  readonly dataDir: string;
  readonly replies: HostReply[] = [];
  readonly news: PartitionNews[] = [];
  readonly notices: string[] = [];
  readonly #group: HostGroup;
  readonly #tasks: BackgroundTasks;
  #isOpen = true;

  constructor(t: Test, url: string, { partitions, streams, dataDir, segmentBytesMax = 2 ** 28 }: HostNodeParts) {
    this.dataDir = dataDir ?? tempDir(t);
    const lease = LeaseBoard.create(1);
    lease.grantUntil(machineNow() + hourMs);
    this.#tasks = new BackgroundTasks(createLogger({ level: 'fatal', format: 'json' }));
    this.#group = new HostGroup({
      number: 0,
      tasks: new LongTasks(() => undefined),
      options: { partitions, readAheadBytesMax: 2 ** 20, snapshotRecords: 100_000, retentionMs: hourMs },
      log: {
        dataDir: this.dataDir,
        partitions,
        durability: 'fsync',
        segmentBytesMax,
        segmentAgeMsMax: hourMs,
        walBytesMax: 2 ** 27,
        freeBytesMin: 0,
        ballastBytes: 0,
        pagesMax: null,
      },
      cluster: { nats: readNatsAddress(url)!, streams, lease },
      connectCouriers: () => [idleCourier()],
      mail: (mail) => this.#take(mail),
      pool: (request) => this.#tasks.run(request),
      died: (error) => this.notices.push(`died: ${error.message}`),
    });
    this.#group.start();
    t.teardown(() => this.close());
  }

  order(order: PartitionOrder): void {
    this.#group.post(order, []);
  }

  request(...requests: readonly HostRequest[]): void {
    const bytes = encodeMessages(requests);
    this.#group.post({ op: 'requests', bytes }, [bytes.buffer]);
  }

  /** Past or future. */
  hears<Op extends PartitionNews['op']>(op: Op, partition: PartitionId, matches: (news: PartitionNews) => boolean = () => true) {
    const find = () => this.news.find((news) => news.op === op && news.partition === partition && matches(news));
    return until(`a node says ${op} of partition ${partition}`, find, 30_000) as Promise<Extract<PartitionNews, { op: Op }>>;
  }

  async take(partition: PartitionId, epoch: number) {
    this.order({ op: 'take', partition, epoch, term: 0 });
    return this.hears('serving', partition, (news) => news.op === 'serving' && news.epoch === epoch);
  }

  /** The answer to a request by its number. */
  answer(request: number): Promise<HostReply> {
    const isFor = (reply: HostReply) =>
      reply.request === request || (reply.op === 'accepted' && request > reply.request && request < reply.request + reply.count);
    return until(`request ${request} is answered`, () => this.replies.find(isFor), 30_000);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#group.close();
    await this.#tasks.close();
  }

  #take(mail: HostMail): void {
    if (mail.op === 'replies') this.replies.push(...decodeMessages<HostReply>(mail.bytes));
    else if (mail.op === 'notice' && mail.notice.op === 'partition-news') this.news.push(mail.notice.news);
  }
}
