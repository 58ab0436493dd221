/** A batch as MessagePack and as lines: the same events, and the same refusals, as in JSON. */
import { Packr } from 'msgpackr';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { batchEventsMax, eventBodyBytesMax } from '../../../engine/index.js';
import { type BatchForm, eventsOf, UnreadableError } from '../../../gateway/input/batch-forms.js';
import { readBatch } from '../../../gateway/input/batch-input.js';
import { stepping } from '../../../gateway/steps.js';
import { eventsRead } from './read-events.js';
import { DestinationCheck } from '../../../gateway/input/fields/destination.js';
import { readOntoSheets } from '../../../gateway/input/event-sheets.js';
import { takesNone } from '../../../gateway/input/bytes/plain-taker.js';
import { isRefusal, type Refusal } from '../../../gateway/input/refusal.js';
import { Random } from '../../wheel/random.js';
import { eventContext, randomEvent } from './random-event.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const destination = 'https://example.org/hook';
const good = { destination };

const written: Readonly<Record<BatchForm, (events: readonly unknown[]) => Buffer>> = {
  json: (events) => Buffer.from(JSON.stringify({ events })),
  ndjson: (events) => Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')),
  msgpack: (events) => packr.pack({ events }),
};
const forms = Object.keys(written) as BatchForm[];

async function read(form: BatchForm, body: Buffer | string, idempotencyKey: string | null = null) {
  const context = { nowMs: 1_795_000_000_000, idempotencyKey, traceparent: null, destinations: new DestinationCheck(() => null) };
  const result = await stepping(readBatch({ body: Buffer.from(body), form }, context));
  return isRefusal(result) ? result : eventsRead(result);
}

async function refused(form: BatchForm, body: Buffer | string): Promise<Refusal> {
  const result = await read(form, body);
  if (!isRefusal(result)) throw new Error(`accepted: ${JSON.stringify(result)}`);
  return result;
}

t.test('good and bad events mean the same in every form', async (t) => {
  let deep: unknown = 1;
  for (let level = 0; level < 129; level++) deep = [deep];
  const events = [
    { ...good, external_job_id: 'é-1', payload: { n: 1, text: 'ü"\n', list: [true, null] }, tags: { a: 'b' }, delay_ms: 5 },
    { ...good, priority: 11, typo: 1 },
    { ...good, description: null },
    {},
    7,
    null,
    [],
    { ...good, payload: deep },
    { ...good, payload: 'x'.repeat(256 * 1024) },
    { ...good, payload: 'x'.repeat(256 * 1024 - 2), retry: { initial_ms: 10 } },
  ];
  const expected = await read('json', written.json(events), 'k');
  for (const form of forms) t.ok(isDeepStrictEqual(await read(form, written[form](events), 'k'), expected), form);
  t.match(expected, [
    { spec: { idempotencyKey: null } },
    ...Array.from({ length: 8 }, () => ({ refused: true })),
    { spec: { idempotencyKey: 'k:9' } },
  ]);
});

t.test('what is taken on the walk over a batch is what is read without, events and refusals, in the same places', async (t) => {
  const random = new Random(23);
  let [taken, others] = [0, 0];
  for (let round = 0; round < 100; round++) {
    const texts = Array.from({ length: 1 + random.below(20) }, () => randomEvent(1 + random.below(1_000_000)).text).flatMap(
      (text) => new Array<string>(1 + random.below(3)).fill(text),
    );
    const spaces = [' ', '', '\n', '\t '];
    const space = (): string => random.pick(spaces);
    const ndjson = texts.map((text) => text.replaceAll('\n', ' '));
    const bodies: Readonly<Record<BatchForm, string | Buffer>> = {
      json: `{"events":[${texts.map((text) => `${space()}${text}${space()}`).join(',')}]}`,
      ndjson: ndjson.map((text) => `${text}${random.pick([' ', '', '\r'])}`).join('\n'),
      msgpack: packr.pack({ events: texts.map((text, at) => ({ ...JSON.parse(text), payload: { at } })) }),
    };
    const context = { ...eventContext, idempotencyKey: random.pick([null, 'k']) };
    for (const form of forms) {
      const body = Buffer.from(bodies[form]);
      const options = { context, isIndexed: true };
      const offered = await stepping(
        readOntoSheets(
          (taker) =>
            eventsOf[form](body, {
              read: (...asked) => taker.read(...asked),
              keep: () => {
                taken++;
                taker.keep();
              },
              isPauseDue: true,
            }),
          options,
        ),
      );
      const without = await stepping(readOntoSheets(() => eventsOf[form](body, takesNone), options));
      others += without.count;
      if (!isDeepStrictEqual(eventsRead(offered), eventsRead(without))) t.fail(`${form}, round ${round}: ${texts.join(',')}`);
    }
  }
  t.ok(taken > 300 && others - taken > 300, `${taken} of ${others} taken`);
});

