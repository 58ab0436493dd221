/**
 * Seeded histories of nodes that come, go, fall silent and hand partitions over while somebody pauses and resumes an origin through any of them: behind an
 * answered pause nobody who may act is let through, and in the end everybody is again. A seed gives what happens, NATS and the machine when exactly.
 * `ESCAPEMENT_TEST_ORIGIN_SEEDS=20` runs more of them.
 */
import t, { type Test } from 'tap';
import { EngineError } from '../../engine/kernel/errors.js';
import { pause, until, within } from '../support/deadline.js';
import { needsNats, startNats } from '../support/nats-server.js';
import { Random } from '../wheel/random.js';
import { type OriginNode, OriginWorld } from './origin-nodes.js';
import { partitions } from './peer-fixture.js';

const origin = 'https://one.test';
const makers = ['a', 'b', 'c'];
const seeds = Number(process.env.ESCAPEMENT_TEST_ORIGIN_SEEDS ?? 2);
const churns = 100;
const changesMin = 8;

t.setTimeout(seeds * 60_000);

/** What is known of the pause by whoever sets it. */
type Standing = 'open' | 'changing' | 'paused';

class History {
  readonly faults: string[] = [];
  standing: Standing = 'open';
  readonly #random: Random;
  readonly #all: OriginWorld;
  readonly #nodes: readonly OriginNode[];
  readonly #gateway: OriginNode;
  #sessions = 0;
  answered = 0;

  constructor(random: Random, all: OriginWorld, { nodes, gateway }: { nodes: readonly OriginNode[]; gateway: OriginNode }) {
    this.#random = random;
    this.#all = all;
    this.#nodes = nodes;
    this.#gateway = gateway;
    for (const node of nodes) this.#keepAsking(node);
  }

  /** One after the other, by somebody who repeats what was refused, also at the end: it may be set all the same. */
  async operate(goesOn: () => boolean): Promise<void> {
    for (let paused = true; goesOn() || this.answered < changesMin || this.standing !== 'open'; ) {
      this.standing = 'changing';
      const live = [this.#gateway, ...this.#nodes.filter((node) => node.peer.session !== null)];
      const { desk } = this.#random.pick(live);
      try {
        await within('a change is answered', desk.configure(origin, { paused }), 30_000);
        this.standing = paused ? 'paused' : 'open';
        this.answered++;
        paused = !paused;
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
      }
      await pause(this.#random.below(60));
    }
  }

  async churn(): Promise<void> {
    const node = this.#random.pick(this.#nodes);
    const { session } = node.peer;
    const dice = this.#random.below(10);
    if (session === null) await this.#comeBack(node);
    else if (dice < 3 && this.#live().length > 1) this.#leave(node, session);
    else if (dice < 6) this.#move();
    else if (dice < 7) this.#fallSilent(node);
    await pause(this.#random.below(30));
  }

  /** All are there. */
  async settle(): Promise<void> {
    for (const node of this.#nodes) if (node.peer.session === null) await this.#comeBack(node);
    for (const node of this.#nodes) node.isMute = false;
  }

  #live(): OriginNode[] {
    return this.#nodes.filter((node) => node.peer.session !== null);
  }

  #leave(node: OriginNode, session: string): void {
    node.peer.session = null;
    this.#all.leave(session);
    for (let partition = 0; partition < partitions; partition++) {
      if (this.#all.world.owners.of(partition as never)?.session === session) this.#give(partition);
    }
  }

  async #comeBack(node: OriginNode): Promise<void> {
    await this.#all.joinAgain(node, `again${++this.#sessions}`, this.#random.below(40));
  }

  #move(): void {
    this.#give(this.#random.below(partitions));
  }

  #give(partition: number): void {
    const seen = this.#live().filter((node) => this.#all.world.alive.some(({ session }) => session === node.peer.session));
    if (seen.length > 0) this.#all.own(partition, this.#random.pick(seen).peer.session!);
  }

  #fallSilent(node: OriginNode): void {
    node.isMute = true;
    setTimeout(() => (node.isMute = false), this.#random.below(100));
  }

  /** Its host always wants one slot there, and gives it back at once. */
  #keepAsking(node: OriginNode): void {
    node.gotSlot = (at, count) => {
      if (this.standing === 'paused' && node.peer.session !== null)
        this.faults.push(`${node.peer.session} was let through behind an answered pause (${this.answered})`);
      setImmediate(() => node.giveBack(at, count));
      setTimeout(() => node.want(at, count), 2).unref();
    };
    node.want(origin, 1);
  }
}

async function play(t: Test, seed: number): Promise<History> {
  const nats = await startNats(t);
  const all = new OriginWorld(t, nats.url);
  const nodes: OriginNode[] = [];
  for (const name of makers) nodes.push(await all.join(name));
  const gateway = await all.join('g', { isGateway: true });
  for (let partition = 0; partition < partitions; partition++) all.own(partition, makers[partition % makers.length]!);
  const history = new History(new Random(seed), all, { nodes, gateway });
  let isOver = false;
  const operator = history.operate(() => !isOver);
  for (let step = 0; step < churns; step++) await history.churn();
  await history.settle();
  isOver = true;
  await within('the last change is answered', operator, 40_000);
  for (const node of nodes) {
    const before = node.granted;
    const isLetThrough = until('everybody is let through in the end', () => node.granted > before, 20_000);
    await isLetThrough.catch(async (error: unknown) => {
      t.comment(`${node.peer.session} was not: ${await all.described(origin)}`);
      throw error;
    });
  }
  return history;
}

for (let seed = 1; seed <= seeds; seed++) {
  t.test(`seed ${seed}: behind an answered pause nobody who may act is let through`, needsNats, async (t) => {
    const history = await play(t, seed);
    t.same(history.faults, []);
    t.comment(`${history.answered} changes were answered`);
  });
}
