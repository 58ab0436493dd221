import { randomBytes } from 'node:crypto';
import t from 'tap';
import { isLarge, joinInSteps } from '../../../gateway/http/joined-body.js';

t.test('a large body is its chunks, put together with room for others between the steps', async (t) => {
  const chunks = Array.from({ length: 64 }, (_, index) => randomBytes(60_000 + index));
  const whole = Buffer.concat(chunks);
  t.ok(isLarge(whole.length));
  let turns = 0;
  let counting = setImmediate(function count() {
    turns++;
    counting = setImmediate(count);
  });
  const body = await joinInSteps(chunks, whole.length);
  clearImmediate(counting);
  t.ok(body.equals(whole));
  t.ok(turns > 1, `${turns} turns of the event loop`);
  t.notOk(isLarge(300_000), 'what is small is not worth a pause');
});
