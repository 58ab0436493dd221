/** Plays a script, command by command, and says where the story went another way. */
import { check } from './expectations.js';
import type { Command, Script } from './scenario-script.js';
import { Story } from './story.js';

/** With two couriers the first one serves local handlers only. */
const httpCourier = 1;

/** What happened longer ago is seldom the reason. */
const traceLines = 60;

/** Why a scenario failed: where in its file, what was expected and what was found. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
  /** What happened in the world, newest last. */
  readonly trace: readonly string[];

  constructor(message: string, { cause, trace }: { cause: unknown; trace: readonly string[] }) {
    super(message, { cause });
    this.trace = trace;
  }
}

/** Throws ScenarioFailure. */
export async function runScript({ settings, lines }: Script): Promise<void> {
  const story = new Story(settings);
  await story.begin();
  for (const { place, command } of lines) {
    try {
      await carryOut(story, command);
      story.checkPromises();
    } catch (cause) {
      throw new ScenarioFailure(`${place}: ${(cause as Error).message}`, {
        cause,
        trace: story.world.scheduler.trace.slice(-traceLines),
      });
    }
  }
}

async function carryOut(story: Story, command: Command): Promise<void> {
  const { world } = story;
  switch (command.op) {
    case 'schedule':
      for (const name of command.names) await story.schedule(name, command.options);
      return;
    case 'cancel':
    case 'get':
      await story.about(command.op, command.name);
      return;
    case 'fire':
      await story.change(command.name, { op: 'fire' });
      return;
    case 'stop':
      await story.change(command.name, { op: 'cancel', stopRetries: true });
      return;
    case 'put':
      await story.put(command.name, command.options);
      return;
    case 'change':
      await story.patch(command.name, command.options);
      return;
    case 'retry':
      await story.retry(command.name, command.options);
      return;
    case 'advance':
      await world.scheduler.advance(command.byMs);
      return;
    case 'advance-to':
      await story.advanceTo(command.atMs);
      return;
    case 'deliver':
      story.deliver(command.answer, command.only);
      return;
    case 'crash':
      if (command.what === 'machine') world.crash('power-loss');
      else if (command.what === 'host') world.crashHost(0);
      else world.crashCourier(httpCourier);
      return;
    case 'restart':
      await story.restart();
      return;
    case 'drain':
      story.drain();
      return;
    case 'disk':
      if (command.isFull) world.fillDisk();
      else world.emptyDisk();
      return;
    case 'set':
      await story.set(command.origin, command.change);
      return;
    case 'clock':
      await story.setForward(command.byMs);
      return;
    case 'expect':
      await check(story, command.expectation);
  }
}
