/** Requests to servers that are killed again and again: asked until there is an answer. */
import { pause } from '../support/deadline.js';
import type { HttpAnswer } from '../support/http.js';

/** Between two tries to reach a server that is down. */
const retryPauseMs = 25;

/** There was an answer, and it says that nobody knows. */
export class AnswerLost extends Error {}

/** Of a node that was asked for another one's partition, and has lost it meanwhile: as good as no answer. A server alone never says so. */
export function isOutcomeUnknown({ status, body }: HttpAnswer<unknown>): boolean {
  return status === 500 && (body as { readonly code?: string } | null)?.code === 'outcome-unknown';
}

/** Not now, and when to ask again. */
export function isPutOff({ status, headers }: HttpAnswer<unknown>): boolean {
  return status === 503 && headers['retry-after'] !== undefined;
}

/**
 * `ask` says whether that was an answer, and is told whether one was lost before. A request whose answer was lost (the
 * connection failed, or `ask` throws AnswerLost) is asked again only while `mayRepeat`; one that never left always.
 */
export async function untilAnswered(mayRepeat: () => boolean, ask: (hadUnknown: boolean) => Promise<boolean>): Promise<void> {
  let hadUnknown = false;
  for (;;) {
    try {
      if (await ask(hadUnknown)) return;
    } catch (error) {
      hadUnknown ||= !isRefusedConnection(error);
    }
    if (hadUnknown && !mayRepeat()) return;
    await pause(retryPauseMs);
  }
}

/** Of what may be carried out as often as it is sent. */
export const always = (): boolean => true;

/** Nothing was sent. */
function isRefusedConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}
