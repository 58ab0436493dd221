import t from 'tap';
import { hashOfLabel, labelsOf, signatureOf } from '../../engine/event/labels.js';
import { specOf } from './specs.js';

t.test('labels stay what they were: they are on disk', async (t) => {
  t.same(
    labelsOf(specOf({ source: 'order-service', type: 'invoice', destination: 'https://example.org/hook', tags: [['a', 'b']] })),
    {
      source: 1556212517,
      type: 1519411472,
      destination: 3700075474,
      signatureHigh: 262144,
      signatureLow: 16,
    },
  );
  t.same(labelsOf(specOf({ type: null, tags: [] })).type, 0, 'no type is 0');
  t.not(hashOfLabel(''), 0, 'a text never is');
});

t.test('an event has the bits of each of its pairs, whatever else it has', async (t) => {
  const tags = Array.from({ length: 16 }, (_, index) => [`name-${index}`, `value-${index * 7}`] as const);
  const { signatureHigh, signatureLow } = labelsOf(specOf({ tags }));
  for (const [name, value] of tags) {
    const { high, low } = signatureOf(name, value);
    t.ok((high | low) !== 0);
    t.equal((signatureHigh & high) >>> 0, high);
    t.equal((signatureLow & low) >>> 0, low);
  }
});

t.test('few other pairs pass: the bits are spread', async (t) => {
  const passing = (count: number) => {
    let passed = 0;
    for (let event = 0; event < 200; event++) {
      const tags = Array.from({ length: count }, (_, index) => [`key-${index}`, `${event}-${index}`] as const);
      const { signatureHigh, signatureLow } = labelsOf(specOf({ tags }));
      for (let other = 0; other < 50; other++) {
        const { high, low } = signatureOf('key-0', `other-${event}-${other}`);
        if ((signatureHigh & high) >>> 0 === high && (signatureLow & low) >>> 0 === low) passed++;
      }
    }
    return passed / 10_000;
  };
  t.ok(passing(1) < 0.01, `one pair: ${passing(1)}`);
  t.ok(passing(4) < 0.04, `four: ${passing(4)}`);
  t.ok(passing(16) < 0.25, `sixteen: ${passing(16)}`);
});
