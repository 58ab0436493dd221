import t, { type Test } from 'tap';
import { SpecSheet } from '../../../../engine/index.js';
import { type EventContext, readEvent } from '../../../../gateway/input/event-input.js';
import { locateEvent } from '../../../../gateway/input/bytes/event-span.js';
import { PlainEventReader } from '../../../../gateway/input/bytes/plain-event.js';
import { isRefusal } from '../../../../gateway/input/refusal.js';
import { Random } from '../../../wheel/random.js';
import { eventContext, randomEvent, urls } from '../random-event.js';

function hexOf({ bytes, end }: SpecSheet): string {
  return bytes.subarray(0, end).toString('hex');
}

/** Null when it is refused. */
function longWay(text: string, context: EventContext): string | null {
  const body = Buffer.from(text);
  const event = readEvent({ body, encoding: 'utf8', span: locateEvent(body) }, context);
  if (isRefusal(event)) return null;
  const sheet = new SpecSheet();
  sheet.add(event.spec, event.timeGiven, context.fingerprint);
  return hexOf(sheet);
}

interface Looked {
  taken: number;
  alike: number;
}

/** Reads them as an array, one after the other in one body, and holds each that is taken against the long way. Some are read and not kept. */
function readTogether(t: Test, texts: readonly string[], { context, keeps }: { context: EventContext; keeps: () => boolean }) {
  const reader = new PlainEventReader();
  const body = Buffer.from(`[${texts.join(',')}]`);
  const own: EventContext & { index?: number } = { ...context };
  const looked: Looked = { taken: 0, alike: 0 };
  let at = 1;
  for (const [index, text] of texts.entries()) {
    if (context.index !== undefined) own.index = index;
    const end = at + Buffer.byteLength(text);
    const isTaken = reader.readAt(body, { at, end: body.length }, own) === end;
    const isPlain = new PlainEventReader().readAt(Buffer.from(text), { at: 0, end: Buffer.byteLength(text) }, own) !== -1;
    if (isTaken !== isPlain) t.fail(`${isTaken ? 'taken' : 'not taken'}, unlike alone: ${text} in ${body}`);
    if (isTaken && keeps()) {
      looked.taken++;
      if (reader.spec.alike > 0) looked.alike++;
      const sheet = new SpecSheet();
      reader.spec.addTo(sheet);
      if (hexOf(sheet) !== longWay(text, own)) t.fail(`as other bytes: ${text} in ${body}`);
    }
    at = end + 1;
  }
  return looked;
}

const payloads = ['1', '12', '"a"', '{"a":[1,{}]}', '[]', ' null', '{"payload":1,"b":"}"}', '"ö"', '{"a"', '', '1,"type":"b"'];
const pieces = ['"', ',', ' ', '}', '{', 'a', '1', '\\', ':', 'ö'];

/** The same event with another payload, mostly; else with a change anywhere, or another one. */
function nextOf(random: Random, text: string, payload: string): string {
  const kind = random.below(8);
  if (kind < 5) return text.replace(`"payload":${payload}`, () => `"payload":${random.pick(payloads)}`);
  if (kind === 5) return text;
  const at = random.below(text.length);
  if (kind === 6) return text.slice(0, at) + random.pick(pieces) + text.slice(at + random.below(2));
  return randomEvent(random.below(100_000)).text;
}

t.test('events of an array that differ in their payload alone come out as if each had been read by itself', async (t) => {
  const random = new Random(5);
  const all: Looked = { taken: 0, alike: 0 };
  for (let seed = 1; seed <= 4_000; seed++) {
    const { text, context } = randomEvent(seed);
    const payload = random.pick(payloads);
    const place = random.below(2) === 0 ? text.length - 1 : 1;
    const member = place === 1 ? `"payload":${payload},` : `,"payload":${payload}`;
    const first = text.includes('"payload"') ? text : text.slice(0, place) + member + text.slice(place);
    const texts = [first, ...Array.from({ length: 6 }, () => nextOf(random, first, payload))];
    const { taken, alike } = readTogether(t, texts, { context, keeps: () => random.below(4) > 0 });
    all.taken += taken;
    all.alike += alike;
  }
  t.ok(all.alike > 1_000 && all.taken > all.alike + 1_000, `${all.alike} of ${all.taken} that were taken were alike`);
});

const event = (payload: unknown, more = '') =>
  `{"destination":"${urls[0]}","type":"a","tags":{"b":"c"},"payload":${JSON.stringify(payload)},"delay_ms":7${more}}`;

t.test('a run of them is seen as such, and ends where one differs elsewhere', async (t) => {
  const reader = new PlainEventReader();
  const texts = [event(1), event('two'), event({ three: [3] }), event(4, ',"priority":1'), event(5), event(6)];
  const body = Buffer.from(`[${texts.join(',')}]`);
  const alike: number[] = [];
  let at = 1;
  for (const text of texts) {
    t.equal(reader.readAt(body, { at, end: body.length }, eventContext), at + text.length);
    alike.push(reader.spec.alike);
    at += text.length + 1;
  }
  t.same(alike, [0, 1, 2, 0, 0, 0], 'where events differ behind their payloads the rest of the body is read');
});

t.test('nothing is taken over from another body, nor for another request', async (t) => {
  const reader = new PlainEventReader();
  const [one, other] = [Buffer.from(event(1)), Buffer.from(event(2))];
  const read = (body: Buffer, context: EventContext) => {
    t.equal(reader.readAt(body, { at: 0, end: body.length }, context), body.length);
    return reader.spec.alike;
  };
  t.equal(read(one, eventContext), 0);
  t.equal(read(other, eventContext), 0);
  t.equal(read(other, { ...eventContext, nowMs: eventContext.nowMs + 1 }), 0);
  t.equal(reader.spec.createdAtMs, eventContext.nowMs + 1);
});

t.test('an event that is alike but not over in time is not taken', async (t) => {
  const reader = new PlainEventReader();
  const text = event(1);
  const body = Buffer.from(`[${text},${text}]`);
  t.equal(reader.readAt(body, { at: 1, end: body.length }, eventContext), 1 + text.length);
  t.equal(reader.readAt(body, { at: 2 + text.length, end: body.length - 2 }, eventContext), -1);
  t.equal(reader.readAt(body, { at: 2 + text.length, end: body.length }, eventContext), body.length - 1);
});
