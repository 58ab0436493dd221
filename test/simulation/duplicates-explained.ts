/**
 * I3: an attempt starts a second time only when something went wrong after its first start, under the same id and number;
 * never after its outcome is durable; and never while it still runs where its actor could have asked.
 */
import { decodeOutcome } from '../../engine/event/outcome-codec.js';
import { isOutcome } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

interface Disturbed {
  readonly happening: Extract<Happening, { what: 'disturbed' }>;
  /** When its partition worked again: what started meanwhile may end unheard. */
  overAtMs: number;
}

export class DuplicatesExplained implements Checker {
  readonly name = 'duplicates-explained';
  readonly #scene: Scene;
  readonly #starts = new Map<string, StartedAttempt[]>();
  readonly #disturbances: Disturbed[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'disturbed') {
      this.#disturbances.push({ happening, overAtMs: happening.partition === null ? happening.nowMs : Number.POSITIVE_INFINITY });
    }
    if (happening.what === 'phase' && happening.phase === 'ready') this.#isOver(happening.partition);
    if (happening.what === 'started') this.#check(happening.attempt);
  }

  #isOver(partition: PartitionId): void {
    for (const disturbed of this.#disturbances) {
      if (disturbed.happening.partition !== partition) continue;
      disturbed.overAtMs = Math.min(disturbed.overAtMs, this.#scene.world.scheduler.now);
    }
  }

  #check(started: StartedAttempt): void {
    const { event, partition, attempt, courier } = started;
    const earlier = this.#starts.get(event) ?? [];
    this.#starts.set(event, [...earlier, started]);
    if (this.#scene.world.disk.log(partition).isDamaged) return;
    const outcomes = this.#scene.stored.syncedOf(partition, event).filter(({ kind }) => isOutcome(kind));
    if (outcomes.some(({ body }) => decodeOutcome(body).attempt >= attempt)) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts although its outcome is durable`);
    }
    if (attempt !== outcomes.length + 1) {
      throw new BrokenPromise(this.name, `attempt ${attempt} of ${event} starts after ${outcomes.length} outcomes`);
    }
    const running = earlier.find((other) => other.ended === null && other.courier === courier);
    if (running !== undefined) {
      throw new BrokenPromise(
        this.name,
        `attempt ${attempt} of ${event} starts while attempt ${running.attempt} runs at the same courier`,
      );
    }
    const before = earlier.findLast((other) => other.attempt === attempt);
    if (before !== undefined && !this.#disturbances.some((disturbed) => explains(disturbed, before))) {
      throw new BrokenPromise(
        this.name,
        `attempt ${attempt} of ${event} starts again and nothing has happened since ${before.nowMs}`,
      );
    }
  }
}

function explains({ happening, overAtMs }: Disturbed, before: StartedAttempt): boolean {
  const { by, partition, courier } = happening;
  // Handed over, an attempt starts at its moment, also when the host that would hear of its outcome is gone by then.
  if (overAtMs < before.handedOverMs) return false;
  switch (by) {
    case 'power-loss':
    case 'kill':
      return true;
    case 'host-crash':
    case 'commit-failed':
      return partition === before.partition;
    case 'courier-crash':
      return courier === before.courier;
  }
}
