import { pack } from 'msgpackr';
import t from 'tap';
import { rejectedEvents } from '../../../gateway/ingest/rejected-events.js';
import { refuse } from '../../../gateway/input/refusal.js';

const refusal = refuse('invalid', 'it is wrong');

t.test('each event that was rejected is found again with its bytes, in both forms', async (t) => {
  const events = Array.from({ length: 200 }, (_, index) => ({ index, payload: 'x'.repeat(5_000) }));
  const rejected = new Map([0, 7, 199].map((index) => [index, refusal]));
  for (const data of [Buffer.from(JSON.stringify(events)), pack(events)]) {
    const found = await rejectedEvents(rejected, data);
    t.same(
      found.map(({ index, event }) => [index, JSON.parse(event!.toString())]),
      [0, 7, 199].map((index) => [index, events[index]]),
    );
    t.ok(found.every((each) => each.refusal === refusal));
  }
});

t.test('an event whose end was never looked for, and a message that could not be read, have no bytes', async (t) => {
  const long = JSON.stringify(['x'.repeat(600_000), 1]);
  t.match(await rejectedEvents(new Map([[0, refusal]]), Buffer.from(long)), [{ index: 0, event: null }]);
  t.same(await rejectedEvents(new Map([[0, refusal]]), null), [{ index: 0, refusal, event: null }]);
});
