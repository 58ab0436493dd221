/**
 * I3: an attempt starts a second time only when something went wrong after its first start, under the same id and number;
 * never after its outcome is durable; and never while it still runs where its actor could have asked.
 */
import { decodeOutcome } from '../../engine/event/outcome-codec.js';
import { isOutcome } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

type Disturbed = Extract<Happening, { what: 'disturbed' }>;

export class DuplicatesExplained implements Checker {
  readonly name = 'duplicates-explained';
  readonly #scene: Scene;
  readonly #starts = new Map<string, StartedAttempt[]>();
  readonly #disturbances: Disturbed[] = [];
  /** Partitions whose host has crashed and whose successor is not ready: a courier may still start what it was handed before. */
  readonly #down = new Set<PartitionId>();
  /** Started meanwhile: nobody may be there to hear of the outcome. */
  readonly #orphans = new Set<StartedAttempt>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'disturbed') this.#disturbed(happening);
    if (happening.what === 'phase' && happening.phase === 'ready') this.#down.delete(happening.partition);
    if (happening.what === 'started') this.#check(happening.attempt);
  }

  #disturbed(disturbed: Disturbed): void {
    this.#disturbances.push(disturbed);
    if (disturbed.by === 'host-crash' && disturbed.partition !== null) this.#down.add(disturbed.partition);
  }

  #check(started: StartedAttempt): void {
    const { event, partition, attempt, courier } = started;
    if (this.#down.has(partition)) this.#orphans.add(started);
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
    if (before === undefined || this.#orphans.has(before)) return;
    if (!this.#disturbances.some((disturbed) => explains(disturbed, before))) {
      throw new BrokenPromise(
        this.name,
        `attempt ${attempt} of ${event} starts again and nothing has happened since ${before.nowMs}`,
      );
    }
  }
}

function explains({ by, partition, courier, nowMs }: Disturbed, before: StartedAttempt): boolean {
  if (nowMs < before.handedOverMs) return false;
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
