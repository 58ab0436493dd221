/** What a story should have led to, compared with what it has. */
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { EventStatus } from '../../engine/event/status.js';
import type { EventView } from '../../engine/event/view.js';
import type { HostReply } from '../../engine/actor/replies.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import type { Asked } from '../support/simulated-happenings.js';
import type { Expectation } from './scenario-script.js';
import type { Story } from './story.js';

/**
 * `at +5s` means: in the moment that begins there. From timer to outcome some 7 ms pass, and each retry is counted from the
 * outcome before it; whatever is early fails.
 */
const momentMs = 50;

export class UnmetExpectation extends Error {
  override readonly name = 'UnmetExpectation';

  constructor({ expected, found }: { expected: string; found: string }) {
    super(`expected ${expected}, found ${found}`);
  }
}

/** Throws UnmetExpectation. */
export async function check(story: Story, expectation: Expectation): Promise<void> {
  switch (expectation.about) {
    case 'order':
      compare({ expected: inOrder(expectation.names), found: inOrder(story.starts.map(({ event }) => story.nameOf(event))) });
      return;
    case 'answer':
      checkAnswer(story, expectation.answer);
      return;
    case 'stopped':
      compare({ expected: 'stopped cleanly', found: `stopped ${story.stopped}` });
      return;
    case 'starts':
    case 'started':
    case 'carried':
      checkStarts(story, expectation);
      return;
    default: {
      const found = await story.look(expectation.name);
      if (typeof found === 'string') {
        const isWanted = expectation.about === 'unknown' && found === 'not-found';
        if (!isWanted) throw new UnmetExpectation({ expected: `${expectation.name} to be seen`, found });
      } else checkView(story, expectation, found);
    }
  }
}

type AboutStarts = Extract<Expectation, { about: 'starts' | 'started' | 'carried' }>;

function checkStarts(story: Story, expectation: AboutStarts): void {
  const { name } = expectation;
  const event = story.idOf(name);
  const starts = story.starts.filter((start) => start.event === event);
  if (expectation.about === 'starts') {
    compare({ expected: `${expectation.count} starts of ${name}`, found: `${starts.length} starts of ${name}` });
    return;
  }
  const last = starts.at(-1);
  if (expectation.about === 'carried') {
    const payload = last === undefined ? null : decodeSpec(last.spec).payload;
    const found = payload === null ? 'nothing' : Buffer.from(payload).toString();
    compare({ expected: `${name} carried ${JSON.stringify(expectation.content)}`, found: `${name} carried ${found}` });
    return;
  }
  checkInstant({
    what: `${name} started`,
    atMs: expectation.atMs,
    foundMs: last === undefined ? null : story.since(last.wallMs),
  });
}

type AboutView = Exclude<Extract<Expectation, { name: string }>, AboutStarts>;

function checkView(story: Story, expectation: AboutView, view: EventView): void {
  const { name } = expectation;
  switch (expectation.about) {
    case 'status':
      compare({ expected: `${name} ${expectation.status}`, found: `${name} ${view.status}`, because: view.lastError });
      if (expectation.atMs !== null) {
        checkInstant({ what: `${name} ${view.status}`, atMs: expectation.atMs, foundMs: story.since(view.updatedAtMs) });
      }
      return;
    case 'attempts':
    case 'version':
      compare({
        expected: `${name} ${expectation.about} ${expectation.count}`,
        found: `${name} ${expectation.about} ${view[expectation.about]}`,
      });
      return;
    case 'waiting':
      compare({
        expected: `${name} waiting for ${expectation.reason ?? 'nothing'}`,
        found: `${name} waiting for ${view.waitingFor ?? 'nothing'}`,
      });
      return;
    case 'retries': {
      const foundMs = view.nextAttemptAtMs === null ? null : story.since(view.nextAttemptAtMs);
      checkInstant({ what: `the next attempt of ${name}`, atMs: expectation.atMs, foundMs });
      return;
    }
    case 'unknown':
      throw new UnmetExpectation({ expected: `${name} to be unknown`, found: `${name} ${view.status}` });
  }
}

function checkInstant({ what, atMs, foundMs }: { what: string; atMs: number; foundMs: number | null }): void {
  if (foundMs !== null && foundMs >= atMs && foundMs < atMs + momentMs) return;
  throw new UnmetExpectation({
    expected: `${what} at ${signed(atMs)}`,
    found: foundMs === null ? 'none' : `it at ${signed(foundMs)}`,
  });
}

/** `because`: what helps to understand what was found. */
function compare({ expected, found, because = null }: { expected: string; found: string; because?: string | null }): void {
  if (found === expected) return;
  throw new UnmetExpectation({ expected, found: because === null ? found : `${found} (${because})` });
}

function checkAnswer(story: Story, answer: string): void {
  const reply = story.asked?.reply ?? null;
  compare({
    expected: `answer ${answer}`,
    found: `answer ${reply === null ? 'none' : wordsOf(story, reply)}`,
    because: reply?.op === 'refused' ? reply.detail : null,
  });
}

function wordsOf(story: Story, reply: HostReply): string {
  switch (reply.op) {
    case 'replayed':
      return `replayed ${story.nameOf(formatEventId(reply.view.id))}`;
    case 'refused':
      return `refused ${reply.code}`;
    case 'event':
      return wordOfChange(story.asked?.op, reply.view.status);
    default:
      return reply.op;
  }
}

function wordOfChange(op: Asked['op'] | undefined, status: EventStatus): string {
  switch (op) {
    case 'cancel':
      return status === 'CANCELLED' ? 'cancelled' : 'stopped';
    case 'patch':
    case 'put':
      return 'changed';
    case 'retry':
      return 'retried';
    case 'fire':
      return 'fired';
    default:
      return 'found';
  }
}

function inOrder(names: readonly string[]): string {
  return names.length === 0 ? 'nothing started' : `starts in the order ${names.join(' ')}`;
}

function signed(ms: number): string {
  return `${ms < 0 ? '-' : '+'}${Math.abs(ms)}ms`;
}
