/**
 * Work that would hold the thread for too long, cut into steps: a generator that yields where others may have their turn.
 *
 * Small work, which is nearly all, is over with its first step, before `takeSteps` returns, and has cost no promise.
 */
import { setImmediate as pause } from 'node:timers/promises';

/** `failed`: the work has thrown, or `done` has. */
export function takeSteps<Result>(
  steps: Generator<void, Result>,
  { done, failed }: { done(result: Result): void; failed(error: unknown): void },
): void {
  try {
    const step = steps.next();
    if (step.done === true) done(step.value);
    else setImmediate(() => takeSteps(steps, { done, failed }));
  } catch (error) {
    failed(error);
  }
}

/** The same for whoever has a promise anyway. */
export async function stepping<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}