t.test('an event that is not over where it may be is not taken, whatever follows', async (t) => {
  const long = (bytes: number): string => `{"destination":"${destination}"${' '.repeat(bytes - destination.length - 18)}}`;
  const longPayload = (bytes: number): string => `{"destination":"${destination}","payload":${'1'.repeat(bytes)}}`;
  const cases: readonly (readonly [BatchForm, string, readonly string[]])[] = [
    ['json', `{"events":[${long(eventBodyBytesMax + 1)},${JSON.stringify(good)}]}`, ['too-large', 'ok']],
    ['json', `{"events":[${longPayload(256 * 1024 + 1)},${longPayload(256 * 1024)}]}`, ['too-large', 'ok']],
    ['ndjson', `{"destination":"${destination}","payload":[1,\n2]}`, ['malformed-json', 'malformed-json']],
    ['ndjson', `${JSON.stringify(good)} 7\n${JSON.stringify(good)}\t\r`, ['malformed-json', 'ok']],
    ['ndjson', `{"destination":"${destination}"\n}`, ['malformed-json', 'malformed-json']],
  ];
  for (const [form, body, expected] of cases) {
    const events = await read(form, body);
    if (isRefusal(events)) throw new Error(events.detail);
    t.same(
      events.map((event) => (isRefusal(event) ? event.code : 'ok')),
      expected,
      `${form}: ${body.slice(0, 80)}`,
    );
  }
});

t.test('bounds of the batch are the same in every form', async (t) => {
  const many = (count: number): unknown[] => Array.from({ length: count }, () => good);
  for (const form of forms) {
    const most = await read(form, written[form](many(batchEventsMax)));
    t.equal(isRefusal(most) ? most.code : most.length, batchEventsMax, form);
    t.match(await refused(form, written[form](many(batchEventsMax + 1))), { code: 'too-large' }, form);
    t.match(await refused(form, written[form]([])), { code: 'invalid' }, form);
  }
});

t.test('lines: empty ones are no events, and one that is no JSON is refused for itself', async (t) => {
  const line = JSON.stringify(good);
  const events = await read('ndjson', `\r\n${line}\r\n\n{"destination":\n  \t\n${line} {}\n[1,\n${line}`, 'k');
  if (isRefusal(events)) throw new Error(events.detail);
  t.same(
    events.map((event) => (isRefusal(event) ? event.code : event.spec.idempotencyKey)),
    ['k:0', 'malformed-json', 'malformed-json', 'malformed-json', 'k:4'],
  );
  t.match(await refused('ndjson', '\n\r\n \n'), { code: 'invalid' });
  t.match(await refused('ndjson', Buffer.from([...Buffer.from(line), 0x0a, 0xff])), { code: 'malformed-request' });
  t.match(await read('ndjson', `{"events":[${line}]}`), [
    { code: 'invalid', errors: [{ pointer: '/destination' }, { pointer: '/events' }] },
  ]);
});

t.test('lines keep the bytes of their payloads', async (t) => {
  const events = await read(
    'ndjson',
    `{"payload": 1.000 ,"destination":"${destination}"}\n{"destination":"${destination}","payload":[ ]}`,
  );
  if (isRefusal(events)) throw new Error(events.detail);
  t.same(
    events.map((event) => (isRefusal(event) ? event : Buffer.from(event.spec.payload!).toString())),
    ['1.000', '[ ]'],
  );
});

