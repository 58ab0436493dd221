/** The events of a batch or a message on their way to the engine and back: sheet by sheet there, by their index here. */
import type { Engine, ScheduledEvents, SpecSheet } from '../../engine/index.js';
import { type SheetedEvents, sheetStock } from '../input/event-sheets.js';
import type { Refusal } from '../input/refusal.js';

/** One sheet in each step, about a millisecond. `settled` hears of all of them together, when every event has its answer. */
export function* scheduleSheets(
  sheets: readonly SpecSheet[],
  { engine, settled }: { readonly engine: Pick<Engine, 'scheduleSheet'>; settled(scheduled: readonly ScheduledEvents[]): void },
): Generator<void, void> {
  const scheduled: ScheduledEvents[] = [];
  let open = 1;
  const close = () => {
    if (--open === 0) settled(scheduled);
  };
  for (const [place, sheet] of sheets.entries()) {
    if (place > 0) yield;
    open++;
    // Of an event that was there before, the answers to batches and messages tell id and status.
    scheduled.push(engine.scheduleSheet(sheet, { wantsViews: false, settled: close }));
    sheetStock.giveBack(sheet);
  }
  close();
}

export interface OutcomeVisitor {
  /** Never handed to the engine. */
  refused(index: number, refusal: Refusal): void;
  scheduled(index: number, events: ScheduledEvents, place: number): void;
}

/** In the order of the batch. `scheduled`: of its sheets. */
export function eachOutcome(
  { count, refusals }: Pick<SheetedEvents, 'count' | 'refusals'>,
  scheduled: readonly ScheduledEvents[],
  visitor: OutcomeVisitor,
): void {
  let sheet = 0;
  let place = 0;
  for (let index = 0; index < count; index++) {
    const refusal = refusals.get(index);
    if (refusal !== undefined) {
      visitor.refused(index, refusal);
      continue;
    }
    while (place === scheduled[sheet]!.count) {
      sheet++;
      place = 0;
    }
    visitor.scheduled(index, scheduled[sheet]!, place++);
  }
}
