import { pack } from 'msgpackr';
import t from 'tap';
import { contentOf } from '../../../gateway/ingest/message-forms.js';
import { UnreadableError } from '../../../gateway/input/batch-forms.js';
import { readOntoSheets } from '../../../gateway/input/event-sheets.js';
import { takesNone } from '../../../gateway/input/bytes/plain-taker.js';
import { isRefusal } from '../../../gateway/input/refusal.js';
import { stepping } from '../../../gateway/steps.js';
import { eventContext } from '../input/random-event.js';
import { eventsRead } from '../input/read-events.js';

/** Each event as it was written, or the code of its refusal. */
function read(data: Uint8Array | string): { readonly isArray: boolean; readonly events: unknown[] } {
  const { isArray, eventsFor } = contentOf(Buffer.from(data as Uint8Array));
  return {
    isArray,
    events: [...eventsFor(takesNone)].map((event) =>
      isRefusal(event!) ? event.code : JSON.parse(event!.body.toString('utf8', event!.span.at, event!.span.end)),
    ),
  };
}

function refusalOf(data: Uint8Array | string): string {
  try {
    read(data);
  } catch (error) {
    if (error instanceof UnreadableError) return error.refusal.code;
    throw error;
  }
  return 'none';
}

t.test('one event and an array are told apart, in both forms, also behind white space', async (t) => {
  const event = { destination: 'https://a.test/', payload: [1, { x: 'ü' }] };
  for (const write of [JSON.stringify, (value: unknown) => ` \r\n\t${JSON.stringify(value)}\n`, pack]) {
    t.same(read(write(event)), { isArray: false, events: [event] });
    t.same(read(write([event, {}, 7])), { isArray: true, events: [event, {}, 7] });
  }
  const many = Array.from({ length: 1_000 }, (_, number) => ({ number }));
  t.same(read(pack(many)).events, many);
  t.same(read(JSON.stringify(many)).events, many);
});

t.test('an event that is too long, or nothing that JSON could say, is refused for itself', async (t) => {
  const long = { payload: 'x'.repeat(512 * 1024) };
  t.same(read(JSON.stringify([1, long, 2])).events, [1, 'too-large', 2]);
  t.same(read(pack([1, long, { bytes: Buffer.from('x') }, 2])).events, [1, 'too-large', 'invalid', 2]);
});

t.test('what is wrong with all of it is one refusal, wherever it stands', async (t) => {
  const cases: readonly [string | Uint8Array, string][] = [
    ['', 'malformed-json'],
    ['   ', 'malformed-json'],
    ['[', 'malformed-json'],
    ['[1,]', 'malformed-json'],
    ['[1] x', 'malformed-json'],
    ['{} {}', 'malformed-json'],
    ['[]', 'invalid'],
    [pack([]), 'invalid'],
    [JSON.stringify(new Array(1_001).fill(1)), 'too-large'],
    [pack(new Array(1_001).fill(1)), 'too-large'],
    [JSON.stringify({ a: 'x'.repeat(512 * 1024) }), 'too-large'],
    [Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'too-large'],
    [Buffer.from([0x92, 0x01]), 'malformed-request'],
    [Buffer.from([0x91, 0x01, 0x01]), 'malformed-request'],
    [Buffer.from([0xc1]), 'malformed-request'],
    [Buffer.concat([Buffer.from('["'), Buffer.from([0xff]), Buffer.from('"]')]), 'malformed-request'],
  ];
  for (const [data, code] of cases) t.equal(refusalOf(data), code, String(data).slice(0, 20));
});

t.test('plain events are taken where they lie, in every form, and the others read between them', async (t) => {
  const plain = { destination: 'https://a.test/', source: 'a' };
  const other = { destination: 'https://a.test/', description: 'ü' };
  const sheeted = async (data: Uint8Array | string) => {
    const { isArray, eventsFor } = contentOf(Buffer.from(data as Uint8Array));
    const context = { ...eventContext, idempotencyKey: 'k' };
    const read = await stepping(readOntoSheets(eventsFor, { context, isIndexed: isArray }));
    return eventsRead(read).map((event) =>
      isRefusal(event) ? event.code : [event.spec.description ?? event.spec.source, event.spec.idempotencyKey],
    );
  };
  for (const write of [JSON.stringify, (value: unknown) => ` ${JSON.stringify(value, null, 1)}\n`, pack]) {
    t.same(await sheeted(write(plain)), [['a', 'k']]);
    t.same(await sheeted(write(other)), [['ü', 'k']]);
    t.same(await sheeted(write([plain, other, 7, plain])), [['a', 'k:0'], ['ü', 'k:1'], 'invalid', ['a', 'k:3']]);
  }
  for (const wrong of ['[{"destination":"https://a.test/"},]', '{"destination":"https://a.test/"} x']) {
    await t.rejects(sheeted(wrong), UnreadableError);
  }
});
