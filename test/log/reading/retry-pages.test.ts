/** Pages of retries against the same events folded one by one. */
import t from 'tap';
import { type EventFilter, everyEvent, matchesView } from '../../../engine/event/event-filter.js';
import { type LogRecord, recordKinds } from '../../../engine/event/record.js';
import { decodeRenewal } from '../../../engine/event/renewal-codec.js';
import { decodeSpec, encodeSpec } from '../../../engine/event/spec-codec.js';
import { isFinished } from '../../../engine/event/status.js';
import { type EventView, viewOf } from '../../../engine/event/view.js';
import type { Sequence } from '../../../engine/kernel/brand.js';
import { formatEventId } from '../../../engine/kernel/event-id.js';
import { bulkBatchEvents } from '../../../engine/kernel/limits.js';
import { countOfKnown, type KnownFinal, KnownFinals, knownFrom, knownIn } from '../../../engine/log/index/known-finals.js';
import type { RetriablePlace } from '../../../engine/log/protocol.js';
import { readBatch } from '../../../engine/log/record-batch.js';
import { RetrySheafBuilder } from '../../../engine/log/retry-sheaf.js';
import { listSegments } from '../../../engine/log/segment/segment-files.js';
import { Random } from '../../wheel/random.js';
import { Journal, partition, TestLog } from '../log-fixture.js';
import { damageIn } from '../stored-records.js';

/** Events with histories of every kind, over several segments. */
class Past {
  readonly log: TestLog;
  readonly journal = new Journal();
  readonly #random = new Random(5);
  readonly #written = new Map<string, LogRecord[]>();
  #appended = 0;

  constructor(t: ConstructorParameters<typeof TestLog>[0]) {
    this.log = new TestLog(t, { segmentBytesMax: 60_000 });
    this.log.replay();
  }

  /** Begins some, and lets each of them go a few steps. */
  live(events: number): void {
    const random = this.#random;
    const delayMs = () => (random.below(4) === 0 ? 5_000 : null);
    for (let count = 0; count < events; count++) {
      const externalJobId = random.below(3) === 0 ? `job-${random.below(9)}` : null;
      this.#note(
        this.journal.accepted({ source: random.pick(['a', 'b']), externalJobId, delayMs: delayMs(), priority: random.below(3) }),
      );
    }
    for (const [event] of this.#written) for (let steps = random.below(4); steps > 0; steps--) this.#step(event);
    this.log.append(...this.journal.records.slice(this.#appended));
    this.#appended = this.journal.records.length;
    this.log.tick();
  }

  #note(record: LogRecord): void {
    const event = formatEventId(record.event);
    this.#written.set(event, [...(this.#written.get(event) ?? []), record]);
  }

  #step(event: string): void {
    const { journal } = this;
    const records = this.#written.get(event)!;
    const [first] = records as [LogRecord];
    const view = viewOf(records, partition);
    const before = { ...view, spec: { ...view.spec, description: `after ${view.version}` } };
    const attempt = view.attempts + 1;
    if (view.status === 'DISPATCHED')
      this.#note(this.#random.below(2) === 0 ? journal.delivered(first, view.attempts) : journal.dead(first, view.attempts));
    else if (isFinished(view.status)) {
      if (view.status !== 'DELIVERED') this.#note(journal.renewed('retried', first, before));
    } else {
      const lot = this.#random.below(4);
      if (lot === 0) this.#note(journal.renewed('changed', first, before));
      else this.#note(lot === 1 ? journal.cancelled(first) : journal.dispatched(first, attempt));
    }
  }

