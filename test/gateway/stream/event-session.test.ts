import t from 'tap';
import { EventDesk } from '../../../gateway/stream/event-session.js';
import { EventStream } from '../../../gateway/stream/event-stream.js';
import { streamCursorEveryMs, streamPatienceMs } from '../../../gateway/limits.js';

const libraryBufferBytes = 16 * 1024;

const everything = { status: null, source: null, type: null, eventId: null, externalJobId: null };

/** A stream on which nothing happens, to a client that reads or does not. */
async function setup() {
  let nowMs = 0;
  let isReading = true;
  let look = (): void => undefined;
  const told: string[] = [];
  const ended: number[] = [];
  const subscription = { cursor: 'c', place: () => 'c', behind: () => 0, resume: () => undefined, close: () => undefined };
  const desk = new EventDesk({
    engine: { subscribe: async () => subscription },
    monoMs: () => nowMs,
    patienceMs: streamPatienceMs,
    repeat: (_everyMs, action) => {
      look = action;
      return () => {
        look = () => undefined;
      };
    },
  });
  const sequel = await desk.open(everything, null);
  const peer = new EventStream({
    body: {
      cork: (write) => write(),
      write: (piece) => {
        told.push(piece);
        return isReading || piece.length <= libraryBufferBytes;
      },
      onWritable: () => undefined,
      end: () => ended.push(nowMs),
    },
    onDrain: () => undefined,
    onEnded: () => undefined,
  });
  sequel.begin(peer);
  return {
    peer,
    told,
    ended,
    stopReading: () => {
      isReading = false;
    },
    pass: (ms: number) => {
      for (const untilMs = nowMs + ms; nowMs < untilMs; look()) nowMs += streamCursorEveryMs;
    },
  };
}

t.test('a quiet stream stays open for a day, and tells its place all the time', async (t) => {
  const { told, ended, pass } = await setup();
  const dayMs = 86_400_000;
  pass(dayMs);
  t.same(ended, []);
  t.equal(told.filter((text) => text.includes('event: cursor')).length, dayMs / streamCursorEveryMs);
});

t.test('one that is seen to take nothing is ended after a minute', async (t) => {
  const { peer, ended, stopReading, pass } = await setup();
  stopReading();
  peer.send(`data: ${'x'.repeat(libraryBufferBytes)}\n\n`);
  pass(streamPatienceMs - streamCursorEveryMs);
  t.same(ended, []);
  pass(2 * streamCursorEveryMs);
  t.equal(ended.length, 1);
});
