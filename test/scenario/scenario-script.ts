/**
 * A story in a text file: what a scenario may say, and how it is read.
 *
 *     # An event is delivered when it is due, not before.      the first comment is the title
 *     concurrency: 1                                           settings of the world, before the first command
 *     schedule a at +5s                                        one command a line
 *     advance 4s
 *     expect nothing started
 *
 * An instant (`+5s`) is counted from where the story begins, wherever it stands; a duration (`5s`) is not. Units: ms s m h d.
 *
 *     schedule NAME [times N] [at INSTANT] [priority N] [external ID] [key KEY] [origin NAME] [retries N] [timeout DURATION]
 *                   [expires INSTANT] [content WORD]           `times 20` makes NAME1 to NAME20; without `at` it is due at once
 *     cancel NAME, get NAME                                    each waits for its answer as a caller would
 *     change NAME [at INSTANT] [priority N] [retries N] [expires INSTANT] [content WORD]
 *     put NAME external ID [...]                               options as of `schedule`
 *     retry NAME [at INSTANT] [expires INSTANT], fire NAME
 *     stop NAME                                                a cancel that lets a running attempt be the last one
 *     advance DURATION, advance to INSTANT
 *     deliver ok|fail [STATUS]|hang [retry-after DURATION] [after DURATION] [for NAME]
 *                                                              how destinations answer attempts that start from now on; NAME is an
 *                                                              event or an origin; `fail` alone: no connection
 *     crash, crash host, crash courier, restart                `crash`: the machine goes down, what was not synced is lost
 *     disk full, disk ok
 *     set ORIGIN paused|resumed, set ORIGIN concurrency|rate N|default
 *                                                              what an operator sets; waits for its answer
 *     clock forward DURATION                                   somebody sets the machine's clock
 *     drain                                                    an orderly stop begins
 *
 *     expect NAME STATUS [at INSTANT]                          and since when it is in this state
 *     expect NAME attempts N, expect NAME version N
 *     expect NAME waiting REASON|nothing
 *     expect NAME retries at INSTANT                           when its next attempt is planned
 *     expect NAME started at INSTANT, expect NAME starts N     as its destination saw it
 *     expect NAME unknown
 *     expect NAME carried WORD                                 the content of its newest attempt
 *     expect order NAME NAME ...                               all starts so far
 *     expect nothing started
 *     expect answer accepted|cancelled|changed|retried|fired|stopped|found|none, expect answer replayed NAME, expect answer refused CODE
 *     expect stopped cleanly
 */
import { type DeliveryResult, delivered, failedWithout } from '../../engine/dispatch/deliverer.js';
import type { OriginChange } from '../../engine/event/origin-settings.js';
import { type EventStatus, eventStatuses, type WaitReason, waitReasons } from '../../engine/event/status.js';
import { type ErrorCode, errorKinds } from '../../engine/kernel/errors.js';
import type { Answer } from '../support/simulated-destinations.js';
import { ScriptError, Words } from './words.js';

export interface Settings {
  /** Attempts at a time for each origin. */
  readonly concurrency: number;
  /** Overdue attempts per second and origin. */
  readonly recovery: number;
}

export interface ScheduleOptions {
  readonly atMs: number | null;
  readonly priority: number | null;
  readonly external: string | null;
  readonly key: string | null;
  readonly origin: string | null;
  readonly retries: number | null;
  readonly timeoutMs: number | null;
  readonly expiresMs: number | null;
  readonly content: string | null;
}

export type Expectation =
  | { readonly about: 'status'; readonly name: string; readonly status: EventStatus; readonly atMs: number | null }
  | { readonly about: 'attempts' | 'version'; readonly name: string; readonly count: number }
  | { readonly about: 'waiting'; readonly name: string; readonly reason: WaitReason | null }
  | { readonly about: 'retries'; readonly name: string; readonly atMs: number }
  | { readonly about: 'starts'; readonly name: string; readonly count: number }
  | { readonly about: 'started'; readonly name: string; readonly atMs: number }
  | { readonly about: 'unknown'; readonly name: string }
  | { readonly about: 'carried'; readonly name: string; readonly content: string }
  | { readonly about: 'order'; readonly names: readonly string[] }
  | { readonly about: 'answer'; readonly answer: string }
  | { readonly about: 'stopped' };

