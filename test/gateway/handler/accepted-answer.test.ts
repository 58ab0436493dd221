import t from 'tap';
import { formatEventId } from '../../../engine/index.js';
import { mintEventIdIn } from '../../../engine/kernel/event-id.js';
import type { WallMs } from '../../../engine/kernel/brand.js';
import { replyAccepted, replyAcceptedPlain } from '../../../gateway/handler/accepted-answer.js';
import { renderAccepted } from '../../../gateway/handler/event-json.js';
import { RequestId } from '../../../gateway/http/request-id.js';
import { headOf, type Reply } from '../../../gateway/http/reply.js';
import { readEvent } from '../../../gateway/input/event-input.js';
import { locateEvent } from '../../../gateway/input/bytes/event-span.js';
import { PlainEventReader } from '../../../gateway/input/bytes/plain-event.js';
import { isRefusal } from '../../../gateway/input/refusal.js';
import { eventContext, randomEvent } from '../input/random-event.js';

const reader = new PlainEventReader();
/** The id is the second of two. */
const ids = new Uint8Array(32);
mintEventIdIn(ids, 16, { slot: null, now: 1_795_000_000_000 as WallMs });
const id = formatEventId(ids.subarray(16));
const requestId = new RequestId('order_7:a.b-c');

/** The answer as it is written for plain events, and as for all others; null for an event that is not plain. */
function bothWays(text: string, { context = eventContext, partition = 3 } = {}) {
  const body = Buffer.from(text);
  const bytes = { body, encoding: 'utf8', span: locateEvent(body) } as const;
  if (reader.readAt(body, { at: 0, end: body.length }, context) === -1) return null;
  const event = readEvent(bytes, context);
  if (isRefusal(event)) throw new Error(`not for all others: ${text}`);
  const plain = replyAcceptedPlain(reader.spec, { requestId, ids, idAt: 16, partition });
  const other = replyAccepted(id, renderAccepted(event.spec, { id, partition }));
  return { plain: written(plain), other: written(other) };
}

/** As it goes out, with a header that was added on the way. */
function written(reply: Reply): () => string {
  const body = () => reply.laidOut?.body() ?? reply.body;
  const pieces = () => [
    headOf(reply, requestId),
    headOf({ ...reply, headers: [...reply.headers, ['X-More', '7']] }, requestId),
    body(),
  ];
  return () =>
    pieces()
      .map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString()))
      .join('');
}

t.test('the answer to a plain event is the one that any event would get', async (t) => {
  let plain = 0;
  for (let seed = 1; seed <= 5_000; seed++) {
    const { text, context } = randomEvent(seed);
    const answers = bothWays(text, { context, partition: seed % 300 });
    if (answers === null) continue;
    plain++;
    if (answers.plain() !== answers.other()) t.fail(`seed ${seed}: ${text}\n${answers.plain()}\n${answers.other()}`);
  }
  t.ok(plain > 1_000, `${plain} of 5,000 are plain`);
});

t.test('answers that wait do not overwrite each other, however long they are', async (t) => {
  const texts = Array.from({ length: 200 }, (_, count) => {
    const payload = 'x'.repeat(count % 50 === 0 ? 100_000 : count * 7);
    return `{"destination":"https://example.org/${count}","payload":"${payload}","tags":{"n":"${count}"}}`;
  });
  const answers = texts.map((text) => bothWays(text)!);
  t.ok(answers.every(({ plain, other }) => plain() === other()));
});
