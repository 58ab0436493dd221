/**
 * Questions of a host to its reader, matched with their answers by a tag.
 *
 * An answer may come after the asker has thrown its memory away; askers hold what they need to notice that. When the reader
 * dies every open question is answered with a failure.
 */
import type { ReaderReply, ReaderRequest } from '../log/protocol.js';

/** A question without its tag. */
export type Ask = ReaderRequest extends infer Request
  ? Request extends { readonly tag: number }
    ? Omit<Request, 'tag'>
    : never
  : never;

type Take = (reply: ReaderReply) => void;

export class Reads {
  readonly #send: (request: ReaderRequest) => void;
  readonly #open = new Map<number, Take>();
  #lastTag = 0;

  constructor(send: (request: ReaderRequest) => void) {
    this.#send = send;
  }

  get open(): number {
    return this.#open.size;
  }

  /** `take` is called once, or for a replay with each batch until `replay-done` or `failed`. Returns the tag. */
  ask(ask: Ask, take: Take): number {
    const tag = ++this.#lastTag;
    this.#open.set(tag, take);
    this.#send({ ...ask, tag } as ReaderRequest);
    return tag;
  }

  /** More of a replay that was asked for under this tag. */
  next(tag: number): void {
    this.#send({ op: 'replay-next', tag });
  }

  answered(reply: ReaderReply): void {
    if (!('tag' in reply)) return;
    const take = this.#open.get(reply.tag);
    if (take === undefined) return;
    if (reply.op !== 'replay-batch') this.#open.delete(reply.tag);
    take(reply);
  }
}