export type Command =
  | { readonly op: 'schedule'; readonly names: readonly string[]; readonly options: ScheduleOptions }
  | { readonly op: 'cancel' | 'get' | 'fire' | 'stop'; readonly name: string }
  | { readonly op: 'put' | 'change' | 'retry'; readonly name: string; readonly options: ScheduleOptions }
  | { readonly op: 'advance'; readonly byMs: number }
  | { readonly op: 'advance-to'; readonly atMs: number }
  | { readonly op: 'deliver'; readonly answer: Answer; readonly only: string | null }
  | { readonly op: 'crash'; readonly what: 'machine' | 'host' | 'courier' }
  | { readonly op: 'restart' | 'drain' }
  | { readonly op: 'disk'; readonly isFull: boolean }
  | { readonly op: 'set'; readonly origin: string; readonly change: OriginChange }
  | { readonly op: 'clock'; readonly byMs: number }
  | { readonly op: 'expect'; readonly expectation: Expectation };

export interface ScriptLine {
  /** `dedupe-replay.scenario:7`. */
  readonly place: string;
  readonly command: Command;
}

export interface Script {
  readonly title: string;
  readonly settings: Settings;
  readonly lines: readonly ScriptLine[];
}

const settingsDefault: Settings = { concurrency: 4, recovery: 1_000 };
/** How a destination answers that nothing was said of. */
export const healthy = { afterMs: 5, result: delivered } as const satisfies Answer;

/** Throws ScriptError, with file and line. */
export function parseScript({ file, text }: { file: string; text: string }): Script {
  let title: string | null = null;
  let settings = settingsDefault;
  const lines: ScriptLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const place = `${file}:${index + 1}`;
    const [said = '', comment] = raw.split('#', 2);
    title ??= comment?.trim() ?? null;
    const line = said.trim();
    if (line === '') continue;
    try {
      if (/^\w+:/.test(line)) settings = { ...settings, ...readSetting(line, lines.length === 0) };
      else lines.push({ place, command: readCommand(line) });
    } catch (error) {
      if (error instanceof ScriptError) throw new ScriptError(`${place}: ${error.message}`);
      throw error;
    }
  }
  if (title === null) throw new ScriptError(`${file}:1: expected a comment that says what the story shows`);
  return { title, settings, lines };
}

function readSetting(line: string, isHead: boolean): Partial<Settings> {
  if (!isHead) throw new ScriptError('settings come before the first command');
  const words = new Words(line);
  const name = words.one(['concurrency:', 'recovery:']);
  const value = words.integer();
  words.end();
  return name === 'concurrency:' ? { concurrency: value } : { recovery: value };
}

const verbs = [
  'schedule',
  'cancel',
  'get',
  'change',
  'put',
  'retry',
  'fire',
  'stop',
  'advance',
  'deliver',
  'crash',
  'restart',
  'disk',
  'set',
  'clock',
  'drain',
  'expect',
] as const;

function readCommand(line: string): Command {
  const words = new Words(line);
  const command = readVerb(words.one(verbs), words);
  words.end();
  return command;
}

function readVerb(verb: (typeof verbs)[number], words: Words): Command {
  switch (verb) {
    case 'schedule':
      return readSchedule(words);
    case 'cancel':
    case 'get':
    case 'fire':
    case 'stop':
      return { op: verb, name: words.next('the name of an event') };
    case 'put':
    case 'change':
    case 'retry':
      return { op: verb, name: words.next('the name of an event'), options: readOptions(words, optionsOf[verb]) };
    case 'advance':
      return words.takes('to') ? { op: 'advance-to', atMs: words.instantMs() } : { op: 'advance', byMs: words.durationMs() };
    case 'deliver':
      return readDeliver(words);
    case 'crash':
      return { op: 'crash', what: words.hasMore ? words.one(['host', 'courier']) : 'machine' };
    case 'restart':
    case 'drain':
      return { op: verb };
    case 'disk':
      return { op: 'disk', isFull: words.one(['full', 'ok']) === 'full' };
    case 'set':
      return { op: 'set', origin: words.next('an origin'), change: readChange(words) };
    case 'clock':
      words.one(['forward']);
      return { op: 'clock', byMs: words.durationMs() };
    case 'expect':
      return { op: 'expect', expectation: readExpectation(words) };
  }
}

function readChange(words: Words): OriginChange {
  const what = words.one(['paused', 'resumed', 'concurrency', 'rate']);
  if (what === 'paused' || what === 'resumed') return { paused: what === 'paused' };
  const value = words.takes('default') ? null : words.integer();
  return what === 'rate' ? { ratePerSecond: value } : { concurrency: value };
}

/** What a command takes of them. */
const scheduleOptions = ['at', 'priority', 'external', 'key', 'origin', 'retries', 'timeout', 'expires', 'content'] as const;

