/**
 * An answer that comes later, for the call that is made most: a promise for each of its stages, five deep, cost a microsecond of the
 * twenty that a request may take.
 *
 * Hundreds of requests wait at a time, for milliseconds, so whatever is looked at when an answer comes has left the caches by then: whoever waits is an object, not a closure
 * with what it closes over beside it.
 */
import type { Reply } from '../http/reply.js';
import type { Refusal } from '../input/refusal.js';

/** EngineError is a refusal, any other error a defect. */
export type LateAnswer = Reply | Refusal | Error;

export interface AnswerListener {
  settled(answer: LateAnswer): void;
}

export class AnswerToCome {
  #answer: LateAnswer | null = null;
  #listener: AnswerListener | null = null;

  /** Once. */
  settle(answer: LateAnswer): void {
    if (this.#listener === null) this.#answer = answer;
    else this.#listener.settled(answer);
  }

  /** Once. Called at once when it has come already. */
  whenSettled(listener: AnswerListener): void {
    if (this.#answer === null) this.#listener = listener;
    else listener.settled(this.#answer);
  }
}
