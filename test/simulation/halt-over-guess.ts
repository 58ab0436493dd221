/**
 * I8: a log that contradicts itself stops its partition, which says so and starts nothing; no other partition stops, and
 * nothing else ever stops one.
 */
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { PartitionPhase } from '../../engine/observe/figures.js';
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

export class HaltOverGuess implements Checker {
  readonly name = 'halt-over-guess';
  readonly #scene: Scene;
  readonly #phases = new Map<PartitionId, PartitionPhase>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    switch (happening.what) {
      case 'died':
        throw new BrokenPromise(this.name, `${happening.part} is gone: ${happening.error.stack}`);
      case 'phase': {
        const { partition, phase, detail } = happening;
        this.#phases.set(partition, phase);
        const log = this.#scene.world.disk.log(partition);
        if (phase === 'failed' && !log.isDamaged) {
          throw new BrokenPromise(this.name, `partition ${partition} has stopped although its log is sound: ${detail}`);
        }
        // What a snapshot stands for is not read again at the start, but when somebody asks for it.
        if (phase === 'ready' && log.isDamagedBehind(Math.max(log.snapshots[0]?.seq ?? 0, log.beginning - 1))) {
          throw new BrokenPromise(this.name, `partition ${partition} works again on a damaged log`);
        }
        return;
      }
      case 'started': {
        const { partition, event } = happening.attempt;
        if (this.#phases.get(partition) === 'failed') {
          throw new BrokenPromise(this.name, `an attempt of ${event} starts although partition ${partition} has stopped`);
        }
      }
    }
  }
}
