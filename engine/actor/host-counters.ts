/** What a host counts. Everything of the contract's metrics that happens on its thread, gathered in one place. */
import { LatencyRecorder } from '../observe/latency.js';
import type { Outcome } from '../event/attempt.js';
import { type RecordKind, recordKinds } from '../event/record.js';

export class HostCounters {
  accepted = 0;
  fired = 0;
  delivered = 0;
  failed = 0;
  /** When it can be told: whoever is told of this number has been told of these changes before. */
  dead = 0;
  cancelled = 0;
  expired = 0;
  records = 0;
  readonly fireLag = new LatencyRecorder();
  /** Of events that were overdue when the engine started: the time it was down is no lag of the running engine. */
  readonly overdueLag = new LatencyRecorder();
  readonly delivery = new LatencyRecorder();
  readonly commit = new LatencyRecorder();

  /** A record came true. */
  recorded(kind: RecordKind): void {
    this.records++;
    switch (kind) {
      case recordKinds.accepted:
        this.accepted++;
        break;
      case recordKinds.dispatched:
        this.fired++;
        break;
      case recordKinds.delivered:
        this.delivered++;
        break;
      case recordKinds.retrying:
        this.failed++;
        break;
      case recordKinds.dead:
        this.failed++;
        break;
      case recordKinds.cancelled:
        this.cancelled++;
        break;
      case recordKinds.expired:
        this.expired++;
        break;
      default:
    }
  }

  ended(outcome: Outcome, wasOverdue: boolean): void {
    (wasOverdue ? this.overdueLag : this.fireLag).record(outcome.lagMs);
    this.delivery.record(outcome.durationMs);
  }
}
