import t from 'tap';
import { decodeMessages, encodeMessages, layOutMessages } from '../../engine/kernel/message-codec.js';

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? { bytes: [...value] }
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
        : value;

t.test('messages come back as they went, of equal and of different shapes', async (t) => {
  const messages = [
    { op: 'a', request: 1, text: 'ä€😀\u0000', none: null },
    { op: 'a', request: 2, text: '', none: null },
    { op: 'b', nested: { list: [1, -1, 0.5, 2 ** 53 - 1, 1_763_632_800_123.25], yes: true, no: false } },
    { op: 'a', request: 3, text: 'x'.repeat(70_000), none: null },
    {},
  ];
  t.same(decodeMessages(encodeMessages(messages)), messages);
});

t.test('an empty batch is an empty batch', async (t) => {
  t.same(decodeMessages(encodeMessages([])), []);
});

t.test('bytes come back byte for byte, also when they are a view into something larger', async (t) => {
  const large = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
  const messages = [{ body: large.subarray(10, 290) }, { body: new Uint8Array(0) }, { body: Buffer.from('payload') }];
  t.same(plain(decodeMessages(encodeMessages(messages))), plain(messages));
});

t.test('bytes of a message are a view into the batch, not a copy', async (t) => {
  const encoded = encodeMessages([{ body: new Uint8Array(1_000).fill(7) }]);
  const [message] = decodeMessages<{ body: Uint8Array }>(encoded);
  t.equal(message!.body.buffer, encoded.buffer);
});

t.test('the bytes of a batch own their buffer, so that it can be moved and the next batch does not write into it', async (t) => {
  const first = encodeMessages([{ text: 'first' }]);
  const second = encodeMessages([{ text: 'second' }]);
  t.not(first.buffer, second.buffer);
  t.equal(first.byteOffset, 0);
  t.equal(first.buffer.byteLength, first.length);
  structuredClone(second, { transfer: [second.buffer] });
  t.equal(second.length, 0, 'moved away');
  t.same(decodeMessages(first), [{ text: 'first' }]);
});

t.test('a batch is not touched by those behind it, small ones and such as the codec keeps no memory of', async (t) => {
  const sizes = [10, 3_000_000, 20, 9_000, 100_000, 30];
  const batches = sizes.map((size, index) => encodeMessages([{ index, body: new Uint8Array(size).fill(index) }]));
  for (const [index, batch] of batches.entries()) {
    const [message] = decodeMessages<{ index: number; body: Uint8Array }>(batch);
    t.equal(message!.index, index);
    t.equal(message!.body.length, sizes[index]);
    t.ok(message!.body.every((byte) => byte === index));
  }
});

t.test('a batch of many shapes, more than a codec remembers at once, comes back', async (t) => {
  const messages = Array.from({ length: 300 }, (_, index) => ({ op: 'x', [`field${index}`]: index, [`other${index % 7}`]: 'y' }));
  t.same(decodeMessages(encodeMessages(messages)), messages);
  t.same(decodeMessages(encodeMessages(messages.toReversed())), messages.toReversed());
});

t.test('each batch can be read by itself, whatever was written before it', async (t) => {
  const batches = Array.from({ length: 50 }, (_, index) =>
    encodeMessages([
      { op: 'same', index },
      { op: 'same', index },
    ]),
  );
  for (const [index, batch] of batches.toReversed().entries()) {
    t.same(decodeMessages(batch), [
      { op: 'same', index: 49 - index },
      { op: 'same', index: 49 - index },
    ]);
  }
});

t.test('a batch laid out in the memory of the codec is the same, as long as there is no other', async (t) => {
  const messages = [{ body: new Uint8Array(20_000).fill(3), text: 'ä' }, { op: 'b' }];
  t.same(Buffer.compare(layOutMessages(messages), encodeMessages(messages)), 0);
  t.same(plain(decodeMessages(layOutMessages(messages).slice())), plain(messages));
});
