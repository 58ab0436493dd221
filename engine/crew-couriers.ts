/** The couriers of one node: each origin is the business of one of them. Main thread. */
import type { Destination, DestinationAnswer, DestinationQuestion } from './dispatch/destination.js';
import type { OriginAsked, OriginCouriers, OriginPageAsked } from './dispatch/origin-couriers.js';
import { courierOf } from './event/courier-of.js';

export interface CrewCouriersParts {
  /** As hosts count them: the first is the main thread's own. */
  readonly couriers: number;
  ask(courier: number, question: DestinationQuestion): Promise<DestinationAnswer>;
}

export class CrewCouriers implements OriginCouriers {
  readonly #parts: CrewCouriersParts;

  constructor(parts: CrewCouriersParts) {
    this.#parts = parts;
  }

  async one(asked: OriginAsked): Promise<Destination | null> {
    const courier = courierOf(asked.origin, this.#parts.couriers);
    const answer = await this.#parts.ask(courier, { about: 'one', ...asked });
    return answer?.[0] ?? null;
  }

  async page(asked: OriginPageAsked): Promise<readonly Destination[] | null> {
    const couriers = Array.from({ length: this.#parts.couriers }, (_, courier) => courier);
    const pages = await Promise.all(couriers.map((courier) => this.#parts.ask(courier, { about: 'page', ...asked })));
    const all: Destination[] = [];
    for (const page of pages) {
      if (page === null) return null;
      all.push(...page);
    }
    return all.sort(byOrigin).slice(0, asked.limit);
  }
}

function byOrigin(one: Destination, other: Destination): number {
  return one.origin < other.origin ? -1 : 1;
}
