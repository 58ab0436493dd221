import type { PartitionActor } from './partition-actor.js';

/** What breaks in one partition stops that partition and says so; the others of its host go on. */
export function guarded(actor: PartitionActor, run: (actor: PartitionActor) => void): void {
  try {
    run(actor);
  } catch (error) {
    actor.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}
