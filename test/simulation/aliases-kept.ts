/**
 * Whoever was told an id that turned out to be another one of an earlier event finds that event under it, whatever happens in between,
 * as long as the event is kept.
 */
import { formatEventId } from '../../engine/kernel/event-id.js';
import { carriedKind } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

interface Told {
  readonly partition: PartitionId;
  readonly event: string;
}

export class AliasesKept implements Checker {
  readonly name = 'aliases-kept';
  readonly #scene: Scene;
  /** By the id that was told. */
  readonly #told = new Map<string, Told>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'answered') return;
    const { asked, reply } = happening;
    const told = this.#told.get(asked.event);
    if (told !== undefined && (reply.op === 'event' || reply.op === 'refused')) {
      const event = reply.op === 'event' ? reply.view.id : reply.event;
      if (event !== null && formatEventId(event) !== told.event)
        this.#complain(asked.event, told, `a request about it is answered with ${formatEventId(event)}`);
    }
    if (asked.op !== 'schedule' || !asked.isTold || reply.op !== 'replayed') return;
    const event = formatEventId(reply.view.id);
    if (event !== asked.event) this.#told.set(asked.event, { partition: asked.partition, event });
  }

  quiet(): void {
    const { world } = this.#scene;
    const actors = world.hosts.flatMap(({ host }) => host.actors);
    for (const [id, told] of this.#told) {
      const actor = actors.find(({ partition }) => partition === told.partition);
      if (actor?.phase !== 'ready' || this.#isGone(told)) continue;
      const found = [...actor.state.aliases.rows()].find(({ alias }) => formatEventId(alias) === id);
      if (found === undefined) this.#complain(id, told, 'nobody knows it');
      else if (formatEventId(found.event) !== told.event) this.#complain(id, told, `it stands for ${formatEventId(found.event)}`);
    }
  }

  end(): void {
    this.quiet();
  }

  /** Retention has removed all that there was of the event. */
  #isGone({ partition, event }: Told): boolean {
    const log = this.#scene.world.disk.log(partition);
    if (log.isDamaged) return true;
    const newest = this.#scene.stored.of(partition, event).at(-1);
    if (newest === undefined || newest.seq >= log.beginning) return newest === undefined;
    return ![...log.records(log.beginning)].some(({ event: id, kind }) => kind === carriedKind && formatEventId(id) === event);
  }

  #complain(id: string, { event }: Told, detail: string): never {
    throw new BrokenPromise(this.name, `${id} was told for event ${event}, and ${detail}`);
  }
}
