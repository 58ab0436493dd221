/** All that is promised, and who guards it. */
import type { Happening } from '../support/simulated-happenings.js';
import type { SimulatedWorld } from '../support/simulated-world.js';
import { AcknowledgedIsDurable } from './acknowledged-is-durable.js';
import { AliasesKept } from './aliases-kept.js';
import { BulkTrue } from './bulk-true.js';
import { CancelHonoured } from './cancel-honoured.js';
import { ChangeHonoured } from './change-honoured.js';
import { type Checker, type Scene, StoredEvents } from './checker.js';
import { Dedupe } from './dedupe.js';
import { DuplicatesExplained } from './duplicates-explained.js';
import { HaltOverGuess } from './halt-over-guess.js';
import { KeptWhole } from './kept-whole.js';
import { LegalTransitions } from './legal-transitions.js';
import { ListsComplete } from './lists-complete.js';
import { NoLoss } from './no-loss.js';
import { NotEarly } from './not-early.js';
import { NotExpired } from './not-expired.js';
import { PauseHonoured } from './pause-honoured.js';
import { ReplayEqualsLive } from './replay-equals-live.js';
import { SlotsKept } from './slots-kept.js';
import { StreamExact } from './stream-exact.js';

export class Checkers {
  readonly #all: readonly Checker[];

  constructor(world: SimulatedWorld, { originConcurrency }: { originConcurrency: number }) {
    const scene: Scene = { world, stored: new StoredEvents(world.disk) };
    this.#all = [
      new HaltOverGuess(scene),
      new AcknowledgedIsDurable(scene),
      new CancelHonoured(scene),
      new ChangeHonoured(scene),
      new NotEarly(scene),
      new NotExpired(scene),
      new DuplicatesExplained(scene),
      new SlotsKept(originConcurrency),
      new PauseHonoured(() => world.scheduler.now),
      new LegalTransitions(scene),
      new StreamExact(scene),
      new ListsComplete(scene),
      new BulkTrue(scene),
      new AliasesKept(scene),
      new KeptWhole(scene),
      new ReplayEqualsLive(scene),
      new Dedupe(scene),
      new NoLoss(scene),
    ];
    world.onlooker((happening: Happening) => {
      for (const checker of this.#all) checker.happened?.(happening);
    });
  }

  /** To be called when the world is quiet. */
  quiet(): void {
    for (const checker of this.#all) checker.quiet?.();
  }

  end(): void {
    for (const checker of this.#all) checker.end?.();
  }
}
