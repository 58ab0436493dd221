/** Requests to a server that is killed again and again: asked until there is an answer. */
import { pause } from '../support/deadline.js';

/** Between two tries to reach a server that is down. */
const retryPauseMs = 25;

/**
 * `ask` says whether that was an answer, and is told whether one was lost before. A request whose answer was lost is asked again only
 * if `mayRepeat`; one that never left always.
 */
export async function untilAnswered(mayRepeat: boolean, ask: (hadUnknown: boolean) => Promise<boolean>): Promise<void> {
  let hadUnknown = false;
  for (;;) {
    try {
      if (await ask(hadUnknown)) return;
    } catch (error) {
      if (!isRefusedConnection(error)) {
        hadUnknown = true;
        if (!mayRepeat) return;
      }
    }
    await pause(retryPauseMs);
  }
}

/** Nothing was sent. */
function isRefusedConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}