  views(): (EventView & { newest: Sequence; records: readonly LogRecord[] })[] {
    return [...this.#written.values()].map((records) => ({
      ...viewOf(records, partition),
      newest: records.at(-1)!.seq,
      records,
    }));
  }

  /** This record is not what was written. */
  damage(seq: Sequence): void {
    damageIn(this.log, seq);
  }

  /** All that the indexes know and that matches, page by page. */
  indexed(filter: EventFilter): string[] {
    const found: string[] = [];
    for (let after: RetriablePlace | null = null; ; ) {
      const named = this.log.ask({ op: 'indexed-finals', tag: 1, partition, filter, after });
      if (named.op !== 'indexed-finals') throw new Error(`expected finals, found ${JSON.stringify(named)}`);
      for (let { known } = named as { readonly known: Uint8Array }; countOfKnown(known) > 0; ) {
        const reply = this.log.ask({ op: 'retries', tag: 2, partition, filter, known });
        if (reply.op !== 'retries') throw new Error(`expected retries, found ${JSON.stringify(reply)}`);
        found.push(...[...readBatch(reply.sheaf)].map(told));
        known = knownFrom(known, reply.looked);
      }
      if (named.until === 'end') return found.sort();
      after = named.until;
    }
  }
}

/** A retry in a form that compares. */
function told({ event, kind, prev, body }: Pick<LogRecord, 'event' | 'prev' | 'body'> & { readonly kind: number }): string {
  const { from, version, attempts, spec } = decodeRenewal(body);
  const { description, source, delayMs } = decodeSpec(spec);
  return JSON.stringify([formatEventId(event), kind, prev, from, version, attempts, description, source, delayMs]);
}

function expected({ id, newest, status, version, attempts, spec }: ReturnType<Past['views']>[number]): string {
  const { description, source } = spec;
  return JSON.stringify([
    formatEventId(id),
    recordKinds.retried,
    newest,
    status,
    version + 1,
    attempts,
    description,
    source,
    null,
  ]);
}

const retriable = { ...everyEvent, status: ['DEAD', 'CANCELLED', 'EXPIRED'] } as const satisfies EventFilter;

async function setup(t: ConstructorParameters<typeof TestLog>[0]) {
  const past = new Past(t);
  for (let round = 0; round < 8; round++) past.live(120);
  await past.log.runTasks();
  const { first: open } = listSegments(past.log.dir).at(-1)!;
  /** Those that the open segment says nothing about. */
  const known = past.views().filter(({ records }) => records.every(({ seq }) => seq < open));
  const meant = (filter: EventFilter) => known.filter((view) => matchesView(filter, view));
  return { past, open, meant };
}

t.test('of what the indexes know exactly what has ended and matches is told, each as its records say', async (t) => {
  const { past, open, meant } = await setup(t);
  const isBefore = (told: string) => (JSON.parse(told) as [string, number, number])[2] < open;
  // What is pending again, or has gone on in the open segment, is told as it had ended: the actor knows better.
  const ended = new Set(
    past.views().flatMap(({ id, newest, status }) => (newest < open && isFinished(status) ? [formatEventId(id)] : [])),
  );
  const hasEnded = (told: string) => ended.has((JSON.parse(told) as [string])[0]);
  const filters: EventFilter[] = [
    retriable,
    { ...retriable, status: ['DEAD'] },
    { ...retriable, source: ['a'], priority: [1, 2] },
    { ...retriable, externalJobId: 'job-3' },
    { ...retriable, externalJobId: 'job-3', priority: [0], status: ['CANCELLED'] },
  ];
  for (const filter of filters) {
    const found = past.indexed(filter);
    t.ok(found.every(isBefore));
    t.same(found.filter(hasEnded), meant(filter).map(expected).sort(), JSON.stringify(filter));
    t.equal(new Set(found.map((each) => (JSON.parse(each) as [string])[0])).size, found.length, 'each once');
  }
  t.ok(past.indexed(retriable).length > bulkBatchEvents, 'more than a page');
});

t.test('what indexes know is named in the order of the log, whatever the ids', async (t) => {
  const { past } = await setup(t);
  let before = [0, 0];
  for (let after: RetriablePlace | null = null; ; ) {
    const named = past.log.ask({ op: 'indexed-finals', tag: 1, partition, filter: retriable, after });
    if (named.op !== 'indexed-finals') throw new Error(`expected finals, found ${JSON.stringify(named)}`);
    const seqs = knownIn(named.known).map(({ bodySeq }) => bodySeq as number);
    t.same(
      seqs,
      seqs.toSorted((one, other) => one - other),
    );
    if (named.until === 'end') break;
    const { segment, bodySeq } = named.until;
    t.ok(segment > before[0]! || (segment === before[0] && bodySeq > before[1]!), 'it goes on');
    before = [segment, bodySeq];
    after = named.until;
  }
});

