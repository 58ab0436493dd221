/**
 * Once a pause has been answered, nothing more is handed to the origin's courier until somebody asks to resume it: whatever
 * crashes in between, and whatever a restarted courier has not been told yet.
 */
import type { Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker } from './checker.js';

export class PauseHonoured implements Checker {
  readonly name = 'pause-honoured';
  readonly #nowMs: () => number;
  /** By origin: since when. */
  readonly #paused = new Map<string, number>();
  /** By origin: how often somebody has asked for something else than a pause. */
  readonly #resumes = new Map<string, number>();
  readonly #resumesBefore = new WeakMap<object, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  happened(happening: Happening): void {
    switch (happening.what) {
      case 'setting': {
        const { origin, change } = happening.setting;
        if (change.paused === false) {
          this.#resumes.set(origin, this.#resumesOf(origin) + 1);
          this.#paused.delete(origin);
        }
        this.#resumesBefore.set(happening.setting, this.#resumesOf(origin));
        return;
      }
      case 'set': {
        const { setting } = happening;
        const isLast = this.#resumesBefore.get(setting) === this.#resumesOf(setting.origin);
        if (setting.outcome === 'set' && setting.change.paused === true && isLast && !this.#paused.has(setting.origin))
          this.#paused.set(setting.origin, this.#nowMs());
        return;
      }
      case 'started':
        this.#check(happening.attempt);
        return;
      default:
    }
  }

  #check({ event, attempt, origin, handedOverMs }: StartedAttempt): void {
    const since = this.#paused.get(origin);
    if (since === undefined || handedOverMs <= since) return;
    throw new BrokenPromise(
      this.name,
      `attempt ${attempt} of ${event} was handed over ${(handedOverMs - since).toFixed(3)} ms after the pause of ${origin} was answered`,
    );
  }

  #resumesOf(origin: string): number {
    return this.#resumes.get(origin) ?? 0;
  }
}