const optionsOf = {
  put: scheduleOptions,
  change: ['at', 'priority', 'retries', 'expires', 'content'],
  retry: ['at', 'expires'],
} as const satisfies Readonly<Record<string, readonly (typeof scheduleOptions)[number][]>>;

function readSchedule(words: Words): Command {
  const name = words.next('a name for the event');
  const times = words.takes('times') ? words.integer() : null;
  const names = times === null ? [name] : Array.from({ length: times }, (_, index) => `${name}${index + 1}`);
  return { op: 'schedule', names, options: readOptions(words, scheduleOptions) };
}

function readOptions(words: Words, known: readonly (typeof scheduleOptions)[number][]): ScheduleOptions {
  const given: Partial<Record<(typeof scheduleOptions)[number], number | string>> = {};
  while (words.hasMore) {
    const option = words.one(known);
    if (option === 'at' || option === 'expires') given[option] = words.instantMs();
    else if (option === 'priority' || option === 'retries') given[option] = words.integer();
    else if (option === 'timeout') given[option] = words.durationMs();
    else given[option] = words.next(`a word for ${option}`);
  }
  const number = (option: keyof typeof given) => (given[option] as number | undefined) ?? null;
  const word = (option: keyof typeof given) => (given[option] as string | undefined) ?? null;
  return {
    atMs: number('at'),
    priority: number('priority'),
    external: word('external'),
    key: word('key'),
    origin: word('origin'),
    retries: number('retries'),
    timeoutMs: number('timeout'),
    expiresMs: number('expires'),
    content: word('content'),
  };
}

function readDeliver(words: Words): Command {
  const how = words.one(['ok', 'fail', 'hang']);
  let statusCode: number | null = null;
  let retryAfterMs: number | null = null;
  let afterMs: number = healthy.afterMs;
  let only: string | null = null;
  while (words.hasMore) {
    if (words.takes('retry-after')) retryAfterMs = words.durationMs();
    else if (words.takes('after')) afterMs = words.durationMs();
    else if (words.takes('for')) only = words.next('an event or an origin');
    else statusCode = words.integer();
  }
  if (how === 'hang') return { op: 'deliver', answer: 'hold', only };
  const result = how === 'ok' ? delivered : failure(statusCode);
  return { op: 'deliver', answer: { afterMs, result: { ...result, retryAfterMs } }, only };
}

/** What the HTTP deliverer makes of a status; null: nobody listens there. */
function failure(statusCode: number | null): DeliveryResult {
  if (statusCode === null) return failedWithout({ error: 'ECONNREFUSED', unhealthy: true });
  return {
    kind: statusCode === 410 ? 'gone' : 'failed',
    unhealthy: statusCode >= 500,
    statusCode,
    error: `HTTP ${statusCode}`,
    responseBody: null,
    retryAfterMs: null,
  };
}

const abouts = [
  ...eventStatuses,
  'attempts',
  'version',
  'starts',
  'waiting',
  'retries',
  'started',
  'unknown',
  'carried',
] as const;

function readExpectation(words: Words): Expectation {
  const name = words.next('a name, or answer, order, nothing, stopped');
  switch (name) {
    case 'answer':
      return { about: 'answer', answer: readAnswer(words) };
    case 'order':
      return { about: 'order', names: words.rest() };
    case 'nothing':
      words.one(['started']);
      return { about: 'order', names: [] };
    case 'stopped':
      words.one(['cleanly']);
      return { about: 'stopped' };
    default:
      return readAboutEvent(name, words);
  }
}

function readAboutEvent(name: string, words: Words): Expectation {
  const about = words.one(abouts);
  switch (about) {
    case 'attempts':
    case 'version':
    case 'starts':
      return { about, name, count: words.integer() };
    case 'waiting': {
      const reason = words.one([...waitReasons, 'nothing']);
      return { about, name, reason: reason === 'nothing' ? null : reason };
    }
    case 'retries':
    case 'started':
      words.one(['at']);
      return { about, name, atMs: words.instantMs() };
    case 'unknown':
      return { about, name };
    case 'carried':
      return { about, name, content: words.next('a word') };
    default:
      return { about: 'status', name, status: about, atMs: words.takes('at') ? words.instantMs() : null };
  }
}

function readAnswer(words: Words): string {
  const answer = words.one([
    'accepted',
    'cancelled',
    'changed',
    'retried',
    'fired',
    'stopped',
    'found',
    'none',
    'replayed',
    'refused',
  ]);
  if (answer === 'replayed') return `replayed ${words.next('the event that the answer names')}`;
  if (answer === 'refused') return `refused ${words.one(Object.keys(errorKinds) as ErrorCode[])}`;
  return answer;
}
