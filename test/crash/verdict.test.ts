/** A judge who lets everything pass would make the torture worthless: each broken promise is put before it once. */
import t from 'tap';
import type { EventAnswer, HistoryAnswer } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import { type Entry, Ledger } from './ledger.js';
import { type Plan, retryAfterMs } from './plan.js';
import { judge, type LastWord, type Life } from './verdict.js';

const due = 10_000;
const lives: readonly Life[] = [
  { startedAtMs: 0, killedAtMs: due + 50 },
  { startedAtMs: due + 1_000, killedAtMs: null },
];
const id = 'an-id';

interface Case {
  readonly plan?: Partial<Plan>;
  readonly entry?: (entry: Entry) => void;
  readonly arrivals?: readonly Partial<Arrival>[];
  readonly event?: Partial<EventAnswer>;
  readonly walk?: readonly string[];
  readonly status?: number;
}

/** One event that was accepted, delivered at its time, and is told of as it was; with what a case changes. */
function violationsOf({ plan, entry: change, arrivals = [{}], event, walk = delivered, status = 200 }: Case): readonly string[] {
  const ledger = new Ledger();
  const entry = ledger.open({
    n: 0,
    fate: 'prompt',
    key: null,
    notBeforeMs: due,
    cancelAfterMs: null,
    patchAfterMs: null,
    expires: false,
    body: {},
    ...plan,
  });
  ledger.accepted(entry, id);
  change?.(entry);
  const lastWords = new Map<string, LastWord>([[id, lastWord({ status, event, walk })]]);
  return judge({ ledger, lives, lastWords, arrivals: arrivals.map(arrivalOf) }).violations;
}

const delivered = ['SCHEDULED', 'DISPATCHED', 'DELIVERED'];

function lastWord({ status, event, walk }: { status: number; event: Case['event']; walk: readonly string[] }): LastWord {
  const history = walk.map((name, at) => ({ version: at + 1, status: name }) as HistoryAnswer);
  const shown = { id, status: walk.at(-1), version: walk.length, attempts: 1, ...event } as EventAnswer;
  return { status, event: shown, history };
}

function arrivalOf(fields: Partial<Arrival>): Arrival {
  const atMs = fields.atMs ?? due;
  const body = Buffer.from('{"n":0}');
  return {
    path: '/',
    method: 'POST',
    headers: {},
    preciseMs: atMs,
    id,
    attempt: 1,
    body,
    status: 204,
    answeredAtMs: atMs,
    ...fields,
    atMs,
  };
}

const cancelledAt =
  (atMs: number, incarnation = 0) =>
  (entry: Entry): void => {
    entry.cancelAsked = true;
    entry.cancelled = { atMs, incarnation };
  };

const patchedAt =
  (atMs: number) =>
  (entry: Entry): void => {
    entry.patchedAtMs = atMs;
  };

const lawful: Readonly<Record<string, Case>> = {
  'delivered once, on time': {},
  'made again across a kill, the first one unanswered': {
    arrivals: [{ answeredAtMs: null, status: null }, { atMs: due + 2_000 }],
  },
  'made again across a kill, the outcome not yet on disk': { arrivals: [{}, { atMs: due + 2_000 }] },
  'made again after a failure': {
    arrivals: [{ status: 429 }, { attempt: 2, atMs: due + retryAfterMs }],
    walk: ['SCHEDULED', 'DISPATCHED', 'RETRYING', 'DISPATCHED', 'DELIVERED'],
  },
  'changed, and sent as it is then': {
    entry: patchedAt(due - 5),
    arrivals: [{ body: Buffer.from('{"n":0,"isPatched":true}') }],
    walk: ['SCHEDULED', 'SCHEDULED', 'DISPATCHED', 'DELIVERED'],
  },
  'cancelled and never sent': { entry: cancelledAt(due - 5), arrivals: [], walk: ['SCHEDULED', 'CANCELLED'] },
  'under way at a kill and cancelled after it': {
    entry: cancelledAt(due + 1_500, 1),
    arrivals: [{}],
    walk: ['SCHEDULED', 'CANCELLED'],
  },
};

