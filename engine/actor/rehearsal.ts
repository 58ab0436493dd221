/**
 * Rehearsal: before a host takes up its partitions it plays some made-up events from request to outcome, in memory,
 * with a clock of its own and nobody else on the stage.
 *
 * Code that has never run is slow: each function is compiled at its first call, each look at a property learns its place.
 * The first event after a start left 7 ms late for that reason alone, and after a crash there is no time to practise. A
 * rehearsal takes 0.03 s of the thread, before it is ready.
 *
 * It exercises the very classes that the host then uses; nothing of it remains.
 */
import { decodeReplies, decodeRequests, encodeReplies, encodeRequests } from '../dispatch/courier-mail.js';
import type { CourierReply, CourierRequest } from '../dispatch/protocol.js';
import type { Outcome } from '../event/attempt.js';
import { madeUpSpec } from '../event/made-up-spec.js';
import { recordKinds } from '../event/record.js';
import { SpecSheet } from '../event/spec-sheet.js';
import type { MonoMs, PartitionId, Sequence, Slot, WallMs } from '../kernel/brand.js';
import { mintEventId } from '../kernel/event-id.js';
import { keepPayloadMs, readAheadBytesMax, snapshotRecords } from '../kernel/limits.js';
import { decodeMessages, encodeMessages } from '../kernel/message-codec.js';
import type { ReaderReply, ReaderRequest, WriterRequest } from '../log/protocol.js';
import { EventSheafBuilder } from '../log/event-sheaf.js';
import { readBatch } from '../log/record-batch.js';
import { ActorHost } from './host.js';
import type { HostReply } from './replies.js';
import type { HostRequest } from './requests.js';

/** By then every function of the way has been compiled and has learned what its properties are; forty took 0.03 s more, a hundred as much again, and gained nothing that is seen. */
const eventsPlayed = 20;
/** Every other event is read ahead from the log. */
const aheadMs = [50, keepPayloadMs + 2_000];
const partition = 0 as PartitionId;
/** 2026-01-01; any would do. */
const openingMs = 1_767_225_600_000;

/** Returns how many events have been delivered, which is all of them. */
export function rehearse(): number {
  const rehearsal = new Rehearsal();
  for (let event = 0; event < eventsPlayed; event++) rehearsal.play(event);
  return rehearsal.delivered;
}

class Rehearsal {
  delivered = 0;
  #nowMs = openingMs;
  #lastRequest = 0;
  readonly #sheet = new SpecSheet();
  readonly #sheaf = new EventSheafBuilder();
  readonly #bodies = new Map<Sequence, Uint8Array>();
  readonly #toCourier: CourierRequest[] = [];
  readonly #toWriter: WriterRequest[] = [];
  readonly #toReader: ReaderRequest[] = [];
  #replies: HostReply[] = [];
  readonly #host: ActorHost;

  constructor() {
    this.#host = new ActorHost(
      { partitions: [partition], readAheadBytesMax, snapshotRecords, retentionMs: Number.MAX_SAFE_INTEGER },
      {
        lease: null,
        clock: { wallMs: () => this.#nowMs as WallMs, monoMs: () => this.#nowMs as MonoMs },
        random: () => 0,
        toWriter: (request) => this.#toWriter.push(request),
        toReader: (request) => this.#toReader.push(request),
        couriers: {
          couriers: 1,
          courierOf: () => 0,
          send: (_, requests) => this.#toCourier.push(...decodeRequests(encodeRequests(requests))),
        },
        reply: (reply) => this.#replies.push(reply),
        notify: () => undefined,
        change: () => undefined,
      },
    );
    this.#host.start();
    this.#settle();
  }

  /** From request to outcome. */
  play(event: number): void {
    const scheduledAtMs = (this.#nowMs + aheadMs[event % aheadMs.length]!) as WallMs;
    const request = this.#schedule(scheduledAtMs);
    this.#host.fromRouter(throughPort([request]));
    this.#settle();
    throughPort(this.#replies);
    this.#replies = [];
    while (this.#nowMs < scheduledAtMs) {
      this.#nowMs = Math.min(this.#nowMs + 500, scheduledAtMs);
      this.#settle();
    }
  }

  #schedule(scheduledAtMs: WallMs): HostRequest {
    const now = this.#nowMs as WallMs;
    this.#sheet.clear();
    this.#sheet.add(madeUpSpec(scheduledAtMs, now), true);
    const ids = mintEventId(0 as Slot, now);
    this.#sheaf.append({ ids, idAt: 0, room: this.#sheet, bodyAt: 0, bodyEnd: this.#sheet.end, createdAtMs: now });
    return { op: 'schedule-sheaf', request: ++this.#lastRequest, partition, count: 1, events: this.#sheaf.take() };
  }

  /** Turns, until nobody has anything to say. */
  #settle(): void {
    do {
      this.#host.turn();
      for (const request of this.#toWriter.splice(0)) this.#write(request);
      for (const request of this.#toReader.splice(0)) this.#read(request);
      const replies = this.#toCourier.splice(0).flatMap((request) => this.#deliver(request));
      if (replies.length > 0) this.#host.fromCourier(0, decodeReplies(encodeReplies(replies)));
    } while (this.#host.turn() === 0 || this.#toWriter.length + this.#toReader.length + this.#toCourier.length > 0);
  }

  #write(request: WriterRequest): void {
    if (request.op === 'reopen') this.#host.fromWriter({ op: 'reopened', partition });
    if (request.op !== 'append') return;
    let seq = 0 as Sequence;
    for (const record of readBatch(request.batch)) {
      seq = record.seq;
      if (record.kind === recordKinds.accepted) this.#bodies.set(seq, record.body);
    }
    this.#host.fromWriter({ op: 'durable', partition, seq, commitMs: 1 });
  }

  #read(request: ReaderRequest): void {
    const reply = this.#answerOf(request);
    if (reply !== null) this.#host.fromReader(reply);
  }

  #answerOf(request: ReaderRequest): ReaderReply | null {
    if (request.op === 'replay') return { op: 'replay-done', tag: request.tag, last: 0 as Sequence };
    if (request.op !== 'bodies') return null;
    return { op: 'bodies', tag: request.tag, bodies: request.seqs.map((seq) => this.#bodies.get(seq)!), damaged: [] };
  }

  #deliver(request: CourierRequest): CourierReply[] {
    switch (request.op) {
      case 'want':
        return [{ ...request, op: 'grant' }];
      case 'start':
        this.delivered++;
        return [{ op: 'outcome', outcome: outcomeOf(request.attempt, this.#nowMs as WallMs) }];
      case 'running?':
        return [{ op: 'running', partition, attempts: [] }];
      default:
        return [];
    }
  }
}

/** As it comes out at the other end of a port. */
function throughPort<Message>(messages: readonly Message[]): Message[] {
  return decodeMessages<Message>(encodeMessages(messages));
}

function outcomeOf(
  { partition, event, attempt }: Pick<Outcome, 'partition' | 'event' | 'attempt'>,
  startedAtMs: WallMs,
): Outcome {
  return {
    partition,
    event,
    attempt,
    kind: 'delivered',
    startedAtMs,
    durationMs: 1,
    lagMs: 1,
    statusCode: 204,
    error: null,
    responseBody: null,
    retryAfterMs: null,
  };
}