t.test(
  'an event whose spec is damaged is left out, and hides no other; damage elsewhere does not keep it from being put back',
  async (t) => {
    const { past, meant } = await setup(t);
    const before = past.indexed(retriable);
    const long = meant(retriable).filter(({ records }) => records.length > 2);
    const [one, other] = [long[3]!, long[40]!];
    past.damage(one.records.findLast(({ kind }) => kind === recordKinds.accepted || kind === recordKinds.retried)!.seq);
    past.damage(other.newest);
    const isWhole = (told: string) => !told.includes(formatEventId(one.id));
    const after = past.indexed(retriable);
    t.same(after, before.filter(isWhole));
    t.ok(after.some((told) => told.includes(formatEventId(other.id))));
  },
);

t.test('of what memory knows those that match are told, in the order of the log', async (t) => {
  const { past, meant } = await setup(t);
  const finals = meant(retriable).map((view): KnownFinal & { readonly view: typeof view } => {
    const { id, newest, status, version, attempts, records } = view;
    const renewals: readonly number[] = [recordKinds.accepted, recordKinds.changed, recordKinds.retried];
    const bodySeq = records.findLast(({ kind }) => renewals.includes(kind))!.seq;
    return { ids: id, idAt: 0, newest, status, version, attempts, bodySeq, view };
  });
  const known = new KnownFinals(bulkBatchEvents);
  const asked = finals.slice(0, 100);
  for (const final of asked) known.add(final);
  const filter = { ...everyEvent, source: ['a'] };
  const reply = past.log.ask({ op: 'retries', tag: 1, partition, known: known.take(), filter });
  if (reply.op !== 'retries') throw new Error(`expected retries, found ${JSON.stringify(reply)}`);
  t.equal(reply.looked, 100);
  const inOrder = asked.sort((one, other) => one.bodySeq - other.bodySeq);
  t.same(
    [...readBatch(reply.sheaf)].map(told),
    inOrder.filter(({ view }) => view.spec.source === 'a').map(({ view }) => expected(view)),
  );
  t.equal(known.count, 0);
});

t.test('large specs come with several messages', (t) => {
  const log = new TestLog(t);
  const journal = new Journal();
  const events = Array.from({ length: 20 }, () => journal.accepted({ payload: Buffer.alloc(200_000, 1) }));
  log.append(...journal.records);
  const known = new KnownFinals(bulkBatchEvents);
  for (const { event, seq } of events)
    known.add({ ids: event, idAt: 0, newest: seq, bodySeq: seq, status: 'DEAD', version: 2, attempts: 1 });
  const bytes = known.take();
  const reply = log.ask({ op: 'retries', tag: 1, partition, known: bytes, filter: everyEvent });
  t.ok(reply.op === 'retries' && reply.looked > 0 && reply.looked < 20 && reply.sheaf.length < 3_000_000);
  t.end();
});

t.test('a sheaf holds records of any size, and its builder begins anew', (t) => {
  const journal = new Journal();
  const builder = new RetrySheafBuilder();
  for (const size of [10, 200_000, 3_000_000, 5]) {
    const { event, body } = journal.accepted({ payload: Buffer.alloc(size, 7) });
    const final = { ids: event, idAt: 0, newest: 9 as Sequence, status: 'DEAD', version: 4, attempts: 2 } as const;
    for (let count = 0; count < 3; count++) builder.append(final, body);
    const records = [...readBatch(builder.take())];
    t.equal(records.length, 3);
    for (const record of records) {
      const { spec, ...rest } = decodeRenewal(record.body);
      t.same(rest, { from: 'DEAD', version: 5, attempts: 2, dueAtMs: 0 });
      t.ok(Buffer.compare(spec, encodeSpec(decodeSpec(body), null)) === 0);
      t.equal(Buffer.compare(record.event, event), 0);
    }
  }
  t.end();
});
