/** The couriers of one node: each origin is the business of one of them. Main thread. */
import type { CourierCrew } from './courier-crew.js';
import type { Destination } from './dispatch/destination.js';
import type { OriginAsked, OriginCouriers, OriginPageAsked } from './dispatch/origin-couriers.js';
import { courierOf } from './event/courier-of.js';

export class CrewCouriers implements OriginCouriers {
  readonly #crew: Pick<CourierCrew, 'size' | 'ask'>;

  constructor(crew: Pick<CourierCrew, 'size' | 'ask'>) {
    this.#crew = crew;
  }

  async one(asked: OriginAsked): Promise<Destination | null> {
    const courier = courierOf(asked.origin, this.#crew.size);
    const answer = await this.#crew.ask(courier, { about: 'one', ...asked });
    return answer?.[0] ?? null;
  }

  async page(asked: OriginPageAsked): Promise<readonly Destination[] | null> {
    const couriers = Array.from({ length: this.#crew.size }, (_, courier) => courier);
    const pages = await Promise.all(couriers.map((courier) => this.#crew.ask(courier, { about: 'page', ...asked })));
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
