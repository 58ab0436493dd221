import t from 'tap';
import type { Slot, WallMs } from '../../engine/kernel/brand.js';
import { formatEventId, mintEventId, parseEventId, partitionOf, slotOf } from '../../engine/kernel/event-id.js';
import { slots } from '../../engine/kernel/limits.js';

const now = 1_763_632_800_123 as WallMs;
const mint = (slot: number, at: number = now) => mintEventId(slot as Slot, at as WallMs);

t.test('every slot comes back from the id and from its text', async (t) => {
  for (let slot = 0; slot < slots; slot++) {
    const id = mint(slot);
    if (slotOf(id) !== slot) t.fail(`slot ${slot} came back as ${slotOf(id)}`);
    const parsed = parseEventId(formatEventId(id));
    if (parsed === null || Buffer.compare(parsed, id) !== 0) t.fail(`${formatEventId(id)} does not survive its text`);
  }
});

t.test('an id is a UUID of version 7 that opens with its millisecond', async (t) => {
  const text = formatEventId(mint(0xabc));
  t.match(text, /^[0-9a-f]{8}-[0-9a-f]{4}-7abc-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.equal(Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16), now);
});

t.test('the millisecond is whole and right over all 48 bits', async (t) => {
  for (const ms of [0, 1, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1, now + 0.999]) {
    const text = formatEventId(mint(0, ms));
    t.equal(Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16), Math.floor(ms), `${ms}`);
  }
});

t.test('ids sort by the millisecond in which they were minted, as bytes and as text', async (t) => {
  const ids = [now, now + 1, now + 2, now + 65_536, now + 2 ** 32].map((ms) => mint(0xfff - (ms % 7), ms));
  const byBytes = ids.toReversed().sort(Buffer.compare);
  const texts = ids.map(formatEventId);
  t.same(byBytes.map(formatEventId), texts);
  t.same(texts.toReversed().sort(), texts);
});

t.test('ids of one slot and millisecond differ, beyond the block of random bytes', async (t) => {
  const seen = new Set<string>();
  for (let count = 0; count < 5_000; count++) seen.add(formatEventId(mint(7)));
  t.equal(seen.size, 5_000);
});

t.test('the variant bits are set and leave the rest to chance', async (t) => {
  const eighth = new Set<number>();
  for (let count = 0; count < 2_000; count++) eighth.add(mint(1)[8]!);
  t.ok([...eighth].every((byte) => byte >= 0x80 && byte <= 0xbf));
  t.equal(eighth.size, 64);
});

t.test('a text in upper case is the same id', async (t) => {
  const id = mint(99);
  t.same(parseEventId(formatEventId(id).toUpperCase()), id);
});

t.test('what cannot be one of our ids is refused', async (t) => {
  const good = formatEventId(mint(1));
  t.ok(parseEventId(good));
  const refused = {
    empty: '',
    'too short': good.slice(1),
    'too long': `${good}0`,
    'without hyphens': good.replaceAll('-', ''),
    'hyphen elsewhere': good.slice(0, 7) + good[8] + good[7] + good.slice(9),
    'not hexadecimal': `g${good.slice(1)}`,
    'version 4': `${good.slice(0, 14)}4${good.slice(15)}`,
    'another variant': `${good.slice(0, 19)}c${good.slice(20)}`,
    'a space behind': `${good} `,
    'a line break behind': `${good}\n`,
    'in braces': `{${good}}`,
    'digits of another script': good.replace(/[0-9]/, '١'),
  };
  for (const [name, text] of Object.entries(refused)) t.equal(parseEventId(text), null, name);
});

t.test('slots spread over any number of partitions evenly but for one', async (t) => {
  for (const partitions of [1, 2, 3, 4, 7, 64, 1000, 1024]) {
    const counts = new Array<number>(partitions).fill(0);
    for (let slot = 0; slot < slots; slot++) counts[partitionOf(slot as Slot, partitions)]!++;
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${partitions} partitions`);
  }
});
