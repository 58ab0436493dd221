import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { EventStream } from '../../../gateway/stream/event-stream.js';
import { until } from '../../support/deadline.js';

const KiB = 1024;

/** A response whose connection takes what the test lets it. */
function setup() {
  const written: string[] = [];
  const happened: string[] = [];
  let isFull = false;
  let onWritable: () => boolean = () => true;
  const stream = new EventStream({
    body: {
      cork: (write) => write(),
      // As the library has it: of what fits into its own buffer it says yes without knowing.
      write: (piece) => {
        written.push(piece);
        return piece.length <= 16 * KiB || !isFull;
      },
      onWritable: (handler) => {
        onWritable = handler;
      },
      end: () => happened.push('ended'),
    },
    onDrain: () => happened.push('drained'),
    onEnded: () => happened.push('told'),
  });
  return {
    stream,
    written,
    happened,
    fill: (full: boolean) => {
      isFull = full;
    },
    writable: () => onWritable(),
  };
}

t.test('what is written counts as unread until a large piece has gone through', async (t) => {
  const { stream, written } = setup();
  stream.send('x'.repeat(10 * KiB));
  t.equal(stream.backlogBytes(), 10 * KiB);
  stream.send('x'.repeat(20 * KiB));
  t.equal(stream.backlogBytes(), 0);
  t.equal(written.length, 2);
});

t.test('small pieces are made sure now and then, with a comment that clients pass over', async (t) => {
  const { stream, written } = setup();
  for (let count = 0; count < 100; count++) {
    stream.send(`data: ${'x'.repeat(8 * KiB)}\n\n`);
    t.ok(stream.backlogBytes() < 150 * KiB);
  }
  const filled = written.filter((piece) => /^data: x+\n\n: +\n\n$/.test(piece));
  t.ok(filled.length >= 4 && filled.length <= 7, `${filled.length} of 100`);
});

t.test('what does not go through stays unread until the connection has taken it', async (t) => {
  const { stream, happened, fill, writable } = setup();
  fill(true);
  stream.send('x'.repeat(100 * KiB));
  stream.send('x'.repeat(10));
  t.equal(stream.backlogBytes(), 100 * KiB + 10);
  t.equal(writable(), true);
  await pause(300);
  t.same(happened, [], 'it has taken something, but not all');
  t.ok(stream.backlogBytes() > 100 * KiB && stream.backlogBytes() < 120 * KiB);
  fill(false);
  writable();
  await until('it has taken all', () => happened.length > 0);
  t.same(happened, ['drained']);
  t.equal(stream.backlogBytes(), 0);
});

t.test('an end is told once, and nothing is written behind it', async (t) => {
  const { stream, written, happened } = setup();
  stream.end();
  stream.end();
  stream.send('x');
  t.same(happened, ['ended', 'told']);
  t.same(written, []);
});
