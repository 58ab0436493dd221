/**
 * What an actor holds of its partition while it is ready: one life of its memory, from a replay to the next failed commit.
 *
 * State follows from the log; places, wheel and running attempts say what is being done about it. When a commit fails,
 * memory knows things that the disk does not; then all of this is discarded and a new one is made from the log. Whoever
 * waits for an answer from another thread asks `isDiscarded` before acting on it.
 */
import type { RetryPolicy } from '../event/spec.js';
import type { Handle, Tick, WallMs } from '../kernel/brand.js';
import { NumberMap } from '../kernel/number-map.js';
import type { PartitionState } from '../partition/state.js';
import { Wheel } from '../wheel/wheel.js';
import type { Labels } from '../event/status-change.js';
import { Places } from './places.js';

/** An attempt that a courier runs. */
export interface Running {
  /** Null when the attempt is older than this memory, until it is read. */
  readonly retry: RetryPolicy | null;
  /** Null while nobody watches. */
  readonly labels: Labels | null;
  readonly wasOverdue: boolean;
}

export class PartitionMemory {
  readonly state: PartitionState;
  readonly places = new Places();
  readonly running = new NumberMap<Handle, Running>();
  /** Events due before this were so when nobody could start them: before this memory was made, or before the clock jumped to it. */
  overdueBeforeMs: WallMs;
  wheel: Wheel;
  isDiscarded = false;

  constructor(state: PartitionState, tick: Tick) {
    this.state = state;
    this.overdueBeforeMs = tick as number as WallMs;
    this.wheel = new Wheel(tick);
  }

  originOf(handle: Handle): string {
    return this.state.origins.name(this.state.columns.origin(handle));
  }

  /** It leaves behind what is due now, at the pace of recovery: it was due when nobody could start it, or was put back with very many. */
  wasOverdue(handle: Handle): boolean {
    return this.state.columns.dueAtMs(handle) < this.overdueBeforeMs || this.places.isPaced(handle);
  }
}
