/**
 * Questions of a host to its reader, matched with their answers by a tag.
 *
 * An answer may come after the asker has thrown its memory away; askers hold what they need to notice that. When the reader
 * dies every open question is answered with a failure.
 */
import type { PartitionId } from '../kernel/brand.js';
import type { ReaderReply, ReaderRequest } from '../log/protocol.js';

/** A question without its tag. */
export type Ask = ReaderRequest extends infer Request
  ? Request extends { readonly tag: number; readonly partition: PartitionId }
    ? Omit<Request, 'tag'>
    : never
  : never;

type Take = (reply: ReaderReply) => void;

interface Question {
  readonly partition: PartitionId;
  readonly take: Take;
}

export class Reads {
  readonly #send: (request: ReaderRequest) => void;
  readonly #open = new Map<number, Question>();
  #lastTag = 0;

  constructor(send: (request: ReaderRequest) => void) {
    this.#send = send;
  }

  get open(): number {
    return this.#open.size;
  }

  /** `take` is called once, or for a replay with each part until `replay-done` or `failed`. Returns the tag. */
  ask(ask: Ask, take: Take): number {
    const tag = ++this.#lastTag;
    this.#open.set(tag, { partition: ask.partition, take });
    this.#send({ ...ask, tag } as ReaderRequest);
    return tag;
  }

  /** More of a replay that was asked for under this tag. */
  next(tag: number): void {
    this.#send({ op: 'replay-next', tag });
  }

  /** Whose question it was; null when nobody waits for this answer any more. */
  partitionOf(reply: ReaderReply): PartitionId | null {
    return 'tag' in reply ? (this.#open.get(reply.tag)?.partition ?? null) : null;
  }

  answered(reply: ReaderReply): void {
    if (!('tag' in reply)) return;
    const question = this.#open.get(reply.tag);
    if (question === undefined) return;
    if (!isMoreToCome(reply)) this.#open.delete(reply.tag);
    question.take(reply);
  }
}

function isMoreToCome({ op }: ReaderReply): boolean {
  return op === 'replay-start' || op === 'replay-section' || op === 'replay-batch';
}
