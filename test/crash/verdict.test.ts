/** A judge who lets everything pass would make the torture worthless: each broken promise is put before it once. */
import t from 'tap';
import type { EventAnswer, HistoryAnswer } from '../support/http.js';
import type { Arrival } from '../support/receiver.js';
import { compareDeaths, deathsIn } from './dead-letters.js';
import { type Entry, Ledger } from './ledger.js';
import { type Plan, retryAfterMs } from './plan.js';
import { Lives } from './upheaval.js';
import { judge, type LastWord } from './verdict.js';

const due = 10_000;
const upheavals = new Lives([
  { startedAtMs: 0, killedAtMs: due + 50 },
  { startedAtMs: due + 1_000, killedAtMs: null },
]);
const id = 'an-id';
const retentionMs = 100_000;
const readAtMs = due + 200_000;

interface Case {
  readonly plan?: Partial<Plan>;
  readonly entry?: (entry: Entry) => void;
  readonly ledger?: (ledger: Ledger) => void;
  readonly arrivals?: readonly Partial<Arrival>[];
  readonly event?: Partial<EventAnswer>;
  readonly walk?: readonly string[];
  readonly status?: number;
  readonly toldAtMs?: number;
}

/** One event that was accepted, delivered at its time, and is told of as it was; with what a case changes. */
function violationsOf({
  plan,
  entry: change,
  ledger: note,
  arrivals = [{}],
  event,
  walk = delivered,
  status = 200,
  toldAtMs,
}: Case): readonly string[] {
  const ledger = new Ledger();
  const entry = ledger.open({
    n: 0,
    fate: 'prompt',
    key: null,
    notBeforeMs: due,
    cancelAfterMs: null,
    changeAfterMs: null,
    changeBy: 'patch',
    fireAfterMs: null,
    reviveAfterMs: null,
    farGroup: null,
    expires: false,
    body: {},
    ...plan,
  });
  ledger.accepted(entry, { id, isKept: false, isRepeat: false });
  change?.(entry);
  note?.(ledger);
  const lastWords = new Map<string, LastWord>([[id, lastWord({ status, event, walk })]]);
  return judge({
    ledger,
    upheavals,
    lastWords,
    arrivals: arrivals.map(arrivalOf),
    retentionMs,
    toldAtMs: () => toldAtMs ?? null,
    mayLose: ({ fromMs, toMs }) => toMs - fromMs <= 2_000,
  }).violations;
}

const delivered = ['SCHEDULED', 'DISPATCHED', 'DELIVERED'];