t.test('MessagePack: what is wrong with the body refuses the batch', async (t) => {
  const event = packr.pack(good);
  const key = (name: string): Buffer => packr.pack(name);
  const map = (members: number, ...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from([0x80 + members]), ...parts]);
  const one = Buffer.concat([Buffer.from([0x91]), event]);
  const cases: readonly (readonly [body: Buffer, refusal: object])[] = [
    [Buffer.alloc(0), { code: 'malformed-request' }],
    [Buffer.from([0xc1]), { code: 'malformed-request' }],
    [packr.pack([good]), { code: 'invalid', errors: [{ pointer: '' }] }],
    [packr.pack({}), { code: 'invalid', errors: [{ pointer: '/events' }] }],
    [packr.pack({ events: 7 }), { code: 'invalid', errors: [{ pointer: '/events' }] }],
    [map(2, key('events'), one, key('options'), Buffer.from([1])), { code: 'invalid', errors: [{ pointer: '/options' }] }],
    [map(2, key('events'), one, key('events'), one), { code: 'malformed-json' }],
    [map(1, Buffer.from([1]), one), { code: 'malformed-request' }],
    [Buffer.concat([map(1, key('events'), one), Buffer.from([0xc0])]), { code: 'malformed-request' }],
    [map(1, key('events'), Buffer.concat([Buffer.from([0x92]), event])), { code: 'malformed-request' }],
  ];
  for (const [body, refusal] of cases) t.match(await refused('msgpack', body), refusal, body.toString('hex').slice(0, 60));
});

t.test('MessagePack: an event that JSON cannot say, or that is too long, is refused for itself', async (t) => {
  const events = [
    good,
    { ...good, payload: Buffer.from('bytes') },
    { ...good, payload: Number.NaN },
    { ...good, payload: 'x'.repeat(eventBodyBytesMax) },
    good,
  ];
  const result = await read('msgpack', packr.pack({ events }));
  if (isRefusal(result)) throw new Error(result.detail);
  t.same(
    result.map((event) => (isRefusal(event) ? event.code : 'ok')),
    ['ok', 'invalid', 'invalid', 'too-large', 'ok'],
  );
});

t.test('MessagePack: two equal keys are noticed, and a payload is JSON written once', async (t) => {
  const twice = Buffer.concat([
    Buffer.from('82', 'hex'),
    packr.pack('destination'),
    packr.pack(destination),
    packr.pack('destination'),
    packr.pack('x'),
  ]);
  const body = Buffer.concat([
    Buffer.from('81', 'hex'),
    packr.pack('events'),
    Buffer.from([0x92]),
    twice,
    packr.pack({ ...good, payload: { big: 2n ** 63n, f: 1.5 } }),
  ]);
  const result = await read('msgpack', body);
  if (isRefusal(result)) throw new Error(result.detail);
  t.match(result[0], { code: 'malformed-json' });
  t.equal(isRefusal(result[1]!) ? null : Buffer.from(result[1]!.spec.payload!).toString(), '{"big":9223372036854775808,"f":1.5}');
});

t.test('a batch that would be far longer as JSON is refused as a whole', async (t) => {
  const payload = '\u0001'.repeat(42_000);
  const events = Array.from({ length: 300 }, () => ({ ...good, payload }));
  t.match(await refused('msgpack', packr.pack({ events })), { code: 'too-large' });
});

t.test('other requests are served while a large batch is read', async (t) => {
  for (const form of forms) {
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    await read(form, written[form](Array.from({ length: batchEventsMax }, () => good)));
    clearInterval(counting);
    t.ok(turns > 3, `${form}: ${turns} turns of the event loop`);
  }
});

