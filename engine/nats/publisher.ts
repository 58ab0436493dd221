/**
 * Publishes through JetStream until it is certain: the acknowledgement of a stream (PubAck), a reason why there will be none, or the end of its time.
 *
 * A publish whose acknowledgement was lost is made again under the same message id, which a stream drops when it has it already. So within its
 * time one publish survives a lost connection, a new leader, and a server that is restarted:
 *
 *     trying ---- PubAck ------------------------------------------------> stored
 *        |------- no answer, a lost connection, a stream without leader -> pausing (until the link is back, or 250 ms) -> trying
 *        |------- the stream says no, no stream takes the subject -------> refused
 *        |------- it may not leave any more, and never did --------------> withheld
 *        +------- time is up --------------------------------------------> timed out
 *
 * "Nobody answers at this subject" means that no stream takes it, or that the stream has no leader for a moment; which of the two, the server is asked.
 * A PubAck that says "duplicate" without a sequence means that the first copy is still being written: it is no proof, and tried again.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import { JetStreamApiError, JetStreamError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { errors, headers as newHeaders, type NatsConnection } from '@nats-io/transport-node';
import { type Placed, PlacedSet } from '../kernel/placed-set.js';
import type { NatsLink } from './nats-link.js';

export interface NatsMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Stays the same however often it is tried. */
  readonly messageId: string;
  /** Asked before each try; without: it always may. */
  readonly mayLeave?: () => boolean;
}

/** `mayBeStored`: a try has left and was not answered. */
export type PublishResult =
  | { readonly kind: 'stored'; readonly isDuplicate: boolean }
  /** It might not leave any more, and never did. */
  | { readonly kind: 'withheld'; readonly error: string; readonly mayBeStored: false }
  /** `isUnhealthy`: NATS itself is in trouble, not this one message. */
  | { readonly kind: 'refused'; readonly error: string; readonly isUnhealthy: boolean; readonly mayBeStored: boolean }
  | { readonly kind: 'timed-out'; readonly error: string; readonly mayBeStored: boolean };

/** One try waits this long for its PubAck: a stream on three synced disks takes milliseconds; one whose leader died never answers. */
const tryMsMax = 2_000;
const pauseMs = 250;
const lookUpMsMax = 2_000;
/** Whether a stream takes a subject is asked once in this time, however many messages meet nobody there. */
const knownMsMax = 1_000;
/** "Duplicate, and the first copy is not written yet." */
const duplicateInProcess = 10_158;
/** Of JetStream as a whole: it is away for the moment, or its storage is full. */
const inTrouble: readonly number[] = [10_008, 10_023];

export class Publisher {
  readonly #link: NatsLink;
  readonly #open = new PlacedSet<Publication>();
  readonly #streams = new Map<string, Promise<StreamKnowledge>>();
  readonly #unwatch: () => void;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#unwatch = link.watch(({ isConnected }) => {
      for (const publication of [...this.#open]) publication.linkChanged(isConnected);
    });
  }

  get inFlight(): number {
    return this.#open.size;
  }

  /** Never rejects; over after `withinMs` at the latest. */
  publish(message: NatsMessage, withinMs: number): Promise<PublishResult> {
    return new Promise((resolve) => {
      const publication = new Publication({
        message,
        withinMs,
        connection: () => this.#link.connection,
        streamOf: (subject) => this.#streamOf(subject),
        settle: (result) => {
          this.#open.delete(publication);
          resolve(result);
        },
      });
      this.#open.add(publication);
      publication.begin();
    });
  }

  /** What is still in the air is given up: it may have been stored, or not. */
  close(): void {
    this.#unwatch();
    for (const publication of [...this.#open]) publication.giveUp('the connection to NATS was closed');
  }

  #streamOf(subject: string): Promise<StreamKnowledge> {
    const known = this.#streams.get(subject);
    if (known !== undefined) return known;
    const connection = this.#link.connection;
    const asked = connection === null ? Promise.resolve<StreamKnowledge>('unknown') : askForStream(connection, subject);
    this.#streams.set(subject, asked);
    setTimeout(() => this.#streams.delete(subject), knownMsMax).unref();
    return asked;
  }
}

type StreamKnowledge = 'exists' | 'none' | 'unknown';

async function askForStream(connection: NatsConnection, subject: string): Promise<StreamKnowledge> {
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: lookUpMsMax });
    for await (const _ of manager.streams.names(subject)) return 'exists';
    return 'none';
  } catch (error) {
    // Whoever may not ask cannot be told more than that nobody answered.
    return error instanceof errors.PermissionViolationError || error instanceof JetStreamApiError ? 'none' : 'unknown';
  }
}

interface PublicationParts {
  readonly message: NatsMessage;
  readonly withinMs: number;
  connection(): NatsConnection | null;
  streamOf(subject: string): Promise<StreamKnowledge>;
  settle(result: PublishResult): void;
}

class Publication implements Placed {
  place = -1;
  readonly #parts: PublicationParts;
  readonly #endsAt: number;
  readonly #deadline: NodeJS.Timeout;
  #pause: NodeJS.Timeout | null = null;
  /** Of the try that counts: what an earlier one brings is void. */
  #try = 0;
  #isOver = false;
  /** Tries of which nobody knows whether they were stored. */
  #unanswered = 0;
  /** What was in the way last, for the message when time is up. */
  #obstacle: string | null = null;

