import t from 'tap';
import { decodeRenewal, encodeRenewal, specIn } from '../../engine/event/renewal-codec.js';
import { recordKinds, settingsKind } from '../../engine/event/record.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import { faultOfPatched, patched } from '../../engine/event/spec-patch.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { WallMs } from '../../engine/kernel/brand.js';
import { InvariantError } from '../../engine/kernel/errors.js';
import { now, specOf } from './specs.js';

const spec = encodeSpec(
  specOf({ externalJobId: 'x', tags: [['a', '1']], payload: Buffer.from('{"n":1}') }),
  new Uint8Array(16),
).slice();

t.test('where an event stands and its spec come back as they were written', async (t) => {
  const renewal = { from: 'DEAD', version: 2 ** 32 - 1, attempts: 70_000, dueAtMs: (now + 0.5) as WallMs, spec } as const;
  const body = encodeRenewal(renewal);
  const { spec: bytes, ...rest } = decodeRenewal(body);
  t.same({ ...rest, spec: Buffer.from(bytes) }, { ...renewal, spec: Buffer.from(spec) });
  for (const kind of [recordKinds.changed, recordKinds.retried]) t.same(Buffer.from(specIn({ kind, body })!), Buffer.from(spec));
  t.equal(specIn({ kind: recordKinds.accepted, body: spec }), spec);
  for (const kind of [recordKinds.dispatched, recordKinds.hastened, recordKinds.retriesStopped, settingsKind] as const) {
    t.equal(specIn({ kind, body: new Uint8Array(0) }), null);
  }
});

t.test('another format, another state and a body that is cut short are not read', async (t) => {
  const body = encodeRenewal({ from: 'DEAD', version: 2, attempts: 1, dueAtMs: now, spec });
  for (const wrong of [
    Buffer.from(body).fill(9, 0, 1),
    Buffer.from(body).fill(99, 1, 2),
    body.subarray(0, 10),
    new Uint8Array(0),
  ])
    t.throws(() => decodeRenewal(wrong), InvariantError);
});

t.test('a patch changes what it names, and tags by their names', async (t) => {
  const before = decodeSpec(spec);
  t.same(patched(before, {}), before);
  const after = patched(before, {
    priority: 9,
    tags: [
      ['a', null],
      ['__proto__', 'p'],
      ['b', '2'],
    ],
  });
  t.same(after, {
    ...before,
    priority: 9,
    tags: [
      ['__proto__', 'p'],
      ['b', '2'],
    ],
  });
  t.same(patched(before, { tags: null, description: null }).tags, []);
  const tooMany = patched(before, { tags: Array.from({ length: 16 }, (_, index) => [`t${index}`, ''] as const) });
  t.match(faultOfPatched(tooMany), { pointer: '/tags', detail: /17 tags/ });
  t.equal(faultOfPatched(after), null);
});