t.test('an event that hides millions of values is skipped with pauses, and the next one is read', async (t) => {
  const hidden = Buffer.concat([
    Buffer.from('81', 'hex'),
    packr.pack('payload'),
    Buffer.from('dd002dc6c0', 'hex'),
    Buffer.alloc(3_000_000, 0x80),
  ]);
  const body = Buffer.concat([Buffer.from('81', 'hex'), packr.pack('events'), Buffer.from([0x92]), hidden, packr.pack(good)]);
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  const result = await read('msgpack', body);
  clearInterval(counting);
  t.match(result, [{ code: 'too-large' }, { spec: { destination } }]);
  t.ok(turns > 3, `${turns} turns of the event loop`);
});

t.test('whatever a body is made of, it is read in steps with room for others between them', async (t) => {
  const MiB = 1024 * 1024;
  const stepBytesMax = 512 * 1024;
  const fill = (text: string, count = 2 * MiB): string => text.repeat(count / text.length);
  const withPayload = JSON.stringify({ ...good, payload: 'x'.repeat(200_000) });
  const spacious = `{${' '.repeat(400_000)}"destination":"${destination}"}`;
  const bodies: Readonly<Record<string, readonly [BatchForm, string]>> = {
    'one event of commas and numbers': ['json', `{"events":[[${fill('1,')}1],${JSON.stringify(good)}]}`],
    'one event that is a string': ['json', `{"events":[{"payload":"${fill('x')}"}]}`],
    'one long key': ['json', `{"${fill('x')}":1}`],
    'an unknown member': ['json', `{"x":[${fill('[],')}1]}`],
    'many unknown members': ['json', `{${fill('"a":1,')}"a":1}`],
    'a second list of events': ['json', `{"events":[{}],"events":[${fill('{},')}{}]}`],
    'no object': ['json', `[${fill('{},')}{}]`],
    'white space in front': ['json', `${fill(' ')}{}`],
    'white space in an event': ['json', `{"events":[{${fill(' ')}}]}`],
    'white space behind an event': ['json', `{"events":[{}${fill(' ')}]}`],
    'white space at the end': ['json', `{"events":[{}]}${fill(' ')}`],
    'empty lines': ['ndjson', fill('\n')],
    'lines that are no JSON': ['ndjson', fill(`[${'1,'.repeat(200_000)}\n`)],
    'a long line': ['ndjson', `{"payload":"${fill('x')}"}`],
    'events with payloads': ['json', `{"events":[${fill(`${withPayload},`)}${withPayload}]}`],
    'lines with payloads': ['ndjson', fill(`${withPayload}\n`)],
    'white space in events': ['json', `{"events":[${fill(`${spacious},`)}${spacious}]}`],
  };
  const wrong: string[] = [];
  for (const [name, [form, text]] of Object.entries(bodies)) {
    const body = Buffer.from(text);
    let steps = 1;
    try {
      for (const _ of readOntoSheets((taker) => eventsOf[form](body, taker), { context: eventContext, isIndexed: true })) steps++;
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
    }
    // A line is not looked at when it is too long.
    if (name !== 'a long line' && steps < body.length / stepBytesMax)
      wrong.push(`${name}: ${steps} steps for ${body.length} bytes`);
  }
  t.same(wrong, []);
});

t.test('an event that is too long is refused for itself, in lines and as JSON', async (t) => {
  const long = (bytes: number): string => `{"destination":"${destination}"${' '.repeat(bytes - destination.length - 18)}}`;
  for (const form of ['json', 'ndjson'] as const) {
    const parts = [long(eventBodyBytesMax), long(eventBodyBytesMax + 1), '7', JSON.stringify(good)];
    const events = await read(form, form === 'json' ? `{"events":[${parts.join(',')}]}` : parts.join('\n'));
    if (isRefusal(events)) throw new Error(events.detail);
    t.same(
      events.map((event) => (isRefusal(event) ? event.code : 'ok')),
      ['ok', 'too-large', 'invalid', 'ok'],
      form,
    );
  }
  t.match(await refused('json', `{"events":[${long(600_000)},{"a":}]}`), { code: 'malformed-json' });
  t.match(await refused('json', `{"events":[${long(600_000).slice(0, -1)}`), { code: 'malformed-json' });
});
