import t from 'tap';
import { EngineError, InvariantError, type SheetAsked, SpecSheet } from '../../../engine/index.js';
import { ScheduledEvents } from '../../../engine/router/scheduled-events.js';
import { outcomeOf } from '../../../gateway/ingest/message-outcome.js';
import { scheduleSheets } from '../../../gateway/handler/scheduled-sheets.js';
import { refuse } from '../../../gateway/input/refusal.js';
import { stepping } from '../../../gateway/steps.js';
import { specOf } from '../../event/specs.js';

type Other = Parameters<ScheduledEvents['refused']>[1] | 'replayed' | null;

/** What an engine answers that has `others` in the places of two sheets. */
async function scheduled(sizes: readonly number[], others: ReadonlyMap<number, Other> = new Map()) {
  const sheets = sizes.map((size) => {
    const sheet = new SpecSheet();
    for (let event = 0; event < size; event++) sheet.add(specOf(), true);
    return sheet;
  });
  let from = 0;
  const engine = {
    scheduleSheet: ({ count }: SpecSheet, asked: SheetAsked) => {
      const events = new ScheduledEvents({ count, partitions: 4, asked });
      const first = from;
      from += count;
      for (let place = 0; place < count; place++) {
        const other = others.get(first + place) ?? null;
        if (other === null) events.accepted();
        else if (other === 'replayed') events.replayed(place, {} as never);
        else events.refused(place, other);
      }
      return events;
    },
  };
  return new Promise<readonly ScheduledEvents[]>((settled, failed) => {
    stepping(scheduleSheets(sheets, { engine, settled })).catch(failed);
  });
}

const refusal = refuse('invalid', 'it is wrong');

t.test('an engine that answers at once is heard when all sheets are with it', async (t) => {
  t.equal((await scheduled([2, 3])).length, 2);
  t.same(await scheduled([]), []);
});

t.test('each event is counted once, and what is rejected has its place in the message', async (t) => {
  const conflict = new EngineError('external-job-id-conflict', 'it has other content');
  const others = new Map<number, Other>([
    [1, 'replayed'],
    [2, conflict],
  ]);
  const refusals = new Map([
    [0, refusal],
    [4, refusal],
  ]);
  const outcome = outcomeOf({ count: 6, refusals }, await scheduled([2, 2], others));
  t.match(outcome, { accepted: 2, duplicates: 1, mustComeAgain: false });
  t.same([...outcome.rejected.keys()], [0, 3, 4]);
  t.match(outcome.rejected.get(3), { code: 'external-job-id-conflict' });
  t.match(outcomeOf({ count: 5, refusals: new Map() }, await scheduled([2, 3])), { accepted: 5, duplicates: 0 });
});

t.test('a message comes again when it is not known what became of one of its events, or it could not be taken', async (t) => {
  for (const code of ['overloaded', 'partition-unavailable', 'disk-full', 'outcome-unknown', 'internal'] as const) {
    const others = new Map([[1, new EngineError(code, 'not now')]]);
    t.ok(outcomeOf({ count: 3, refusals: new Map() }, await scheduled([3], others)).mustComeAgain, code);
  }
  const bug = await scheduled([1], new Map([[0, new InvariantError('a bug of ours')]]));
  t.throws(() => outcomeOf({ count: 1, refusals: new Map() }, bug), InvariantError);
});
