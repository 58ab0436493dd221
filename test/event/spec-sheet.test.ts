import t from 'tap';
import { fingerprintOf, slotOfKey } from '../../engine/event/content.js';
import { decodeSpec, encodeSpec } from '../../engine/event/spec-codec.js';
import { SpecSheet } from '../../engine/event/spec-sheet.js';
import { Random } from '../wheel/random.js';
import { now, randomSpec, specOf } from './specs.js';

const bodyAt = (sheet: SpecSheet, place: number) => Buffer.from(sheet.bytes.subarray(sheet.startOf(place), sheet.endOf(place)));

t.test('specs come out as they went in, however many and however large, also when it is used again', async (t) => {
  const sheet = new SpecSheet();
  for (const round of [1, 2]) {
    const specs = Array.from({ length: 200 }, (_, place) => randomSpec(new Random(round * 1_000 + place)));
    specs[70] = specOf({ payload: Buffer.alloc(250_000, 0x20) });
    for (const spec of specs) sheet.add(spec, true);
    t.equal(sheet.count, specs.length);
    for (const [place, spec] of specs.entries()) {
      const alone = Buffer.from(encodeSpec(spec, fingerprintOf(spec, true)));
      t.ok(bodyAt(sheet, place).equals(alone), `round ${round}, place ${place}`);
      t.equal(sheet.createdAtMs(place), spec.createdAtMs);
    }
    sheet.clear();
    t.equal(sheet.count, 0);
  }
});

t.test('a spec with a key has its slot, one without has any', async (t) => {
  const sheet = new SpecSheet();
  sheet.add(specOf({ source: 's', externalJobId: 'e' }), true);
  sheet.add(specOf(), true);
  t.equal(sheet.slotOf(0), slotOfKey({ kind: 'external', source: 's', text: 'e' }));
  t.equal(sheet.slotOf(1), null);
  t.not(decodeSpec(bodyAt(sheet, 0)).fingerprint, null);
  t.equal(sheet.createdAtMs(1), now);
});

t.test('one that has grown far gives its memory back', async (t) => {
  const sheet = new SpecSheet();
  const large = specOf({ payload: Buffer.alloc(256 * 1024, 0x20) });
  for (let count = 0; count < 40; count++) sheet.add(large, true);
  sheet.clear();
  t.equal(sheet.bytes.length, 0);
  sheet.add(large, true);
  t.ok(Buffer.from(decodeSpec(bodyAt(sheet, 0)).payload!).equals(Buffer.from(large.payload!)));
});
