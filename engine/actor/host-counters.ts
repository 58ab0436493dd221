/** What a host counts. Everything of the contract's metrics that happens on its thread, gathered in one place. */
import { LatencyRecorder } from '../observe/latency.js';
import type { Outcome } from '../event/attempt.js';
import type { EventStatus } from '../event/status.js';

export class HostCounters {
  accepted = 0;
  fired = 0;
  delivered = 0;
  failed = 0;
  dead = 0;
  cancelled = 0;
  expired = 0;
  records = 0;
  readonly fireLag = new LatencyRecorder();
  /** Of events that were overdue when the engine started: the time it was down is no lag of the running engine. */
  readonly overdueLag = new LatencyRecorder();
  readonly delivery = new LatencyRecorder();
  readonly commit = new LatencyRecorder();

  /** An event entered `status`. */
  transition(status: EventStatus): void {
    this.records++;
    switch (status) {
      case 'SCHEDULED':
        this.accepted++;
        break;
      case 'DISPATCHED':
        this.fired++;
        break;
      case 'DELIVERED':
        this.delivered++;
        break;
      case 'RETRYING':
        this.failed++;
        break;
      case 'DEAD':
        this.failed++;
        this.dead++;
        break;
      case 'CANCELLED':
        this.cancelled++;
        break;
      case 'EXPIRED':
        this.expired++;
        break;
    }
  }

  ended(outcome: Outcome, wasOverdue: boolean): void {
    (wasOverdue ? this.overdueLag : this.fireLag).record(outcome.lagMs);
    this.delivery.record(outcome.durationMs);
  }
}
