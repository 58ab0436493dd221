import t, { type Test } from 'tap';
import { EngineError, streamBacklogBytesMax } from '../../../engine/index.js';
import { streamAnswersBytesMax, streamPatienceMs, streamSubscriptionsMax } from '../../../gateway/limits.js';
import { StreamDesk } from '../../../gateway/ws/stream-session.js';
import { changeOf, FakeEngine } from '../../support/fake-engine.js';

const id = new Uint8Array(16).fill(0x77);

interface Frame {
  readonly op: string;
  readonly [name: string]: unknown;
}

function setup(_t: Test) {
  const engine = new FakeEngine();
  const frames: Frame[] = [];
  const repeats: { everyMs: number; action: () => void; stopped: boolean }[] = [];
  const reported: unknown[] = [];
  const ended: { code: number; reason: string }[] = [];
  let backlog = 0;
  let nowMs = 0;
  const desk = new StreamDesk({
    engine,
    monoMs: () => nowMs,
    patienceMs: streamPatienceMs,
    report: (error) => reported.push(error),
    repeat: (everyMs, action) => {
      const entry = { everyMs, action, stopped: false };
      repeats.push(entry);
      return () => {
        entry.stopped = true;
      };
    },
  });
  const session = desk.open({
    send: (text) => frames.push(JSON.parse(text) as Frame),
    backlogBytes: () => backlog,
    isBehind: () => backlog > 0,
    end: (code, reason) => ended.push({ code, reason }),
  });
  return {
    engine,
    session,
    desk,
    repeats,
    reported,
    ended,
    say: (message: unknown) => session.onMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))),
    /** What was sent since the last call, after everything that waits has run. */
    async heard(): Promise<Frame[]> {
      await new Promise((resolve) => setImmediate(resolve));
      return frames.splice(0);
    },
    tick: (everyMs: number) =>
      repeats.filter((entry) => entry.everyMs === everyMs && !entry.stopped).forEach((entry) => entry.action()),
    setBacklog: (bytes: number) => {
      backlog = bytes;
    },
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

t.test('a subscription hears changes in the documented form, with the cursor behind them', async (t) => {
  const { engine, say, heard } = setup(t);
  say({ op: 'subscribe', id: 'a', filter: { status: ['DEAD', 'DELIVERED'], source: 'x', event_id: 'E' }, cursor: 'now' });
  t.strictSame(await heard(), [{ op: 'subscribed', id: 'a', cursor: 'c0' }]);
  t.strictSame([...engine.subscriptions][0]!.filter, {
    status: ['DEAD', 'DELIVERED'],
    source: ['x'],
    type: null,
    eventId: ['E'],
    externalJobId: null,
  });
  engine.publish({ cursor: 'c1', items: [changeOf(id)], gapFrom: null });
  t.strictSame(await heard(), [
    {
      op: 'changes',
      id: 'a',
      cursor: 'c1',
      items: [
        {
          event_id: '77777777-7777-7777-7777-777777777777',
          external_job_id: null,
          source: 'default',
          type: null,
          status: 'DELIVERED',
          version: 3,
          at: '2026-11-18T11:06:40.000Z',
          attempt: 1,
          next_attempt_at: null,
          status_code: 204,
          error: null,
          fire_lag_ms: 0.7,
        },
      ],
    },
  ]);
});

t.test('a subscription that opens for a socket that has gone is closed', async (t) => {
  const { engine, say, heard, session } = setup(t);
  let open: () => void = () => undefined;
  engine.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  say({ op: 'subscribe', id: 'a' });
  t.same(await heard(), []);
  session.onClosed();
  open();
  t.same(await heard(), []);
  t.equal(engine.subscriptions.size, 0);
});

t.test('a cursor is handed on, and none or "now" means from now on', async (t) => {
  const { engine, say, heard } = setup(t);
  say({ op: 'subscribe', id: 'a', cursor: 'c7' });
  t.strictSame(await heard(), [{ op: 'subscribed', id: 'a', cursor: 'c7' }]);
  say({ op: 'subscribe', id: 'b', cursor: 'now' });
  say({ op: 'subscribe', id: 'c' });
  await heard();
  t.same(
    [...engine.subscriptions].map(({ cursor }) => cursor),
    ['c7', null, null],
  );
});

t.test('a gap is told; a place without changes is told when it comes and every five seconds', async (t) => {
  const { engine, say, heard, tick } = setup(t);
  say({ op: 'subscribe', id: 'a' });
  await heard();
  engine.publish({ cursor: 'c3', items: [], gapFrom: 'c1' });
  t.strictSame(await heard(), [{ op: 'gap', id: 'a', from: 'c1', to: 'c3' }]);
  engine.publish({ cursor: 'c4', items: [], gapFrom: null });
  t.strictSame(await heard(), [{ op: 'cursor', id: 'a', cursor: 'c4' }]);
  [...engine.subscriptions][0]!.place = 'c5';
  tick(5_000);
  t.strictSame(await heard(), [{ op: 'cursor', id: 'a', cursor: 'c5' }]);
});

