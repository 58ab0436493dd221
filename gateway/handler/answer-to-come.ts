/**
 * An answer that comes later, for the call that is made most: a promise for each of its stages, five deep, cost a microsecond of the
 * twenty that a request may take.
 */
import type { Reply } from '../http/reply.js';
import type { Refusal } from '../input/refusal.js';

export class AnswerToCome {
  #answer: Reply | Refusal | Error | null = null;
  #listener: ((answer: Reply | Refusal | Error) => void) | null = null;

  /** Once. EngineError is a refusal, any other error a defect. */
  settle(answer: Reply | Refusal | Error): void {
    if (this.#listener === null) this.#answer = answer;
    else this.#listener(answer);
  }

  /** Once. Called at once when it has come already. */
  whenSettled(listener: (answer: Reply | Refusal | Error) => void): void {
    if (this.#answer === null) this.#listener = listener;
    else listener(this.#answer);
  }
}
