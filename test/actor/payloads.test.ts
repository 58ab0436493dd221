import t from 'tap';
import { BodyStore } from '../../engine/actor/body-store.js';
import { Payloads } from '../../engine/actor/payloads.js';
import { Reads } from '../../engine/actor/reads.js';
import type { Handle, PartitionId, Sequence, WallMs } from '../../engine/kernel/brand.js';
import { readAheadPerMomentMax, readAheadPerOriginMax } from '../../engine/kernel/limits.js';
import type { ReaderRequest } from '../../engine/log/protocol.js';

type Bodies = Extract<ReaderRequest, { op: 'bodies' }>;

function setup({ bytesMax = 1_000 } = {}) {
  const asked: Bodies[] = [];
  const came: [number, number][] = [];
  const failures: string[] = [];
  /** Where the body of a row is; 0: the row is free. */
  const seqs = new Map<number, number>();
  const origins = new Map<number, number>();
  const reads = new Reads((request) => asked.push(request as Bodies));
  const store = new BodyStore(bytesMax);
  const payloads: Payloads = new Payloads(
    {
      partition: 0 as PartitionId,
      reads,
      originOf: (handle) => origins.get(handle) ?? 0,
      bodySeq: (handle) => (seqs.get(handle) ?? handle + 1) as Sequence,
      came: (handle, body) => came.push([handle, body.length]),
      // As an actor does, which stops.
      failed: (detail) => {
        failures.push(detail);
        payloads.clear();
      },
    },
    store,
  );
  return { payloads, store, asked, came, failures, seqs, origins, reads };
}

const row = (value: number) => value as Handle;
/** Each at its own time. */
const dueAt = (value: number) => (1_000 + value) as WallMs;
const bytes = (length: number) => new Uint8Array(length).fill(1);

t.test('what is kept does not hold on to the batch that it came in, and is given out once', async (t) => {
  const { payloads, store } = setup();
  const batch = bytes(100);
  payloads.keep(row(1), batch.subarray(20, 30));
  batch.fill(9);
  t.ok(payloads.has(row(1)));
  t.equal(store.bytes, 10);
  t.same(payloads.take(row(1)), bytes(10));
  t.equal(payloads.take(row(1)), null);
  t.equal(store.bytes, 0);
});

t.test('keeping twice counts once', async (t) => {
  const { payloads, store } = setup();
  payloads.keep(row(1), bytes(10));
  payloads.keep(row(1), bytes(10));
  t.equal(store.bytes, 10);
});

t.test(
  'when the store of the host is spent nothing more is kept or read ahead, but what somebody waits for is read',
  async (t) => {
    const { payloads, store, asked } = setup({ bytesMax: 15 });
    payloads.keep(row(1), bytes(20));
    t.ok(store.isSpent);
    payloads.keep(row(2), bytes(1));
    t.notOk(payloads.has(row(2)));
    payloads.readAhead(row(3), dueAt(3));
    payloads.flush();
    t.same(asked, []);
    payloads.read(row(4));
    payloads.flush();
    t.same(
      asked.map((request) => request.seqs),
      [[5]],
    );
  },
);

t.test('what is waited for is asked for at the end of the turn, in reads of bounded size', async (t) => {
  const { payloads, asked } = setup();
  for (let handle = 0; handle < 300; handle++) payloads.read(row(handle));
  payloads.flush();
  t.same(
    asked.map((request) => request.seqs.length),
    [128, 128, 44],
  );
  payloads.flush();
  t.equal(asked.length, 3);
});

t.test('one read ahead is under way at a time, the newest first, and what is waited for overtakes the rest', async (t) => {
  const { payloads, asked, reads } = setup();
  for (let handle = 0; handle < 300; handle++) payloads.readAhead(row(handle), dueAt(handle));
  payloads.flush();
  payloads.read(row(7));
  payloads.flush();
  t.same(
    asked.map((request) => [request.seqs.length, request.seqs[0]]),
    [
      [128, 173],
      [1, 8],
    ],
  );
  reads.answered({ op: 'bodies', tag: asked[0]!.tag, bodies: asked[0]!.seqs.map(() => bytes(1)), damaged: [] });
  payloads.readAhead(row(400), dueAt(400));
  payloads.flush();
  t.equal(asked.length, 3);
  t.equal(asked[2]!.seqs.at(-1), 401);
});

t.test('what found no room ahead is read ahead when there is room again', async (t) => {
  const { payloads, asked } = setup({ bytesMax: 15 });
  payloads.keep(row(1), bytes(20));
  payloads.readAhead(row(2), dueAt(2));
  payloads.flush();
  t.same(asked, []);
  payloads.take(row(1));
  payloads.flush();
  t.same(
    asked.map((request) => request.seqs),
    [[3]],
  );
});

t.test('what has finished or come meanwhile is not read ahead', async (t) => {
  const { payloads, asked, seqs } = setup();
  for (const handle of [1, 2, 3]) payloads.readAhead(row(handle), dueAt(handle));
  seqs.set(1, 0);
  payloads.keep(row(2), bytes(1));
  payloads.flush();
  t.same(
    asked.map((request) => request.seqs),
    [[4]],
  );
});

