import t from 'tap';
import { SpecSheet } from '../../../../engine/index.js';
import { DestinationCheck } from '../../../../gateway/input/fields/destination.js';
import type { EventBytes } from '../../../../gateway/input/event-fields.js';
import { type EventContext, readEvent } from '../../../../gateway/input/event-input.js';
import { locateEvent } from '../../../../gateway/input/bytes/event-span.js';
import { PlainEventReader } from '../../../../gateway/input/bytes/plain-event.js';
import { isRefusal } from '../../../../gateway/input/refusal.js';
import { Random } from '../../../wheel/random.js';
import { eventContext as context, randomEvent, urls } from '../random-event.js';

const reader = new PlainEventReader();

function bytesOf(text: string): EventBytes {
  const body = Buffer.from(`  ${text} `);
  return { body, encoding: 'utf8', span: locateEvent(body) };
}

function hexOf({ bytes, end }: SpecSheet): string {
  return bytes.subarray(0, end).toString('hex');
}

/** Null when it is refused. */
function longWay(text: string, own: EventContext): SpecSheet | null {
  const event = readEvent(bytesOf(text), own);
  if (isRefusal(event)) return null;
  const sheet = new SpecSheet();
  sheet.add(event.spec, event.timeGiven, own.fingerprint);
  return sheet;
}

/** What the short way makes of it, and what the long one does: bytes in hex, or null. The long one is asked when the short one took it. */
function bothWays(text: string, own: EventContext = context) {
  const short = new SpecSheet();
  if (!reader.addWhole(bytesOf(text).body, own, short)) return { isPlain: false, short: null, long: null, slots: [] };
  const long = longWay(text, own);
  const slots = long === null ? [] : [short.slotOf(0), long.slotOf(0)];
  return { isPlain: true, short: hexOf(short), long: long === null ? null : hexOf(long), slots };
}

t.test('what the short way accepts the long one accepts too, as the very same bytes', async (t) => {
  let plain = 0;
  for (let seed = 1; seed <= 20_000; seed++) {
    const { text, context: own } = randomEvent(seed);
    const { isPlain, short, long, slots } = bothWays(text, own);
    if (!isPlain) continue;
    plain++;
    if (short !== long || slots[0] !== slots[1]) t.fail(`seed ${seed}: ${text}`);
  }
  t.ok(plain > 4_000, `${plain} of 20,000 are plain`);
});

t.test(
  'whatever is wrong with a body and whatever lies around it, the short way accepts what the long one does, as the same bytes',
  async (t) => {
    const random = new Random(11);
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      ' ',
      '\n',
      '\u0001',
      '\\',
      '0',
      '-',
      '.',
      'e',
      'é',
      '{}',
      ',,',
      '""',
      'null',
    ];
    let [whole, accepted, refused] = [0, 0, 0];
    for (let seed = 1; seed <= 20_000; seed++) {
      const { text, context: own } = randomEvent(seed);
      const asItIs = reader.addWhole(Buffer.from(` ${text}\n`), own, new SpecSheet());
      // Among others.
      const length = Buffer.byteLength(text);
      const end = reader.readAt(Buffer.from(`[${text},{"a":1}]`), { at: 1, end: length + 1 }, own);
      if (end !== (asItIs ? length + 1 : -1)) t.fail(`seed ${seed}: ${text}`);
      // Not over where it has to be.
      if (reader.readAt(Buffer.from(`[${text},{"a":1}]`), { at: 1, end: length }, own) !== -1) t.fail(`seed ${seed}: ${text}`);
      if (asItIs) whole++;
      const at = random.below(text.length + 1);
      const broken = text.slice(0, at) + random.pick(pieces) + text.slice(at + random.below(3));
      const sheet = new SpecSheet();
      if (!reader.addWhole(Buffer.from(broken), own, sheet)) {
        refused++;
        continue;
      }
      accepted++;
      const long = longWay(broken, own);
      if (long === null || hexOf(sheet) !== hexOf(long)) t.fail(`seed ${seed}: ${broken}`);
    }
    t.ok(whole > 4_000 && accepted > 500 && refused > 10_000, `${whole} whole, ${accepted} accepted, ${refused} refused`);
  },
);

t.test('an event as most are is plain', async (t) => {
  const text = JSON.stringify({
    destination: 'http://127.0.0.1:9/hooks/payment-retry',
    source: 'payments',
    type: 'payment.retry',
    external_job_id: 'order 17',
    description: 'once more',
    tags: { tier: 'gold', region: 'eu', '': '' },
    payload: { order_id: 'Österreich', note: 'x'.repeat(60) },
    scheduled_at: '2027-01-01T00:00:00Z',
    method: 'PUT',
    priority: 9,
  });
  t.notOk(bothWays(text).isPlain, 'a tag without a name is for the long way to refuse');
  const { isPlain, short, long } = bothWays(text.replace(',"":""', ''));
  t.ok(isPlain);
  t.equal(short, long);
});

t.test('tags are sorted by name, as many as there may be', async (t) => {
  const tags = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, tag) => [`t${(tag * 7) % count}`, `${tag}`]));
  for (const count of [0, 1, 2, 15, 16]) {
    const { isPlain, short, long } = bothWays(JSON.stringify({ destination: urls[0], tags: tags(count) }));
    t.ok(isPlain);
    t.equal(short, long, `${count} tags`);
  }
  t.notOk(bothWays(JSON.stringify({ destination: urls[0], tags: tags(17) })).isPlain);
});

t.test('destinations that share a hash are told apart', async (t) => {
  const check = new DestinationCheck(() => null);
  const one = Buffer.from('https://example.org/one');
  const known = check.plain(one, 0, one.length)!;
  t.equal(check.plain(one, 0, one.length), known, 'judged once');
  const other = Buffer.from('https://example.org/two');
  t.equal(Buffer.from(check.plain(other, 0, other.length)!.bytes).toString(), 'https://example.org/two');
  t.equal(Buffer.from(known.origin).toString(), 'https://example.org');
});
