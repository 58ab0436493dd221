/**
 * What one node asks another one as such, whatever it owns: each question has a number, and one answer, or is refused.
 *
 *     asker: open questions --questions--> asked: its part that knows --answers--> asker
 *
 * Bounded: at most `peerQuestionsMax` are open at each node. What is open when the conversation ends is refused; whoever asked asks again, so a question must
 * be such that asking twice does no harm.
 *
 * Main thread.
 */
import type { Destination, DestinationQuestion } from '../../dispatch/destination.js';
import { EngineError, type ErrorCode } from '../../kernel/errors.js';
import { peerQuestionsMax } from '../../kernel/limits.js';

/** To the couriers of the node. */
export type PeerQuestion = DestinationQuestion;

/** Null: a gateway, which has none. */
export type PeerAnswer = { readonly destinations: readonly Destination[] | null } | null;

export interface NumberedQuestion {
  readonly number: number;
  readonly question: PeerQuestion;
}

export type NumberedAnswer = { readonly number: number } & (
  | { readonly answer: PeerAnswer }
  | { readonly refused: { readonly code: ErrorCode; readonly detail: string } }
);

interface Asker {
  readonly resolve: (answer: PeerAnswer) => void;
  readonly reject: (error: EngineError) => void;
}

/** The asker's end. */
export class OpenQuestions {
  readonly #askers = new Map<number, Asker>();
  #last = 0;

  /** Something was asked and has no answer. */
  get isOwed(): boolean {
    return this.#askers.size > 0;
  }

  /** `send` is called at once. Rejects with EngineError. */
  ask(question: PeerQuestion, send: (question: NumberedQuestion) => void): Promise<PeerAnswer> {
    if (this.#askers.size >= peerQuestionsMax)
      return Promise.reject(new EngineError('overloaded', `${this.#askers.size} questions to this node have no answer yet`));
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      this.#askers.set(number, { resolve, reject });
      send({ number, question });
    });
  }

  answered(answer: NumberedAnswer): void {
    const asker = this.#askers.get(answer.number);
    if (asker === undefined) return;
    this.#askers.delete(answer.number);
    if ('refused' in answer) asker.reject(new EngineError(answer.refused.code, answer.refused.detail));
    else asker.resolve(answer.answer);
  }

  lost(detail: string): void {
    const askers = [...this.#askers.values()];
    this.#askers.clear();
    for (const { reject } of askers) reject(new EngineError('partition-unavailable', detail));
  }
}

/** The end of the one that is asked. Resolves always. */
export async function answerTo(
  { number, question }: NumberedQuestion,
  answer: (question: PeerQuestion) => Promise<PeerAnswer>,
): Promise<NumberedAnswer> {
  try {
    return { number, answer: await answer(question) };
  } catch (error) {
    const code = error instanceof EngineError ? error.code : 'internal';
    return { number, refused: { code, detail: error instanceof Error ? error.message : String(error) } };
  }
}