t.test('a payload comes to the row that it was asked for', async (t) => {
  const { payloads, asked, came, reads } = setup();
  payloads.read(row(1));
  payloads.read(row(2));
  payloads.flush();
  reads.answered({ op: 'bodies', tag: asked[0]!.tag, bodies: [bytes(3), bytes(4)], damaged: [] });
  t.same(came, [
    [1, 3],
    [2, 4],
  ]);
});

t.test('a row that was freed or used again meanwhile gets nothing', async (t) => {
  const { payloads, asked, came, seqs, reads } = setup();
  for (const handle of [1, 2, 3]) payloads.read(row(handle));
  payloads.flush();
  seqs.set(1, 0);
  seqs.set(2, 77);
  reads.answered({ op: 'bodies', tag: asked[0]!.tag, bodies: [bytes(1), bytes(2), bytes(3)], damaged: [] });
  t.same(came, [[3, 3]]);
});

t.test('what has finished before the end of the turn is not asked for', async (t) => {
  const { payloads, asked, seqs } = setup();
  payloads.read(row(1));
  payloads.read(row(2));
  seqs.set(1, 0);
  payloads.flush();
  t.same(
    asked.map((request) => request.seqs),
    [[3]],
  );
});

t.test('after clearing, nothing is held and no answer comes in any more', async (t) => {
  const { payloads, store, asked, came, failures, reads } = setup();
  payloads.keep(row(1), bytes(10));
  payloads.read(row(2));
  payloads.flush();
  payloads.read(row(3));
  payloads.clear();
  payloads.flush();
  t.equal(asked.length, 1);
  t.equal(store.bytes, 0);
  t.notOk(payloads.has(row(1)));
  reads.answered({ op: 'bodies', tag: asked[0]!.tag, bodies: [bytes(1)], damaged: [] });
  t.same(came, []);
  t.same(failures, []);
});

t.test('a read that fails, or a damaged body, is reported', async (t) => {
  const { payloads, asked, came, failures, reads } = setup();
  payloads.read(row(1));
  payloads.flush();
  reads.answered({ op: 'failed', tag: asked[0]!.tag, failure: 'io', detail: 'no disk' });
  payloads.read(row(2));
  payloads.flush();
  reads.answered({ op: 'bodies', tag: asked[1]!.tag, bodies: [new Uint8Array(0)], damaged: [3 as Sequence] });
  t.equal(failures.length, 2);
  t.match(failures[0], /no disk/);
  t.same(came, []);
});

t.test('of one origin only so many are read ahead, and the others go on; what has left makes room', async (t) => {
  const { payloads, asked, origins, reads } = setup({ bytesMax: 1_000_000 });
  const crowd = readAheadPerOriginMax + 100;
  for (let handle = 0; handle < crowd; handle++) payloads.readAhead(row(handle), dueAt(handle));
  origins.set(crowd, 1);
  payloads.readAhead(row(crowd), dueAt(crowd));
  const seen = new Set<number>();
  for (let next = 0; ; next++) {
    payloads.flush();
    const request = asked[next];
    if (request === undefined) break;
    for (const seq of request.seqs) {
      seen.add(seq - 1);
      payloads.keep(row(seq - 1), bytes(1));
    }
    reads.answered({ op: 'bodies', tag: request.tag, bodies: request.seqs.map(() => bytes(1)), damaged: [] });
  }
  t.equal(seen.size, readAheadPerOriginMax + 1);
  t.ok(seen.has(crowd), 'the one of the other origin is there');
  payloads.readAhead(row(crowd - 1), dueAt(crowd - 1));
  payloads.flush();
  t.notOk(asked.at(-1)!.seqs.includes(crowd as Sequence), 'no room');
  payloads.take(row(0));
  payloads.readAhead(row(crowd - 1), dueAt(crowd - 1));
  payloads.flush();
  t.same(asked.at(-1)!.seqs, [crowd]);
});

t.test('of those that are due together only the first are read ahead, until somebody says that others are next', async (t) => {
  const { payloads, asked, origins, reads } = setup({ bytesMax: 1_000_000 });
  const crowd = readAheadPerMomentMax + 100;
  for (let handle = 0; handle < crowd; handle++) payloads.readAhead(row(handle), dueAt(0));
  payloads.readAhead(row(crowd), dueAt(1));
  origins.set(crowd + 1, 1);
  payloads.readAhead(row(crowd + 1), dueAt(0));
  payloads.readNext(row(crowd - 1));
  const seen: number[] = [];
  for (let next = 0; ; next++) {
    payloads.flush();
    const request = asked[next];
    if (request === undefined) break;
    seen.push(...request.seqs.map((seq) => seq - 1));
    reads.answered({ op: 'bodies', tag: request.tag, bodies: request.seqs.map(() => bytes(1)), damaged: [] });
  }
  const others = seen.filter((handle) => handle >= crowd - 1).sort((a, b) => a - b);
  t.same(others, [crowd - 1, crowd, crowd + 1]);
  // The first of an origin is not counted with those that are due with it.
  t.equal(seen.length - others.length, readAheadPerMomentMax + 1);
});
