/** Waiting in tests of real processes: always for something that is named, never longer than a deadline. */

/**
 * A look that takes a request to another process, or to several, costs: what takes long is looked at less and less often, so that the answer is
 * late by a sixth of the whole wait at most. Whoever looks at what is here looks every time after `min`.
 */
const pollMs = { min: 10, minAfar: 20, max: 250, shareOfWait: 1 / 6 };

/** Long enough for a machine that is busy with other tests: only what fails waits for it. */
const deadlineMs = 40_000;

/** Resolves to the first answer of `look` that is not null, undefined or false. Rejects with `what` after `withinMs`. */
export async function until<Found>(
  what: string,
  look: () => Found | null | undefined | false | Promise<Found | null | undefined | false>,
  withinMs = deadlineMs,
): Promise<Found> {
  const since = performance.now();
  for (;;) {
    const looked = look();
    const found = await looked;
    if (found !== null && found !== undefined && found !== false) return found;
    const waitedMs = performance.now() - since;
    if (waitedMs >= withinMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    const costs = looked instanceof Promise;
    await pause(costs ? Math.min(pollMs.max, Math.max(pollMs.minAfar, waitedMs * pollMs.shareOfWait)) : pollMs.min);
  }
}

/** `promise`, or a rejection that says what did not happen. */
export async function within<Result>(what: string, promise: Promise<Result>, withinMs = deadlineMs): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${withinMs} ms in vain: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** For loads and observations that are made of time; not for waiting until something has happened. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
