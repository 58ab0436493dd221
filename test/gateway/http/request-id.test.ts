import t from 'tap';
import { RequestId } from '../../../gateway/http/request-id.js';

/** As bytes, between others. */
function written(id: RequestId): string {
  const out = Buffer.alloc(id.bytesMax + 2, '|');
  return out.toString('latin1', 0, id.put(out, 1) + 1);
}

t.test('an id is the same as text and as bytes', async (t) => {
  for (const given of ['a', 'order_7:a.b-c', 'x'.repeat(128)]) {
    const id = new RequestId(given);
    t.equal(id.text, given);
    t.equal(written(id), `|${given}|`);
  }
  // Through the first counts of one, two, three and four digits.
  for (let count = 0; count < 50_000; count++) {
    const id = new RequestId(null);
    if (written(id) !== `|${id.text}|`) t.fail(`${id.text} is written as ${written(id)}`);
  }
});

t.test('a given id that is not harmless is replaced, and no two new ones are the same', async (t) => {
  const ids = ['', 'a b', 'a\r\nb', 'ä', 'x'.repeat(129), null].map((given) => new RequestId(given).text);
  t.ok(ids.every((id) => /^[0-9a-f]{12}-[0-9a-z]+$/.test(id)));
  t.equal(new Set(ids).size, ids.length);
});
