/**
 * The thread of a host's replicas: ports, the connection to NATS, and a timer around `Replica`, one for each partition. It stands where a log
 * writer's thread stands without a cluster, and the host sees little of the difference.
 *
 *     host --WriterRequest--> replica --entries--> JetStream
 *     host <--WriterReplies-- replica --batches--> log writer --(segments)--> reader
 *
 * Publishing waits, so it is done here and not in the log writer, which is told to append what the journal has taken. Its commits are not
 * synced one by one: what a power cut takes from the copy is in the journal.
 *
 * A long task of a pool whose threads do not sleep in Atomics.
 */
import type { MessagePort } from 'node:worker_threads';
import type { PartitionId } from '../kernel/brand.js';
import { SystemClock } from '../kernel/clock.js';
import { InvariantError } from '../kernel/errors.js';
import { LogWriter } from '../log/log-writer.js';
import type { LogOptions, LogReply, WriterRequest } from '../log/protocol.js';
import type { NatsAddress } from '../nats/nats-address.js';
import { NatsLink } from '../nats/nats-link.js';
import { BaseShelf } from './journal/base-shelf.js';
import { bulkPullTurns, EntryTurns } from './journal/entry-turns.js';
import { LocalCopy } from './journal/local-copy.js';
import { PartitionJournal } from './journal/partition-journal.js';
import { Replica } from './journal/replica.js';
import { StreamDoor } from './journal/stream-door.js';

const tickMs = 1_000;
/** Behind a part of a base, so much of the time that reading it took. */
const restShare = 4;

export interface ReplicaThreadData {
  /** `WriterRequest`s in, `WriterReply`s out: the actor host's. */
  readonly port: MessagePort;
  /** `SegmentNotice` out: the reader's. */
  readonly link: MessagePort;
  readonly options: LogOptions;
  readonly nats: NatsAddress;
  /** How many streams the partition logs are in. */
  readonly streams: number;
  /** What the NATS server shows to its operators. */
  readonly name: string;
}

/** What there is for one partition. */
interface Seat {
  readonly replica: Replica;
  readonly copy: LocalCopy;
  readonly door: StreamDoor;
}

/** Ends when the port is closed or `close` has been carried out; rejects on a bug. Both ports are to be transferred. */
export function replicas(data: ReplicaThreadData): Promise<void> {
  return new Promise((resolve, reject) => {
    new ReplicaThread(data).run(resolve, reject);
  });
}

class ReplicaThread {
  readonly #data: ReplicaThreadData;
  readonly #clock = new SystemClock();
  readonly #nats: NatsLink;
  readonly #writer: LogWriter;
  readonly #turns = new EntryTurns();
  readonly #pulls = bulkPullTurns();
  readonly #seats = new Map<PartitionId, Seat>();
  #isOpen = true;
  #isKeepingBases = false;
  #end: (error: unknown) => void = () => undefined;

  constructor(data: ReplicaThreadData) {
    this.#data = data;
    this.#nats = new NatsLink({ address: data.nats, name: data.name });
    this.#writer = new LogWriter({
      options: { ...data.options, durability: 'os' },
      clock: this.#clock,
      reply: (reply) => this.#fromWriter(reply),
      notice: (notice) => data.link.postMessage(notice),
      isCopy: true,
    });
    for (const partition of data.options.partitions) this.#seats.set(partition, this.#seatOf(partition));
  }

  run(resolve: () => void, reject: (error: unknown) => void): void {
    const { port, link } = this.#data;
    const ticking = setInterval(() => this.#carefully(() => this.#tick()), tickMs);
    const unwatch = this.#watchLink();
    this.#end = (error) => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      clearInterval(ticking);
      unwatch();
      for (const { replica, door } of this.#seats.values()) {
        replica.drop();
        door.close();
      }
      let failure = error;
      try {
        this.#writer.close();
      } catch (closing) {
        failure ??= closing;
      }
      port.close();
      link.close();
      void this.#nats.close().then(() => (failure === null ? resolve() : reject(failure)));
    };
    port.on('close', () => this.#end(null));
    port.on('message', (requests: readonly WriterRequest[]) => {
      this.#carefully(() => {
        for (const request of requests) if (this.#isOpen) this.#take(request);
      });
    });
  }

  #seatOf(partition: PartitionId): Seat {
    const { options, streams, link } = this.#data;
    const door = new StreamDoor({ link: this.#nats });
    const copy = new LocalCopy({
      dataDir: options.dataDir,
      partition,
      writer: this.#writer,
      replaced: () => link.postMessage({ op: 'replaced', partition }),
    });
    const replica = new Replica({
      partition,
      copy,
      journal: new PartitionJournal({ door, partition, streams, pulls: this.#pulls }),
      bases: new BaseShelf({ door, partition }),
      clock: this.#clock,
      turns: this.#turns,
      reply: (reply) => this.#data.port.postMessage([reply]),
      broke: (error) => this.#end(error),
      rest: (workedMs) => new Promise((resolve) => setTimeout(resolve, Math.ceil(workedMs * restShare))),
    });
    return { replica, copy, door };
  }

  #take(request: WriterRequest): void {
    if (request.op === 'close') {
      this.#end(null);
      return;
    }
    const { replica } = this.#seat(request.partition);
    switch (request.op) {
      case 'append':
        replica.append(request.batch);
        break;
      case 'reopen':
        replica.reopen(request.after);
        break;
      case 'follow':
        replica.follow(request.on);
        break;
      case 'own':
        replica.own(request.epoch);
        break;
      case 'release':
        replica.release();
        break;
      case 'drop':
        replica.drop();
        break;
      case 'floor':
        replica.floor(request.first);
        break;
      case 'discard':
        replica.discard(request.detail);
        break;
    }
  }

  /** What is durable says the replica; the rest is the host's, as far as it has something to do with it. */
  #fromWriter(reply: LogReply): void {
    switch (reply.op) {
      case 'durable':
        break;
      case 'failed':
        this.#seat(reply.partition).copy.failed(reply);
        break;
      default:
        this.#data.port.postMessage([reply]);
    }
  }

  #tick(): void {
    this.#clock.check();
    this.#writer.tick();
    for (const { replica, copy } of this.#seats.values()) if (copy.isOpen) replica.tick();
    if (this.#isKeepingBases) return;
    this.#isKeepingBases = true;
    this.#keepBases().then(
      () => {
        this.#isKeepingBases = false;
      },
      (error: unknown) => this.#end(error),
    );
  }

  /** One partition after the other, so that one part of a base is under way at a time. */
  async #keepBases(): Promise<void> {
    for (const { replica } of this.#seats.values()) if (this.#isOpen) await replica.keepBases();
  }

  /** A connection that is back may be to a server with another store. */
  #watchLink(): () => void {
    let reconnects = 0;
    return this.#nats.watch((state) => {
      if (!state.isConnected) this.#carefully(() => this.#seats.forEach(({ replica }) => replica.cutOff()));
      if (state.reconnects === reconnects) return;
      reconnects = state.reconnects;
      this.#carefully(() => {
        for (const { replica } of this.#seats.values()) replica.reconnected();
      });
    });
  }

  #carefully(work: () => void): void {
    if (!this.#isOpen) return;
    try {
      work();
    } catch (error) {
      this.#end(error);
    }
  }

  #seat(partition: PartitionId): Seat {
    const seat = this.#seats.get(partition);
    if (seat === undefined) throw new InvariantError(`partition ${partition} is not one of this replica thread`);
    return seat;
  }
}
