import t from 'tap';
import { EngineError, formatEventId } from '../../../engine/index.js';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { eventIdBytes, mintEventId, mintEventIdIn } from '../../../engine/kernel/event-id.js';
import { ScheduledEvents } from '../../../engine/router/scheduled-events.js';
import { renderResults } from '../../../gateway/handler/batch-results.js';
import { type Refusal, refuse } from '../../../gateway/input/refusal.js';

const now = 1_795_000_000_000 as WallMs;

function scheduledOf(count: number, answer: (events: ScheduledEvents, place: number) => void): ScheduledEvents {
  const events = new ScheduledEvents({ count, partitions: 4, asked: { wantsViews: false, settled: () => undefined } });
  for (let place = 0; place < count; place++) {
    mintEventIdIn(events.ids, place * eventIdBytes, { slot: null, now });
    answer(events, place);
  }
  return events;
}

t.test('each event is told as what has become of it, byte by byte as JSON.stringify writes it', async (t) => {
  const known = { id: mintEventId(7 as never, now), status: 'DELIVERED' } as const;
  const why = 'é'.repeat(300);
  const refusals = new Map<number, Refusal>([
    [0, refuse('invalid', why)],
    [3, refuse('too-large', 'so long')],
  ]);
  const first = scheduledOf(2, (events, place) => (place === 0 ? events.accepted() : events.kept(place)));
  const second = scheduledOf(2, (events, place) =>
    place === 0 ? events.replayed(place, known) : events.refused(place, new EngineError('overloaded', 'full')),
  );
  const results = [
    { index: 0, code: 'invalid', detail: why, retryable: false, errors: [{ pointer: '', detail: why }] },
    { index: 1, id: first.idAt(0), status: 'SCHEDULED', duplicate: false },
    { index: 2, id: first.idAt(1), status: 'ACCEPTED', duplicate: false },
    { index: 3, code: 'too-large', detail: 'so long', retryable: false, errors: refusals.get(3)!.errors },
    { index: 4, id: formatEventId(known.id), status: 'DELIVERED', duplicate: true },
    { index: 5, code: 'overloaded', detail: 'full', retryable: true, errors: [] },
  ];
  const outcome = { batch: { count: 6, refusals }, scheduled: [first, second] };
  const counts = { accepted: 2, duplicates: 1, rejected: 3 };
  t.equal(renderResults({ ...outcome, onlyErrors: false }).toString(), JSON.stringify({ ...counts, results }));
  t.equal(
    renderResults({ ...outcome, onlyErrors: true }).toString(),
    JSON.stringify({ ...counts, results: results.filter(({ code }) => code !== undefined) }),
  );
});

t.test('any number of results finds room, also none and none but refusals', async (t) => {
  for (const count of [1, 9, 11, 101, 10_000]) {
    const scheduled = scheduledOf(count, (events) => events.accepted());
    const outcome = { batch: { count, refusals: new Map() }, scheduled: [scheduled] };
    const results = Array.from({ length: count }, (_, index) => ({
      index,
      id: scheduled.idAt(index),
      status: 'SCHEDULED',
      duplicate: false,
    }));
    const counts = { accepted: count, duplicates: 0, rejected: 0 };
    t.ok(renderResults({ ...outcome, onlyErrors: false }).toString() === JSON.stringify({ ...counts, results }), `${count}`);
    t.equal(renderResults({ ...outcome, onlyErrors: true }).toString(), JSON.stringify({ ...counts, results: [] }));
    const refusals = new Map(results.map(({ index }) => [index, refuse('invalid', `no. ${index}`)]));
    const refused = renderResults({ batch: { count, refusals }, scheduled: [], onlyErrors: true });
    t.match(JSON.parse(refused.toString()), { accepted: 0, rejected: count, results: { length: count } });
  }
});
