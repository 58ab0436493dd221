/**
 * The newest message of each subject under a pattern, and then each new one: a map that is kept up to date.
 *
 *     away --link is up--> reading --all that were there have come--> current --link or consumer is lost, or a gap--> away or reading
 *
 * It begins anew after each interruption, with the newest of each subject: nothing has to be remembered but what is in the map, and what is not among
 * them is gone. Messages are counted by the consumer, so a lost one shows; a consumer that is silent for long is given up.
 *
 * What comes is what some replica has stored: it may be older than what the leader knows. Whoever must be sure asks the leader (compare-and-set.ts).
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nanos,
  nuid,
  type Subscription,
} from '@nats-io/transport-node';
import { inStep } from '../kernel/in-step.js';
import { deliveryOf } from './delivery-subject.js';
import type { NatsLink } from './nats-link.js';

export interface SubjectNews {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

export interface SubjectWatchParts {
  readonly link: NatsLink;
  readonly stream: string;
  /** With wildcards. */
  readonly pattern: string;
  news(news: SubjectNews): void;
  /** All that were there have been told; `subjects` are those. What is known of others is over. */
  current(subjects: ReadonlySet<string>): void;
  /** From now on until `current` something may be missed. */
  interrupted(fault: string): void;
}

const beatMs = 1_000;
const silenceMsMax = 3 * beatMs;
const againMs = 500;
const apiMsMax = 2_000;
/** A consumer that nobody listens to any more is removed after it. */
const forgottenMs = 10_000;
const noContent = 100;

export class SubjectWatch {
  readonly #parts: SubjectWatchParts;
  readonly #unwatch: () => void;
  #reading: Reading | null = null;
  #again: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(parts: SubjectWatchParts) {
    this.#parts = parts;
    this.#unwatch = parts.link.watch(({ isConnected }) => this.#linkChanged(isConnected));
  }

  get isCurrent(): boolean {
    return this.#reading?.isCurrent ?? false;
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#end();
  }

  #linkChanged(isConnected: boolean): void {
    if (this.#isClosed) return;
    if (!isConnected) this.#lose('the connection was lost');
    else if (this.#reading === null) this.#begin();
  }

  #begin(): void {
    this.#end();
    const { connection } = this.#parts.link;
    // The link says when there is one.
    if (connection === null || this.#isClosed) return;
    const reading = new Reading(this.#parts, connection, (fault) => {
      if (this.#reading !== reading) return;
      this.#lose(fault);
      this.#again = setTimeout(() => this.#begin(), againMs);
      this.#again.unref();
    });
    this.#reading = reading;
    void reading.begin();
  }

  #lose(fault: string): void {
    const wasReading = this.#reading !== null;
    this.#end();
    if (wasReading) this.#parts.interrupted(fault);
  }

  #end(): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
    this.#reading?.end();
    this.#reading = null;
  }
}

/** One consumer, until it is lost. */
class Reading {
  readonly #parts: SubjectWatchParts;
  readonly #connection: NatsConnection;
  readonly #lost: (fault: string) => void;
  readonly #seen = new Set<string>();
  #subscription: Subscription | null = null;
  #endPulse: () => void = () => undefined;
  #heardAt = performance.now();
  #received = 0;
  #isOver = false;
  isCurrent = false;

  constructor(parts: SubjectWatchParts, connection: NatsConnection, lost: (fault: string) => void) {
    this.#parts = parts;
    this.#connection = connection;
    this.#lost = lost;
  }

  async begin(): Promise<void> {
    const inbox = createInbox();
    this.#subscription = this.#connection.subscribe(inbox, {
      callback: (error, msg) => {
        if (error !== null) this.#lose(error.message);
        else this.#hear(msg);
      },
    });
    try {
      const manager = await jetstreamManager(this.#connection, { checkAPI: false, timeout: apiMsMax });
      const consumer = await manager.consumers.add(this.#parts.stream, {
        // With a name the pattern is in the subject of the request, so that NATS can be told to allow no other one.
        name: nuid.next(),
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy.LastPerSubject,
        filter_subject: this.#parts.pattern,
        ack_policy: AckPolicy.None,
        idle_heartbeat: nanos(beatMs),
        inactive_threshold: nanos(forgottenMs),
        mem_storage: true,
        num_replicas: 1,
      });
      if (this.#isOver) return;
      // What it has sent already is in the number that it had delivered.
      if (consumer.num_pending === 0 && consumer.delivered.consumer_seq === this.#received) this.#becomeCurrent();
      this.#heardAt = performance.now();
      this.#endPulse = inStep(beatMs, () => this.#checkPulse());
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error));
    }
  }

  end(): void {
    this.#isOver = true;
    this.#endPulse();
    if (this.#subscription !== null && !this.#connection.isClosed()) this.#subscription.unsubscribe();
  }

  #hear(msg: Msg): void {
    if (this.#isOver) return;
    this.#heardAt = performance.now();
    if (msg.headers?.code === noContent && msg.data.length === 0) {
      this.#hearBeat(msg.headers);
      return;
    }
    if (msg.headers !== undefined && msg.headers.code >= 400) {
      this.#lose(msg.headers.description);
      return;
    }
    const { sequence, number, pending } = deliveryOf(msg.reply!);
    if (number !== ++this.#received) {
      this.#lose('a message was lost on its way');
      return;
    }
    if (!this.isCurrent) this.#seen.add(msg.subject);
    this.#parts.news({ subject: msg.subject, sequence, data: msg.data, headers: msg.headers });
    if (pending === 0) this.#becomeCurrent();
  }

  /** Says how many messages the consumer has sent. */
  #hearBeat(headers: MsgHdrs): void {
    const sent = Number(headers.get('Nats-Last-Consumer') || '0');
    if (sent !== this.#received) this.#lose('a message was lost on its way');
  }

  #becomeCurrent(): void {
    if (this.isCurrent || this.#isOver) return;
    this.isCurrent = true;
    this.#parts.current(this.#seen);
    this.#seen.clear();
  }

  #checkPulse(): void {
    if (performance.now() - this.#heardAt > silenceMsMax) this.#lose(`nothing was heard for ${silenceMsMax} ms`);
  }

  #lose(fault: string): void {
    if (this.#isOver) return;
    this.end();
    this.#lost(fault);
  }
}