const broken: Readonly<Record<string, readonly [Case, RegExp]>> = {
  'is gone': [{ status: 404 }, /GET answers 404/],
  'was never delivered': [{ arrivals: [] }, /nothing was/],
  'only failures, but DELIVERED': [{ arrivals: [{ status: 500 }] }, /nothing was/],
  'still pending at the end': [{ walk: ['SCHEDULED'] }, /ends as SCHEDULED/],
  'a millisecond early': [{ arrivals: [{ atMs: due - 1 }] }, /came 1 ms early/],
  'sent after its cancel was answered': [
    { entry: cancelledAt(due - 5), walk: ['SCHEDULED', 'CANCELLED'] },
    /after its cancel had been answered/,
  ],
  'delivered and cancelled by the same process': [
    { entry: cancelledAt(due + 5), walk: ['SCHEDULED', 'CANCELLED'] },
    /cancelled by the process that had delivered it/,
  ],
  'sent as it was before an answered change': [{ entry: patchedAt(due - 5) }, /5 ms after a change had been answered/],
  'its cancel forgotten': [{ entry: cancelledAt(due + 5), arrivals: [] }, /its cancel was answered 200, and it is DELIVERED/],
  'cancelled by nobody': [{ walk: ['SCHEDULED', 'CANCELLED'], arrivals: [] }, /nobody asked/],
  'expired without a reason': [{ walk: ['SCHEDULED', 'EXPIRED'], arrivals: [] }, /without an expires_at/],
  'dead though it would have been taken': [
    { walk: ['SCHEDULED', 'DISPATCHED', 'DEAD'], event: { attempts: 3 } },
    /would have taken it/,
  ],
  'given up too early': [
    { plan: { fate: 'refused' }, walk: ['SCHEDULED', 'DISPATCHED', 'DEAD'], arrivals: [{ status: 400 }] },
    /DEAD after 1 attempts.*/,
  ],
  'twice by one process': [{ arrivals: [{}, { atMs: due + 10 }] }, /twice by one process/],
  'an old outcome lost': [
    { plan: { notBeforeMs: 0 }, arrivals: [{ atMs: due - 5_000 }, { atMs: due + 2_000 }] },
    /the outcome of attempt 1 was lost, 5050 ms old/,
  ],
  'tried again after a success': [{ arrivals: [{}, { attempt: 2, atMs: due + 500 }] }, /had succeeded, and another one followed/],
  'tried again too soon': [{ arrivals: [{ status: 429 }, { attempt: 2, atMs: due + 149 }] }, /before its back-off/],
  'an attempt left out': [{ arrivals: [{ status: 429 }, { attempt: 3, atMs: due + 500 }] }, /followed by attempt 3/],
  'begun with the second attempt': [{ arrivals: [{ attempt: 2 }] }, /first attempt is number 2/],
  'two events for one request': [{ arrivals: [{}, { id: 'another', atMs: due + 2_000 }] }, /more than one event/],
  'two ids in answers': [{ entry: (entry) => entry.ids.add('another') }, /more than one event/],
  'refused and delivered': [
    {
      entry: (entry) => {
        entry.standing = 'refused';
      },
    },
    /refused and delivered/,
  ],
  'an illegal move': [{ walk: ['SCHEDULED', 'DISPATCHED', 'SCHEDULED', 'DELIVERED'] }, /not legal/],
  'a version left out': [{ event: { version: 4 } }, /its version is 4, its history has 3/],
  'a history of another end': [{ event: { status: 'DEAD' } }, /its history ends/],
  'delivered and never sent': [{ arrivals: [{}, { body: Buffer.from('{"n":7}') }] }, /n 7 came and was never sent/],
};

t.test('what a kill explains is lawful', async (t) => {
  for (const [name, evidence] of Object.entries(lawful)) t.same(violationsOf(evidence), [], name);
});

t.test('every broken promise is named', async (t) => {
  for (const [name, [evidence, expected]] of Object.entries(broken)) {
    const violations = violationsOf(evidence);
    t.ok(
      violations.some((violation) => expected.test(violation)),
      `${name}: ${violations.join('; ')}`,
    );
  }
});
