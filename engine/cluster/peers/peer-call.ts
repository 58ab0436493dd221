/**
 * The asker's end of a conversation with one other node: a `HostLink` whose host is that node, the order to send status changes, and questions
 * to the node as such.
 *
 *     link --requests--> other node --replies--> link
 *
 * Modes
 *   talking  Requests leave as they come, and a pulse each second while an answer is owed or something is watched, else every few. A part is missing, the other one says so, or has been silent for too long -> a new
 *            conversation begins, and what was open is lost as if a host had died. NATS is away -> waiting.
 *   waiting  Nothing leaves; what comes waits in the link. NATS is back: a new conversation -> talking.
 *   closed   The other node is gone: what is open is lost, and nothing comes any more.
 *
 * Main thread.
 */
import type { HostReply } from '../../actor/replies.js';
import type { StatusChange } from '../../event/status-change.js';
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError } from '../../kernel/errors.js';
import { decodeMessages, layOutMessages } from '../../kernel/message-codec.js';
import { peerBatchBytesMax, peerPulseMs, peerRestPulseMs, peerSilenceMsMax } from '../../kernel/limits.js';
import { HostLink } from '../../router/host-link.js';
import { InLane, OutLane, type PeerMessage } from './peer-lanes.js';
import type { PeerPart, PeerTopic } from './peer-message.js';
import type { PeerPost } from './peer-post.js';
import { type NumberedAnswer, OpenQuestions, type PeerAnswer, type PeerQuestion } from './peer-question.js';
import type { WatchAnswer, WatchRequest } from './watch-desk.js';

export interface PeerCallParts {
  /** Of the other node. */
  readonly session: string;
  readonly post: Pick<PeerPost, 'isUp' | 'partBytesMax' | 'publish'>;
  readonly monoMs: () => number;
  watching(answer: WatchAnswer): void;
  changes(changes: readonly StatusChange[]): void;
  settingsChanged(partition: PartitionId): void;
  /** What was ordered to be watched is void. */
  restarted(): void;
}

export class PeerCall {
  readonly link: HostLink;
  readonly #parts: PeerCallParts;
  readonly #questions = new OpenQuestions();
  #conversation = 0;
  #out: OutLane | null = null;
  #in = new InLane();
  /** When it was sent the first thing since it was heard; null: nothing. */
  #unheardSince: number | null = null;
  #pulsedAt = 0;
  readonly #watched = new Set<PartitionId>();
  #isClosed = false;

  constructor(parts: PeerCallParts) {
    this.#parts = parts;
    this.link = new HostLink((bytes) => this.#send('requests', bytes), {
      lossOfReads: 'not-owner',
      batchBytesMax: peerBatchBytesMax,
      encode: layOutMessages,
    });
    if (parts.post.isUp) this.#talk();
    else this.link.lost('NATS is away');
  }

  watch(request: WatchRequest): void {
    if (request.on) this.#watched.add(request.partition);
    else this.#watched.delete(request.partition);
    this.#send('watch', layOutMessages([request]));
  }

  /** Rejects with EngineError when the conversation ends before the answer. */
  ask(question: PeerQuestion): Promise<PeerAnswer> {
    if (this.#out === null)
      return Promise.reject(new EngineError('partition-unavailable', 'this node is cut off from the others'));
    return this.#questions.ask(question, (numbered) => this.#send('questions', layOutMessages([numbered])));
  }

  heard(part: PeerPart): void {
    if (part.conversation !== this.#conversation || this.#out === null) return;
    this.#unheardSince = null;
    if (part.topic === 'broken') {
      this.#beginAnew('the other node has missed a part of what it was asked');
      return;
    }
    const message = this.#in.take(part);
    if (this.#in.isBroken) this.#beginAnew('a part of the answers is missing');
    else if (message !== null) this.#heed(message);
  }

  /** It was answered with something that makes no sense. */
  notUnderstood(): void {
    if (this.#out !== null) this.#beginAnew('the other node has sent what makes no sense here');
  }

  /** About once a second. */
  pulse(): void {
    if (this.#out === null) return;
    const now = this.#parts.monoMs();
    if (this.#unheardSince !== null && now - this.#unheardSince > peerSilenceMsMax)
      this.#beginAnew('the other node does not answer');
    else if (this.#isAwaited || now - this.#pulsedAt > peerRestPulseMs - peerPulseMs / 2) this.#sendPulse();
  }

  postChanged(isUp: boolean): void {
    if (this.#isClosed) return;
    if (this.#out !== null) this.#end('this node is cut off from the others, or was');
    if (isUp) this.#begin();
  }

  close(detail: string): void {
    this.#isClosed = true;
    this.#end(detail);
  }

  #heed({ topic, bytes }: PeerMessage): void {
    if (topic === 'replies') this.link.answered(decodeMessages<HostReply>(bytes));
    else if (topic === 'watching') for (const answer of decodeMessages<WatchAnswer>(bytes)) this.#parts.watching(answer);
    else if (topic === 'changes') this.#parts.changes(decodeMessages<StatusChange>(bytes));
    else if (topic === 'answers') for (const answer of decodeMessages<NumberedAnswer>(bytes)) this.#questions.answered(answer);
    else if (topic === 'settings-changed')
      for (const partition of decodeMessages<PartitionId>(bytes)) this.#parts.settingsChanged(partition);
  }

  #begin(): void {
    this.#talk();
    this.link.restored();
    this.#parts.restarted();
  }

  #talk(): void {
    const { post, session } = this.#parts;
    this.#in = new InLane();
    this.#unheardSince = null;
    this.#watched.clear();
    this.#out = new OutLane({
      conversation: ++this.#conversation,
      publish: (part) => post.publish(session, part),
      partBytesMax: () => post.partBytesMax,
    });
    // So that the other node knows of it even if nothing is asked for long.
    this.#sendPulse();
  }

  /** Something is to come of it. At rest nothing is missed while it is silent, but that it keeps other settings for origins than before. */
  get #isAwaited(): boolean {
    return this.link.isOwed || this.#questions.isOwed || this.#watched.size > 0;
  }

  #sendPulse(): void {
    this.#pulsedAt = this.#parts.monoMs();
    this.#send('pulse', nothing);
  }

  #send(topic: PeerTopic, bytes: Uint8Array): void {
    if (this.#out === null) return;
    this.#unheardSince ??= this.#parts.monoMs();
    this.#out.send(topic, bytes);
  }

  #end(detail: string): void {
    this.#out = null;
    this.link.lost(detail);
    this.#questions.lost(detail);
  }

  #beginAnew(detail: string): void {
    this.#end(detail);
    this.#begin();
  }
}

const nothing = new Uint8Array(0);