t.test('after unsubscribe nothing more comes, and the id is free again', async (t) => {
  const { engine, say, heard } = setup(t);
  say({ op: 'subscribe', id: 'a' });
  say({ op: 'unsubscribe', id: 'a' });
  t.same(await heard(), []);
  t.equal(engine.subscriptions.size, 0);
  say({ op: 'subscribe', id: 'a' });
  t.match(await heard(), [{ op: 'subscribed' }]);
  say({ op: 'unsubscribe', id: 'b' });
  t.match(await heard(), [{ op: 'error', id: 'b', code: 'invalid' }]);
});

t.test('statistics are sent at once and then as often as asked, the newest wish wins', async (t) => {
  const { say, heard, tick, repeats, session, engine, advance } = setup(t);
  let computed = 0;
  const statistics = engine.statistics.bind(engine);
  engine.statistics = () => {
    computed++;
    return statistics();
  };
  say({ op: 'stats', every_ms: 1_000 });
  t.match(await heard(), [{ op: 'stats', total: 0, by_status: { SCHEDULED: 0 } }]);
  say({ op: 'stats', every_ms: 100 });
  tick(1_000);
  tick(100);
  t.equal((await heard()).length, 2);
  t.equal(computed, 1, 'computed once for all within 100 ms');
  advance(100);
  tick(100);
  t.equal(computed, 2);
  session.onClosed();
  t.ok(repeats.every(({ stopped }) => stopped));
});

t.test('what is not understood is answered with an error, and the socket goes on', async (t) => {
  const { say, heard, session, ended } = setup(t);
  for (const [message, code] of [
    ['', 'malformed-json'],
    ['{', 'malformed-json'],
    ['{"op":"subscribe","id":"a","id":"b"}', 'malformed-json'],
    ['{"op":"ping"} {}', 'malformed-json'],
    ['null', 'invalid'],
    ['[]', 'invalid'],
    ['"subscribe"', 'invalid'],
    [{}, 'invalid'],
    [{ op: 'nothing' }, 'invalid'],
    [{ op: 'constructor' }, 'invalid'],
    [{ op: 'subscribe' }, 'invalid'],
    [{ op: 'subscribe', id: '' }, 'invalid'],
    [{ op: 'subscribe', id: 5 }, 'invalid'],
    [{ op: 'subscribe', id: 'a', filter: [] }, 'invalid'],
    [{ op: 'subscribe', id: 'a', filter: { status: [] } }, 'invalid'],
    [{ op: 'subscribe', id: 'a', filter: { status: 'dead' } }, 'invalid'],
    [{ op: 'subscribe', id: 'a', filter: { sources: 'x' } }, 'invalid'],
    [{ op: 'subscribe', id: 'a', filters: {} }, 'invalid'],
    ['{"op":"subscribe","id":"a","filter":{"__proto__":{"source":"x"}}}', 'invalid'],
    [{ op: 'subscribe', id: 'a', filter: { source: Array.from({ length: 101 }, () => 'x') } }, 'invalid'],
    [{ op: 'stats' }, 'invalid'],
    [{ op: 'stats', every_ms: 99 }, 'invalid'],
    [{ op: 'stats', every_ms: 60_001 }, 'invalid'],
    [{ op: 'ping', x: 1 }, 'invalid'],
  ] as const) {
    say(message);
    t.match(await heard(), [{ op: 'error', code, detail: /\w/ }], encodeURIComponent(JSON.stringify(message).slice(0, 60)));
  }
  say({ op: 'subscribe', id: 'a', filter: { status: 'dead' } });
  t.match(await heard(), [
    { op: 'error', id: 'a', code: 'invalid', detail: /^filter\/status must be one of SCHEDULED, .*, or a list/ },
  ]);
  say({ op: 'subscribe', id: 'a', filters: {} });
  t.match(await heard(), [{ op: 'error', id: 'a', code: 'invalid', detail: 'filters is not a known field' }]);
  say({ op: 'subscribe', id: 'x'.repeat(65) });
  t.notOk('id' in ((await heard())[0] as object));
  session.onMessage(Buffer.from([0x22, 0xff, 0x22]));
  t.match(await heard(), [{ op: 'error', code: 'malformed-json' }]);
  say({ op: 'ping' });
  t.strictSame(await heard(), [{ op: 'pong' }]);
  t.same(ended, []);
});

