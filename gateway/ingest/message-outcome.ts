/** What became of the events of a message: what is counted, what is told as rejected, and whether the message has to come again. */
import { EngineError, type ScheduledEvents } from '../../engine/index.js';
import { eachOutcome, type OutcomeVisitor } from '../handler/scheduled-sheets.js';
import { refusalOf } from '../http/problem.js';
import type { SheetedEvents } from '../input/event-sheets.js';
import type { Refusal } from '../input/refusal.js';

export interface MessageOutcome {
  readonly accepted: number;
  readonly duplicates: number;
  /** By index, in their order. */
  readonly rejected: ReadonlyMap<number, Refusal>;
  readonly mustComeAgain: boolean;
}

/** Throws what is a bug of ours. */
export function outcomeOf(
  events: Pick<SheetedEvents, 'count' | 'refusals'>,
  scheduled: readonly ScheduledEvents[],
): MessageOutcome {
  const { count, refusals } = events;
  if (refusals.size === 0 && scheduled.every((sheet) => sheet.isPlain)) {
    return { accepted: count, duplicates: 0, rejected: refusals, mustComeAgain: false };
  }
  const tally = new Tally();
  eachOutcome(events, scheduled, tally);
  return tally;
}

class Tally implements OutcomeVisitor, MessageOutcome {
  accepted = 0;
  duplicates = 0;
  readonly rejected = new Map<number, Refusal>();
  mustComeAgain = false;

  refused(index: number, refusal: Refusal): void {
    this.rejected.set(index, refusal);
  }

  scheduled(index: number, events: ScheduledEvents, place: number): void {
    const other = events.otherAt(place);
    if (other === null) this.accepted++;
    else if (!(other instanceof Error)) this.duplicates++;
    else if (!(other instanceof EngineError)) throw other;
    else if (mayComeAgain(other)) this.mustComeAgain = true;
    else this.rejected.set(index, refusalOf(other));
  }
}

/** Also where it is not known what became of it: the next delivery finds the event, or makes it. */
function mayComeAgain({ retryable, code }: EngineError): boolean {
  return retryable || code === 'outcome-unknown' || code === 'internal';
}