function lastWord({ status, event, walk }: { status: number; event: Case['event']; walk: readonly string[] }): LastWord {
  const history = walk.map((name, at) => ({ version: at + 1, status: name }) as HistoryAnswer);
  const shown = { id, status: walk.at(-1), version: walk.length, attempts: 1, ...event } as EventAnswer;
  return { status, readAtMs, event: shown, history };
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
  (atMs: number) =>
  (entry: Entry): void => {
    entry.cancelAsked = true;
    entry.cancelled = { atMs };
  };

const changedAt =
  (atMs: number) =>
  (entry: Entry): void => {
    entry.changedAtMs = atMs;
  };

const firedAt =
  (atMs: number) =>
  (entry: Entry): void => {
    entry.fireAskedAtMs = atMs;
    entry.isFired = true;
  };

/** Retried by an operator, whose request was answered. */
const revivedAt =
  (atMs: number, before: (entry: Entry) => void = () => undefined) =>
  (entry: Entry): void => {
    before(entry);
    entry.revival = { askedAtMs: atMs, asked: 1, answered: 1 };
  };

/** All of a group was cancelled after our event was accepted. */
const sweptLater = (ledger: Ledger): void => {
  const { acceptedAtMs } = ledger.entries[0]!;
  ledger.sweeps.push({ group: 1, sentAtMs: acceptedAtMs! + 1, answeredAtMs: acceptedAtMs! + 2 });
};

const heldFrom =
  (fromMs: number, toMs: number) =>
  (ledger: Ledger): void => {
    ledger.entries[0]!.acceptedAtMs = 0;
    ledger.holds.push({ fromMs, toMs });
  };

const longAgo = (ledger: Ledger): void => {
  ledger.entries[0]!.freshAtMs = 0;
};

const startedAt = (atMs: number): Partial<Arrival> => ({
  atMs: atMs + 40,
  headers: { 'escapement-scheduled-at': new Date(due).toISOString(), 'escapement-lag-ms': String(atMs - due) },
});

const attempt = (number: number): Partial<Arrival> => ({ attempt: number, status: 400, atMs: due + number * 2 * retryAfterMs });
const run = ['SCHEDULED', 'DISPATCHED', 'RETRYING', 'DISPATCHED', 'RETRYING', 'DISPATCHED', 'DEAD'];

const lawful: Readonly<Record<string, Case>> = {
  'delivered once, on time': {},
  'delivered, and gone when its retention was over': { status: 404, ledger: longAgo },
  'cancelled, and gone': { status: 404, arrivals: [], entry: cancelledAt(due - 5), ledger: longAgo },
  'made again across a kill, the first one unanswered': {
    arrivals: [{ answeredAtMs: null, status: null }, { atMs: due + 2_000 }],
  },
  'made again across a kill, the outcome not yet on disk': { arrivals: [{}, { atMs: due + 2_000 }] },
  'made again across a kill, its outcome told behind it': { arrivals: [{}, { atMs: due + 2_000 }], toldAtMs: due + 2_500 },
  'made again after a failure': {
    arrivals: [{ status: 429 }, { attempt: 2, atMs: due + retryAfterMs }],
    walk: ['SCHEDULED', 'DISPATCHED', 'RETRYING', 'DISPATCHED', 'DELIVERED'],
  },
  'changed, and sent as it is then': {
    entry: changedAt(due - 5),
    arrivals: [{ body: Buffer.from('{"n":0,"isChanged":true}') }],
    walk: ['SCHEDULED', 'SCHEDULED', 'DISPATCHED', 'DELIVERED'],
  },
  'fired, and sent before the time that it had': { plan: { notBeforeMs: due + 60_000 }, entry: firedAt(due - 5) },
  'fired while it waited to be tried again': {
    entry: firedAt(due + 10),
    arrivals: [{ status: 429 }, { attempt: 2, atMs: due + 20 }],
    walk: ['SCHEDULED', 'DISPATCHED', 'RETRYING', 'RETRYING', 'DISPATCHED', 'DELIVERED'],
  },
  'cancelled, retried and sent': {
    entry: revivedAt(due - 5, cancelledAt(due - 10)),
    walk: ['SCHEDULED', 'CANCELLED', ...delivered],
  },
  'dead, retried and dead again': {
    plan: { fate: 'refused' },
    entry: revivedAt(due + 7 * retryAfterMs),
    arrivals: [1, 2, 3, 4, 5, 6].map(attempt),
    event: { attempts: 6 },
    walk: [...run, ...run],
  },
  'taken by a cancel by filter': {
    plan: { farGroup: 1 },
    ledger: sweptLater,
    arrivals: [],
    walk: ['SCHEDULED', 'CANCELLED'],
  },
  'of another group than was cancelled, and fired': { plan: { farGroup: 2 }, entry: firedAt(due - 5), ledger: sweptLater },
  'started before its destination was held, and on its way': {
    plan: { fate: 'held' },
    arrivals: [startedAt(due)],
    ledger: heldFrom(due + 5, due + 500),
  },
  'cancelled and never sent': { entry: cancelledAt(due - 5), arrivals: [], walk: ['SCHEDULED', 'CANCELLED'] },
  'under way at a kill and cancelled after it': {
    entry: cancelledAt(due + 1_500),
    arrivals: [{}],
    walk: ['SCHEDULED', 'CANCELLED'],
  },
};

const broken: Readonly<Record<string, readonly [Case, RegExp]>> = {
  'gone before its retention was over': [
    { status: 404, ledger: longAgo, arrivals: [{ atMs: due + 100_001 }] },
    /GET answers 404/,
  ],
  'gone without an end': [{ status: 404, ledger: longAgo, arrivals: [] }, /GET answers 404/],
  'gone with attempts left': [
    { status: 404, ledger: longAgo, plan: { fate: 'refused' }, arrivals: [attempt(1), attempt(2)] },
    /GET answers 404/,
  ],
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
  'sent as it was before an answered change': [{ entry: changedAt(due - 5) }, /5 ms after a change had been answered/],
  'sent before it was fired': [{ plan: { notBeforeMs: due + 60_000 }, entry: firedAt(due + 5) }, /came 5 ms early/],
  'sent between its cancel and its retry': [
    { entry: revivedAt(due + 5, cancelledAt(due - 5)), walk: ['SCHEDULED', 'CANCELLED', ...delivered] },
    /after its cancel had been answered/,
  ],
  'its retry forgotten': [
    { entry: revivedAt(due, cancelledAt(due - 5)), arrivals: [], walk: ['SCHEDULED', 'CANCELLED'] },
    /was retried after that.*/,
  ],
  'its retry not in its history': [
    {
      plan: { fate: 'refused' },
      entry: revivedAt(due + 900),
      arrivals: [1, 2, 3].map(attempt),
      event: { attempts: 3 },
      walk: run,
    },
    /its history has 0/,
  ],
  'dead once more after fewer attempts': [
    {
      plan: { fate: 'refused' },
      entry: revivedAt(due + 7 * retryAfterMs),
      arrivals: [1, 2, 3, 4].map(attempt),
      event: { attempts: 4 },
      walk: [...run, 'SCHEDULED', 'DISPATCHED', 'DEAD'],
    },
    /DEAD after 4 attempts/,
  ],
  'back without being asked for': [{ walk: ['SCHEDULED', 'CANCELLED', ...delivered] }, /came back 1 times, asked for 0 times/],
  'left out by a cancel by filter': [{ plan: { farGroup: 1 }, ledger: sweptLater }, /a cancel by filter must have taken it/],
  'more cancelled by filter than there were': [
    {
      ledger: (ledger) => {
        ledger.swept = 1;
      },
    },
    /said to have taken 1, there were 0/,
  ],
  'started while its destination was held': [
    { plan: { fate: 'held' }, arrivals: [startedAt(due + 50)], ledger: heldFrom(due + 5, due + 500) },
    /started 45 ms after a pause/,
  ],
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
  'made again though its outcome was known': [
    { arrivals: [{}, { atMs: due + 2_000 }], toldAtMs: due + 40 },
    /made again 1960 ms after its outcome had been told/,
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

t.test('each death is told, also that of an event which died twice, and no other', async (t) => {
  const walk = ['SCHEDULED', 'DISPATCHED', 'DEAD', 'SCHEDULED', 'DISPATCHED', 'DEAD'];
  const word = lastWord({ status: 200, event: { status: 'DEAD' }, walk });
  // Under another id of the same event as well.
  const deaths = deathsIn(
    new Map([
      [id, word],
      ['its-other-id', word],
      ['gone', { ...word, status: 404 }],
    ]),
  );
  t.same([...deaths], [`${id}:3`, `${id}:6`]);
  t.same(compareDeaths(deaths, [`${id}:6`, `${id}:3`, `${id}:3`]), [], 'more than once does no harm');
  t.match(compareDeaths(deaths, [`${id}:3`]), [/nobody was told of the death an-id:6/]);
  t.match(compareDeaths(deaths, [...deaths, 'another:3']), [/another:3 was told, and never was/]);
});
