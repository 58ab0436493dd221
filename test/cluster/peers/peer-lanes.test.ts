import t from 'tap';
import { InLane, OutLane } from '../../../engine/cluster/peers/peer-lanes.js';
import { decodePart, encodePart } from '../../../engine/cluster/peers/peer-message.js';

function lanes(partBytes: number) {
  const parts: Uint8Array[] = [];
  const out = new OutLane({ conversation: 3, publish: (part) => parts.push(part), partBytesMax: () => partBytes });
  return { out, parts };
}

t.test('messages come out as they went in, however small the parts are', async (t) => {
  for (const partBytes of [1, 7, 1_000]) {
    const { out, parts } = lanes(partBytes);
    const sent = [0, 1, 6, 7, 8, 100].map((length) => new Uint8Array(length).map((_, at) => at));
    for (const bytes of sent) out.send('requests', bytes);
    const lane = new InLane();
    const taken = parts.flatMap((part) => lane.take(decodePart(part)!) ?? []);
    t.same(
      taken.map(({ bytes }) => [...bytes]),
      sent.map((bytes) => [...bytes]),
    );
    t.ok(parts.every((part) => part.length <= partBytes + 18));
  }
});

t.test('behind a part that is missing, or comes twice, nothing comes out', async (t) => {
  for (const mishap of ['missing', 'twice']) {
    const { out, parts } = lanes(10);
    for (let message = 0; message < 5; message++) out.send('replies', new Uint8Array(25));
    const lane = new InLane();
    const given = mishap === 'missing' ? parts.filter((_, at) => at !== 7) : [...parts.slice(0, 8), ...parts.slice(7)];
    const taken = given.flatMap((part) => lane.take(decodePart(part)!) ?? []);
    t.equal(taken.length, 2, mishap);
    t.ok(lane.isBroken);
  }
});

t.test('what is no part is none', async (t) => {
  t.equal(decodePart(new Uint8Array(17)), null);
  const part = encodePart({ topic: 'pulse', hasMore: false, conversation: 1, number: 1, bytes: new Uint8Array(0) });
  part[0] = 200;
  t.equal(decodePart(part), null, 'a topic of a later version');
});