  constructor(parts: PublicationParts) {
    this.#parts = parts;
    this.#endsAt = performance.now() + parts.withinMs;
    this.#deadline = setTimeout(() => this.#timeIsUp(), parts.withinMs);
  }

  begin(): void {
    if (this.#isOver) return;
    const connection = this.#parts.connection();
    if (connection === null) {
      this.#obstacle = notConnected;
      return;
    }
    if (this.#parts.message.mayLeave?.() === false) {
      // One try may have been stored: then this node says so, if it may act again in time.
      if (this.#unanswered === 0) this.#settle({ kind: 'withheld', error: notNow, mayBeStored: false });
      else this.#again(notNow);
      return;
    }
    const number = ++this.#try;
    this.#unanswered++;
    const ifCurrent =
      <Value>(act: (value: Value) => void) =>
      (value: Value) => {
        if (!this.#isOver && this.#try === number) act(value);
      };
    this.#send(connection).then(
      ifCurrent((isDuplicate) => this.#settle({ kind: 'stored', isDuplicate })),
      ifCurrent((error: unknown) => this.#heed(error)),
    );
  }

  linkChanged(isConnected: boolean): void {
    if (isConnected) {
      if (this.#pause === null) this.begin();
      return;
    }
    this.#try++;
    this.#obstacle = notConnected;
    this.#endPause();
  }

  giveUp(error: string): void {
    this.#settle({ kind: 'refused', error, isUnhealthy: true, mayBeStored: this.#mayBeStored });
  }

  get #mayBeStored(): boolean {
    return this.#unanswered > 0;
  }

  /** Whether the stream had it already. Throws what the client throws, and `NotWritten`. */
  async #send(connection: NatsConnection): Promise<boolean> {
    const { subject, payload, headers, messageId } = this.#parts.message;
    const all = newHeaders();
    for (const [name, value] of headers) all.set(name, value);
    const timeout = Math.max(1, Math.min(tryMsMax, this.#endsAt - performance.now()));
    const ack = await jetstream(connection).publish(subject, payload, { headers: all, msgID: messageId, timeout });
    if (ack.duplicate && ack.seq === 0) throw new NotWrittenYet();
    return ack.duplicate;
  }

  #heed(error: unknown): void {
    const { subject } = this.#parts.message;
    if (error instanceof NotWrittenYet || error instanceof errors.TimeoutError) this.#again(error.message);
    else if (isNoResponders(error)) this.#nobodyAnswers();
    else if (error instanceof JetStreamApiError) this.#streamSays(error);
    else if (isAbout(error, errors.PermissionViolationError)) this.#refuseUnsent(`not permitted to publish to ${subject}`);
    else if (isAbout(error, errors.InvalidArgumentError)) this.#refuseUnsent(`cannot be published: ${messageOf(error)}`);
    else if (error instanceof JetStreamError || error instanceof SyntaxError)
      this.#refuse(`${subject} is answered by something that is no stream`);
    else this.#again(messageOf(error));
  }

  #streamSays(error: JetStreamApiError): void {
    if (error.code === duplicateInProcess) this.#again(error.message);
    else {
      const isUnhealthy = inTrouble.includes(error.code);
      const why = `the stream refused it: ${error.message} (${error.code})`;
      this.#unanswered--;
      this.#settle({ kind: 'refused', error: why, isUnhealthy, mayBeStored: this.#mayBeStored });
    }
  }

  #nobodyAnswers(): void {
    const number = this.#try;
    this.#unanswered--;
    void this.#parts.streamOf(this.#parts.message.subject).then((stream) => {
      if (this.#isOver || this.#try !== number) return;
      if (stream === 'none') this.#refuse(`no stream takes the subject ${this.#parts.message.subject}`);
      else this.#again(stream === 'exists' ? 'the stream has no leader' : 'JetStream does not answer');
    });
  }

  #again(obstacle: string): void {
    this.#obstacle = obstacle;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.begin();
    }, pauseMs);
  }

  #refuseUnsent(error: string): void {
    this.#unanswered--;
    this.#refuse(error);
  }

  #refuse(error: string): void {
    this.#settle({ kind: 'refused', error, isUnhealthy: false, mayBeStored: this.#mayBeStored });
  }

  #timeIsUp(): void {
    const { withinMs } = this.#parts;
    const why = this.#obstacle === null ? '' : `: ${this.#obstacle}`;
    this.#settle({ kind: 'timed-out', error: `timed out after ${withinMs} ms${why}`, mayBeStored: this.#mayBeStored });
  }

  #settle(result: PublishResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#endPause();
    this.#parts.settle(result);
  }

  #endPause(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
  }
}

const notConnected = 'NATS is not connected';
const notNow = 'it may not leave at the moment';

class NotWrittenYet extends Error {
  constructor() {
    super('the stream is still writing the first copy');
  }
}

/** The client wraps what a request met. */
function isAbout(error: unknown, kind: abstract new (...args: never[]) => Error): boolean {
  return error instanceof kind || (error instanceof Error && error.cause instanceof kind);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isNoResponders(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof errors.RequestError && cause.isNoResponders();
}