t.test('subscriptions are counted, and an id is used once', async (t) => {
  const { say, heard, engine } = setup(t);
  for (let index = 0; index < streamSubscriptionsMax; index++) say({ op: 'subscribe', id: `s${index}` });
  t.equal((await heard()).length, streamSubscriptionsMax);
  say({ op: 'subscribe', id: 'one-more' });
  t.match(await heard(), [{ op: 'error', id: 'one-more', code: 'invalid', detail: /at most 32/ }]);
  say({ op: 'subscribe', id: 's0' });
  t.match(await heard(), [{ op: 'error', id: 's0', code: 'invalid' }]);
  t.equal(engine.subscriptions.size, streamSubscriptionsMax);
});

t.test('an id has 64 characters at most, whatever they are', async (t) => {
  const { say, heard } = setup(t);
  const id = '\u{1f5d3}'.repeat(64);
  say({ op: 'subscribe', id });
  t.match(await heard(), [{ op: 'subscribed', id }]);
  say({ op: 'subscribe', id: `${id}x` });
  t.match(await heard(), [{ op: 'error', code: 'invalid', detail: /id must be a string of 1 to 64 characters/ }]);
});

t.test('a subscription that the engine refuses leaves nothing behind', async (t) => {
  const { say, heard, engine, reported } = setup(t);
  engine.next = new EngineError('stopping', 'going down');
  say({ op: 'subscribe', id: 'a' });
  t.strictSame(await heard(), [{ op: 'error', id: 'a', code: 'stopping', detail: 'going down' }]);
  engine.next = new Error('secret');
  say({ op: 'subscribe', id: 'a' });
  t.match(await heard(), [{ op: 'error', id: 'a', code: 'internal', detail: 'the subscription failed' }]);
  t.match(reported, [{ message: 'secret' }]);
  say({ op: 'subscribe', id: 'a' });
  t.match(await heard(), [{ op: 'subscribed' }]);
});

const publishOne = (engine: FakeEngine, cursor: string) => engine.publish({ cursor, items: [changeOf(id)], gapFrom: null });

t.test('a client that leaves too much unread is told that it lags, and goes on when it has read', async (t) => {
  const { say, heard, engine, ended, setBacklog, session } = setup(t);
  say({ op: 'subscribe', id: 'a' });
  await heard();
  setBacklog(streamBacklogBytesMax);
  publishOne(engine, 'c1');
  t.match(await heard(), [{ op: 'changes', cursor: 'c1' }], 'at the bound it still gets some');
  setBacklog(streamBacklogBytesMax + 1);
  publishOne(engine, 'c2');
  publishOne(engine, 'c3');
  t.strictSame(await heard(), [{ op: 'lagging', id: 'a', behind: 7 }], 'once, and nothing else');
  const [subscription] = engine.subscriptions;
  t.match(subscription, { isResting: true, place: 'c1', resumed: 0 });
  session.onDrain();
  t.equal(subscription!.resumed, 0, 'not at every byte');
  setBacklog(1_000);
  session.onDrain();
  session.onDrain();
  t.equal(subscription!.resumed, 1);
  publishOne(engine, 'c4');
  t.match(await heard(), [{ op: 'changes', cursor: 'c4' }]);
  t.same(ended, []);
});

t.test('while it lags, neither cursors nor statistics are added to what it has not read', async (t) => {
  const { say, heard, engine, setBacklog, tick } = setup(t);
  say({ op: 'subscribe', id: 'a' });
  say({ op: 'stats', every_ms: 1_000 });
  await heard();
  setBacklog(streamBacklogBytesMax + 1);
  publishOne(engine, 'c1');
  await heard();
  tick(5_000);
  tick(1_000);
  t.same(await heard(), []);
});

t.test('a client that takes nothing for a minute is closed with 1013, one that takes a little is not', async (t) => {
  const { engine, say, heard, ended, setBacklog, tick, advance, repeats } = setup(t);
  say({ op: 'subscribe', id: 'a' });
  await heard();
  const look = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      advance(5_000);
      tick(5_000);
    }
  };
  setBacklog(300_000);
  publishOne(engine, 'c1');
  look(55_000);
  t.same(ended, []);
  setBacklog(299_000);
  look(60_000);
  t.same(ended, [], 'it has taken a thousand bytes');
  look(5_000);
  t.match(ended, [{ code: 1_013 }]);
  t.equal(engine.subscriptions.size, 0);
  t.ok(repeats.every(({ stopped }) => stopped));
});

t.test('a client that asks without end and never reads is closed at once', async (t) => {
  const { say, heard, ended, setBacklog } = setup(t);
  setBacklog(streamAnswersBytesMax);
  say({ op: 'ping' });
  t.same(ended, []);
  setBacklog(streamAnswersBytesMax + 1);
  say({ op: 'ping' });
  t.match(ended, [{ code: 1_013 }]);
  await heard();
  say({ op: 'ping' });
  t.same(await heard(), []);
});
