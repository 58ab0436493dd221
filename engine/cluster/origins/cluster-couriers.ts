/**
 * The couriers of all nodes of a cluster.
 *
 * What is set holds once every node that could start something has put it in force. Which nodes those are is asked of the leader of the sessions, after what is set has
 * been decided: whoever joins later asks the partitions first, and is told what was decided. A node that does not answer is asked again until it does or its session
 * is gone, which its lease does not survive: then it starts nothing. So an answer comes at the latest when a dead node's session is over; if a node
 * lives and does not answer for `inForceMsMax`, the asker is told to repeat it.
 *
 *     leader: which sessions? --> own couriers, other nodes --all have answered, or are gone--> merged
 *
 * What is only shown is of the nodes that answer within `originShownMsMax`; the others are left out.
 *
 * Main thread.
 */
import type { Destination } from '../../dispatch/destination.js';
import type { OriginAsked, OriginCouriers, OriginPageAsked } from '../../dispatch/origin-couriers.js';
import { settlesWithin } from '../../kernel/deadline.js';
import { EngineError } from '../../kernel/errors.js';
import { inForceMsMax, originShownMsMax, ownerAgainMs } from '../../kernel/limits.js';
import { mergedDestination, mergedPage } from './merged-destination.js';
import type { PeerAnswer, PeerQuestion } from '../peers/peer-question.js';

export interface ClusterCouriersParts {
  /** Of this node; null: a gateway. */
  readonly own: OriginCouriers | null;
  /** Of this node; null: it has none at the moment. */
  session(): string | null;
  /** Sessions that live, as far as this node knows. */
  alive(): readonly string[];
  /** By the leader's word, now. Rejects when it does not answer. */
  sessionsNow(): Promise<readonly string[]>;
  /** It certainly acts no more. */
  isGone(session: string): boolean;
  /** Of another node. Rejects with EngineError. */
  ask(session: string, question: PeerQuestion): Promise<PeerAnswer>;
  /** How a session is called by people. */
  nameOf(session: string): string;
  /** For tests that cannot wait. */
  readonly inForceMs?: number;
}

/** What a node says of origins; null: it has no couriers, or they do not know yet what is set. */
type Said = readonly Destination[] | null;

interface Trial {
  isOver: boolean;
}

export class ClusterCouriers implements OriginCouriers {
  readonly #parts: ClusterCouriersParts;

  constructor(parts: ClusterCouriersParts) {
    this.#parts = parts;
  }

  async one(asked: OriginAsked): Promise<Destination | null> {
    const isChange = asked.row !== null || asked.closeBreaker;
    const said = isChange ? await this.#putInForce(asked) : await this.#show({ about: 'one', ...asked });
    const [first, ...others] = said.flatMap((each) => each ?? []);
    return first === undefined ? null : mergedDestination([first, ...others]);
  }

  async page(asked: OriginPageAsked): Promise<readonly Destination[] | null> {
    const said = await this.#show({ about: 'page', ...asked });
    const pages = said.filter((each) => each !== null);
    return pages.length === 0 ? null : mergedPage(pages, asked.limit);
  }

  /** What another node asks of this one. */
  async answer(question: PeerQuestion): Promise<PeerAnswer> {
    const { own } = this.#parts;
    return own === null ? null : { destinations: await saidBy(own, question) };
  }

  // ---- to be in force ----

  /** Of all nodes. */
  async #putInForce(asked: OriginAsked): Promise<readonly Said[]> {
    const { own, session } = this.#parts;
    const question: PeerQuestion = { about: 'one', ...asked };
    const deadline = performance.now() + (this.#parts.inForceMs ?? inForceMsMax);
    // Its own session is not asked for: with none it starts nothing, and with the next one it knows.
    const mine = own === null ? null : saidBy(own, question);
    // Awaited below, and not to be called unhandled until then.
    mine?.catch(() => undefined);
    const others = (await this.#sessionsNow(deadline)).filter((other) => other !== session());
    const all = others.map((other) => this.#untilAnswered(other, { question, deadline }));
    return Promise.all(mine === null ? all : [mine, ...all]);
  }

  async #sessionsNow(deadline: number): Promise<readonly string[]> {
    for (;;) {
      try {
        return await this.#parts.sessionsNow();
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        if (performance.now() >= deadline) throw notInForce(`NATS does not tell which nodes there are (${detail})`);
      }
      await pause(ownerAgainMs);
    }
  }

  async #untilAnswered(session: string, { question, deadline }: { question: PeerQuestion; deadline: number }): Promise<Said> {
    const trial = { isOver: false };
    try {
      return await Promise.race([this.#askOnAndOn(session, { question, trial }), this.#untilGone(session, { deadline, trial })]);
    } finally {
      trial.isOver = true;
    }
  }

  async #askOnAndOn(session: string, { question, trial }: { question: PeerQuestion; trial: Trial }): Promise<Said> {
    while (!trial.isOver) {
      try {
        const answer = await this.#parts.ask(session, question);
        return answer?.destinations ?? null;
      } catch (error) {
        // Lost on its way, or refused: once more, which does no harm.
        if (!(error instanceof EngineError)) throw error;
      }
      await pause(ownerAgainMs);
    }
    return null;
  }

  async #untilGone(session: string, { deadline, trial }: { deadline: number; trial: Trial }): Promise<null> {
    const { isGone, nameOf } = this.#parts;
    while (!trial.isOver && !isGone(session)) {
      if (performance.now() >= deadline) throw notInForce(`node ${nameOf(session)} does not answer`);
      await pause(ownerAgainMs);
    }
    return null;
  }

  // ---- to be shown ----

  /** Of the nodes that have answered in time. Rejects when none has. */
  async #show(question: PeerQuestion): Promise<readonly Said[]> {
    const { own, session, alive, ask } = this.#parts;
    const others = alive().filter((other) => other !== session());
    const answers = others.map(async (other) => (await ask(other, question))?.destinations ?? null);
    const mine = own === null ? [] : [saidBy(own, question)];
    const settled = await Promise.allSettled([...mine, ...answers].map(inTime));
    const said = settled.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
    if (said.length === 0) throw new EngineError('partition-unavailable', 'no node that makes attempts has answered');
    return said;
  }
}

async function saidBy(couriers: OriginCouriers, question: PeerQuestion): Promise<Said> {
  if (question.about === 'page') return couriers.page(question);
  const destination = await couriers.one(question);
  return destination === null ? null : [destination];
}

async function inTime(said: Promise<Said>): Promise<Said> {
  if (await settlesWithin(originShownMsMax, said)) return said;
  throw new EngineError('partition-unavailable', 'a node has not answered');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function notInForce(because: string): EngineError {
  const detail = `it is set, but may not be in force everywhere: ${because}; repeat it`;
  return new EngineError('partition-unavailable', detail);
}
