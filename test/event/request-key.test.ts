import { pack } from 'msgpackr';
import t from 'tap';
import { slotOfKey, tagOfKey } from '../../engine/event/content.js';
import { RequestKey, textOfKey } from '../../engine/event/request-key.js';

function stretchIn(text: string) {
  const bytes = Buffer.from(`before ${text} behind`);
  return { bytes, from: 7, to: 7 + text.length };
}

t.test('a key that is put together is the key as a text: same bytes, same slot, same tag', async (t) => {
  const key = new RequestKey();
  const out = Buffer.alloc(400);
  for (const text of ['k', 'order-17:9', 'k'.repeat(28), 'k'.repeat(29), 'k'.repeat(255), '']) {
    for (const source of ['default', 'payments', 'payment2']) {
      for (const index of [null, 0, 9, 10, 99, 100, 9_999]) {
        const whole = textOfKey(text, index);
        key.begin(text, index);
        t.equal(key.length, whole.length);
        const end = key.put(out, 3);
        t.same(out.subarray(3, end), pack(whole), whole);
        const named = { kind: 'idempotency', source, text: whole } as const;
        t.same(key.place(stretchIn(source)), { slot: slotOfKey(named), tag: tagOfKey(named) }, `${source} ${whole}`);
      }
    }
  }
});
