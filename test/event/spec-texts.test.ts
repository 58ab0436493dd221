import t from 'tap';
import { type EventFilter, everyEvent, matchesTexts } from '../../engine/event/event-filter.js';
import type { EventSpec } from '../../engine/event/spec.js';
import { decodeSpec, encodeSpec } from '../../engine/event/spec-codec.js';
import { hasDelay, TextFilter } from '../../engine/event/spec-texts.js';
import { Random } from '../wheel/random.js';
import { randomSpec, specOf, textOf } from './specs.js';

/** A filter that asks for some of the texts of the spec, or for others. */
function randomFilter(random: Random, spec: EventSpec): EventFilter {
  const maybe = (own: string | null): string[] | null => {
    if (random.below(2) === 0) return null;
    const texts = [textOf(random, 30), own ?? 'x', `${own}x`, (own ?? 'x').slice(1)];
    return texts.filter(() => random.below(2) === 0);
  };
  return {
    ...everyEvent,
    source: maybe(spec.source),
    type: maybe(spec.type),
    destination: maybe(spec.destination),
    externalJobId: random.below(4) > 0 ? null : (spec.externalJobId ?? 'x'),
    tags:
      random.below(4) > 0 || spec.tags.length === 0
        ? []
        : [{ name: spec.tags[0]![0], values: [random.pick([spec.tags[0]![1], 'x'])] }],
  };
}

t.test('texts compared where they stand say the same as those of the decoded spec', async (t) => {
  const said = { yes: 0, no: 0 };
  for (let seed = 1; seed <= 500; seed++) {
    const random = new Random(seed);
    const spec = { ...randomSpec(random), payload: null };
    const filter = randomFilter(random, spec);
    const bytes = encodeSpec(spec, null);
    const expected = matchesTexts(filter, decodeSpec(bytes));
    said[expected ? 'yes' : 'no']++;
    if (new TextFilter(filter).matches(bytes) !== expected) t.fail(`seed ${seed}: expected ${expected}`);
    if (hasDelay(bytes) !== (spec.delayMs !== null)) t.fail(`seed ${seed}: a delay of ${spec.delayMs}`);
  }
  t.ok(said.yes > 50 && said.no > 50, JSON.stringify(said));
});

t.test('delays and texts of every length of header are walked over', async (t) => {
  const filter = new TextFilter({ ...everyEvent, destination: ['here'] });
  for (const length of [0, 1, 31, 32, 255, 256, 1_000]) {
    for (const delayMs of [null, 0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 1.5]) {
      const spec = specOf({
        externalJobId: 'é'.repeat(length),
        description: 'x'.repeat(length),
        delayMs,
        destination: 'here',
        deliveryType: 'LOCAL',
      });
      const bytes = encodeSpec(spec, null);
      t.equal(filter.matches(bytes), true, `${length} ${delayMs}`);
      t.equal(hasDelay(bytes), delayMs !== null, `${length} ${delayMs}`);
    }
  }
});
