/**
 * The owner's end of conversations: other nodes ask it about partitions and about itself, and are sent status changes.
 *
 * A node that asks numbers its conversations; a higher number ends the one before, of which nothing is answered any more. A conversation of which a part is
 * missing is over: whoever asked is told, and begins another one. One of which nothing is heard, though who asks sends a pulse every few seconds, is forgotten:
 * a node that was frozen may begin one under a session that is over, and is never told to be gone once more.
 *
 * Main thread.
 */
import type { HostRequest } from '../../actor/requests.js';
import type { PartitionId } from '../../kernel/brand.js';
import { decodeMessages, layOutMessages } from '../../kernel/message-codec.js';
import { peerRestPulseMs, peerSilenceMsMax } from '../../kernel/limits.js';
import { InLane, OutLane, type PeerMessage } from './peer-lanes.js';
import type { PeerPart, PeerTopic } from './peer-message.js';
import type { PeerPost } from './peer-post.js';
import { answerTo, type NumberedQuestion, type PeerAnswer, type PeerQuestion } from './peer-question.js';
import { PeerRelay, type PeerRelayParts } from './peer-relay.js';
import type { WatchDesk, Watcher, WatchRequest } from './watch-desk.js';

export interface PeerDeskParts extends Pick<PeerRelayParts, 'linkOf'> {
  readonly post: Pick<PeerPost, 'partBytesMax' | 'publish'>;
  readonly watchDesk: Pick<WatchDesk, 'watch' | 'leave'>;
  answer(question: PeerQuestion): Promise<PeerAnswer>;
  readonly monoMs: () => number;
}

export class PeerDesk {
  readonly #parts: PeerDeskParts;
  readonly #visits = new Map<string, Visit>();

  constructor(parts: PeerDeskParts) {
    this.#parts = parts;
  }

  heard(from: string, part: PeerPart): void {
    const known = this.#visits.get(from);
    if (known !== undefined && part.conversation < known.conversation) return;
    if (known?.conversation === part.conversation) {
      known.heard(part);
      return;
    }
    known?.end();
    const visit = new Visit(this.#parts, { session: from, conversation: part.conversation });
    this.#visits.set(from, visit);
    visit.heard(part);
  }

  /** To all who ask here. One that misses it begins another conversation, and asks for everything then. */
  settingsChanged(partition: PartitionId): void {
    for (const visit of this.#visits.values()) visit.tell('settings-changed', [partition]);
  }

  /** About once a second. */
  tick(): void {
    const oldest = this.#parts.monoMs() - visitSilenceMsMax;
    for (const [session, { heardAt }] of [...this.#visits]) if (heardAt < oldest) this.gone(session);
  }

  /** The session of a node is over. */
  gone(session: string): void {
    this.#visits.get(session)?.end();
    this.#visits.delete(session);
  }
}

/** Who asks has given the conversation up by then, also one that had nothing to ask. */
const visitSilenceMsMax = 2 * peerSilenceMsMax + peerRestPulseMs;

/** One conversation. */
class Visit {
  readonly conversation: number;
  heardAt = 0;
  readonly #parts: PeerDeskParts;
  readonly #in = new InLane();
  readonly #out: OutLane;
  readonly #relay: PeerRelay;
  readonly #watcher: Watcher;
  #isOver = false;

  constructor(parts: PeerDeskParts, { session, conversation }: { readonly session: string; readonly conversation: number }) {
    const { post, linkOf } = parts;
    this.#parts = parts;
    this.conversation = conversation;
    this.#out = new OutLane({
      conversation,
      publish: (part) => post.publish(session, part),
      partBytesMax: () => post.partBytesMax,
    });
    this.#relay = new PeerRelay({ linkOf, answer: (replies) => this.tell('replies', replies) });
    this.#watcher = {
      watching: (answer) => this.tell('watching', [answer]),
      changes: (changes) => this.tell('changes', changes),
    };
  }

  heard(part: PeerPart): void {
    this.heardAt = this.#parts.monoMs();
    if (this.#isOver) return;
    const message = this.#in.take(part);
    if (this.#in.isBroken) {
      this.end();
      this.#out.send('broken', nothing);
    } else if (message !== null) {
      this.#heed(message);
    }
  }

  tell(topic: PeerTopic, messages: readonly unknown[]): void {
    if (!this.#isOver) this.#out.send(topic, layOutMessages(messages));
  }

  end(): void {
    this.#isOver = true;
    this.#parts.watchDesk.leave(this.#watcher);
  }

  #heed({ topic, bytes }: PeerMessage): void {
    if (topic === 'pulse') this.#out.send('pulse-back', nothing);
    else if (topic === 'requests') this.#relay.ask(decodeMessages<HostRequest>(bytes));
    else if (topic === 'watch') {
      for (const request of decodeMessages<WatchRequest>(bytes)) this.#parts.watchDesk.watch(this.#watcher, request);
    } else if (topic === 'questions') {
      for (const question of decodeMessages<NumberedQuestion>(bytes)) void this.#answer(question);
    }
  }

  async #answer(question: NumberedQuestion): Promise<void> {
    this.tell('answers', [await answerTo(question, (asked) => this.#parts.answer(asked))]);
  }
}

const nothing = new Uint8Array(0);
